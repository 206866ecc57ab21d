//! The files of this command: where they are and what is in them.

pub mod agent;
pub mod cache;
pub mod config;
pub mod connectors;
pub mod human;
pub mod legacy;
pub mod peers;
pub mod select;

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use chancery_store::files::{self, FileError};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    code::Code,
    error::{CliError, Result},
};

/// Reads a JSON file as `T`; `None` when it is not there.
///
/// # Errors
/// `code` when it is not a `T`; [`Code::StateFailed`] when it cannot be read.
pub fn read_json<T: DeserializeOwned>(path: &Path, code: Code) -> Result<Option<T>> {
    let Some(bytes) = read_optional(path)? else {
        return Ok(None);
    };
    match chancery_base::json::from_slice_strict(&bytes) {
        Ok(value) => Ok(Some(value)),
        Err(error) => Err(CliError::new(code, format!("{} is not valid: {error}", path.display()))),
    }
}

/// Reads a file; `None` when it is not there.
///
/// # Errors
/// [`Code::StateFailed`].
pub fn read_optional(path: &Path) -> Result<Option<Vec<u8>>> {
    match files::read_private(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Writes `value` as pretty JSON with a newline at its end, in one step, mode 0600, making missing folders 0700.
///
/// # Errors
/// [`Code::StateFailed`].
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value)
        .map_err(|error| CliError::new(Code::StateFailed, format!("cannot write {}: {error}", path.display())))?;
    text.push(b'\n');
    write(path, &text)
}

/// Writes `bytes` in one step, mode 0600, making missing folders 0700.
///
/// # Errors
/// [`Code::StateFailed`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        files::create_private_dir(folder)?;
    }
    Ok(files::write_private(path, bytes)?)
}

/// Waits for the advisory lock at `path` and holds it until the returned file is dropped, so that two of our processes do
/// not both read, change and write the same file.
///
/// # Errors
/// [`Code::StateFailed`].
pub fn lock(path: &Path) -> Result<File> {
    let failed =
        |error: io::Error| CliError::new(Code::StateFailed, format!("cannot lock {}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        files::create_private_dir(folder)?;
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}

/// Says so when others than the owner may read or write `path`, which holds a secret. A file that is not there is fine.
///
/// # Errors
/// [`Code::StateFailed`].
pub fn width_warning(path: &Path) -> Result<Option<String>, FileError> {
    match files::is_private(path) {
        Ok(true) => Ok(None),
        Ok(false) => {
            let path = path.display();
            Ok(Some(format!(
                "{path} can be read or written by others; run: chmod go-rwx '{path}'"
            )))
        }
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
