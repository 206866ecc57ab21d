//! Opening what was granted, and handing out the descriptor.
//!
//! A path is a name, and names change their meaning between a check and a use. So the check *is* the use: the file is
//! opened beneath the directory of the grant, by the kernel's own rules, and the caller gets the open file. Symbolic
//! links are followed as long as they stay beneath; absolute ones, magic ones, and `..` that leave are refused.
//!
//! The directory of a grant is recognised by device and inode: see [`RootRecord`] for what happens when it changed. A
//! directory that is open already stays the one that was granted, wherever it is moved. What a hard link inside the
//! directory leads to is inside.

mod beneath;
mod error;
mod examine;
mod root;
mod roots;
mod write;

use std::{
    ffi::OsString,
    fs::File,
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::ffi::{OsStrExt as _, OsStringExt as _},
    },
    path::Path,
    sync::Arc,
};

use chancery_base::Ulid;
use chancery_policy::{
    Capability, Constraints, DenialReason, Dimension, GrantPath, Permission, Request, Resource, ResourcePath,
};
use rustix::{
    fs::{Dir, FileType, Mode, OFlags},
    io::Errno,
};

use crate::{enforcer::Call, engine::Skills};
use beneath::Links;
use root::{Root, RootError};

pub(crate) use beneath::supported;
pub use error::BrokerError;
pub use root::{Directory, RootRecord};
pub(crate) use roots::Roots;
pub use write::{Write, Writing};

/// Entries of one directory that are listed: more are an error, not a partial list.
pub const MAX_ENTRIES: usize = 65_536;

/// Opens files for skills.
#[derive(Debug, Clone)]
pub struct FileBroker {
    skills: Skills,
}

/// A file that was opened for a skill.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub file: File,
    /// The grant that allowed it: when it is revoked, so is the descriptor.
    pub grant: Ulid,
}

/// A program that a skill may run.
#[derive(Debug)]
pub struct Program {
    /// The file, open for reading: to be executed by this descriptor (`execveat`), not by its name.
    pub file: File,
    /// Where it was found, for display and `argv[0]`.
    pub path: GrantPath,
    /// The grant that allowed it.
    pub grant: Ulid,
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// Its name.
    pub name: OsString,
    /// What it is.
    pub kind: EntryKind,
}

/// What an entry of a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryKind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// Something else, or unknown to the file system.
    Other,
}

/// A granted place, found.
struct Place<'r> {
    root: Arc<Root>,
    /// The path beneath it; empty for the directory itself.
    relative: &'r str,
    /// Whether the grant itself is for a file system of the kernel.
    special: bool,
    /// Whether the engine's own files lie below it, or around it.
    near_state: bool,
    grant: Ulid,
}

impl FileBroker {
    /// A broker of what is granted in `skills`.
    #[must_use]
    pub fn new(skills: &Skills) -> Self {
        Self { skills: skills.clone() }
    }

    /// Opens `path` for reading. Regular files only: a pipe, socket or device needs a grant of its own under `/dev`.
    ///
    /// # Errors
    /// [`BrokerError`].
    pub fn open_read(&self, skill_id: &str, session: Option<&str>, path: &str) -> Result<Opened, BrokerError> {
        let call = Call::new(skill_id, session);
        let request = self.skills.path_request(call, Capability::FsRead, path)?;
        let place = self.skills.place(call, &request, path)?;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let fd = self.skills.open_at(call, Capability::FsRead, path, &place, flags)?;
        Ok(Opened {
            file: File::from(fd),
            grant: place.grant,
        })
    }

    /// Opens `path` for writing, in one of the ways of [`Write`].
    ///
    /// # Errors
    /// [`BrokerError`]; with [`Write::Create`] also when there is something already.
    pub fn open_write(
        &self,
        skill_id: &str,
        session: Option<&str>,
        path: &str,
        how: Write,
    ) -> Result<Writing, BrokerError> {
        let call = Call::new(skill_id, session);
        let request = self.skills.path_request(call, Capability::FsWrite, path)?;
        let place = self.skills.place(call, &request, path)?;
        self.skills.write_at(call, path, &place, how)
    }

    /// The entries of the directory `path`, in no order, without `.` and `..`.
    ///
    /// # Errors
    /// [`BrokerError`]; also when there are more than [`MAX_ENTRIES`].
    pub fn list(&self, skill_id: &str, session: Option<&str>, path: &str) -> Result<Vec<DirectoryEntry>, BrokerError> {
        let call = Call::new(skill_id, session);
        let request = self.skills.path_request(call, Capability::FsRead, path)?;
        let place = self.skills.place(call, &request, path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let fd = self.skills.open_at(call, Capability::FsRead, path, &place, flags)?;
        let failed = |source| io_error("list", path, source);
        let mut entries = Vec::new();
        for entry in Dir::read_from(&fd).map_err(|errno| failed(errno.into()))? {
            let entry = entry.map_err(|errno| failed(errno.into()))?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            if entries.len() >= MAX_ENTRIES {
                return Err(failed(io::ErrorKind::QuotaExceeded.into()));
            }
            entries.push(DirectoryEntry {
                name: OsString::from_vec(name.to_vec()),
                kind: match entry.file_type() {
                    FileType::RegularFile => EntryKind::File,
                    FileType::Directory => EntryKind::Directory,
                    FileType::Symlink => EntryKind::Link,
                    _ => EntryKind::Other,
                },
            });
        }
        Ok(entries)
    }
}

impl Skills {
    /// The place that a grant gives for `request`, which is for `path`.
    fn place<'r>(&self, call: Call<'_>, request: &'r Request, path: &str) -> Result<Place<'r>, BrokerError> {
        self.find_place(call, request, path)?
            .ok_or_else(|| io_error("open", path, io::ErrorKind::NotFound.into()))
    }

    fn path_request(&self, call: Call<'_>, capability: Capability, path: &str) -> Result<Request, BrokerError> {
        let resource =
            Resource::parse(capability, path).map_err(|mismatch| self.deny(call, capability, mismatch.into(), path))?;
        Ok(Request::new(capability, resource))
    }

    /// The same; `None` where the granted directory is not there.
    fn find_place<'r>(
        &self,
        call: Call<'_>,
        request: &'r Request,
        path: &str,
    ) -> Result<Option<Place<'r>>, BrokerError> {
        let capability = request.capability();
        if !self.inner.beneath {
            self.deny(call, capability, DenialReason::Unverified, path);
            return Err(BrokerError::Unsupported);
        }
        let [Resource::Path(resource)] = request.resources() else {
            let reason = DenialReason::ContextMissing(Dimension::Path);
            return Err(self.deny(call, capability, reason, path).into());
        };
        let Ok(snapshot) = self.snapshot() else {
            return Err(self.deny(call, capability, DenialReason::Unverified, path).into());
        };
        let mut system = None;
        let found = self.find_with(&snapshot, call, request, |active, candidate| {
            let (relative, special) = below(&active.grant.permission, candidate.pattern, resource)?;
            let record = active.roots.get(candidate.pattern).ok_or(DenialReason::NoGrant)?;
            let standing = snapshot.skills.get(call.skill_id);
            if record.is_link() && standing.is_none_or(|standing| standing.may_have_linked(record)) {
                return Err(DenialReason::Changed(Dimension::Path));
            }
            let root = self
                .inner
                .roots
                .get(call.skill_id, active.grant.id, candidate.pattern, record);
            let near_state = self.near_state(record);
            match root {
                Ok(root) => Ok(Some((root, relative, special, near_state))),
                Err(RootError::Drifted) => Err(DenialReason::Changed(Dimension::Path)),
                Err(RootError::System(Errno::NOENT | Errno::NOTDIR)) => Ok(None),
                // a link where nothing was when it was granted
                Err(RootError::System(Errno::LOOP)) => Err(DenialReason::Changed(Dimension::Path)),
                Err(RootError::System(errno)) => {
                    system = Some(errno);
                    Err(DenialReason::Unverified)
                }
            }
        });
        match found {
            Ok((_, grant, place)) => Ok(place.map(|(root, relative, special, near_state)| Place {
                root,
                relative,
                special,
                near_state,
                grant,
            })),
            Err(reason) => {
                let denial = self.deny(call, capability, reason, path);
                Err(match system {
                    Some(errno) => io_error("open the granted directory of", path, errno.into()),
                    None => denial.into(),
                })
            }
        }
    }

    /// Opens the file at a place, whatever links there are beneath, and looks at what was opened.
    fn open_at(
        &self,
        call: Call<'_>,
        capability: Capability,
        path: &str,
        place: &Place<'_>,
        flags: OFlags,
    ) -> Result<OwnedFd, BrokerError> {
        let (relative, links) = match &place.root.file {
            None => (Path::new(place.relative), Links::Beneath),
            // the grant is for this one file: a link beside it leads to another
            Some(name) if place.relative.is_empty() => (Path::new(name), Links::Never),
            // below a file, or below what is not there, there is nothing
            Some(_) => return Err(io_error("open", path, io::ErrorKind::NotFound.into())),
        };
        let fd = beneath::open(&place.root.fd, relative, flags, Mode::empty(), links)
            .map_err(|errno| self.refused(call, capability, path, errno))?;
        if self.is_of_the_engine(&fd, place) {
            return Err(self.outside(call, capability, path));
        }
        match examine::examine(&fd, place.root.device, place.special, flags) {
            Ok(true) => Ok(fd),
            Ok(false) => Err(self.outside(call, capability, path)),
            Err(errno) => Err(io_error("look at", path, errno.into())),
        }
    }

    /// Whether the engine's directory lies below a granted place or around it, as far as can be told without looking.
    fn near_state(&self, granted: &RootRecord) -> bool {
        let Some(state) = &self.inner.state else { return false };
        let state = state.path.as_os_str().as_bytes();
        granted.directory.as_ref().is_none_or(|directory| {
            let granted = directory.real.as_os_str().as_bytes();
            state.starts_with(granted) || granted.starts_with(state)
        })
    }

    /// Whether an open file is one of the engine's own: grants, trust and vault are the owner's to change, also where the
    /// folder around them is granted. What cannot be told is one.
    fn is_of_the_engine(&self, fd: &impl AsRawFd, place: &Place<'_>) -> bool {
        let Some(state) = self.inner.state.as_ref().filter(|_| place.near_state) else {
            return false;
        };
        let real = std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()));
        real.map_or(true, |real| real.starts_with(&state.path))
    }

    /// Whether the file at `path` is what a grant covers, without opening it for anything. A file that is not there is
    /// judged by its name.
    pub(crate) fn probe(&self, call: Call<'_>, request: &Request) -> Result<(), BrokerError> {
        let path = crate::enforcer::text_of(request);
        let capability = request.capability();
        let Some(place) = self.find_place(call, request, &path)? else {
            return Ok(());
        };
        match self.open_at(call, capability, &path, &place, OFlags::PATH) {
            Ok(_) => Ok(()),
            Err(BrokerError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(BrokerError::Io { .. }) => Err(self.outside(call, capability, &path)),
            Err(error) => Err(error),
        }
    }

    /// What the kernel's refusal means.
    fn refused(&self, call: Call<'_>, capability: Capability, path: &str, errno: Errno) -> BrokerError {
        match errno {
            // left the directory, a link too many or a magic one, or a tree that did not hold still
            Errno::XDEV | Errno::LOOP | Errno::AGAIN => self.outside(call, capability, path),
            errno if beneath::is_missing(errno) => {
                self.deny(call, capability, DenialReason::Unverified, path);
                BrokerError::Unsupported
            }
            errno => io_error("open", path, errno.into()),
        }
    }

    fn outside(&self, call: Call<'_>, capability: Capability, path: &str) -> BrokerError {
        let reason = DenialReason::Outside(Dimension::Path, path.to_owned());
        self.deny(call, capability, reason, path).into()
    }
}

/// `path` as seen from the pattern that covers it, and whether that is for a file system of the kernel.
fn below<'r>(permission: &Permission, pattern: usize, path: &'r ResourcePath) -> Result<(&'r str, bool), DenialReason> {
    match permission.constraints() {
        Constraints::Paths(set) => {
            let granted = set.as_slice().get(pattern).ok_or(DenialReason::NoGrant)?;
            let relative = granted.relative(path).ok_or(DenialReason::NoGrant)?;
            Ok((relative, examine::is_special(granted.as_str())))
        }
        // everything that is ordinary, below /
        _ => Ok((path.as_str().trim_start_matches('/'), false)),
    }
}

fn io_error(action: &'static str, path: &str, source: io::Error) -> BrokerError {
    BrokerError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

/// Opens the regular file `relative` below the folder of a skill, in which no name may be a symbolic link.
pub(crate) fn open_within(folder: &OwnedFd, relative: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    beneath::open(folder, relative, flags, Mode::empty(), Links::Never)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chancery_base::{Clock, Rng, ed25519::SecretKey};
    use chancery_policy::Context;

    use super::*;
    use crate::{
        enforcer::CapabilityEnforcer,
        engine::Settings,
        system::{OsRng, SystemClock},
    };

    #[test]
    fn without_openat2_nothing_is_opened_and_no_path_allowed() {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let rng: Arc<dyn Rng> = Arc::new(OsRng);
        let owner = SecretKey::generate(&rng);
        let mut skills = Skills::memory(Settings::new(clock, rng, owner.public()));
        assert!(skills.inner.beneath, "this kernel has it");
        Arc::get_mut(&mut skills.inner).unwrap().beneath = false;
        let broker = FileBroker::new(&skills);
        let opened = broker.open_read("s", None, "/etc/hostname");
        assert!(matches!(opened, Err(BrokerError::Unsupported)));
        let written = broker.open_write("s", None, "/tmp/x", Write::Create);
        assert!(matches!(written, Err(BrokerError::Unsupported)));
        assert!(matches!(broker.list("s", None, "/etc"), Err(BrokerError::Unsupported)));
        let context = Context {
            path: Some("/etc/hostname"),
            ..Context::default()
        };
        let denial = CapabilityEnforcer::of(&skills)
            .check("s", Capability::FsRead, &context)
            .unwrap_err();
        assert_eq!(denial.reason, DenialReason::Unverified);
    }

    #[test]
    fn a_kernel_or_filter_that_hides_openat2_is_told_from_a_file_that_is_not_there() {
        assert!(beneath::is_missing(Errno::NOSYS) && beneath::is_missing(Errno::PERM));
        assert!(!beneath::is_missing(Errno::NOENT) && !beneath::is_missing(Errno::ACCESS));
    }
}
