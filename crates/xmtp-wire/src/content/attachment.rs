//! Files, in the message or elsewhere.

use bytes::Bytes;
use prost::Message as _;

use super::{ContentError, EncodedContent, KnownType};
use crate::{hex, proto::mls::message_contents::content_types as wire};

/// A file in the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name, as the sender wrote it: never a path to write to.
    pub filename: Option<String>,
    /// Its type, as the sender wrote it.
    pub mime_type: String,
    /// Its bytes.
    pub content: Bytes,
}

/// The scheme of the addresses of files that lie elsewhere.
pub const HTTPS: &str = "https://";

/// A file that lies elsewhere: an encrypted [`Attachment`] (CTYPE-015).
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteAttachment {
    /// Where it lies. Fetching it tells its host who reads the message.
    pub url: String,
    /// SHA-256 of what lies there.
    pub content_digest: [u8; 32],
    /// The secret from which its key is derived.
    pub secret: [u8; 32],
    /// The salt of that derivation.
    pub salt: [u8; 32],
    /// The nonce under which it is encrypted.
    pub nonce: [u8; 12],
    /// What the address begins with: [`HTTPS`].
    pub scheme: String,
    /// The length of what lies there, in bytes, if it is said.
    pub content_length: Option<u32>,
    /// The name of the file, if it is said.
    pub filename: Option<String>,
}

impl std::fmt::Debug for RemoteAttachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // the secret opens the file
        f.debug_struct("RemoteAttachment")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

fn fallback(filename: Option<&str>, kind: &str) -> String {
    let name = filename.unwrap_or("this content");
    format!("Can't display {name}. This app doesn't support {kind}.")
}

impl Attachment {
    pub(super) fn encode(&self) -> EncodedContent {
        let encoded = EncodedContent {
            fallback: Some(fallback(self.filename.as_deref(), "attachments")),
            ..EncodedContent::new(KnownType::Attachment.id(), self.content.clone())
        }
        .with("mimeType", self.mime_type.as_str());
        match &self.filename {
            Some(filename) => encoded.with("filename", filename.as_str()),
            None => encoded,
        }
    }

    pub(super) fn decode(encoded: &EncodedContent) -> Result<Self, ContentError> {
        Ok(Self {
            filename: encoded.parameter("filename").map(str::to_owned),
            mime_type: encoded.parameter("mimeType").unwrap_or_default().to_owned(),
            content: encoded.inflated()?,
        })
    }
}

impl RemoteAttachment {
    const NAME: &str = "remote attachment";

    pub(super) fn encode(&self) -> EncodedContent {
        let mut encoded = EncodedContent {
            fallback: Some(fallback(self.filename.as_deref(), "remote attachments")),
            ..EncodedContent::new(KnownType::RemoteAttachment.id(), self.url.clone())
        }
        .with("contentDigest", hex::encode(&self.content_digest))
        .with("secret", hex::encode(&self.secret))
        .with("salt", hex::encode(&self.salt))
        .with("nonce", hex::encode(&self.nonce))
        .with("scheme", self.scheme.as_str());
        if let Some(length) = self.content_length {
            encoded = encoded.with("contentLength", length.to_string());
        }
        match &self.filename {
            Some(filename) => encoded.with("filename", filename.as_str()),
            None => encoded,
        }
    }

    pub(super) fn decode(encoded: &EncodedContent) -> Result<Self, ContentError> {
        let invalid = |what| ContentError::Invalid(what, Self::NAME);
        let length = encoded.parameter("contentLength").map(str::parse).transpose();
        Ok(Self {
            url: String::from_utf8(encoded.inflated()?.into()).map_err(|_| invalid("the URL"))?,
            content_digest: digits(encoded.parameter("contentDigest")).ok_or(invalid("the digest"))?,
            secret: digits(encoded.parameter("secret")).ok_or(invalid("the secret"))?,
            salt: digits(encoded.parameter("salt")).ok_or(invalid("the salt"))?,
            nonce: digits(encoded.parameter("nonce")).ok_or(invalid("the nonce"))?,
            scheme: encoded.parameter("scheme").unwrap_or_default().to_owned(),
            content_length: length.map_err(|_| invalid("the length"))?,
            filename: encoded.parameter("filename").map(str::to_owned),
        })
    }

    fn to_wire(&self) -> wire::RemoteAttachmentInfo {
        wire::RemoteAttachmentInfo {
            content_digest: hex::encode(&self.content_digest),
            secret: self.secret.to_vec().into(),
            nonce: self.nonce.to_vec().into(),
            salt: self.salt.to_vec().into(),
            scheme: self.scheme.clone(),
            url: self.url.clone(),
            content_length: self.content_length,
            filename: self.filename.clone(),
        }
    }

    fn from_wire(wire: wire::RemoteAttachmentInfo) -> Result<Self, ContentError> {
        let invalid = |what| ContentError::Invalid(what, Self::NAME);
        Ok(Self {
            url: wire.url,
            content_digest: digits(Some(&wire.content_digest)).ok_or(invalid("the digest"))?,
            secret: wire.secret.as_ref().try_into().map_err(|_| invalid("the secret"))?,
            salt: wire.salt.as_ref().try_into().map_err(|_| invalid("the salt"))?,
            nonce: wire.nonce.as_ref().try_into().map_err(|_| invalid("the nonce"))?,
            scheme: wire.scheme,
            content_length: wire.content_length,
            filename: wire.filename,
        })
    }
}

/// Hex digits, great or small: apps wrote both.
fn digits<const N: usize>(text: Option<&str>) -> Option<[u8; N]> {
    hex::decode_array(&text?.to_ascii_lowercase())
}

pub(super) fn encode_all(attachments: &[RemoteAttachment]) -> EncodedContent {
    let wire = wire::MultiRemoteAttachment {
        attachments: attachments.iter().map(RemoteAttachment::to_wire).collect(),
    };
    EncodedContent {
        fallback: Some(fallback(None, "multiple remote attachments")),
        ..EncodedContent::new(KnownType::MultiRemoteAttachment.id(), wire.encode_to_vec())
    }
}

pub(super) fn decode_all(encoded: &EncodedContent) -> Result<Vec<RemoteAttachment>, ContentError> {
    wire::MultiRemoteAttachment::decode(encoded.inflated()?)
        .map_err(|_| ContentError::Malformed("list of remote attachments"))?
        .attachments
        .into_iter()
        .map(RemoteAttachment::from_wire)
        .collect()
}
