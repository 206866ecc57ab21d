//! Hex, in its one spelling here: two lower-case digits a byte.

use std::fmt::Write as _;

/// The text is not lower-case hex of the expected length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not lower-case hex of the expected length")]
pub struct HexError;

/// Encodes `bytes`.
#[must_use]
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    let bytes = bytes.as_ref();
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            // writing to a String cannot fail
            let _ = write!(out, "{byte:02x}");
            out
        })
}

/// Decodes `text` into exactly `N` bytes. Upper case is refused, so a value has one spelling.
///
/// # Errors
/// [`HexError`].
pub fn decode_array<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    let mut out = [0; N];
    decode_into(text, &mut out)?;
    Ok(out)
}

/// Decodes `text`, an even number of digits.
///
/// # Errors
/// [`HexError`].
pub fn decode(text: &str) -> Result<Vec<u8>, HexError> {
    let mut out = vec![0; text.len() / 2];
    decode_into(text, &mut out)?;
    Ok(out)
}

fn decode_into(text: &str, out: &mut [u8]) -> Result<(), HexError> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != out.len() {
        return Err(HexError);
    }
    for ([high, low], out) in pairs.iter().zip(out) {
        *out = digit(*high)? << 4 | digit(*low)?;
    }
    Ok(())
}

fn digit(digit: u8) -> Result<u8, HexError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(HexError),
    }
}
