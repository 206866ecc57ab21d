//! Where the files of inboxes are.

use std::{
    io,
    path::{Path, PathBuf},
};

use chancery_signet::network::NetworkError;
use chancery_store::{StoreError, files, lock};

/// Longest local name, in bytes: far beyond any id, and short enough for every file system.
const MAX_NAME: usize = 128;

/// The folder of one environment of one data directory.
#[derive(Debug)]
pub(super) struct Place {
    folder: PathBuf,
}

impl Place {
    /// The folder for `env` below `data`.
    pub(super) fn new(data: &Path, env: &str) -> Result<Self, NetworkError> {
        check(env)?;
        Ok(Self {
            folder: data.join("db").join(env),
        })
    }

    /// The file of an inbox. Its folder is made.
    pub(super) fn file(&self, local: &str) -> Result<PathBuf, NetworkError> {
        check(local)?;
        files::create_private_dir(&self.folder).map_err(|error| NetworkError::Local(error.to_string()))?;
        Ok(self.path(local))
    }

    /// Removes the files of an inbox; whose are gone already, that is well.
    pub(super) fn remove(&self, local: &str) -> Result<(), NetworkError> {
        check(local)?;
        let path = self.path(local);
        let failed = |path: &Path, error: io::Error| NetworkError::Local(format!("{}: {error}", path.display()));
        if !self.folder.try_exists().map_err(|error| failed(&self.folder, error))? {
            return Ok(());
        }
        // nobody has it open, this process or another, until the last of it is gone
        let _lock = lock::acquire(&path).map_err(|error| match error {
            StoreError::Locked { .. } => open_already(local),
            other => NetworkError::Local(other.to_string()),
        })?;
        // the log before the file: what is left of a removal that was interrupted is no inbox that lacks its last steps
        for suffix in ["-wal", "-shm", "", ".lock"] {
            let mut name = path.clone().into_os_string();
            name.push(suffix);
            let path = PathBuf::from(name);
            match std::fs::remove_file(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(&path, error)),
            }
        }
        Ok(())
    }

    fn path(&self, local: &str) -> PathBuf {
        self.folder.join(format!("{local}.db3"))
    }
}

/// The inbox is in use.
pub(super) fn open_already(local: &str) -> NetworkError {
    NetworkError::Local(format!("the inbox {local} is open already"))
}

/// A name that becomes that of a file must not lead elsewhere.
fn check(name: &str) -> Result<(), NetworkError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(fits) {
        return Err(NetworkError::Invalid(format!("{name:?} cannot be the name of a file")));
    }
    Ok(())
}
