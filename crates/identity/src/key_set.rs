//! The signing keys of a registry.

use chancery_base::ed25519::PublicKey;
use serde::{Deserialize, Serialize};

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
        Self { kid: kid.to_owned(), alg: "EdDSA".to_owned(), crv: "Ed25519".to_owned(), x, status }
    }
}

/// The body of `GET /.well-known/claw-keys.json`. Members that it does not know are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySet {
    /// All published keys.
    pub keys: Vec<RegistryKey>,
}

impl KeySet {
    /// The key named `kid`, when it may verify.
    #[must_use]
    pub fn verifying(&self, kid: &str) -> Option<&PublicKey> {
        self.keys
            .iter()
            .find(|key| key.kid == kid && key.status != KeyStatus::Revoked && key.alg == "EdDSA" && key.crv == "Ed25519")
            .map(|key| &key.x)
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
