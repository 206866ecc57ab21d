//! Convos: how people are let into groups by a link, and how members show themselves (signet spec 10).
//!
//! Whoever holds an invite asks its maker in a DM to be added; the maker alone can tell from the invite which group is
//! meant. An invite proves that the holder of some wallet made it. That this wallet is the creator's has to be asked of the
//! creator's identity log.

mod error;
mod invite;
mod join;
mod profile;
mod slug;
mod token;
mod wire;

pub use error::ConvosError;
pub use invite::{Invite, SIGNATURE, SignedInvite, Signer};
pub use join::{JoinError, JoinErrorKind, JoinRequest, RequestedProfile, is_join_error, is_join_request};
pub use profile::{EncryptedImage, MemberKind, MetadataValue, Profile, ProfileMessage, resolve};
pub use slug::{InviteHost, MAX_INFLATED, MAX_SLUG};
pub use token::{ConversationToken, InviteKey};
