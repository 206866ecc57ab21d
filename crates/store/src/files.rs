//! Small private files: keys, tokens, configuration.

use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use chancery_base::{Category, ErrorCode};
use tempfile::NamedTempFile;

/// Most bytes that [`read_private`] returns: far above any key or configuration, far below what hurts.
pub const MAX_PRIVATE_FILE: u64 = 16 << 20;

/// A file or folder that could not be made, written or read.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub struct FileError {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl FileError {
    pub(crate) fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// The file or folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the system said.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// Whether the file is simply not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind() == io::ErrorKind::NotFound
    }
}

impl ErrorCode for FileError {
    fn code(&self) -> &'static str {
        match self.kind() {
            io::ErrorKind::NotFound => "STORE_FILE_NOT_FOUND",
            io::ErrorKind::PermissionDenied => "STORE_FILE_DENIED",
            io::ErrorKind::FileTooLarge => "STORE_FILE_TOO_LARGE",
            io::ErrorKind::StorageFull => "STORE_FILE_DISK_FULL",
            _ => "STORE_FILE_FAILED",
        }
    }

    fn category(&self) -> Category {
        // the path is ours, not the caller's: over HTTP none of this is anybody's business
        Category::Internal
    }

    fn hint(&self) -> Option<&'static str> {
        match self.kind() {
            io::ErrorKind::PermissionDenied => Some("check who owns the file and its folder"),
            io::ErrorKind::StorageFull => Some("free space on that disk"),
            _ => None,
        }
    }
}

/// Writes `bytes` to `path` as one step: readers see the old content or all of the new, also after a crash. The file
/// has mode 0600 from its first byte and is synced, and so is its folder, before this returns.
///
/// # Errors
/// When the folder does not exist or cannot be written, or the disk is full; `path` is then as it was.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let failed = |source| FileError::new("write", path, source);
    let temporary = written(path, bytes).map_err(failed)?;
    temporary.persist(path).map_err(|error| failed(error.error))?;
    sync_parent(path)
}

/// As [`write_private`], for a file that must not be there yet: of those who make it at once one does.
///
/// # Errors
/// Those of [`write_private`]; of the kind [`io::ErrorKind::AlreadyExists`] when it is there, and then it is as it was.
pub fn create_private(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let failed = |source| FileError::new("create", path, source);
    let temporary = written(path, bytes).map_err(failed)?;
    temporary.persist_noclobber(path).map_err(|error| failed(error.error))?;
    sync_parent(path)
}

/// A synced file beside `path`, created exclusively under a random name with mode 0600; removed again unless it takes its
/// place.
fn written(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut temporary = tempfile::Builder::new()
        .prefix(".chancery-")
        .tempfile_in(parent(path))?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    Ok(temporary)
}

/// Creates `path` and the folders above it that are missing, each with mode 0700. Folders that exist stay as they are.
///
/// # Errors
/// When one of them cannot be made or is no folder.
pub fn create_private_dir(path: &Path) -> Result<(), FileError> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        create_private_dir(above)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => sync_parent(path),
        // somebody else was faster
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(FileError::new("create", path, error)),
    }
}

/// Returns the content of `path`, at most [`MAX_PRIVATE_FILE`] bytes.
///
/// The mode is not judged, because files that other programs wrote are read too; [`is_private`] does.
///
/// # Errors
/// When it cannot be read ([`FileError::is_not_found`] when it is not there) or is larger.
pub fn read_private(path: &Path) -> Result<Vec<u8>, FileError> {
    let failed = |source| FileError::new("read", path, source);
    let mut bytes = Vec::new();
    let read = File::open(path)
        .map_err(failed)?
        .take(MAX_PRIVATE_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if read as u64 > MAX_PRIVATE_FILE {
        return Err(failed(io::ErrorKind::FileTooLarge.into()));
    }
    Ok(bytes)
}

/// Whether nobody but the owner may read or write `path`, a file or a folder.
///
/// # Errors
/// When it is not there or cannot be looked at.
pub fn is_private(path: &Path) -> Result<bool, FileError> {
    let found = std::fs::metadata(path).map_err(|source| FileError::new("inspect", path, source))?;
    Ok(found.permissions().mode() & 0o077 == 0)
}

/// Makes the entry of `path` in its folder durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), FileError> {
    let folder = parent(path);
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| FileError::new("sync", folder, source))
}

fn parent(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}
