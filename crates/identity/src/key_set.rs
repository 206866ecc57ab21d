//! The signing keys of a registry.

use chancery_base::ed25519::PublicKey;
use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};

/// What a registry key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyStatus {
    /// Signs and verifies.
    Active,
    /// Only verifies what it signed before. Readers that know two states are shown it as active.
    Retired,
    /// Verifies nothing any more.
    Revoked,
}

/// One published key (`GET /.well-known/claw-keys.json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryKey {
    /// Name of the key, unique within its registry.
    pub kid: String,
    /// Always `EdDSA`.
    pub alg: String,
    /// Always `Ed25519`.
    pub crv: String,
    /// The public key.
    pub x: PublicKey,
    /// What it may be used for.
    pub status: KeyStatus,
}

impl RegistryKey {
    /// The entry for a key named `kid`.
    #[must_use]
    pub fn new(kid: &str, x: PublicKey, status: KeyStatus) -> Self {
        Self {
            kid: kid.to_owned(),
            alg: "EdDSA".to_owned(),
            crv: "Ed25519".to_owned(),
            x,
            status,
        }
    }
}

/// The body of `GET /.well-known/claw-keys.json`. Members that it does not know are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySet {
    /// All published keys. An entry of another form (a later algorithm, a later status) is left out when the set is
    /// read: what it signed is not believed, and the other keys still are.
    #[serde(deserialize_with = "readable")]
    pub keys: Vec<RegistryKey>,
}

fn readable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<RegistryKey>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Entry {
        Known(Box<RegistryKey>),
        Unknown(IgnoredAny),
    }
    let entries = Vec::<Entry>::deserialize(deserializer)?;
    Ok(entries
        .into_iter()
        .filter_map(|entry| match entry {
            Entry::Known(key) => Some(*key),
            Entry::Unknown(IgnoredAny) => None,
        })
        .collect())
}

impl KeySet {
    /// The key named `kid`, when it may verify. A name that stands for two keys stands for none: otherwise a revoked key
    /// could hide behind its namesake.
    #[must_use]
    pub fn verifying(&self, kid: &str) -> Option<&PublicKey> {
        let mut named = self.keys.iter().filter(|key| key.kid == kid);
        let key = named.next()?;
        let usable = key.status != KeyStatus::Revoked && key.alg == "EdDSA" && key.crv == "Ed25519";
        (usable && named.next().is_none()).then_some(&key.x)
    }

    /// The set as readers that know only `active` and `revoked` are shown it: retired keys still verify, so they are
    /// active to them.
    #[must_use]
    pub fn for_old_readers(&self) -> Self {
        let mut set = self.clone();
        for key in &mut set.keys {
            if key.status == KeyStatus::Retired {
                key.status = KeyStatus::Active;
            }
        }
        set
    }
}
