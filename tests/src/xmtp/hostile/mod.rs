//! Members who break the rules: the adversary's catalogue.
//!
//! An [`Insider`] has keys, a place in the group and openmls, and no scruples: it sends whatever commit it is told to.
//! [`World`] is a group of such members, made so that every rule can be broken in it, and [`catalogue`] the ways of doing it,
//! each with the same commit without the fault. In a [`Hall`] guests are welcomed, by all the [`invitations`] that nobody should
//! accept. What should become of a commit is judged elsewhere: by our rules, or by an
//! official client that is in the group too.

mod catalogue;
mod court;
mod draft;
mod guest;
mod insider;
mod invitations;
mod logs;
mod motions;
mod world;

pub use catalogue::{Attempt, Case, Verdict, catalogue, fatal};
pub use court::Court;
pub use draft::Draft;
pub use guest::register;
pub use insider::{Insider, NO_WELCOME, OPENMLS};
pub use invitations::{Hall, Invitation, Invite, invitations};
pub use logs::{Burglary, Lie, lies};
pub use motions::{Motion, Moved, motions};
pub use world::{Who, World};
