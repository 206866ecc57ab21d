//! The three functions of the seed, with its encodings: keys and signatures in hex, over any text.

use chancery_base::{
    Rng,
    ed25519::{SecretKey, Signature},
};
use zeroize::Zeroizing;

use crate::{
    hex,
    key_text::{self, KeyTextError},
};

/// A new key pair in the seed's encodings.
pub struct SigningKeyPair {
    /// 32 bytes in hex.
    pub public_key: String,
    /// PKCS#8 DER in hex. Wiped when dropped; keep it in the vault.
    pub private_key: Zeroizing<String>,
}

/// What the seed's verification answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureCheck {
    /// Whether the signature belongs to content and key.
    pub valid: bool,
    /// What is wrong with key or signature, where they could not be compared.
    pub error: Option<String>,
    /// The key, where it was one.
    pub public_key: Option<String>,
}

/// A new key pair out of `rng`.
#[must_use]
pub fn generate_signing_key_pair(rng: &impl Rng) -> SigningKeyPair {
    let key = SecretKey::generate(rng);
    SigningKeyPair {
        public_key: key_text::public_key_to_hex(&key.public()),
        private_key: key_text::private_key_to_hex(&key),
    }
}

/// Signs `content` as it is: 64 bytes in lower-case hex.
///
/// # Errors
/// [`KeyTextError`] when the key is none.
pub fn sign_manifest(content: &str, private_key_hex: &str) -> Result<String, KeyTextError> {
    let key = key_text::private_key_from_hex(private_key_hex)?;
    Ok(hex::encode(&key.sign(content.as_bytes()).to_bytes()))
}

/// Checks a signature over `content`, strictly: exact hex, no weak key, no second spelling of a signature.
#[must_use]
pub fn verify_manifest_signature(content: &str, signature_hex: &str, public_key_hex: &str) -> SignatureCheck {
    let invalid = |error: Option<&str>, public_key: Option<&str>| SignatureCheck {
        valid: false,
        error: error.map(str::to_owned),
        public_key: public_key.map(str::to_owned),
    };
    let key = match key_text::public_key_from_hex(public_key_hex) {
        Ok(key) => key,
        Err(KeyTextError::PublicEncoding) => return invalid(Some("Invalid public key length"), None),
        Err(_) => return invalid(Some("Invalid public key"), None),
    };
    let Some(signature) = hex::decode(signature_hex).map(Signature::from_bytes) else {
        return invalid(Some("Invalid signature length"), Some(public_key_hex));
    };
    SignatureCheck {
        valid: key.verify(content.as_bytes(), &signature).is_ok(),
        ..invalid(None, Some(public_key_hex))
    }
}
