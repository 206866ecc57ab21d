//! Programs by the file that runs.
//!
//! A grant for a bare name is resolved once, when it is made, over a fixed search path: whoever controls `PATH` later
//! decides nothing. What is kept is the path and the SHA-256 of the file behind it, and a check opens that file and compares.
//! The caller gets the open file, to be executed by descriptor.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use chancery_policy::{ExecutablePattern, GrantPath};
use rustix::fs::{Mode, OFlags};
use sha2::{Digest as _, Sha256};

/// Where a bare name is looked for, in this order, whatever `PATH` says.
pub const SEARCH_PATH: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// A file that changed more lately than this is hashed each time: two changes within one tick of the file system's clock
/// look alike. The coarsest clock of those in use has ticks of two seconds.
const SETTLED: Duration = Duration::from_secs(3);
/// Identities of checked files that are remembered, so that a large program is not hashed at every check.
const REMEMBERED: usize = 1024;

/// The file that `asked` means now: its path, links and all, and the SHA-256 of what runs. `None` when there is none.
///
/// # Errors
/// When a file is there that cannot be read.
pub(crate) fn resolve(asked: &ExecutablePattern) -> io::Result<Option<(GrantPath, [u8; 32])>> {
    let asked = asked.asked();
    let found = if asked.starts_with('/') {
        Some(PathBuf::from(asked)).filter(|path| is_program(path))
    } else {
        SEARCH_PATH
            .iter()
            .map(|folder| Path::new(folder).join(asked))
            .find(|path| is_program(path))
    };
    let Some(found) = found else { return Ok(None) };
    let sha256 = hash(&mut open(&found)?)?;
    let path = found.to_str().and_then(|path| path.parse().ok());
    Ok(path.map(|path| (path, sha256)))
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Opens the file at `path`, through links: what counts is what is in the file.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::ErrorKind::InvalidInput.into())
    }
}

fn hash(file: &mut File) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hasher.update(buffer.get(..read).unwrap_or_default()),
        }
    }
    Ok(hasher.finalize().into())
}

/// What tells one state of a file from another: nobody but the system sets the last of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Identity {
    fn of(file: &File) -> io::Result<Self> {
        let found = file.metadata()?;
        Ok(Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }

    /// Whether the file was left alone long enough for the next change to show. A time in the future tells nothing.
    fn is_settled(&self) -> bool {
        let Ok(changed) = u64::try_from(self.changed.0) else {
            return false;
        };
        SystemTime::now()
            .duration_since(UNIX_EPOCH + Duration::from_secs(changed))
            .is_ok_and(|age| age > SETTLED)
    }
}

/// Checks programs, and remembers which files it has hashed.
#[derive(Debug, Default)]
pub(crate) struct Programs {
    hashed: Mutex<HashMap<Identity, [u8; 32]>>,
}

impl Programs {
    /// Opens the file at `path` when its bytes are those that were granted.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when they are others, and what the system says.
    pub(crate) fn open(&self, path: &GrantPath, granted: &[u8; 32]) -> io::Result<File> {
        let mut file = open(Path::new(path.as_str()))?;
        let identity = Identity::of(&file)?;
        let known = self.lock().get(&identity).copied();
        let sha256 = match known {
            Some(sha256) => sha256,
            None => {
                let sha256 = hash(&mut file)?;
                if Identity::of(&file)? != identity {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                if identity.is_settled() {
                    let mut hashed = self.lock();
                    if hashed.len() >= REMEMBERED {
                        hashed.clear();
                    }
                    hashed.insert(identity, sha256);
                }
                sha256
            }
        };
        if sha256 == *granted {
            Ok(file)
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Identity, [u8; 32]>> {
        self.hashed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_has_just_changed_is_not_known_by_its_times() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("program");
        let granted: GrantPath = path.to_str().unwrap().parse().unwrap();
        let programs = Programs::default();
        fs::write(&path, "one").unwrap();
        let sha256 = hash(&mut open(&path).unwrap()).unwrap();
        programs.open(&granted, &sha256).unwrap();
        assert!(programs.lock().is_empty());
        // as long as it may have the same times and size
        fs::write(&path, "two").unwrap();
        programs.open(&granted, &sha256).unwrap_err();
    }

    #[test]
    fn a_file_that_was_left_alone_is_hashed_once() {
        let settled = |changed| {
            let identity = Identity {
                device: 1,
                inode: 1,
                size: 1,
                modified: (0, 0),
                changed: (changed, 0),
            };
            identity.is_settled()
        };
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs()
            .cast_signed();
        assert!(settled(now - 10));
        for lately in [now, now - 1, now + 10, -1] {
            assert!(!settled(lately), "{lately}");
        }
    }
}
