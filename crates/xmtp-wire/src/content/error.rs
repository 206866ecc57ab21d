//! Why content is not read.

use chancery_base::{Category, ErrorCode};

use super::ContentTypeId;

/// Why content is not read. What was received stays as it is (CTYPE-008, CTYPE-009).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// Not the protobuf message that belongs there.
    #[error("the {0} cannot be decoded")]
    Malformed(&'static str),
    /// The content has no type, or one without authority or name (CTYPE-003).
    #[error("the content has no type")]
    Untyped,
    /// No type of ours.
    #[error("content of type {0} is not known")]
    Unknown(ContentTypeId),
    /// Compressed in an unknown way.
    #[error("compression {0} is unknown")]
    Compression(i32),
    /// Not what its compression makes.
    #[error("the content cannot be inflated")]
    Inflate,
    /// Larger than [`MAX_INFLATED`](super::MAX_INFLATED) when inflated.
    #[error("the content is larger than {} bytes when inflated", super::MAX_INFLATED)]
    TooLarge,
    /// The content is not what its type demands.
    #[error("{0} is wrong in this {1}")]
    Invalid(&'static str, &'static str),
    /// Not `authority/type:major.minor`.
    #[error("not a content type")]
    TypeId,
    /// Not 64 hex digits.
    #[error("not a message id")]
    MessageId,
}

impl ErrorCode for ContentError {
    fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "XMTP_CONTENT_MALFORMED",
            Self::Untyped => "XMTP_CONTENT_UNTYPED",
            Self::Unknown(_) => "XMTP_CONTENT_UNKNOWN",
            Self::Compression(_) => "XMTP_CONTENT_COMPRESSION",
            Self::Inflate => "XMTP_CONTENT_INFLATE",
            Self::TooLarge => "XMTP_CONTENT_TOO_LARGE",
            Self::Invalid(..) => "XMTP_CONTENT_INVALID",
            Self::TypeId => "XMTP_CONTENT_TYPE_ID",
            Self::MessageId => "XMTP_MESSAGE_ID",
        }
    }

    fn category(&self) -> Category {
        Category::Input
    }
}
