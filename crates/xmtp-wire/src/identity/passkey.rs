//! Signatures of passkeys: the assertion of WebAuthn Level 2, as far as the network looks at it.

use chancery_base::{b64, digest::sha256};
use p256::ecdsa::{Signature as Ecdsa, VerifyingKey, signature::hazmat::PrehashVerifier as _};

use super::{MemberIdentifier, Passkey, SignatureError, VerifiedSignature};

/// What an authenticator answered. It proves that the key signed this text. Type of ceremony, relying party, flags and
/// counter are not looked at: the network's rule, and every reader's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeyAssertion {
    /// P-256 key, SEC1.
    pub public_key: Vec<u8>,
    /// ECDSA over SHA-256, DER.
    pub signature: Vec<u8>,
    /// Signed first.
    pub authenticator_data: Vec<u8>,
    /// JSON; its hash is signed after that. Its `challenge` is the text, base64url without padding.
    pub client_data_json: Vec<u8>,
}

#[derive(serde::Deserialize)]
struct ClientData {
    origin: String,
    challenge: String,
}

impl PasskeyAssertion {
    pub(super) fn verify(&self, text: &str) -> Result<VerifiedSignature, SignatureError> {
        let client: ClientData =
            serde_json::from_slice(&self.client_data_json).map_err(|_| SignatureError::ClientData)?;
        if client.challenge != b64::encode(text) {
            return Err(SignatureError::ClientData);
        }
        let passkey =
            Passkey::new(self.public_key.clone(), Some(client.origin)).map_err(|_| SignatureError::PublicKey)?;
        let key = VerifyingKey::from_sec1_bytes(passkey.key()).map_err(|_| SignatureError::PublicKey)?;
        let signature = Ecdsa::from_der(&self.signature).map_err(|_| SignatureError::Invalid)?;
        let signed = [&self.authenticator_data[..], &sha256(&self.client_data_json)].concat();
        key.verify_prehash(&sha256(signed), &signature)
            .map_err(|_| SignatureError::Invalid)?;
        // either half of the order verifies: one key for both
        let canonical = signature.normalize_s().to_bytes();
        Ok(VerifiedSignature::new(MemberIdentifier::Passkey(passkey), &canonical))
    }
}
