//! The counter kept beside a vault: `<vault>.seen`.
//!
//! It tells an older vault file that was put back from the newest one. Its limits: it lies in the same folder, so whoever
//! puts back **both** files of an older day is not noticed by it. Against that the caller keeps a [`LastSeen`] where the
//! same hand does not reach (in an audit checkpoint, on another machine) and gives it to
//! [`Opening::expect`](crate::Opening::expect). A program that has the vault open notices by itself when it saves.

use chancery_base::{b64, digest, json};
use serde::{Deserialize, Serialize};

use crate::crypt;
use crate::document::{Document, Keys, VaultId};
use crate::error::VaultError;
use crate::folder::Folder;

/// A state of a vault. Holds nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LastSeen {
    /// The vault.
    pub vault_id: VaultId,
    /// Changes that it had seen.
    pub counter: u64,
    /// Names the state: the tag over the whole file.
    pub state: String,
}

impl LastSeen {
    pub(crate) fn of(document: &Document) -> Self {
        Self {
            vault_id: document.body.vault_id,
            counter: document.body.counter,
            state: document.state().to_owned(),
        }
    }

    /// Whether a vault in `state` is this one or a later one.
    pub(crate) fn check(&self, found: &Self) -> Result<(), VaultError> {
        if self.vault_id != found.vault_id {
            return Err(VaultError::Unwitnessed("it is another vault"));
        }
        if found.counter < self.counter || (found.counter == self.counter && found.state != self.state) {
            return Err(VaultError::RolledBack {
                found: found.counter,
                seen: self.counter,
            });
        }
        Ok(())
    }
}

/// The file: a state under a tag, so that it cannot be wound back to a state that never was.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Witness {
    seen: LastSeen,
    mac: String,
}

/// The name of the file beside the vault `name`.
pub(crate) fn name_of(name: &str) -> String {
    format!("{name}.seen")
}

fn tag(seen: &LastSeen, keys: &Keys) -> Result<String, VaultError> {
    let text = json::canonical(seen).map_err(|_| VaultError::Corrupt("its form"))?;
    // of the root, so that it holds before and after a rotation
    let key = crypt::derive(keys.root.as_slice(), &seen.vault_id.0, "seen", "");
    Ok(b64::encode(crypt::mac(&key, text.as_bytes())))
}

/// Reads the file.
pub(crate) fn read(bytes: Option<&[u8]>, keys: &Keys) -> Result<LastSeen, VaultError> {
    let bytes = bytes.ok_or(VaultError::Unwitnessed("its counter file is missing"))?;
    let damaged = || VaultError::Unwitnessed("its counter file is damaged");
    let witness: Witness = json::from_slice_exact(bytes).map_err(|_| damaged())?;
    let expected = tag(&witness.seen, keys)?;
    if digest::secrets_equal(expected.as_bytes(), witness.mac.as_bytes()) {
        Ok(witness.seen)
    } else {
        // of another vault, or changed
        Err(VaultError::Unwitnessed(
            "its counter file is damaged or of another vault",
        ))
    }
}

/// Writes the file. Under the vault's lock: behind a change of the vault, and before its first.
pub(crate) fn write(folder: &Folder, name: &str, seen: LastSeen, keys: &Keys) -> Result<(), VaultError> {
    let mac = tag(&seen, keys)?;
    let text = json::canonical(&Witness { seen, mac }).map_err(|_| VaultError::Corrupt("its form"))?;
    let name = name_of(name);
    folder.replace(&name, text.as_bytes())?;
    folder.sync(&name)
}
