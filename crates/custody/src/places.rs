//! Where the files are.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::error::CustodyError;
use crate::name::KeyHolder;

/// The folder of the daemon and the one of the owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    data: PathBuf,
    owner: PathBuf,
}

impl Places {
    /// The daemon's files in `data`, the owner's in `owner` below it.
    #[must_use]
    pub fn in_dir(data: impl Into<PathBuf>) -> Self {
        let data = data.into();
        Self {
            owner: data.join("owner"),
            data,
        }
    }

    /// The same with the owner's files elsewhere, as where the daemon is another user.
    #[must_use]
    pub fn with_owner(self, owner: impl Into<PathBuf>) -> Self {
        Self {
            owner: owner.into(),
            ..self
        }
    }

    /// The daemon's vault.
    #[must_use]
    pub fn vault(&self) -> PathBuf {
        self.data.join("vault.json")
    }

    /// The key of the daemon's vault, where it opens without anybody.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.data.join("vault.key")
    }

    /// The owner's vault.
    #[must_use]
    pub fn owner_vault(&self) -> PathBuf {
        self.owner.join("vault.json")
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    pub(crate) fn owner(&self) -> &Path {
        &self.owner
    }

    pub(crate) fn histories(&self) -> PathBuf {
        self.data.join("history")
    }

    /// The rotation statements of one holder.
    #[must_use]
    pub fn history(&self, holder: &KeyHolder) -> PathBuf {
        self.histories().join(format!("{holder}.jsonl"))
    }
}

/// Makes a folder and those above it that are missing, mode 0700.
pub(crate) fn make(folder: &Path) -> Result<(), CustodyError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| CustodyError::io("make", folder, error))
}
