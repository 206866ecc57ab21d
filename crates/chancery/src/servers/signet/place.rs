//! The daemon's folder, and that nobody else works in it.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use chancery_signet_config::DataDir;
use chancery_store::{files, lock};

use super::problem::Problem;
use crate::data_dir;

/// The daemon's folder, taken: a second daemon is refused for as long as this or the open database lives.
#[derive(Debug)]
pub(super) struct Place {
    lock: File,
}

impl Place {
    /// Takes the folder; one that others can look into is closed, or refused.
    ///
    /// # Errors
    /// [`StoreError::Locked`](chancery_store::StoreError::Locked) when a daemon has it; what is wrong with the folder.
    pub(super) fn take(data: &DataDir) -> Result<Self, Problem> {
        let vault = data.vault();
        let ours = vault.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        data_dir::open(Some(data.path()), "", ours, |_| None)?;
        Ok(Self {
            lock: lock::acquire(&data.database())?,
        })
    }

    /// Lets go, for the engine to take the database: who comes between is who has it.
    pub(super) fn hand_over(self) {
        drop(self.lock);
    }
}

/// The file with this process's number, for scripts. Dropped, it is gone.
#[derive(Debug)]
pub(super) struct PidFile(PathBuf);

impl PidFile {
    /// Writes it. That it cannot be written is told in the log and nothing else: nothing of ours reads it.
    pub(super) fn write(path: &Path) -> Option<Self> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let written = files::create_private_dir(folder)
            .and_then(|()| files::write_private(path, format!("{}\n", std::process::id()).as_bytes()));
        match written {
            Ok(()) => Some(Self(path.to_owned())),
            Err(error) => {
                tracing::warn!(%error, "the number of this process is not written down");
                None
            }
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "a file is left behind");
        }
    }
}
