//! Content with its type.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;

use super::{Compression, ContentError, ContentTypeId};
use crate::proto::mls::message_contents as wire;

/// Content of some type, known or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedContent {
    /// What it is.
    pub content_type: ContentTypeId,
    /// What its type needs besides the bytes.
    pub parameters: BTreeMap<String, String>,
    /// What to show if the content cannot be shown.
    pub fallback: Option<String>,
    /// How `content` is compressed. What is sent is not (CTYPE-006).
    pub compression: Option<Compression>,
    /// The content itself.
    pub content: Bytes,
}

impl EncodedContent {
    /// Content of this type, without parameters and fallback.
    #[must_use]
    pub fn new(content_type: ContentTypeId, content: impl Into<Bytes>) -> Self {
        Self {
            content_type,
            parameters: BTreeMap::new(),
            fallback: None,
            compression: None,
            content: content.into(),
        }
    }

    /// Reads the protobuf message.
    ///
    /// # Errors
    /// [`ContentError::Malformed`], `Untyped` or `Compression`.
    pub fn parse(bytes: Bytes) -> Result<Self, ContentError> {
        let wire = wire::EncodedContent::decode(bytes).map_err(|_| ContentError::Malformed("content"))?;
        Self::from_wire(wire)
    }

    /// The protobuf message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        wire::EncodedContent {
            r#type: Some(wire::ContentTypeId {
                authority_id: self.content_type.authority.clone(),
                type_id: self.content_type.name.clone(),
                version_major: self.content_type.major,
                version_minor: self.content_type.minor,
            }),
            parameters: self.parameters.clone(),
            fallback: self.fallback.clone(),
            compression: self.compression.map(|compression| match compression {
                Compression::Deflate => wire::Compression::Deflate.into(),
                Compression::Gzip => wire::Compression::Gzip.into(),
            }),
            content: self.content.clone(),
        }
        .encode_to_vec()
    }

    fn from_wire(wire: wire::EncodedContent) -> Result<Self, ContentError> {
        let id = wire.r#type.ok_or(ContentError::Untyped)?;
        if id.authority_id.is_empty() || id.type_id.is_empty() {
            return Err(ContentError::Untyped);
        }
        let compression = match wire.compression {
            None => None,
            Some(number) => Some(match wire::Compression::try_from(number) {
                Ok(wire::Compression::Deflate) => Compression::Deflate,
                Ok(wire::Compression::Gzip) => Compression::Gzip,
                Err(_) => return Err(ContentError::Compression(number)),
            }),
        };
        Ok(Self {
            content_type: ContentTypeId {
                authority: id.authority_id,
                name: id.type_id,
                major: id.version_major,
                minor: id.version_minor,
            },
            parameters: wire.parameters,
            fallback: wire.fallback,
            compression,
            content: wire.content,
        })
    }

    /// The content, inflated if it is compressed.
    ///
    /// # Errors
    /// [`ContentError::Inflate`] or [`ContentError::TooLarge`].
    pub fn inflated(&self) -> Result<Bytes, ContentError> {
        match self.compression {
            None => Ok(self.content.clone()),
            Some(compression) => compression.inflate(&self.content),
        }
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.parameters.insert(name.to_owned(), value.into());
        self
    }
}
