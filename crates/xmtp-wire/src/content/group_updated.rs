//! What a commit changed, in words for people. Whoever receives the commit makes it; nobody sends it, and what is sent all
//! the same is a claim of its sender.

use prost::Message as _;

use super::{ContentError, EncodedContent, KnownType};

pub use crate::proto::mls::message_contents::GroupUpdated;

pub(super) fn encode(updated: &GroupUpdated) -> EncodedContent {
    EncodedContent::new(KnownType::GroupUpdated.id(), updated.encode_to_vec())
}

pub(super) fn decode(encoded: &EncodedContent) -> Result<GroupUpdated, ContentError> {
    GroupUpdated::decode(encoded.inflated()?).map_err(|_| ContentError::Malformed("group update"))
}
