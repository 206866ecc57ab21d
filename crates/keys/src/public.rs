//! Public Ed25519 keys as the signet writes them: 64 lower-case hex digits. For `#[serde(with = …)]`.

use std::borrow::Cow;

use chancery_base::{ed25519::PublicKey, hex};
use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

pub(crate) fn serialize<S: Serializer>(key: &PublicKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(key.to_bytes()))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PublicKey, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    let bytes = hex::decode_array(&text).map_err(D::Error::custom)?;
    PublicKey::from_bytes(&bytes).map_err(D::Error::custom)
}
