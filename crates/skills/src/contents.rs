//! The content store: bytes by their SHA-256.
//!
//! Manifests, envelopes and the files of a skill are written and synced before the row that names them is committed, so
//! a row never names what is not there. What a crash leaves without a row is swept away when the directory is next
//! opened. Bytes are hashed again whenever they are read.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chancery_base::{Category, ErrorCode, digest};
use chancery_store::files::{self, FileError};

use crate::fault::Faults;

/// Why bytes could not be kept or found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// A file could not be written or read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The directory could not be worked on.
    #[error("the content store cannot be {action}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Bytes that are there are not those that were put there.
    #[error("the content {sha256} is damaged")]
    Damaged {
        /// Its name.
        sha256: String,
    },
}

impl ErrorCode for ContentError {
    fn code(&self) -> &'static str {
        match self {
            Self::File(error) => error.code(),
            Self::Io { .. } => "SKILLS_CONTENT_FAILED",
            Self::Damaged { .. } => "SKILLS_CONTENT_DAMAGED",
        }
    }

    fn category(&self) -> Category {
        Category::Internal
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::File(error) => error.hint(),
            Self::Io { .. } => None,
            Self::Damaged { .. } => Some("install the skill again from where it came"),
        }
    }
}

/// Bytes by their SHA-256 in lower-case hex.
#[derive(Debug, Clone)]
pub(crate) enum Contents {
    /// As long as the process lives.
    Memory(Arc<Mutex<BTreeMap<String, Arc<[u8]>>>>),
    /// `blobs/sha256/<hex>`, files 0600 in folders 0700.
    Disk(PathBuf),
}

impl Contents {
    pub(crate) fn memory() -> Self {
        Self::Memory(Arc::default())
    }

    /// The store below `dir`, made when it is not there.
    pub(crate) fn disk(dir: &Path) -> Result<Self, ContentError> {
        let folder = dir.join("blobs").join("sha256");
        files::create_private_dir(&folder)?;
        Ok(Self::Disk(folder))
    }

    /// Keeps `bytes` and returns their name; synced to the disk when this returns.
    pub(crate) fn put(&self, bytes: &[u8], faults: &Faults) -> Result<String, ContentError> {
        let sha256 = digest::sha256_hex(bytes);
        match self {
            Self::Memory(blobs) => {
                faults.at("write content").map_err(failed("written"))?;
                lock(blobs).insert(sha256.clone(), bytes.into());
            }
            Self::Disk(folder) => {
                let path = folder.join(&sha256);
                // what is there already and sound is also synced: it was renamed into place after its sync
                if self.get(&sha256).is_err() {
                    faults.at("write content").map_err(failed("written"))?;
                    files::write_private(&path, bytes)?;
                    faults.at("content written").map_err(failed("written"))?;
                }
            }
        }
        Ok(sha256)
    }

    /// The bytes named `sha256`, which are hashed again.
    pub(crate) fn get(&self, sha256: &str) -> Result<Arc<[u8]>, ContentError> {
        let bytes: Arc<[u8]> = match self {
            Self::Memory(blobs) => lock(blobs).get(sha256).cloned().ok_or_else(|| ContentError::Io {
                action: "read",
                source: io::ErrorKind::NotFound.into(),
            })?,
            Self::Disk(folder) => files::read_private(&folder.join(sha256))?.into(),
        };
        if digest::sha256_hex(&bytes) == sha256 {
            Ok(bytes)
        } else {
            Err(ContentError::Damaged {
                sha256: sha256.to_owned(),
            })
        }
    }

    /// Where the bytes named `sha256` are, when they are in a file.
    pub(crate) fn path(&self, sha256: &str) -> Option<PathBuf> {
        match self {
            Self::Memory(_) => None,
            Self::Disk(folder) => Some(folder.join(sha256)),
        }
    }

    /// Removes what `keep` does not name, and what a crash left half written. Returns how many were removed.
    pub(crate) fn sweep(&self, keep: &BTreeSet<String>) -> Result<usize, ContentError> {
        match self {
            Self::Memory(blobs) => {
                let mut blobs = lock(blobs);
                let before = blobs.len();
                blobs.retain(|name, _| keep.contains(name));
                Ok(before - blobs.len())
            }
            Self::Disk(folder) => {
                let mut removed = 0;
                for entry in fs::read_dir(folder).map_err(failed("swept"))? {
                    let entry = entry.map_err(failed("swept"))?;
                    if entry.file_name().to_str().is_some_and(|name| keep.contains(name)) {
                        continue;
                    }
                    // no file is content: a directory that somebody put there stays, and hinders nobody
                    if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                        continue;
                    }
                    fs::remove_file(entry.path()).map_err(failed("swept"))?;
                    removed += 1;
                }
                Ok(removed)
            }
        }
    }
}

fn lock(blobs: &Mutex<BTreeMap<String, Arc<[u8]>>>) -> MutexGuard<'_, BTreeMap<String, Arc<[u8]>>> {
    blobs.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(action: &'static str) -> impl Fn(io::Error) -> ContentError {
    move |source| ContentError::Io { action, source }
}
