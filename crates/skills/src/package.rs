//! A skill as it comes: a manifest, its signatures, its files.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use chancery_base::{Category, ErrorCode, digest};
use chancery_manifest::{Envelope, EnvelopeError, FileEntry, Limits, Manifest, Options, Problems, legacy};
use rustix::fs::{Mode, OFlags, open};

use crate::broker::open_within;

/// Bytes of one file of a skill: what the content store reads back.
pub const MAX_FILE: u64 = chancery_store::files::MAX_PRIVATE_FILE;
/// Bytes of all files of a skill, which are held in memory while it is installed.
pub const MAX_FILES: u64 = 64 << 20;
/// What the name of a manifest's envelope ends in, behind that of the manifest.
const ENVELOPE_SUFFIX: &str = ".dsse";
/// What a manifest is called in its folder.
const MANIFEST: &str = "manifest.json";

/// Why a skill was not loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file could not be read: the system's own text.
    #[error("{source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is larger than it may be.
    #[error("{} is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What it may have.
        limit: u64,
    },
    /// The manifest is not one: all that is wrong with it.
    #[error(transparent)]
    Manifest(#[from] Problems),
    /// The envelope beside the manifest is not one.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The manifest beside the envelope says something else than what was signed.
    #[error("manifest.json is not the manifest that was signed")]
    NotWhatWasSigned,
    /// A file is not what the manifest says it is.
    #[error("the file {path} is not what the manifest says it is")]
    File {
        /// The file.
        path: String,
    },
    /// The original's loader refuses it.
    #[error(transparent)]
    Legacy(#[from] legacy::LoadError),
}

impl ErrorCode for LoadError {
    fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "SKILL_UNREADABLE",
            Self::TooLarge { .. } => "SKILL_TOO_LARGE",
            Self::Manifest(problems) => problems.code(),
            Self::Envelope(error) => error.code(),
            Self::NotWhatWasSigned => "SKILL_NOT_WHAT_WAS_SIGNED",
            Self::File { .. } => "SKILL_FILE_MISMATCH",
            Self::Legacy(_) => "SKILL_LEGACY_REFUSED",
        }
    }

    fn category(&self) -> Category {
        Category::Input
    }
}

/// Files of a skill, with what the manifest says of each.
type Files = Vec<(FileEntry, Arc<[u8]>)>;

/// A skill that was read. Its manifest is well formed; whether anybody signed it is for the installer to find out.
#[derive(Debug, Clone)]
pub struct Package {
    pub(crate) manifest: Manifest,
    /// The bytes of `manifest.json`.
    pub(crate) source: Arc<[u8]>,
    pub(crate) envelope: Option<Envelope>,
    pub(crate) files: Files,
}

impl Package {
    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The envelope, of which nothing is verified.
    #[must_use]
    pub fn envelope(&self) -> Option<&Envelope> {
        self.envelope.as_ref()
    }

    /// SHA-256 of the manifest in lower-case hex: its name in pins, grants and revocations.
    #[must_use]
    pub fn manifest_sha256(&self) -> String {
        hex(&self.manifest.digest())
    }

    /// A skill of a manifest alone, without files.
    ///
    /// # Errors
    /// [`LoadError::Manifest`]; [`LoadError::File`] when the manifest lists files.
    pub fn of_manifest(bytes: &[u8], envelope: Option<Envelope>, options: &Options) -> Result<Self, LoadError> {
        let manifest = Manifest::parse(bytes, options)?;
        if let Some(file) = manifest.files().first() {
            return Err(LoadError::File {
                path: file.path.clone(),
            });
        }
        let package = Self {
            manifest,
            source: bytes.into(),
            envelope,
            files: Vec::new(),
        };
        package.must_agree()?;
        Ok(package)
    }

    /// What was signed and what lies beside it must be one and the same: people read the one, the installer the other.
    fn must_agree(&self) -> Result<(), LoadError> {
        let Some(envelope) = &self.envelope else { return Ok(()) };
        if envelope.unverified_manifest()?.digest() == self.manifest.digest() {
            Ok(())
        } else {
            Err(LoadError::NotWhatWasSigned)
        }
    }
}

/// Reads skills, with the seed's names.
///
/// A file is read without following a symbolic link in its place, and no further than it may be long.
#[derive(Debug, Clone, Copy, Default)]
pub struct SkillLoader {
    options: Options,
}

impl SkillLoader {
    /// A loader that is as strict as it should be.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A loader that refuses even more.
    #[must_use]
    pub fn with_options(options: Options) -> Self {
        Self { options }
    }

    /// The skill at `path`: a manifest, or a folder with a `manifest.json`. The envelope is looked for beside it, under the
    /// same name and `.dsse`, and the files that it lists below its folder.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load_from_file(&self, path: impl AsRef<Path>) -> Result<Package, LoadError> {
        let given = path.as_ref();
        let path = if given.is_dir() {
            given.join(MANIFEST)
        } else {
            given.to_owned()
        };
        let source = read(&path, Limits::default().bytes as u64)?;
        let manifest = Manifest::parse(&source, &self.options)?;
        let mut name: OsString = path.clone().into_os_string();
        name.push(ENVELOPE_SUFFIX);
        let envelope = match read(Path::new(&name), 2 * Limits::default().bytes as u64) {
            Ok(bytes) => Some(Envelope::parse(&bytes)?),
            Err(LoadError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let files = files(folder.unwrap_or(Path::new(".")), &manifest)?;
        let package = Package {
            manifest,
            source: source.into(),
            envelope,
            files,
        };
        package.must_agree()?;
        Ok(package)
    }

    /// The skill of the manifest `json`, which has no envelope and no files.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load_from_string(&self, json: &str) -> Result<Package, LoadError> {
        Package::of_manifest(json.as_bytes(), None, &self.options)
    }

    /// What the original's `loadFromFile` makes of the file at `path`, for comparison with it: nothing installs this.
    ///
    /// # Errors
    /// [`LoadError::Read`] with the system's text, [`LoadError::Legacy`] with the original's.
    pub fn legacy_from_file(&self, path: impl AsRef<Path>) -> Result<legacy::Document, LoadError> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(|source| unreadable(path, source))?;
        Ok(legacy::Document::load(&bytes)?)
    }

    /// What the original's `loadFromString` makes of `json`, for comparison with it: nothing installs this.
    ///
    /// # Errors
    /// [`LoadError::Legacy`].
    pub fn legacy_from_string(&self, json: &str) -> Result<legacy::Document, LoadError> {
        Ok(legacy::Document::load(json.as_bytes())?)
    }
}

fn unreadable(path: &Path, source: io::Error) -> LoadError {
    LoadError::Read {
        path: path.to_owned(),
        source,
    }
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, LoadError> {
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(
            (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY)
                .bits()
                .cast_signed(),
        )
        .open(path)
        .map_err(|source| unreadable(path, source))?;
    read_open(&file, path, limit)
}

fn read_open(file: &File, path: &Path, limit: u64) -> Result<Vec<u8>, LoadError> {
    let failed = |source| unreadable(path, source);
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(failed(io::ErrorKind::InvalidInput.into()));
    }
    let mut bytes = Vec::new();
    let read = file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if read as u64 > limit {
        return Err(LoadError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(bytes)
}

/// The files of a manifest, each checked against what it says.
fn files(folder: &Path, manifest: &Manifest) -> Result<Files, LoadError> {
    if manifest.files().is_empty() {
        return Ok(Vec::new());
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = open(folder, flags, Mode::empty()).map_err(|errno| unreadable(folder, errno.into()))?;
    let mut total: u64 = 0;
    let mut files = Vec::new();
    for entry in manifest.files() {
        let path = folder.join(&entry.path);
        total = total.saturating_add(entry.size);
        if entry.size > MAX_FILE || total > MAX_FILES {
            let limit = if entry.size > MAX_FILE { MAX_FILE } else { MAX_FILES };
            return Err(LoadError::TooLarge { path, limit });
        }
        let fd = open_within(&root, Path::new(&entry.path)).map_err(|errno| unreadable(&path, errno.into()))?;
        let bytes = read_open(&File::from(fd), &path, entry.size)?;
        if bytes.len() as u64 != entry.size || digest::sha256(&bytes) != entry.sha256 {
            return Err(LoadError::File {
                path: entry.path.clone(),
            });
        }
        files.push((entry.clone(), bytes.into()));
    }
    Ok(files)
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
