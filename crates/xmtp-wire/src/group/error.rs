//! Why an extension of a group's context is refused.

use chancery_base::{Category, ErrorCode};

use crate::mls::TlsError;

/// What is wrong with an extension of the group context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// The immutable metadata has no length before it, or another one.
    #[error("the immutable metadata is not one TLS vector: {0}")]
    Framing(#[from] TlsError),
    /// Not the protobuf message that belongs there.
    #[error("the {0} cannot be decoded")]
    Malformed(&'static str),
    /// No known type of conversation.
    #[error("conversation type {0} is unknown")]
    ConversationType(i32),
    /// A DM that does not say between whom.
    #[error("a DM without its two members")]
    DmMembers,
    /// An id that cannot be that of an inbox.
    #[error("the {0} names an inbox id that is not 64 lowercase hex digits")]
    InboxId(&'static str),
    /// The metadata has no list of admins, or none of super admins.
    #[error("the metadata lacks a list of admins or super admins")]
    AdminLists,
    /// The permissions have no policy for something.
    #[error("no policy for {0}")]
    MissingPolicy(&'static str),
    /// A policy of an unknown kind, or a condition over no policies. Who cannot read a policy must not guess it.
    #[error("the policy for {0} is of no known kind")]
    UnknownPolicy(&'static str),
    /// A field of the metadata is longer than all clients allow.
    #[error("{field} is longer than {limit} bytes")]
    FieldTooLong {
        /// The field.
        field: &'static str,
        /// Its limit in bytes.
        limit: usize,
    },
}

impl ErrorCode for GroupError {
    fn code(&self) -> &'static str {
        match self {
            Self::Framing(_) => "XMTP_GROUP_FRAMING",
            Self::Malformed(_) => "XMTP_GROUP_MALFORMED",
            Self::ConversationType(_) => "XMTP_GROUP_CONVERSATION_TYPE",
            Self::DmMembers => "XMTP_GROUP_DM_MEMBERS",
            Self::InboxId(_) => "XMTP_GROUP_INBOX_ID",
            Self::AdminLists => "XMTP_GROUP_ADMIN_LISTS",
            Self::MissingPolicy(_) => "XMTP_GROUP_POLICY_MISSING",
            Self::UnknownPolicy(_) => "XMTP_GROUP_POLICY_UNKNOWN",
            Self::FieldTooLong { .. } => "XMTP_GROUP_FIELD_TOO_LONG",
        }
    }

    fn category(&self) -> Category {
        Category::Input
    }
}
