//! Directories that a grant names, held open.

use std::{
    ffi::OsString,
    fs, io,
    os::{fd::OwnedFd, unix::fs::MetadataExt as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags, fstat, open, openat2},
    io::Errno,
};
use serde::{Deserialize, Serialize};

/// What a granted path was when it was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RootRecord {
    /// As the grant names it.
    pub path: PathBuf,
    /// The directory, or the directory that holds the file; `None` when there was nothing.
    pub directory: Option<Directory>,
    /// The file's name in the directory when the grant is for one file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<PathBuf>,
}

/// One directory of the file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Directory {
    /// Its path without symbolic links.
    pub real: PathBuf,
    /// Device number in decimal: JSON numbers do not hold 64 bits.
    pub device: String,
    /// Inode number in decimal.
    pub inode: String,
}

impl RootRecord {
    /// A path of which nothing is known.
    pub(crate) fn nothing(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            directory: None,
            file: None,
        }
    }

    /// What `path` is now.
    ///
    /// # Errors
    /// When it is there and cannot be looked at, or its name is not Unicode.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let found = match fs::metadata(path) {
            Ok(found) => found,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Self::nothing(path));
            }
            Err(error) => return Err(error),
        };
        let (real, file) = if found.is_dir() {
            (fs::canonicalize(path)?, None)
        } else {
            let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
                return Err(io::ErrorKind::InvalidInput.into());
            };
            (fs::canonicalize(above)?, Some(PathBuf::from(name)))
        };
        if real.to_str().is_none() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path is not Unicode"));
        }
        let directory = fs::metadata(&real)?;
        Ok(Self {
            path: path.to_owned(),
            directory: Some(Directory {
                real,
                device: directory.dev().to_string(),
                inode: directory.ino().to_string(),
            }),
            file,
        })
    }
}

impl RootRecord {
    /// Whether the granted path led elsewhere when it was granted.
    pub(crate) fn is_link(&self) -> bool {
        match (&self.directory, &self.file) {
            (None, _) => false,
            (Some(directory), None) => directory.real != self.path,
            (Some(directory), Some(_)) => self.path.parent() != Some(&directory.real),
        }
    }

    /// The path without symbolic links, when there was something at the grant.
    pub(crate) fn real(&self) -> Option<PathBuf> {
        let real = &self.directory.as_ref()?.real;
        Some(match &self.file {
            Some(file) => real.join(file),
            None => real.clone(),
        })
    }
}

/// A granted directory, open.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) fd: OwnedFd,
    pub(crate) device: u64,
    /// The only name that may be opened in it, when the grant is for one file.
    pub(crate) file: Option<OsString>,
}

/// Why a granted directory is not opened.
#[derive(Debug)]
pub(crate) enum RootError {
    /// Another directory has taken its place since it was granted.
    Drifted,
    /// The system said no.
    System(Errno),
}

impl From<Errno> for RootError {
    fn from(error: Errno) -> Self {
        Self::System(error)
    }
}

impl Root {
    /// Opens what `record` names and holds it against what was there at the grant.
    ///
    /// Another inode is another directory: drift, a denial until the owner grants anew. The same inode on another device
    /// number is what a reboot does to overlays, network and other anonymous devices: a warning only, and whoever can
    /// mount over a directory can do more. A path that did not exist when it was granted has nothing to be held against;
    /// it is opened without following any link, so that nobody can point it elsewhere meanwhile.
    pub(crate) fn open(record: &RootRecord) -> Result<Self, RootError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let Some(directory) = &record.directory else {
            return Self::open_late(&record.path, flags);
        };
        let above;
        let path = match &record.file {
            None => record.path.as_path(),
            Some(_) => {
                above = record.path.parent().map(Path::to_owned).unwrap_or_default();
                above.as_path()
            }
        };
        let fd = open(path, flags, Mode::empty())?;
        let found = fstat(&fd)?;
        if found.st_ino.to_string() != directory.inode {
            return Err(RootError::Drifted);
        }
        if found.st_dev.to_string() != directory.device {
            tracing::warn!(path = %record.path.display(), "a granted directory is on another device than when it was granted");
        }
        Ok(Self {
            device: found.st_dev,
            fd,
            file: record.file.clone().map(PathBuf::into_os_string),
        })
    }

    fn open_late(path: &Path, flags: OFlags) -> Result<Self, RootError> {
        let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let (fd, file) = match openat2(CWD, path, flags, Mode::empty(), resolve) {
            Err(Errno::NOTDIR | Errno::NOENT) => {
                let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
                    return Err(Errno::NOENT.into());
                };
                (
                    openat2(CWD, above, flags, Mode::empty(), resolve)?,
                    Some(name.to_owned()),
                )
            }
            opened => (opened?, None),
        };
        Ok(Self {
            device: fstat(&fd)?.st_dev,
            fd,
            file,
        })
    }
}
