//! Inflating what others compressed. Nobody has to compress what they send, and current clients must not (CTYPE-006).

use std::io::Read;

use bytes::Bytes;
use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};

use super::ContentError;

/// The largest content after inflating, in bytes. The reference's limit: what it shows we show.
pub const MAX_INFLATED: usize = 16 * 1024 * 1024;

/// How content is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// zlib (RFC 1950), or bare deflate (RFC 1951) as clients for iOS write it.
    Deflate,
    /// gzip (RFC 1952).
    Gzip,
}

impl Compression {
    /// Inflates `content`, and no more than [`MAX_INFLATED`] bytes of it.
    ///
    /// # Errors
    /// [`ContentError::Inflate`] or [`ContentError::TooLarge`].
    pub fn inflate(self, content: &[u8]) -> Result<Bytes, ContentError> {
        match self {
            Self::Gzip => read(GzDecoder::new(content)),
            Self::Deflate => match read(ZlibDecoder::new(content)) {
                Err(ContentError::Inflate) => read(DeflateDecoder::new(content)),
                inflated => inflated,
            },
        }
    }
}

fn read(decoder: impl Read) -> Result<Bytes, ContentError> {
    let mut out = Vec::new();
    let limit = u64::try_from(MAX_INFLATED).unwrap_or(u64::MAX);
    let read = decoder.take(limit.saturating_add(1)).read_to_end(&mut out);
    // what goes on beyond the limit is too large, whatever comes then
    if out.len() > MAX_INFLATED {
        return Err(ContentError::TooLarge);
    }
    read.map_err(|_| ContentError::Inflate)?;
    Ok(out.into())
}
