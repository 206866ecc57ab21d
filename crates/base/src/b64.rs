//! base64url without padding (RFC 4648 section 5), strictly read; the standard alphabet where a format asks for it.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

/// The text is not canonical unpadded base64url, or has another length than asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not unpadded base64url of the expected length")]
pub struct DecodeError;

/// Encodes `bytes`.
#[must_use]
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes `text`. Padding, white space, the standard alphabet and left-over bits are refused, so a value has one
/// spelling.
///
/// # Errors
/// [`DecodeError`] when `text` is not canonical.
pub fn decode(text: &str) -> Result<Vec<u8>, DecodeError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| DecodeError)
}

/// Decodes `text` into exactly `N` bytes.
///
/// # Errors
/// [`DecodeError`] when `text` is not canonical or has another length.
pub fn decode_array<const N: usize>(text: &str) -> Result<[u8; N], DecodeError> {
    let mut out = [0; N];
    match URL_SAFE_NO_PAD.decode_slice(text, &mut out) {
        Ok(written) if written == N => Ok(out),
        _ => Err(DecodeError),
    }
}

/// Encodes `bytes` in the standard alphabet with padding (RFC 4648 section 4), as structured header fields do.
#[must_use]
pub fn encode_standard(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// Decodes the standard alphabet with padding.
///
/// # Errors
/// [`DecodeError`] when `text` is not canonical.
pub fn decode_standard(text: &str) -> Result<Vec<u8>, DecodeError> {
    STANDARD.decode(text).map_err(|_| DecodeError)
}
