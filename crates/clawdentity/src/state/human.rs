//! `identity.json` of a person: a DID and key that `init` makes on this machine. No registry knows them.

use std::path::{Path, PathBuf};

use chancery_base::ed25519::{PublicKey, SecretKey};
use chancery_identity::HumanDid;
use serde::{Deserialize, Serialize};

use super::{read_json, write_json};
use crate::{code::Code, error::Result};

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HumanIdentity {
    /// The DID.
    pub did: HumanDid,
    /// The public key.
    pub public_key: PublicKey,
    secret_key: String,
    /// The registry it was made for.
    pub registry_url: String,
}

impl HumanIdentity {
    /// A new identity.
    #[must_use]
    pub fn new(did: HumanDid, key: &SecretKey, registry_url: String) -> Self {
        Self {
            did,
            public_key: key.public(),
            secret_key: key.to_b64().to_string(),
            registry_url,
        }
    }

    /// Where it is in the state in `dir`.
    #[must_use]
    pub fn path(dir: &Path) -> PathBuf {
        dir.join("identity.json")
    }

    /// Reads it; `None` when there is none.
    ///
    /// # Errors
    /// [`Code::IdentityInvalid`].
    pub fn load(dir: &Path) -> Result<Option<Self>> {
        read_json(&Self::path(dir), Code::IdentityInvalid)
    }

    /// Writes it.
    ///
    /// # Errors
    /// [`Code::StateFailed`].
    pub fn save(&self, dir: &Path) -> Result<()> {
        write_json(&Self::path(dir), self)
    }
}
