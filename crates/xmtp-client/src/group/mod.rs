//! What a group's context says, read and written (xmtp spec 3.5).
//!
//! [`GroupState`] is the typed view of the four extensions that XMTP keeps in an MLS group context; [`with_membership`] and its siblings put
//! them back. Reading is as lenient and as strict as `chancery_xmtp_wire::group` is, because a commit that one member can
//! read and another cannot parts them.

mod context;
mod encode;
mod error;
#[cfg(test)]
mod tests;

pub use context::GroupState;
pub(crate) use context::find;
pub use encode::{with_membership, with_metadata, with_permissions};
pub use error::GroupError;
