//! Replies: content that answers a message.

use super::{Content, ContentError, EncodedContent, KnownType};

/// An answer to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The id of that message, in hex. As it was written: it may be one that we do not have.
    pub reference: String,
    /// Who sent that message, if it is said.
    pub reference_inbox_id: Option<String>,
    /// The answer, of any type, known or not (CTYPE-012). Not looked into here, so that replies to replies cost nothing.
    pub content: Box<EncodedContent>,
}

impl Reply {
    pub(super) fn encode(&self) -> EncodedContent {
        let fallback = match Content::decode(&self.content) {
            Ok(Content::Text(text)) => format!("Replied with \"{text}\" to an earlier message"),
            _ => "Replied to an earlier message".to_owned(),
        };
        let mut encoded = EncodedContent {
            fallback: Some(fallback),
            ..EncodedContent::new(KnownType::Reply.id(), self.content.encode())
        }
        .with("reference", self.reference.as_str())
        .with("contentType", self.content.content_type.to_string());
        if let Some(inbox_id) = &self.reference_inbox_id {
            encoded = encoded.with("referenceInboxId", inbox_id.as_str());
        }
        encoded
    }

    pub(super) fn decode(encoded: &EncodedContent) -> Result<Self, ContentError> {
        Ok(Self {
            // as the reference: a reply to nothing is one all the same
            reference: encoded.parameter("reference").unwrap_or_default().to_owned(),
            reference_inbox_id: encoded.parameter("referenceInboxId").map(str::to_owned),
            content: Box::new(EncodedContent::parse(encoded.inflated()?)?),
        })
    }
}
