//! Reading documents that others wrote: never through a link in their place, never further than they may be long.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use chancery_manifest::{Envelope, Limits, Manifest, Options};
use rustix::fs::OFlags;

use crate::{CliError, Code, Exit, Result};

/// What a manifest is called in its folder.
pub(super) const MANIFEST: &str = "manifest.json";
/// What its envelope is called.
pub(super) const ENVELOPE: &str = "manifest.json.dsse";
/// Bytes of an envelope, a rotation statement or a revocation list: base64 of a manifest, and signatures.
const MAX_ENVELOPE: usize = 2 * 256 * 1024;
/// Bytes of a file of example calls.
pub(super) const MAX_CALLS: usize = 1024 * 1024;

/// The manifest that `given` names: a file, or a folder with a `manifest.json`.
pub(super) fn manifest_of(given: &Path) -> PathBuf {
    if given.is_dir() {
        given.join(MANIFEST)
    } else {
        given.to_owned()
    }
}

/// The envelope beside the manifest at `manifest`.
pub(super) fn envelope_of(manifest: &Path) -> PathBuf {
    let mut name = manifest.as_os_str().to_owned();
    name.push(".dsse");
    name.into()
}

/// The bytes of the manifest at `path`.
///
/// # Errors
/// [`Code::FileUnreadable`]; [`Code::FileTooLarge`], exit code 2.
pub(super) fn manifest_bytes(path: &Path) -> Result<Vec<u8>> {
    read(path, Limits::default().bytes)
}

/// The manifest at `path`, strictly read.
///
/// # Errors
/// Those of [`manifest_bytes`]; `SKILL_MANIFEST_INVALID`.
pub(super) fn manifest(path: &Path) -> Result<Manifest> {
    Manifest::parse(&manifest_bytes(path)?, &Options::default())
        .map_err(|problems| CliError::from(problems).about(path.display()))
}

/// The signed document at `path`.
///
/// # Errors
/// Those of [`manifest_bytes`]; `ENVELOPE_FORMAT`, exit code 3.
pub(super) fn envelope(path: &Path) -> Result<Envelope> {
    Envelope::parse(&read(path, MAX_ENVELOPE)?).map_err(|error| CliError::from(error).about(path.display()))
}

/// The same where there may be none.
///
/// # Errors
/// As [`envelope`].
pub(super) fn envelope_if_any(path: &Path) -> Result<Option<Envelope>> {
    match open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        _ => envelope(path).map(Some),
    }
}

/// The bytes of the regular file at `path`, at most `limit`.
///
/// # Errors
/// As [`manifest_bytes`].
pub(super) fn read(path: &Path, limit: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = open(path).and_then(|file| {
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        file.take(most).read_to_end(&mut bytes)
    });
    match read {
        Ok(length) if length > limit => Err(too_large(path, limit as u64)),
        Ok(_) => Ok(bytes),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn open(path: &Path) -> io::Result<File> {
    // a pipe in the place of a file would make us wait
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("not a regular file"))
    }
}

/// That `path` is larger than it may be.
pub(super) fn too_large(path: &Path, limit: u64) -> CliError {
    CliError::new(
        Code::FileTooLarge,
        format!("{} is larger than {limit} bytes", path.display()),
    )
}

/// Why `path` could not be read. What is there and is no file of ours to read is no manifest; what is not there is a wrong
/// call.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> CliError {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => CliError::new(Code::FileUnreadable, format!("{shown} is not there")),
        io::ErrorKind::PermissionDenied => CliError::new(Code::FileUnreadable, format!("{shown} may not be read")),
        _ if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) => CliError::new(
            Code::FileUnreadable,
            format!("{shown} is a symbolic link, which is not followed"),
        )
        .exit(Exit::Manifest)
        .hint("name the file that it leads to"),
        _ => CliError::new(Code::FileUnreadable, format!("{shown} cannot be read: {error}")).exit(Exit::Manifest),
    }
}
