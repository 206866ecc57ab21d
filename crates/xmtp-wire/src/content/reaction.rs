//! Reactions: version 2, and version 1 for reading.

use prost::Message as _;
use serde::Deserialize;

use super::{ContentError, EncodedContent, KnownType};
use crate::proto::mls::message_contents::content_types as wire;

/// A reaction to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The id of the message, in hex. As it was written: it may be one that we do not have.
    pub reference: String,
    /// Who sent that message; empty if it is not said.
    pub reference_inbox_id: String,
    /// Whether it is made or taken back.
    pub action: ReactionAction,
    /// The reaction.
    pub content: String,
    /// How to show it.
    pub schema: ReactionSchema,
}

/// Whether a reaction is made or taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReactionAction {
    /// Made.
    Added,
    /// Taken back.
    Removed,
}

/// How to show a reaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReactionSchema {
    /// As the characters that it is.
    Unicode,
    /// As what a name like `:thumbsup:` stands for.
    Shortcode,
    /// As the app knows.
    Custom,
}

impl Reaction {
    const NAME: &str = "reaction";

    pub(super) fn encode(&self) -> EncodedContent {
        let wire = wire::ReactionV2 {
            reference: self.reference.clone(),
            reference_inbox_id: self.reference_inbox_id.clone(),
            action: match self.action {
                ReactionAction::Added => wire::ReactionAction::Added,
                ReactionAction::Removed => wire::ReactionAction::Removed,
            }
            .into(),
            content: self.content.clone(),
            schema: match self.schema {
                ReactionSchema::Unicode => wire::ReactionSchema::Unicode,
                ReactionSchema::Shortcode => wire::ReactionSchema::Shortcode,
                ReactionSchema::Custom => wire::ReactionSchema::Custom,
            }
            .into(),
        };
        let (did, preposition) = match self.action {
            ReactionAction::Added => ("Reacted with", "to"),
            ReactionAction::Removed => ("Removed", "from"),
        };
        EncodedContent {
            fallback: Some(format!("{did} \"{}\" {preposition} an earlier message", self.content)),
            ..EncodedContent::new(KnownType::Reaction.id(), wire.encode_to_vec())
        }
    }

    pub(super) fn decode(encoded: &EncodedContent) -> Result<Self, ContentError> {
        let wire = wire::ReactionV2::decode(encoded.inflated()?).map_err(|_| ContentError::Malformed(Self::NAME))?;
        let action = match wire.action() {
            wire::ReactionAction::Added => ReactionAction::Added,
            wire::ReactionAction::Removed => ReactionAction::Removed,
            wire::ReactionAction::Unspecified => return Err(ContentError::Invalid("the action", Self::NAME)),
        };
        let schema = match wire.schema() {
            wire::ReactionSchema::Unicode => ReactionSchema::Unicode,
            wire::ReactionSchema::Shortcode => ReactionSchema::Shortcode,
            wire::ReactionSchema::Custom => ReactionSchema::Custom,
            wire::ReactionSchema::Unspecified => return Err(ContentError::Invalid("the schema", Self::NAME)),
        };
        Ok(Self {
            reference: wire.reference,
            reference_inbox_id: wire.reference_inbox_id,
            action,
            content: wire.content,
            schema,
        })
    }

    /// Version 1 is JSON; before that was settled, the reaction alone was the content, and the rest parameters
    /// (github.com/xmtp/xmtp-js, `content-type-reaction`).
    pub(super) fn decode_legacy(encoded: &EncodedContent) -> Result<Self, ContentError> {
        let content = encoded.inflated()?;
        if let Ok(legacy) = serde_json::from_slice::<Legacy>(&content) {
            return Ok(Self {
                reference: legacy.reference,
                reference_inbox_id: legacy.reference_inbox_id.unwrap_or_default(),
                action: legacy.action,
                content: legacy.content,
                schema: legacy.schema,
            });
        }
        let invalid = |what| ContentError::Invalid(what, Self::NAME);
        let content = String::from_utf8(content.into()).map_err(|_| invalid("the content"))?;
        let reference = encoded.parameter("reference").ok_or(invalid("the reference"))?;
        let action = match encoded.parameter("action") {
            Some("added") => ReactionAction::Added,
            Some("removed") => ReactionAction::Removed,
            _ => return Err(invalid("the action")),
        };
        let schema = match encoded.parameter("schema") {
            Some("unicode") => ReactionSchema::Unicode,
            Some("shortcode") => ReactionSchema::Shortcode,
            Some("custom") => ReactionSchema::Custom,
            _ => return Err(invalid("the schema")),
        };
        Ok(Self {
            reference: reference.to_owned(),
            reference_inbox_id: String::new(),
            action,
            content,
            schema,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Legacy {
    action: ReactionAction,
    reference: String,
    reference_inbox_id: Option<String>,
    schema: ReactionSchema,
    content: String,
}
