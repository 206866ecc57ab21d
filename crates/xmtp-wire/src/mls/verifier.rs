//! The part of MLS cryptography that judging a key package takes: Ed25519, strictly. Everything else is refused, so that
//! no random source and no key gets in here.

use chancery_base::ed25519::{PublicKey, Signature};
use openmls::prelude::{
    AeadType, Ciphersuite, CryptoError, ExporterSecret, HashType, HpkeCiphertext, HpkeConfig, HpkeKeyPair, KemOutput,
    OpenMlsCrypto, SignatureScheme, tls_codec::SecretVLBytes,
};

/// Verifies Ed25519 signatures and does nothing else.
pub(super) struct Ed25519Only;

impl OpenMlsCrypto for Ed25519Only {
    fn supports(&self, ciphersuite: Ciphersuite) -> Result<(), CryptoError> {
        if ciphersuite == super::CIPHERSUITE {
            Ok(())
        } else {
            Err(CryptoError::UnsupportedCiphersuite)
        }
    }

    fn supported_ciphersuites(&self) -> Vec<Ciphersuite> {
        vec![super::CIPHERSUITE]
    }

    fn verify_signature(
        &self,
        alg: SignatureScheme,
        data: &[u8],
        pk: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        if alg != SignatureScheme::ED25519 {
            return Err(CryptoError::UnsupportedSignatureScheme);
        }
        let key = pk
            .try_into()
            .ok()
            .and_then(|bytes| PublicKey::from_bytes(bytes).ok())
            .ok_or(CryptoError::InvalidPublicKey)?;
        let signature = signature.try_into().map_err(|_| CryptoError::InvalidSignature)?;
        key.verify(data, &Signature::from_bytes(signature))
            .map_err(|_| CryptoError::InvalidSignature)
    }

    fn hkdf_extract(&self, _: HashType, _: &[u8], _: &[u8]) -> Result<SecretVLBytes, CryptoError> {
        Err(CryptoError::UnsupportedHashAlgorithm)
    }

    fn hmac(&self, _: HashType, _: &[u8], _: &[u8]) -> Result<SecretVLBytes, CryptoError> {
        Err(CryptoError::UnsupportedHashAlgorithm)
    }

    fn hkdf_expand(&self, _: HashType, _: &[u8], _: &[u8], _: usize) -> Result<SecretVLBytes, CryptoError> {
        Err(CryptoError::UnsupportedHashAlgorithm)
    }

    fn hash(&self, _: HashType, _: &[u8]) -> Result<Vec<u8>, CryptoError> {
        Err(CryptoError::UnsupportedHashAlgorithm)
    }

    fn aead_encrypt(&self, _: AeadType, _: &[u8], _: &[u8], _: &[u8], _: &[u8]) -> Result<Vec<u8>, CryptoError> {
        Err(CryptoError::UnsupportedAeadAlgorithm)
    }

    fn aead_decrypt(&self, _: AeadType, _: &[u8], _: &[u8], _: &[u8], _: &[u8]) -> Result<Vec<u8>, CryptoError> {
        Err(CryptoError::UnsupportedAeadAlgorithm)
    }

    fn signature_key_gen(&self, _: SignatureScheme) -> Result<(Vec<u8>, Vec<u8>), CryptoError> {
        Err(CryptoError::UnsupportedSignatureScheme)
    }

    fn sign(&self, _: SignatureScheme, _: &[u8], _: &[u8]) -> Result<Vec<u8>, CryptoError> {
        Err(CryptoError::UnsupportedSignatureScheme)
    }

    fn hpke_seal(&self, _: HpkeConfig, _: &[u8], _: &[u8], _: &[u8], _: &[u8]) -> Result<HpkeCiphertext, CryptoError> {
        Err(CryptoError::UnsupportedKdf)
    }

    fn hpke_open(
        &self,
        _: HpkeConfig,
        _: &HpkeCiphertext,
        _: &[u8],
        _: &[u8],
        _: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        Err(CryptoError::UnsupportedKdf)
    }

    fn hpke_setup_sender_and_export(
        &self,
        _: HpkeConfig,
        _: &[u8],
        _: &[u8],
        _: &[u8],
        _: usize,
    ) -> Result<(KemOutput, ExporterSecret), CryptoError> {
        Err(CryptoError::UnsupportedKdf)
    }

    fn hpke_setup_receiver_and_export(
        &self,
        _: HpkeConfig,
        _: &[u8],
        _: &[u8],
        _: &[u8],
        _: &[u8],
        _: usize,
    ) -> Result<ExporterSecret, CryptoError> {
        Err(CryptoError::UnsupportedKdf)
    }

    fn derive_hpke_keypair(&self, _: HpkeConfig, _: &[u8]) -> Result<HpkeKeyPair, CryptoError> {
        Err(CryptoError::UnsupportedKdf)
    }
}
