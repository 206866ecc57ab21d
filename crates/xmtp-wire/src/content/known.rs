//! Content of the types that all apps share.

use bytes::Bytes;
use prost::Message as _;

use super::{
    Attachment, ContentError, EncodedContent, GroupUpdated, KnownType, Reaction, RemoteAttachment, Reply,
    TransactionReference, WalletSendCalls, attachment, group_updated, money, text,
};
use crate::proto::mls::message_contents::content_types::LeaveRequest;

/// Content of a shared type.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Text.
    Text(String),
    /// Markdown.
    Markdown(String),
    /// A reaction to a message.
    Reaction(Reaction),
    /// An answer to a message.
    Reply(Reply),
    /// Everything so far was read.
    ReadReceipt,
    /// A file.
    Attachment(Attachment),
    /// A file that lies elsewhere.
    RemoteAttachment(RemoteAttachment),
    /// Several such files.
    MultiRemoteAttachment(Vec<RemoteAttachment>),
    /// A transaction that was made.
    TransactionReference(TransactionReference),
    /// A request to make transactions.
    WalletSendCalls(WalletSendCalls),
    /// What a commit changed.
    GroupUpdated(GroupUpdated),
    /// A member asks to be removed.
    LeaveRequest {
        /// A signed statement of the member's, not read here.
        authenticated_note: Option<Bytes>,
    },
}

impl Content {
    /// Reads content of a shared type, inflating it if it is compressed. Parameters that the type does not name are
    /// passed over (CTYPE-014).
    ///
    /// # Errors
    /// [`ContentError::Unknown`] for other types; any other [`ContentError`] if the content is not what its type demands.
    pub fn decode(encoded: &EncodedContent) -> Result<Self, ContentError> {
        let known = encoded.content_type.known();
        Ok(
            match known.ok_or_else(|| ContentError::Unknown(encoded.content_type.clone()))? {
                KnownType::Text => Self::Text(text::decode(encoded, "text")?),
                KnownType::Markdown => Self::Markdown(text::decode(encoded, "Markdown")?),
                KnownType::Reaction => Self::Reaction(Reaction::decode(encoded)?),
                KnownType::LegacyReaction => Self::Reaction(Reaction::decode_legacy(encoded)?),
                KnownType::Reply => Self::Reply(Reply::decode(encoded)?),
                KnownType::ReadReceipt => Self::ReadReceipt,
                KnownType::Attachment => Self::Attachment(Attachment::decode(encoded)?),
                KnownType::RemoteAttachment => Self::RemoteAttachment(RemoteAttachment::decode(encoded)?),
                KnownType::MultiRemoteAttachment => Self::MultiRemoteAttachment(attachment::decode_all(encoded)?),
                KnownType::TransactionReference => Self::TransactionReference(money::decode(encoded)?),
                KnownType::WalletSendCalls => Self::WalletSendCalls(money::decode(encoded)?),
                KnownType::GroupUpdated => Self::GroupUpdated(group_updated::decode(encoded)?),
                KnownType::LeaveRequest => Self::LeaveRequest {
                    authenticated_note: LeaveRequest::decode(encoded.inflated()?)
                        .map_err(|_| ContentError::Malformed("leave request"))?
                        .authenticated_note,
                },
            },
        )
    }

    /// Writes it, with the words that the reference writes for whoever cannot read it.
    ///
    /// # Errors
    /// [`ContentError::Invalid`] for an amount that JSON has no number for.
    pub fn encode(&self) -> Result<EncodedContent, ContentError> {
        Ok(match self {
            Self::Text(text) => text::encode(KnownType::Text, text),
            Self::Markdown(text) => text::encode(KnownType::Markdown, text),
            Self::Reaction(reaction) => reaction.encode(),
            Self::Reply(reply) => reply.encode(),
            Self::ReadReceipt => EncodedContent::new(KnownType::ReadReceipt.id(), Bytes::new()),
            Self::Attachment(attachment) => attachment.encode(),
            Self::RemoteAttachment(attachment) => attachment.encode(),
            Self::MultiRemoteAttachment(attachments) => attachment::encode_all(attachments),
            Self::TransactionReference(reference) => reference.encode()?,
            Self::WalletSendCalls(calls) => calls.encode()?,
            Self::GroupUpdated(updated) => group_updated::encode(updated),
            Self::LeaveRequest { authenticated_note } => {
                let wire = LeaveRequest {
                    authenticated_note: authenticated_note.clone(),
                };
                EncodedContent::new(KnownType::LeaveRequest.id(), wire.encode_to_vec())
            }
        })
    }

    /// The type under which it is written.
    #[must_use]
    pub fn known_type(&self) -> KnownType {
        match self {
            Self::Text(_) => KnownType::Text,
            Self::Markdown(_) => KnownType::Markdown,
            Self::Reaction(_) => KnownType::Reaction,
            Self::Reply(_) => KnownType::Reply,
            Self::ReadReceipt => KnownType::ReadReceipt,
            Self::Attachment(_) => KnownType::Attachment,
            Self::RemoteAttachment(_) => KnownType::RemoteAttachment,
            Self::MultiRemoteAttachment(_) => KnownType::MultiRemoteAttachment,
            Self::TransactionReference(_) => KnownType::TransactionReference,
            Self::WalletSendCalls(_) => KnownType::WalletSendCalls,
            Self::GroupUpdated(_) => KnownType::GroupUpdated,
            Self::LeaveRequest { .. } => KnownType::LeaveRequest,
        }
    }
}
