//! What a node has to know of a group message: which group, and whether members must process it in order.

use chancery_base::{Category, ErrorCode};
use openmls::prelude::{MlsMessageIn, tls_codec::Deserialize as _};

use super::tls::{Reader, TlsError};

/// The longest group id that is taken, in bytes. XMTP makes ids of 16 bytes (xmtp spec 3.5); an id is the key of an index,
/// so the megabytes that RFC 9420 allows are refused.
pub const MAX_GROUP_ID: usize = 255;

/// How a group message is framed (RFC 9420 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireFormat {
    /// `mls_public_message`: signed and readable. XMTP clients send none, its nodes take them.
    Public,
    /// `mls_private_message`: encrypted. XMTP clients send nothing else, commits included.
    Private,
}

/// What a group message carries (RFC 9420 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentType {
    /// Data of the application.
    Application,
    /// One proposal.
    Proposal,
    /// A commit: it ends the epoch.
    Commit,
}

/// The readable part of a group message (`MLSMessage`, RFC 9420 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupMessage<'a> {
    /// How it is framed.
    pub wire_format: WireFormat,
    /// Its group: 1 to [`MAX_GROUP_ID`] bytes.
    pub group_id: &'a [u8],
    /// The epoch in which it was made.
    pub epoch: u64,
    /// What it carries.
    pub content_type: ContentType,
}

/// Why bytes are no group message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupMessageError {
    /// The bytes are no TLS presentation, or go on after the message.
    #[error("not an MLS message: {0}")]
    Tls(#[from] TlsError),
    /// The protocol version is not 1 (MLS 1.0).
    #[error("MLS version {0} is not 1")]
    Version(u16),
    /// A welcome, group info, key package or something unknown.
    #[error("wire format {0} is not that of a group message")]
    WireFormat(u16),
    /// The group id is empty.
    #[error("the group id is empty")]
    NoGroupId,
    /// The group id is longer than [`MAX_GROUP_ID`].
    #[error("the group id is longer than {MAX_GROUP_ID} bytes")]
    GroupIdTooLong,
    /// Neither application data nor proposal nor commit.
    #[error("content type {0} is unknown")]
    ContentType(u8),
    /// The sender of a public message is of no known type.
    #[error("sender type {0} is unknown")]
    SenderType(u8),
    /// The content of a public message is not what its header announces.
    #[error("the content of the public message is malformed")]
    Content,
}

impl ErrorCode for GroupMessageError {
    fn code(&self) -> &'static str {
        match self {
            Self::Tls(_) => "XMTP_MESSAGE_MALFORMED",
            Self::Version(_) => "XMTP_MESSAGE_VERSION",
            Self::WireFormat(_) => "XMTP_MESSAGE_WIRE_FORMAT",
            Self::NoGroupId => "XMTP_MESSAGE_NO_GROUP",
            Self::GroupIdTooLong => "XMTP_MESSAGE_GROUP_ID_TOO_LONG",
            Self::ContentType(_) => "XMTP_MESSAGE_CONTENT_TYPE",
            Self::SenderType(_) => "XMTP_MESSAGE_SENDER_TYPE",
            Self::Content => "XMTP_MESSAGE_CONTENT",
        }
    }

    fn category(&self) -> Category {
        Category::Input
    }
}

impl<'a> GroupMessage<'a> {
    /// Reads a whole message. Nothing may follow it: the reference drops what follows and stores it all the same, so that
    /// one message has many spellings; no client makes any but this one.
    ///
    /// # Errors
    /// Any [`GroupMessageError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, GroupMessageError> {
        let mut reader = Reader::new(bytes);
        let version = reader.u16()?;
        if version != 1 {
            return Err(GroupMessageError::Version(version));
        }
        let wire_format = match reader.u16()? {
            1 => WireFormat::Public,
            2 => WireFormat::Private,
            other => return Err(GroupMessageError::WireFormat(other)),
        };
        let group_id = reader.vector()?;
        if group_id.is_empty() {
            return Err(GroupMessageError::NoGroupId);
        }
        if group_id.len() > MAX_GROUP_ID {
            return Err(GroupMessageError::GroupIdTooLong);
        }
        let epoch = reader.u64()?;
        let content_type = match wire_format {
            WireFormat::Private => {
                let content_type = content_type(reader.u8()?)?;
                // authenticated_data, encrypted_sender_data, ciphertext
                for _ in 0..3 {
                    reader.vector()?;
                }
                reader.finish()?;
                content_type
            }
            WireFormat::Public => {
                skip_sender(&mut reader)?;
                reader.vector()?; // authenticated_data
                let content_type = content_type(reader.u8()?)?;
                // proposals and commits have many forms: whoever will process them reads them here, too. From a reader, for
                // from slices the codec stops debug builds at a length that is too great
                MlsMessageIn::tls_deserialize_exact(bytes).map_err(|_| GroupMessageError::Content)?;
                content_type
            }
        };
        Ok(Self {
            wire_format,
            group_id,
            epoch,
            content_type,
        })
    }

    /// Whether members process this in order: a commit or a proposal. The reference's validation service counts both
    /// (libxmtp, `apps/mls_validation_service/src/handlers.rs`, `validate_group_message`).
    #[must_use]
    pub fn is_commit(&self) -> bool {
        self.content_type != ContentType::Application
    }
}

fn content_type(byte: u8) -> Result<ContentType, GroupMessageError> {
    match byte {
        1 => Ok(ContentType::Application),
        2 => Ok(ContentType::Proposal),
        3 => Ok(ContentType::Commit),
        other => Err(GroupMessageError::ContentType(other)),
    }
}

/// Member and external senders have an index, those who are just joining have none.
fn skip_sender(reader: &mut Reader<'_>) -> Result<(), GroupMessageError> {
    match reader.u8()? {
        1 | 2 => {
            reader.u32()?;
        }
        3 | 4 => {}
        other => return Err(GroupMessageError::SenderType(other)),
    }
    Ok(())
}
