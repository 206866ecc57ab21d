//! What an application message carries once it is decrypted, and the id that it thereby has.

use std::{fmt, str::FromStr};

use bytes::Bytes;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::ContentError;
use crate::{hex, proto::mls::message_contents as wire};

/// The plaintext of an application message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Envelope {
    /// A message to all members.
    Message {
        /// An [`EncodedContent`](super::EncodedContent), as it was written: the id of the message covers these bytes.
        content: Bytes,
        /// Tells messages of the same content apart. Clients usually take the time of sending, in decimal nanoseconds; with
        /// the same key, sending again gives the same id.
        idempotency_key: String,
    },
    /// What the installations of one inbox say to each other. Not read here.
    DeviceSync {
        /// As above.
        idempotency_key: String,
    },
}

/// The id of a message: the same for all members.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId([u8; 32]);

impl Envelope {
    /// Reads the protobuf message.
    ///
    /// # Errors
    /// [`ContentError::Malformed`].
    pub fn parse(plaintext: Bytes) -> Result<Self, ContentError> {
        use wire::plaintext_envelope::Content;
        let malformed = ContentError::Malformed("envelope");
        let envelope = wire::PlaintextEnvelope::decode(plaintext).map_err(|_| malformed.clone())?;
        Ok(match envelope.content.ok_or(malformed)? {
            Content::V1(v1) => Self::Message {
                content: v1.content,
                idempotency_key: v1.idempotency_key,
            },
            Content::V2(v2) => Self::DeviceSync {
                idempotency_key: v2.idempotency_key,
            },
        })
    }

    /// The plaintext of a message.
    #[must_use]
    pub fn message(content: Bytes, idempotency_key: &str) -> Vec<u8> {
        wire::PlaintextEnvelope {
            content: Some(wire::plaintext_envelope::Content::V1(wire::plaintext_envelope::V1 {
                content,
                idempotency_key: idempotency_key.to_owned(),
            })),
        }
        .encode_to_vec()
    }
}

impl MessageId {
    /// The id of the message in `group_id` with this key and content: SHA-256 over the three, a tab between each.
    #[must_use]
    pub fn of(group_id: &[u8], idempotency_key: &str, content: &[u8]) -> Self {
        let mut hash = Sha256::new();
        for part in [group_id, b"\t", idempotency_key.as_bytes(), b"\t", content] {
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// The id with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, &self.0)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageId({self})")
    }
}

impl FromStr for MessageId {
    type Err = ContentError;

    /// Reads 64 lower-case hex digits.
    fn from_str(text: &str) -> Result<Self, ContentError> {
        hex::decode_array(text).map(Self).ok_or(ContentError::MessageId)
    }
}
