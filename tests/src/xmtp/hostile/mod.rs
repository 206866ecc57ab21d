//! Members who break the rules: the adversary's catalogue.
//!
//! An [`Insider`] has keys, a place in the group and openmls, and no scruples: it sends whatever commit it is told to.
//! [`World`] is a group of such members, made so that every rule can be broken in it, and [`catalogue`] the ways of doing it,
//! each with the same commit without the fault. What should become of a commit is judged elsewhere: by our rules, or by an
//! official client that is in the group too.

mod catalogue;
mod draft;
mod insider;
mod world;

pub use catalogue::{Attempt, Case, Verdict, catalogue, fatal};
pub use draft::Draft;
pub use insider::Insider;
pub use world::{Who, World};
