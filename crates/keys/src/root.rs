//! The root key: P-256, because that is what hardware holds.

use std::fmt;

use chancery_base::{digest, hex};
use p256::ecdsa::{
    Signature, SigningKey, VerifyingKey,
    signature::hazmat::{PrehashSigner as _, PrehashVerifier as _},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::RootKeyError;

/// Digits of the longest signature in DER: two numbers of 33 bytes and what is around them.
const MAX_SIGNATURE_DIGITS: usize = 144;

/// The public half. Written as the hex of its 65 bytes, uncompressed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RootKey(VerifyingKey);

/// The private half, where software holds it. Wiped when dropped and never printed.
pub struct RootSecret(SigningKey);

/// ECDSA over 32 bytes that are a hash already. Written as DER in hex, s in the lower half of the order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RootSignature(Signature);

impl RootSecret {
    /// The key with these bytes, big-endian; `None` when they are zero or not below the order of the curve.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        SigningKey::from_slice(bytes).ok().map(Self)
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> RootKey {
        RootKey(*self.0.verifying_key())
    }

    /// Signs a hash; deterministic (RFC 6979).
    ///
    /// # Errors
    /// [`RootKeyError::Signature`], which does not happen.
    pub fn sign(&self, hash: &[u8; 32]) -> Result<RootSignature, RootKeyError> {
        let signature: Signature = self.0.sign_prehash(hash).map_err(|_| RootKeyError::Signature)?;
        Ok(RootSignature(signature.normalize_s()))
    }
}

impl RootKey {
    /// Reads 130 lower-case hex digits.
    ///
    /// # Errors
    /// [`RootKeyError::Key`].
    pub fn parse(text: &str) -> Result<Self, RootKeyError> {
        let bytes: [u8; 65] = hex::decode_array(text).map_err(|_| RootKeyError::Key)?;
        VerifyingKey::from_sec1_bytes(&bytes)
            .map(Self)
            .map_err(|_| RootKeyError::Key)
    }

    /// SHA-256 of its 65 bytes, lower-case hex.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        digest::sha256_hex(self.0.to_sec1_point(false).as_bytes())
    }

    /// Checks a signature over a hash.
    ///
    /// # Errors
    /// [`RootKeyError::Signature`].
    pub fn verify(&self, hash: &[u8; 32], signature: &RootSignature) -> Result<(), RootKeyError> {
        self.0
            .verify_prehash(hash, &signature.0)
            .map_err(|_| RootKeyError::Signature)
    }
}

impl RootSignature {
    /// Reads DER in lower-case hex. An s in the upper half of the order is taken and brought into the lower, so that one
    /// signature has one form.
    ///
    /// # Errors
    /// [`RootKeyError::Signature`].
    pub fn parse(text: &str) -> Result<Self, RootKeyError> {
        if text.len() > MAX_SIGNATURE_DIGITS {
            return Err(RootKeyError::Signature);
        }
        let der = hex::decode(text).map_err(|_| RootKeyError::Signature)?;
        Signature::from_der(&der)
            .map(|signature| Self(signature.normalize_s()))
            .map_err(|_| RootKeyError::Signature)
    }
}

impl fmt::Display for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0.to_sec1_point(false).as_bytes()))
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootKey({self})")
    }
}

impl fmt::Display for RootSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0.to_der().as_bytes()))
    }
}

impl fmt::Debug for RootSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootSignature({self})")
    }
}

impl fmt::Debug for RootSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootSecret(..)")
    }
}

impl Serialize for RootKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RootKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl Serialize for RootSignature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RootSignature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
