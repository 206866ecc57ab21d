//! Keys as text, as the seed's API takes and gives them (safeclaw spec 4.1).

use chancery_base::ed25519::{PublicKey, SecretKey};
use zeroize::Zeroizing;

use crate::hex;

/// What stands before the seed in a PKCS#8 v1 key for Ed25519 (RFC 8410 section 7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Why a key in text was refused. The text itself is never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyTextError {
    /// Not 96 hex digits.
    #[error("a private key has 96 hex digits")]
    PrivateEncoding,
    /// 48 bytes, but not an Ed25519 key in PKCS#8.
    #[error("not an Ed25519 key in PKCS#8")]
    NotPkcs8,
    /// Not 64 hex digits.
    #[error("a public key has 64 hex digits")]
    PublicEncoding,
    /// No point on the curve, or one of small order, whose signatures nobody makes.
    #[error("not a usable Ed25519 key")]
    Weak,
}

/// Reads a private key: PKCS#8 v1 DER in hex, 96 digits.
///
/// # Errors
/// [`KeyTextError`].
pub fn private_key_from_hex(text: &str) -> Result<SecretKey, KeyTextError> {
    let der = Zeroizing::new(hex::decode::<48>(text).ok_or(KeyTextError::PrivateEncoding)?);
    let seed = der
        .strip_prefix(&PKCS8_PREFIX)
        .and_then(|seed| <&[u8; 32]>::try_from(seed).ok())
        .ok_or(KeyTextError::NotPkcs8)?;
    Ok(SecretKey::from_seed(seed))
}

/// `key` as PKCS#8 v1 DER in lower-case hex, 96 digits. Wiped when dropped.
#[must_use]
pub fn private_key_to_hex(key: &SecretKey) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(96));
    hex::encode_into(&mut out, &PKCS8_PREFIX);
    hex::encode_into(&mut out, &*key.to_seed());
    out
}

/// Reads a public key: 32 bytes in hex, 64 digits.
///
/// # Errors
/// [`KeyTextError`].
pub fn public_key_from_hex(text: &str) -> Result<PublicKey, KeyTextError> {
    let bytes = hex::decode::<32>(text).ok_or(KeyTextError::PublicEncoding)?;
    PublicKey::from_bytes(&bytes).map_err(|_| KeyTextError::Weak)
}

/// `key` in lower-case hex, 64 digits.
#[must_use]
pub fn public_key_to_hex(key: &PublicKey) -> String {
    hex::encode(&key.to_bytes())
}
