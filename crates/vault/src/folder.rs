//! The folder of a vault, and every file operation in it.
//!
//! All of them go through one descriptor of the folder, whose owner and mode were checked on that descriptor, and never
//! follow a link in the place of a file. What is judged is what is used.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat};
use zeroize::Zeroizing;

use crate::error::VaultError;
use crate::limits::MAX_FILE_BYTES;

/// Mode of the folder.
const FOLDER_MODE: u32 = 0o700;
/// Mode of every file in it that is ours.
const FILE_MODE: u32 = 0o600;
/// Bytes of a key file or credential that are read: a key has 44.
const MAX_KEY_BYTES: u64 = 4096;

/// The steps of a write, in the order in which they must happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Make the temporary file.
    MakeTemporary,
    /// Write its first half.
    WriteFirstHalf,
    /// Write its second half.
    WriteSecondHalf,
    /// Sync it.
    SyncTemporary,
    /// Give it its name.
    Place,
    /// Take the temporary name away.
    RemoveTemporary,
    /// Sync the folder.
    SyncFolder,
}

/// Called before each step; an error takes the place of the step.
#[cfg(test)]
pub(crate) type Hook = std::sync::Arc<dyn Fn(Step, &str) -> io::Result<()> + Send + Sync>;

/// A private folder.
pub(crate) struct Folder {
    fd: OwnedFd,
    path: PathBuf,
    #[cfg(test)]
    pub(crate) hook: Option<Hook>,
}

/// Held while a file is read together with its counter, or written. The kernel lets go of it when the process dies.
pub(crate) struct Lock(#[expect(dead_code, reason = "dropping it unlocks")] File);

/// Whose a key file may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owners {
    /// Ours, mode 0600.
    Us,
    /// Ours or root's, as the service manager leaves it: others read nothing, the group writes nothing.
    UsOrRoot,
}

impl Folder {
    /// The folder that holds `path`, and the name in it. The folder must be ours, mode 0700.
    pub(crate) fn of(path: &Path) -> Result<(Self, String), VaultError> {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| VaultError::NotAFile(path.to_owned()))?.to_owned();
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        Ok((Self::open(folder)?, name))
    }

    fn open(path: &Path) -> Result<Self, VaultError> {
        let failed = |error: rustix::io::Errno| VaultError::io("open the folder", path, error);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(failed)?;
        let found = fstat(&fd).map_err(failed)?;
        check_owner(path, found.st_uid)?;
        check_mode(path, found.st_mode, FOLDER_MODE)?;
        Ok(Self {
            fd,
            path: path.to_owned(),
            #[cfg(test)]
            hook: None,
        })
    }

    /// The path of a file in it, for messages.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn step(&self, step: Step, name: &str) -> Result<(), VaultError> {
        #[cfg(test)]
        if let Some(hook) = &self.hook {
            hook(step, name).map_err(|error| VaultError::io("write", &self.path_of(name), error))?;
        }
        #[cfg(feature = "faults")]
        crate::faults::step().map_err(|error| VaultError::io("write", &self.path_of(name), error))?;
        let _ = (step, name);
        Ok(())
    }

    /// Waits until nobody else holds the lock of the file `name`. It is held while a file is written, never while anybody
    /// is asked for anything.
    pub(crate) fn lock(&self, name: &str) -> Result<Lock, VaultError> {
        let name = format!("{name}.lock");
        let path = self.path_of(&name);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let fd = rustix::fs::openat(&self.fd, name.as_str(), flags, Mode::from_raw_mode(FILE_MODE))
            .map_err(|error| not_a_file(error, "lock", &path))?;
        let found = fstat(&fd).map_err(|error| VaultError::io("lock", &path, error))?;
        check_kind(&path, found.st_mode)?;
        check_owner(&path, found.st_uid)?;
        let file = File::from(fd);
        file.lock().map_err(|error| VaultError::io("lock", &path, error))?;
        Ok(Lock(file))
    }

    /// The content of the file `name`, which must be ours, mode 0600 and no link; `None` when it is not there.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        let path = self.path_of(name);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let fd = match rustix::fs::openat(&self.fd, name, flags, Mode::empty()) {
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            other => other.map_err(|error| not_a_file(error, "read", &path))?,
        };
        let found = fstat(&fd).map_err(|error| VaultError::io("read", &path, error))?;
        check_kind(&path, found.st_mode)?;
        check_owner(&path, found.st_uid)?;
        check_mode(&path, found.st_mode, FILE_MODE)?;
        read_all(File::from(fd), &path, MAX_FILE_BYTES as u64).map(Some)
    }

    /// Whether there is something of this name, even a broken link.
    pub(crate) fn has(&self, name: &str) -> Result<bool, VaultError> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(rustix::io::Errno::NOENT) => Ok(false),
            Err(error) => Err(VaultError::io("look for", &self.path_of(name), error)),
        }
    }

    /// Writes a new file `name`, never over one that is there. Under its lock.
    pub(crate) fn create(&self, name: &str, bytes: &[u8]) -> Result<(), VaultError> {
        let temporary = temporary(name);
        self.write_temporary(name, &temporary, bytes)?;
        let placed = self.link(&temporary, name);
        self.remove_temporary(name, &temporary);
        placed?;
        self.sync(name)
    }

    /// Gives the file `name` new content as one step: readers see the old or the new. Under its lock. The folder is
    /// [synced](Self::sync) by the caller, because from here on the new content is in force.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), VaultError> {
        let temporary = temporary(name);
        self.write_temporary(name, &temporary, bytes)?;
        let placed = self.step(Step::Place, name).and_then(|()| {
            rustix::fs::renameat(&self.fd, temporary.as_str(), &self.fd, name)
                .map_err(|error| VaultError::io("write", &self.path_of(name), error))
        });
        if placed.is_err() {
            self.remove_temporary(name, &temporary);
        }
        placed
    }

    /// Gives the file `from` the further name `to`, which must be free.
    pub(crate) fn link(&self, from: &str, to: &str) -> Result<(), VaultError> {
        self.step(Step::Place, to)?;
        rustix::fs::linkat(&self.fd, from, &self.fd, to, AtFlags::empty()).map_err(|error| match error {
            rustix::io::Errno::EXIST => VaultError::Exists(self.path_of(to)),
            error => VaultError::io("write", &self.path_of(to), error),
        })
    }

    /// Makes the names in the folder durable.
    pub(crate) fn sync(&self, name: &str) -> Result<(), VaultError> {
        self.step(Step::SyncFolder, name)?;
        rustix::fs::fsync(&self.fd).map_err(|error| VaultError::io("sync", &self.path, error))
    }

    /// The temporary file has one name, so that a crash leaves at most one behind and the next write takes it away.
    fn write_temporary(&self, name: &str, temporary: &str, bytes: &[u8]) -> Result<(), VaultError> {
        let path = self.path_of(name);
        let failed = |error: rustix::io::Errno| VaultError::io("write", &path, error);
        self.step(Step::MakeTemporary, name)?;
        match rustix::fs::unlinkat(&self.fd, temporary, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(failed(error)),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, temporary, flags, Mode::from_raw_mode(FILE_MODE)).map_err(failed)?;
        let written = rustix::fs::fchmod(&fd, Mode::from_raw_mode(FILE_MODE))
            .map_err(failed)
            .and_then(|()| self.fill(name, File::from(fd), bytes));
        if written.is_err() {
            self.remove_temporary(name, temporary);
        }
        written
    }

    fn fill(&self, name: &str, mut file: File, bytes: &[u8]) -> Result<(), VaultError> {
        let failed = |error: io::Error| VaultError::io("write", &self.path_of(name), error);
        let (first, second) = bytes.split_at(bytes.len() / 2);
        self.step(Step::WriteFirstHalf, name)?;
        file.write_all(first).map_err(failed)?;
        self.step(Step::WriteSecondHalf, name)?;
        file.write_all(second).map_err(failed)?;
        self.step(Step::SyncTemporary, name)?;
        file.sync_all().map_err(failed)
    }

    /// As far as it goes: what stays is taken away by the next write.
    fn remove_temporary(&self, name: &str, temporary: &str) {
        if self.step(Step::RemoveTemporary, name).is_ok() {
            let _ = rustix::fs::unlinkat(&self.fd, temporary, AtFlags::empty());
        }
    }
}

fn temporary(name: &str) -> String {
    format!("{name}.new")
}

/// The content of a key file or credential; `None` when it is not there.
pub(crate) fn read_key_material(path: &Path, owners: Owners) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let fd = match rustix::fs::open(path, flags, Mode::empty()) {
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        other => other.map_err(|error| not_a_file(error, "read", path))?,
    };
    let found = fstat(&fd).map_err(|error| VaultError::io("read", path, error))?;
    check_kind(path, found.st_mode)?;
    match owners {
        Owners::Us => {
            check_owner(path, found.st_uid)?;
            check_mode(path, found.st_mode, FILE_MODE)?;
        }
        Owners::UsOrRoot => {
            if found.st_uid != 0 {
                check_owner(path, found.st_uid)?;
            }
            // the manager may give a service's user an access list, which shows as bits of the group
            if found.st_mode & 0o027 != 0 {
                check_mode(path, found.st_mode, 0o400)?;
            }
        }
    }
    read_all(File::from(fd), path, MAX_KEY_BYTES).map(Some)
}

fn read_all(file: File, path: &Path, most: u64) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let failed = |error| VaultError::io("read", path, error);
    let size = file.metadata().map_err(failed)?.len();
    if size > most {
        return Err(VaultError::TooLarge("the file"));
    }
    // one allocation: growing would leave copies behind
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or(0).saturating_add(1)));
    let read = file
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if read as u64 > most {
        return Err(VaultError::TooLarge("the file"));
    }
    Ok(bytes)
}

fn not_a_file(error: rustix::io::Errno, action: &'static str, path: &Path) -> VaultError {
    match error {
        // what opening a link without following it says; a socket has no reader
        rustix::io::Errno::LOOP | rustix::io::Errno::MLINK | rustix::io::Errno::NXIO | rustix::io::Errno::ISDIR => {
            VaultError::NotAFile(path.to_owned())
        }
        error => VaultError::io(action, path, error),
    }
}

fn check_kind(path: &Path, mode: u32) -> Result<(), VaultError> {
    if FileType::from_raw_mode(mode) == FileType::RegularFile {
        Ok(())
    } else {
        Err(VaultError::NotAFile(path.to_owned()))
    }
}

fn check_owner(path: &Path, owner: u32) -> Result<(), VaultError> {
    if owner == rustix::process::geteuid().as_raw() {
        Ok(())
    } else {
        Err(VaultError::Owner {
            path: path.to_owned(),
            owner,
        })
    }
}

/// Whether `mode` is exactly `expected`: a mode that nobody set by hand is a sign that something else went on.
fn check_mode(path: &Path, mode: u32, expected: u32) -> Result<(), VaultError> {
    let mode = mode & 0o7777;
    if mode == expected {
        Ok(())
    } else {
        Err(VaultError::Permissions {
            path: path.to_owned(),
            mode,
            expected,
        })
    }
}
