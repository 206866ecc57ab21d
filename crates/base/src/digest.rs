//! Digests, and comparing secrets.

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// SHA-256 (FIPS 180-4) of `bytes`: 32 bytes.
#[must_use]
pub fn sha256(bytes: impl AsRef<[u8]>) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 in unpadded base64url: 43 characters.
#[must_use]
pub fn sha256_b64(bytes: impl AsRef<[u8]>) -> String {
    crate::b64::encode(sha256(bytes))
}

/// SHA-256 in lower-case hex: 64 characters.
#[must_use]
pub fn sha256_hex(bytes: impl AsRef<[u8]>) -> String {
    use std::fmt::Write as _;
    sha256(bytes).iter().fold(String::with_capacity(64), |mut out, byte| {
        // writing to a String cannot fail
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// BLAKE3 of `parts` one after the other (the BLAKE3 paper, 2020): 32 bytes.
///
/// For what never leaves a process and its files. It takes a fraction of the time of SHA-256 where the processor has no
/// instructions for that. Where parts begin is not part of the digest: they have to be of fixed lengths, or delimited.
#[must_use]
pub fn blake3<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Whether `a` and `b` are equal, in time that depends on their lengths only.
#[must_use]
pub fn secrets_equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}
