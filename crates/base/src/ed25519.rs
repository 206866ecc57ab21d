//! Ed25519 (RFC 8032), strictly verified: weak keys and non-canonical signatures are refused.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::{Rng, b64};

/// A private key. Not printable, wiped when dropped.
pub struct SecretKey(SigningKey);

/// A public key that is a point on the curve and not of small order.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(VerifyingKey);

/// A signature: 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature([u8; 64]);

/// Why a key or signature was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not 32 (key) or 64 (signature) bytes of unpadded base64url.
    #[error("not base64url of the right length")]
    Encoding,
    /// Not the one encoding of a point on the curve.
    #[error("not a point on the curve")]
    NotAPoint,
    /// A key of small order: it would accept signatures that nobody made.
    #[error("a weak key of small order")]
    Weak,
    /// The signature does not belong to this message and key.
    #[error("the signature does not verify")]
    BadSignature,
}

impl SecretKey {
    /// A new key from 32 random bytes.
    #[must_use]
    pub fn generate(rng: &impl Rng) -> Self {
        let seed = Zeroizing::new(rng.bytes::<32>());
        Self::from_seed(&seed)
    }

    /// The key with this 32-byte seed.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a seed in unpadded base64url (43 characters), as `secret.key` holds it.
    ///
    /// # Errors
    /// [`KeyError::Encoding`].
    pub fn from_b64(text: &str) -> Result<Self, KeyError> {
        let seed = Zeroizing::new(b64::decode_array::<32>(text).map_err(|_| KeyError::Encoding)?);
        Ok(Self::from_seed(&seed))
    }

    /// The seed in unpadded base64url, wiped when dropped.
    #[must_use]
    pub fn to_b64(&self) -> Zeroizing<String> {
        Zeroizing::new(b64::encode(self.0.as_bytes()))
    }

    /// The 32-byte seed, wiped when dropped.
    #[must_use]
    pub fn to_seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs `message`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

impl Clone for SecretKey {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

impl PublicKey {
    /// The key with these bytes.
    ///
    /// # Errors
    /// [`KeyError::NotAPoint`] or [`KeyError::Weak`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        // RFC 8032 5.1.3 refuses coordinates of p and more, which the library reduces: a key would have two spellings
        if let [low, middle @ .., high] = bytes
            && *low >= 0xed
            && middle.iter().all(|b| *b == 0xff)
            && high & 0x7f == 0x7f
        {
            return Err(KeyError::NotAPoint);
        }
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotAPoint)?;
        if key.is_weak() {
            Err(KeyError::Weak)
        } else {
            Ok(Self(key))
        }
    }

    /// Reads unpadded base64url, 43 characters.
    ///
    /// # Errors
    /// Any [`KeyError`] but `BadSignature`.
    pub fn from_b64(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(&b64::decode_array::<32>(text).map_err(|_| KeyError::Encoding)?)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Unpadded base64url, 43 characters.
    #[must_use]
    pub fn to_b64(self) -> String {
        b64::encode(self.0.as_bytes())
    }

    /// Checks `signature` over `message` by the strict rules (no small-order points, canonical scalars).
    ///
    /// # Errors
    /// [`KeyError::BadSignature`].
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), KeyError> {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        self.0
            .verify_strict(message, &signature)
            .map_err(|_| KeyError::BadSignature)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.to_b64())
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_b64())
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::from_b64(&text).map_err(serde::de::Error::custom)
    }
}

impl Signature {
    /// The signature with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// Reads unpadded base64url, 86 characters.
    ///
    /// # Errors
    /// [`KeyError::Encoding`].
    pub fn from_b64(text: &str) -> Result<Self, KeyError> {
        b64::decode_array(text).map(Self).map_err(|_| KeyError::Encoding)
    }

    /// The 64 bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 64] {
        self.0
    }

    /// Unpadded base64url, 86 characters.
    #[must_use]
    pub fn to_b64(self) -> String {
        b64::encode(self.0)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", self.to_b64())
    }
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_b64())
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::from_b64(&text).map_err(serde::de::Error::custom)
    }
}
