//! Why something of Convos is refused.

use chancery_base::{Category, ErrorCode};

/// Why something of Convos is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConvosError {
    /// No slug in the link, or one of other characters than base64url and `*`.
    #[error("no invite in this text")]
    NoInvite,
    /// Longer than [`MAX_SLUG`](super::MAX_SLUG), or than [`MAX_INFLATED`](super::MAX_INFLATED) when inflated.
    #[error("the invite is too large")]
    TooLarge,
    /// Compressed bytes that cannot be inflated, or to another length than they say.
    #[error("the invite cannot be inflated")]
    Inflate,
    /// Not the protobuf message that belongs there.
    #[error("the {0} cannot be decoded")]
    Malformed(&'static str),
    /// An invite without a tag.
    #[error("the invite has no tag")]
    NoTag,
    /// An invite without the inbox of its creator, or with one that is not 32 bytes.
    #[error("the invite does not name its creator")]
    Creator,
    /// The signature is not 65 bytes, or yields no key.
    #[error("the signature of the invite is none")]
    Signature,
    /// The token was not made by this key for this inbox, or was changed since.
    #[error("the token of the invite is not ours")]
    Token,
    /// A conversation id of more than 65,535 bytes or none.
    #[error("the conversation id is empty or too long")]
    ConversationId,
    /// JSON that is not what belongs there.
    #[error("the {0} is not the JSON that belongs there")]
    Json(&'static str),
}

impl ErrorCode for ConvosError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoInvite => "CONVOS_NO_INVITE",
            Self::TooLarge => "CONVOS_INVITE_TOO_LARGE",
            Self::Inflate => "CONVOS_INVITE_INFLATE",
            Self::Malformed(_) => "CONVOS_MALFORMED",
            Self::NoTag => "CONVOS_INVITE_NO_TAG",
            Self::Creator => "CONVOS_INVITE_CREATOR",
            Self::Signature => "CONVOS_INVITE_SIGNATURE",
            Self::Token => "CONVOS_INVITE_TOKEN",
            Self::ConversationId => "CONVOS_CONVERSATION_ID",
            Self::Json(_) => "CONVOS_JSON",
        }
    }

    fn category(&self) -> Category {
        Category::Input
    }
}
