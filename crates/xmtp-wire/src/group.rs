//! What the context of a group says: what it is, what it is called, who is in it, and who may do what (xmtp spec 3.5).
//!
//! Four extensions of the MLS group context hold it, each a protobuf message. All members must read them alike, or they
//! part at the first commit that one takes and another refuses; so nothing here is stricter than the reference where a
//! commit could tell (libxmtp, `xmtp_mls/src/groups` and `xmtp_mls_common/src`).

mod error;
pub mod evaluate;
mod immutable;
mod membership;
mod mutable;
mod permissions;
mod policy;
mod version;

pub use error::GroupError;
pub use immutable::{ConversationType, DmMembers, ImmutableMetadata};
pub use membership::{GroupMembership, MembershipDiff};
pub use mutable::{Disappearing, FieldChange, MutableMetadata, SUPER_ADMIN_PREFIX, field};
pub use permissions::PolicySet;
pub use policy::{Grade, MemberRule, PermissionRule, Policy, Role};
pub use version::{ProtocolVersion, VersionError};

/// The extension of [`ImmutableMetadata`].
pub const IMMUTABLE_METADATA: u16 = 0xf000;

/// The extension of [`MutableMetadata`].
pub const MUTABLE_METADATA: u16 = 0xff00;

/// The extension of [`GroupMembership`].
pub const GROUP_MEMBERSHIP: u16 = 0xff01;

/// The extension of [`PolicySet`].
pub const GROUP_PERMISSIONS: u16 = 0xff02;

/// The length of the group ids that XMTP makes, in bytes.
pub const GROUP_ID: usize = 16;
