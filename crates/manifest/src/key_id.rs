//! Names of keys.

use std::{fmt, str::FromStr};

use chancery_base::{b64, digest, ed25519::PublicKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The text is not the name of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not SHA256: and 43 characters of unpadded base64url")]
pub struct KeyIdError;

/// Name and fingerprint of a key: `SHA256:` and the SHA-256 of its 32 bytes in unpadded base64url (safeclaw spec 15.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 32]);

const PREFIX: &str = "SHA256:";

impl KeyId {
    /// The name of `key`.
    #[must_use]
    pub fn of(key: &PublicKey) -> Self {
        Self(digest::sha256(key.to_bytes()))
    }
}

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        let hash = text.strip_prefix(PREFIX).ok_or(KeyIdError)?;
        b64::decode_array(hash).map(Self).map_err(|_| KeyIdError)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", b64::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
