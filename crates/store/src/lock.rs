//! One process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::files::FileError;

/// Takes the advisory lock of the database at `path`: `<path>.lock` (mode 0600), which holds our process id. The lock lives
/// as long as the returned file, and the kernel lets go of it when the process dies in whatever way.
///
/// # Errors
/// [`StoreError::Locked`] when somebody has it, also in this process; [`StoreError::File`] when the file cannot be made.
pub fn acquire(path: &Path) -> Result<File, StoreError> {
    let (mut file, name) = open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::Locked {
                path: path.to_owned(),
                pid: holder(&mut file),
            });
        }
        Err(TryLockError::Error(source)) => return Err(failed(&name, source)),
    }
    file.set_len(0).map_err(|source| failed(&name, source))?;
    file.rewind().map_err(|source| failed(&name, source))?;
    writeln!(file, "{}", std::process::id()).map_err(|source| failed(&name, source))?;
    Ok(file)
}

/// Waits for the same lock and takes it, for the moment in which a shared database is made or migrated.
pub(crate) fn wait(path: &Path) -> Result<File, StoreError> {
    let (file, name) = open(path)?;
    file.lock().map_err(|source| failed(&name, source))?;
    Ok(file)
}

fn open(path: &Path) -> Result<(File, PathBuf), StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&name)
        .map_err(|source| failed(&name, source))?;
    Ok((file, name))
}

fn failed(name: &Path, source: io::Error) -> StoreError {
    StoreError::File(FileError::new("lock", name, source))
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
