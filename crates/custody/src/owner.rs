//! The owner's vault, from which the root key is derived.
//!
//! Nothing is stored in it: making it is one write, and a vault that opens has its root key.

use std::path::Path;

use chancery_base::Rng;
use chancery_keys::RootSecret;
use chancery_vault::{KeySource, Secret, Vault, VaultError};

use crate::error::CustodyError;
use crate::places::{self, Places};

/// Of 2^32 derived values one is no scalar of P-256; then the next is taken.
const TRIES: u32 = 8;

/// Makes the owner's vault and returns the root key. One that is there is opened: an earlier attempt may have ended after it.
pub(crate) fn make(places: &Places, passphrase: &Secret, rng: &dyn Rng) -> Result<RootSecret, CustodyError> {
    places::make(places.owner())?;
    let source = KeySource::Passphrase(passphrase.clone());
    match Vault::create(&places.owner_vault(), &source, rng) {
        Ok(vault) => root(&vault),
        Err(VaultError::Exists(path)) => open(&path, passphrase),
        Err(error) => Err(error.into()),
    }
}

/// Whether there is one.
pub(crate) fn exists(places: &Places) -> bool {
    places.owner_vault().symlink_metadata().is_ok()
}

/// The root key of the vault at `path`.
pub(crate) fn open(path: &Path, passphrase: &Secret) -> Result<RootSecret, CustodyError> {
    root(&Vault::open(path, &KeySource::Passphrase(passphrase.clone()))?)
}

fn root(vault: &Vault) -> Result<RootSecret, CustodyError> {
    for attempt in 0..TRIES {
        let bytes = vault.derive(&format!("signet.root/{attempt}"))?;
        if let Some(root) = RootSecret::from_bytes(&bytes) {
            return Ok(root);
        }
    }
    Err(VaultError::Derivation.into())
}
