//! Bearer tokens: what a harness or an admin shows to be let in.

use std::fmt;

use chancery_base::{Rng, b64, digest};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use crate::limits;

/// A secret that opens something: shown by nothing but [`BearerToken::reveal`].
#[derive(Clone)]
pub struct BearerToken(Zeroizing<String>);

impl BearerToken {
    /// A new token: 32 random bytes in base64url, 43 characters.
    #[must_use]
    pub fn generate(rng: &impl Rng) -> Self {
        let bytes = Zeroizing::new(rng.bytes::<32>());
        Self::new(b64::encode(*bytes))
    }

    /// Takes `text`, which is not judged: a token is right when its hash is known.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The token itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `sha256:` and the SHA-256 of the token's text in lower-case hex: what may be shown of it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("sha256:{}", digest::sha256_hex(self.reveal()))
    }
}

impl PartialEq for BearerToken {
    /// In time that depends on the lengths only.
    fn eq(&self, other: &Self) -> bool {
        digest::secrets_equal(self.reveal().as_bytes(), other.reveal().as_bytes())
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(..)")
    }
}

impl Serialize for BearerToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for BearerToken {
    /// Up to [`limits::MAX_TOKEN_BYTES`]; a refusal says nothing of what came.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = BearerToken;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a token")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<BearerToken, E> {
                if text.is_empty() || text.len() > limits::MAX_TOKEN_BYTES {
                    return Err(E::custom("not a token"));
                }
                Ok(BearerToken::new(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}
