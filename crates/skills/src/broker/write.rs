//! Writing what was granted.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::Path,
};

use chancery_base::{Rng as _, Ulid, b64};
use chancery_policy::{Capability, DenialReason, Dimension};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fchmod, openat, renameat, statat, unlinkat};

use super::{BrokerError, Place, beneath, beneath::Links, io_error};
use crate::{enforcer::Call, engine::Skills};

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// It must not exist.
    Create,
    /// All of it is new: readers see the old bytes or, after [`Writing::finish`], the new ones. A symbolic link in its
    /// place is replaced, not followed. The mode of a file that was there is kept.
    Replace,
}

/// A file being written.
#[derive(Debug)]
#[must_use = "a replacement takes its place only when it is finished"]
pub struct Writing {
    file: File,
    pending: Option<Pending>,
    /// The grant that allowed it: when it is revoked, so is the descriptor.
    pub grant: Ulid,
}

/// A replacement beside what it is to replace.
#[derive(Debug)]
struct Pending {
    parent: OwnedFd,
    temporary: OsString,
    name: OsString,
}

impl Writing {
    /// The file, open for writing.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Syncs what was written and, for a replacement, puts it into its place in one step.
    ///
    /// # Errors
    /// What the system says; a replacement is then as if it had never begun.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        if let Some(pending) = &self.pending {
            renameat(&pending.parent, &pending.temporary, &pending.parent, &pending.name)?;
            rustix::fs::fsync(&rustix::fs::openat(
                &pending.parent,
                ".",
                OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
                Mode::empty(),
            )?)?;
            self.pending = None;
        }
        Ok(())
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(pending) = self.pending.take()
            && let Err(error) = unlinkat(&pending.parent, &pending.temporary, AtFlags::empty())
        {
            tracing::warn!(%error, "a replacement that was not finished stays behind");
        }
    }
}

impl Skills {
    pub(super) fn write_at(
        &self,
        call: Call<'_>,
        path: &str,
        place: &Place<'_>,
        how: Write,
    ) -> Result<Writing, BrokerError> {
        let (above, name): (&Path, &OsStr) = match &place.root.file {
            Some(name) if place.relative.is_empty() => (Path::new(""), name),
            Some(_) => return Err(io_error("write", path, io::ErrorKind::NotFound.into())),
            None => {
                let relative = Path::new(place.relative);
                match (relative.parent(), relative.file_name()) {
                    (Some(above), Some(name)) => (above, name),
                    // the granted directory itself
                    _ => return Err(io_error("write", path, io::ErrorKind::IsADirectory.into())),
                }
            }
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let parent = beneath::open(&place.root.fd, above, flags, Mode::empty(), Links::Beneath)
            .map_err(|errno| self.refused(call, Capability::FsWrite, path, errno))?;
        if !super::examine::examine(&parent, place.root.device, place.special, flags)
            .map_err(|errno| io_error("look at", path, errno.into()))?
        {
            let reason = DenialReason::Outside(Dimension::Path, path.to_owned());
            return Err(self.deny(call, Capability::FsWrite, reason, path).into());
        }
        if self.is_of_the_engine(&parent, place) {
            let reason = DenialReason::Outside(Dimension::Path, path.to_owned());
            return Err(self.deny(call, Capability::FsWrite, reason, path).into());
        }
        let create = |name: &OsStr, mode: Mode| {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            openat(&parent, name, flags, mode)
                .map(File::from)
                .map_err(|errno| io_error("create", path, errno.into()))
        };
        let usual = Mode::from_raw_mode(0o644);
        match how {
            Write::Create => Ok(Writing {
                file: create(name, usual)?,
                pending: None,
                grant: place.grant,
            }),
            Write::Replace => {
                let mode = match statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(found) if FileType::from_raw_mode(found.st_mode) == FileType::RegularFile => {
                        // never more than permissions: no set-id bit for bytes of a skill
                        Some(Mode::from_raw_mode(found.st_mode & 0o777))
                    }
                    Ok(found) if FileType::from_raw_mode(found.st_mode) == FileType::Symlink => None,
                    Ok(_) => return Err(io_error("replace", path, io::ErrorKind::InvalidInput.into())),
                    Err(rustix::io::Errno::NOENT) => None,
                    Err(errno) => return Err(io_error("look at", path, errno.into())),
                };
                let mut temporary = OsString::from(".");
                temporary.push(OsStr::from_bytes(
                    name.as_bytes().get(..name.len().min(128)).unwrap_or_default(),
                ));
                temporary.push(format!(".{}", b64::encode(self.inner.settings.rng.bytes::<12>())));
                let file = create(&temporary, Mode::from_raw_mode(0o600))?;
                let writing = Writing {
                    file,
                    pending: Some(Pending {
                        parent,
                        temporary,
                        name: name.to_owned(),
                    }),
                    grant: place.grant,
                };
                fchmod(&writing.file, mode.unwrap_or(usual)).map_err(|errno| io_error("create", path, errno.into()))?;
                Ok(writing)
            }
        }
    }
}
