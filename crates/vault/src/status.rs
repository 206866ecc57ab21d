//! What a vault file says without its key.

use std::path::Path;

use serde::Serialize;

use crate::document::{self, Document, FORMAT, VaultId};
use crate::error::VaultError;
use crate::folder::Folder;
use crate::source::{Slot, SourceKind};
use crate::v1;

/// What can be told without unlocking. Nothing of it is authenticated: whoever can write the file can write this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// 1, the original's, or 2.
    pub format: u64,
    /// The random name of the vault; the original's have none.
    pub vault_id: Option<VaultId>,
    /// Changes that it has seen; the original's do not count.
    pub counter: Option<u64>,
    /// What opens it; the original's do not say.
    pub source: Option<SourceKind>,
    /// How a passphrase becomes a key, for people.
    pub key_derivation: Option<String>,
    /// Names of the entries, sorted.
    pub names: Vec<String>,
}

impl Status {
    /// Of the vault at `path`. Asks for no key and no lock.
    ///
    /// # Errors
    /// [`VaultError::NotFound`], [`VaultError::Corrupt`], [`VaultError::Unsupported`]; [`VaultError::Permissions`],
    /// [`VaultError::Owner`], [`VaultError::NotAFile`]; [`VaultError::Io`].
    pub fn of(path: &Path) -> Result<Self, VaultError> {
        let (folder, name) = Folder::of(path)?;
        let bytes = folder
            .read(&name)?
            .ok_or_else(|| VaultError::NotFound(folder.path_of(&name)))?;
        Self::of_bytes(&bytes)
    }

    /// Of the vault file that holds `bytes`.
    ///
    /// # Errors
    /// [`VaultError::Corrupt`], [`VaultError::Unsupported`], [`VaultError::TooLarge`].
    pub fn of_bytes(bytes: &[u8]) -> Result<Self, VaultError> {
        match document::format(bytes)? {
            v1::VERSION => Ok(Self {
                format: v1::VERSION,
                vault_id: None,
                counter: None,
                source: None,
                key_derivation: None,
                names: v1::Document::parse(bytes)?.entries.into_keys().collect(),
            }),
            FORMAT => {
                let body = Document::parse(bytes)?.body;
                Ok(Self {
                    format: FORMAT,
                    vault_id: Some(body.vault_id),
                    counter: Some(body.counter),
                    source: Some(body.key.slot().kind()),
                    key_derivation: match body.key.slot() {
                        Slot::Passphrase { kdf } => Some(kdf.to_string()),
                        _ => None,
                    },
                    names: body.entries.into_keys().collect(),
                })
            }
            found => Err(VaultError::Unsupported { found }),
        }
    }
}
