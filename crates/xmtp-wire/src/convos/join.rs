//! Asking to be let in, and being told why not (signet spec 10.5).

use chancery_base::Millis;
use serde::{Deserialize, Serialize};

use super::ConvosError;
use crate::content::{ContentTypeId, EncodedContent};

/// "Let me in", in a DM to the creator of an invite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JoinRequest {
    /// The slug of the invite.
    pub invite_slug: String,
    /// How whoever asks wants to be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<RequestedProfile>,
}

/// How whoever asks to be let in wants to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestedProfile {
    /// `agent` for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member_kind: Option<String>,
    /// Their name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Why one is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum JoinErrorKind {
    /// The group has ended.
    ConversationExpired,
    /// It did not work.
    GenericFailure,
    /// Whatever else.
    #[serde(other)]
    Unknown,
}

/// "You are not let in", in the same DM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JoinError {
    /// Why.
    pub error_type: JoinErrorKind,
    /// The tag of the invite.
    pub invite_tag: String,
    /// When: RFC 3339, as whoever wrote it wrote it.
    pub timestamp: String,
}

fn id(authority: &str, name: &str) -> ContentTypeId {
    ContentTypeId {
        authority: authority.to_owned(),
        name: name.to_owned(),
        major: 1,
        minor: 0,
    }
}

/// Whether content of this type asks to be let in.
#[must_use]
pub fn is_join_request(id: &ContentTypeId) -> bool {
    (id.authority.as_str(), id.name.as_str(), id.major) == ("convos.org", "join_request", 1)
}

/// Whether content of this type tells that somebody is not let in: under the name that it has, or the one that fits the
/// others.
#[must_use]
pub fn is_join_error(id: &ContentTypeId) -> bool {
    matches!(
        (id.authority.as_str(), id.name.as_str(), id.major),
        ("convos.app", "inviteJoinError", 1) | ("convos.org", "invite_join_error", 1)
    )
}

impl JoinRequest {
    /// Writes it: JSON, and the slug for whoever cannot read it.
    ///
    /// # Errors
    /// None that can happen.
    pub fn encode(&self) -> Result<EncodedContent, ConvosError> {
        let json = serde_json::to_vec(self).map_err(|_| ConvosError::Json("join request"))?;
        Ok(EncodedContent {
            fallback: Some(self.invite_slug.clone()),
            ..EncodedContent::new(id("convos.org", "join_request"), json)
        })
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`ConvosError::Json`], also for another type.
    pub fn decode(encoded: &EncodedContent) -> Result<Self, ConvosError> {
        let error = ConvosError::Json("join request");
        if !is_join_request(&encoded.content_type) {
            return Err(error);
        }
        let json = encoded.inflated().map_err(|_| error)?;
        serde_json::from_slice(&json).map_err(|_| error)
    }
}

impl JoinError {
    /// One of now.
    #[must_use]
    pub fn new(error_type: JoinErrorKind, invite_tag: String, now: Millis) -> Self {
        Self {
            error_type,
            invite_tag,
            timestamp: now.to_rfc3339(),
        }
    }

    /// Writes it: JSON.
    ///
    /// # Errors
    /// None that can happen.
    pub fn encode(&self) -> Result<EncodedContent, ConvosError> {
        let json = serde_json::to_vec(self).map_err(|_| ConvosError::Json("join error"))?;
        Ok(EncodedContent::new(id("convos.app", "inviteJoinError"), json))
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`ConvosError::Json`], also for another type.
    pub fn decode(encoded: &EncodedContent) -> Result<Self, ConvosError> {
        let error = ConvosError::Json("join error");
        if !is_join_error(&encoded.content_type) {
            return Err(error);
        }
        let json = encoded.inflated().map_err(|_| error)?;
        serde_json::from_slice(&json).map_err(|_| error)
    }
}
