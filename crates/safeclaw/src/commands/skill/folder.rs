//! The files of a skill's folder, as its manifest lists them.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use chancery_base::digest;
use chancery_manifest::json::{Object, Value};
use chancery_skills::{MAX_FILE, MAX_FILES};

use super::source;
use crate::{CliError, Code, Exit, Result};

/// Folders within folders that are looked into: what is deeper is no skill.
const MAX_DEPTH: usize = 16;

/// A file of the folder.
#[derive(Debug)]
pub(super) struct Entry {
    /// Relative to the folder.
    pub(super) path: String,
    sha256: String,
    size: usize,
    /// Whether its owner may execute it.
    pub(super) executable: bool,
}

/// What a folder holds.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// In the order of their paths.
    pub(super) files: Vec<Entry>,
    /// Names with a dot in front, which are left out.
    pub(super) left_out: Vec<String>,
}

impl Entry {
    /// As a manifest lists it.
    pub(super) fn to_value(&self) -> Value {
        let mut object = Object::default();
        object.set("path", self.path.as_str().into());
        object.set("sha256", self.sha256.as_str().into());
        #[expect(clippy::cast_precision_loss, reason = "a file has fewer bytes than 2^53")]
        object.set("size", Value::Number(self.size as f64));
        object.set("mode", if self.executable { "0755" } else { "0644" }.into());
        Value::Object(object)
    }
}

/// Every file of `folder` but the manifest and its envelope.
///
/// # Errors
/// For a link, a pipe or a device, exit code 2; [`Code::FileTooLarge`]; [`Code::FileUnreadable`].
pub(super) fn list(folder: &Path) -> Result<Listing> {
    let mut listing = Listing::default();
    walk(folder, "", 0, &mut listing)?;
    listing.files.sort_by(|a, b| a.path.cmp(&b.path));
    let total: usize = listing.files.iter().map(|file| file.size).sum();
    if total as u64 > MAX_FILES {
        return Err(CliError::new(
            Code::FileTooLarge,
            format!("the files of {} are larger than {MAX_FILES} bytes", folder.display()),
        ));
    }
    Ok(listing)
}

fn walk(folder: &Path, prefix: &str, depth: usize, listing: &mut Listing) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(CliError::new(
            Code::FileTooLarge,
            format!("{} has more than {MAX_DEPTH} folders within folders", folder.display()),
        ));
    }
    let unreadable = |error: io::Error| source::unreadable(folder, &error);
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            return Err(not_a_file(&path, "has a name that is not Unicode"));
        };
        let relative = format!("{prefix}{name}");
        if name.starts_with('.') {
            listing.left_out.push(relative);
            continue;
        }
        if prefix.is_empty() && (name == source::MANIFEST || name == source::ENVELOPE) {
            continue;
        }
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() {
            walk(&path, &format!("{relative}/"), depth + 1, listing)?;
        } else if kind.is_file() {
            listing.files.push(entry_of(&path, relative)?);
        } else {
            let what = if kind.is_symlink() {
                "is a symbolic link"
            } else {
                "is no regular file"
            };
            return Err(not_a_file(&path, what));
        }
    }
    Ok(())
}

/// The file at `path`, as it is now.
///
/// # Errors
/// As [`list`].
pub(super) fn entry_of(path: &Path, relative: String) -> Result<Entry> {
    let limit = usize::try_from(MAX_FILE).unwrap_or(usize::MAX);
    let bytes = source::read(path, limit)?;
    let mode = fs::metadata(path)
        .map_err(|error| source::unreadable(path, &error))?
        .permissions()
        .mode();
    Ok(Entry {
        path: relative,
        sha256: digest::sha256_hex(&bytes),
        size: bytes.len(),
        executable: mode & 0o100 != 0,
    })
}

fn not_a_file(path: &Path, what: &str) -> CliError {
    CliError::new(
        Code::FileUnreadable,
        format!("{} {what}, which a skill cannot hold", path.display()),
    )
    .exit(Exit::Manifest)
}

/// Puts `bytes` at `path`, as one step: whoever reads meanwhile reads the old file or the new one. Mode 0644, as for
/// whatever is published.
///
/// # Errors
/// [`Code::FileFailed`].
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    let write = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&beside);
        failed(path, &error)
    })
}

/// Writes a new file of mode 0644, never over one that is there.
///
/// # Errors
/// [`Code::FileExists`], [`Code::FileFailed`].
pub(super) fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let write = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => CliError::new(
            Code::FileExists,
            format!("there is a file at {} already", path.display()),
        ),
        _ => failed(path, &error),
    })
}

/// What could not be written.
pub(super) fn failed(path: &Path, error: &io::Error) -> CliError {
    CliError::new(Code::FileFailed, format!("cannot write {}: {error}", path.display()))
}
