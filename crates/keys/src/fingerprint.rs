//! Names of public keys.

use chancery_base::{digest, ed25519::PublicKey};

/// SHA-256 of the raw public key, lower-case hex.
#[must_use]
pub fn of(key: &PublicKey) -> String {
    digest::sha256_hex(key.to_bytes())
}

/// The id of an operational key: `key_` and the first 16 digits of its [fingerprint](of) (signet spec 7.3).
#[must_use]
pub fn key_id(key: &PublicKey) -> String {
    let digits: String = of(key).chars().take(16).collect();
    format!("key_{digits}")
}
