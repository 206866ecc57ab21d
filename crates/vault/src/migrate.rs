//! From the original's vault to ours.

use std::collections::BTreeMap;
use std::path::Path;

use chancery_base::Rng;

use crate::document;
use crate::error::VaultError;
use crate::folder::Folder;
use crate::limits::{MAX_VALUE_BYTES, check_name};
use crate::source::KeySource;
use crate::v1;
use crate::vault::{Opening, Vault, fresh};
use crate::witness::{self, LastSeen};

/// Ending of the name under which the original's file is kept.
pub const BACKUP_SUFFIX: &str = ".v1";

/// Opens the version 1 vault at `path` with `from`, writes all it holds as a vault of ours that `to` opens in its place,
/// and returns that. The old file stays beside it under the name `<vault>.v1`, and so does its salt file; who is content
/// removes both. After a crash `path` is the old vault or the new one, and migrating again goes on.
///
/// # Errors
/// As [`v1::Vault::open`] and [`Vault::create`]; [`VaultError::Exists`] when there is another file of the backup's name;
/// [`VaultError::Name`] and [`VaultError::TooLarge`] when an entry does not fit; [`VaultError::Replaced`] when another
/// process changed the old vault meanwhile. The old vault is then as it was.
pub fn migrate(path: &Path, from: &v1::Source, to: &KeySource, rng: &dyn Rng) -> Result<Vault, VaultError> {
    let (folder, name) = Folder::of(path)?;
    migrate_in(folder, name, from, to, rng)
}

pub(crate) fn migrate_in(
    folder: Folder,
    name: String,
    from: &v1::Source,
    to: &KeySource,
    rng: &dyn Rng,
) -> Result<Vault, VaultError> {
    let not_found = || VaultError::NotFound(folder.path_of(&name));
    let before = folder.read(&name)?.ok_or_else(not_found)?;
    match document::format(&before)? {
        v1::VERSION => {}
        found => return Err(VaultError::Unsupported { found }),
    }
    let (old_folder, old_name) = Folder::of(&folder.path_of(&name))?;
    let old = v1::Vault::open_in(old_folder, old_name, from)?;
    let mut entries = BTreeMap::new();
    for entry in old.names() {
        check_name(&entry)?;
        if let Some(value) = old.get(&entry)? {
            if value.len() > MAX_VALUE_BYTES {
                return Err(VaultError::TooLarge("a secret"));
            }
            entries.insert(entry, value);
        }
    }
    let (document, keys) = fresh(to, entries, rng)?;
    let bytes = document.encode()?;
    let lock = folder.lock(&name)?;
    if folder.read(&name)?.ok_or_else(not_found)?.as_slice() != before.as_slice() {
        return Err(VaultError::Replaced);
    }
    let backup = format!("{name}{BACKUP_SUFFIX}");
    match folder.link(&name, &backup) {
        // left by a migration that a crash ended
        Err(VaultError::Exists(path)) => {
            if folder
                .read(&backup)?
                .is_none_or(|kept| kept.as_slice() != before.as_slice())
            {
                return Err(VaultError::Exists(path));
            }
        }
        other => other?,
    }
    folder.sync(&backup)?;
    witness::write(&folder, &name, LastSeen::of(&document), &keys)?;
    folder.replace(&name, &bytes)?;
    folder.sync(&name)?;
    drop(lock);
    Vault::open_in(folder, name, to, &Opening::default())
}
