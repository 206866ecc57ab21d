//! Signatures of installations: Ed25519ph (RFC 8032 5.1), SHA-512 first, with a context of their own.

use chancery_base::ed25519::SecretKey;
use ed25519_dalek::{Signature as Ed25519, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha512};

use super::{InstallationKey, Signature, SignatureError, VerifiedSignature, signature::SignedText};

/// The context of Ed25519ph: what is signed for an identity update is good for nothing else.
pub const INSTALLATION_CONTEXT: &[u8] = b"IDENTITY UPDATE SIGNATURE";

/// Signs the text of an update with the key of an installation.
///
/// # Errors
/// [`SignatureError::Invalid`] if no signature comes of it, which does not happen with a context of this length.
pub fn sign_as_installation(key: &SecretKey, text: &str) -> Result<Signature, SignatureError> {
    let key = SigningKey::from_bytes(&key.to_seed());
    let signature = key
        .sign_prehashed(Sha512::new_with_prefix(text), Some(INSTALLATION_CONTEXT))
        .map_err(|_| SignatureError::Invalid)?;
    Ok(Signature::Installation {
        key: InstallationKey::from_bytes(key.verifying_key().to_bytes()),
        signature: signature.to_bytes(),
    })
}

/// By the rule of all other clients, which take keys of small order: only the owner of an inbox can let one in, and who
/// refused it would no longer know who is in that inbox.
pub(super) fn verify(
    text: &SignedText<'_>,
    key: InstallationKey,
    signature: &[u8; 64],
) -> Result<VerifiedSignature, SignatureError> {
    VerifyingKey::from_bytes(key.as_bytes())
        .map_err(|_| SignatureError::PublicKey)?
        .verify_prehashed(
            text.sha512(),
            Some(INSTALLATION_CONTEXT),
            &Ed25519::from_bytes(signature),
        )
        .map_err(|_| SignatureError::Invalid)?;
    Ok(VerifiedSignature::new(key.into(), signature))
}

/// Whether signatures under this key prove nothing.
pub(super) fn is_weak(key: InstallationKey) -> bool {
    VerifyingKey::from_bytes(key.as_bytes()).map_or(true, |key| key.is_weak())
}
