//! The answer no to what a harness asks for.

use chancery_base::{Category, ErrorCode};

use super::{ContentTypeId, Scope};

/// Why a credential may not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It does not cover the chat.
    #[error("chat '{0}' is not in the credential's scope")]
    Chat(String),
    /// It does not allow this.
    #[error("the credential does not allow '{0}'")]
    Scope(Scope),
    /// The type is not let through.
    #[error("content type '{0}' is not allowed")]
    ContentType(ContentTypeId),
    /// Only a signet itself says this, or nobody does.
    #[error("content type '{0}' cannot be sent by a harness")]
    Reserved(ContentTypeId),
    /// What the reply holds is not known, or is a reply that could hold anything.
    #[error("a reply has to say of what type its content is, and that is not a reply")]
    Nested,
}

impl ErrorCode for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Chat(_) => "SIGNET_CHAT_NOT_COVERED",
            Self::Scope(_) => "SIGNET_SCOPE_MISSING",
            Self::ContentType(_) => "SIGNET_CONTENT_TYPE_REFUSED",
            Self::Reserved(_) => "SIGNET_CONTENT_TYPE_RESERVED",
            Self::Nested => "SIGNET_REPLY_CONTENT",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Nested => Category::Input,
            _ => Category::Forbidden,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Chat(_) | Self::Scope(_) => Some("the owner can issue a credential that allows it: xs cred issue"),
            _ => None,
        }
    }
}
