//! Whether a commit may change a group (xmtp spec 3.8).
//!
//! Every member judges every commit by itself. One that takes what the others refuse, or refuses what they take, is alone
//! from then on; so these are the rules of the reference (libxmtp, `groups/validated_commit.rs` and `group_permissions.rs`),
//! no fewer and no more. [`check`] looks at a commit that openmls has staged, so what RFC 9420 demands holds already.
//!
//! What a commit did is an [`Effect`], from which `group_updated` is made: nobody sends that.

mod check;
mod effect;
mod error;
mod installations;
mod proposals;

use chancery_xmtp_wire::group::ProtocolVersion;

pub(crate) use check::demanded;
pub use check::{Accepted, check};
pub use effect::Effect;
pub use error::{CommitError, Rule};
pub use installations::speaks_for;
pub(crate) use proposals::{inbox_of, leaf};

/// The version of the reference whose rules these are, and which we say that we are: a group that demands a higher one
/// pauses.
pub const CLAIMED: ProtocolVersion = ProtocolVersion::new(1, 10, 0);
