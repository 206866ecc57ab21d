//! Opening below a directory and nowhere else.
//!
//! `openat2(2)` with `RESOLVE_BENEATH` lets the kernel resolve name by name and refuse the moment a `..`, an absolute
//! link or a mount trick would leave the directory, whoever changes the tree meanwhile. There is no other way here: on a
//! kernel without it every open is refused.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{Mode, OFlags, ResolveFlags, openat2},
    io::Errno,
};

/// Tries while somebody moves directories about: the kernel answers `EAGAIN` when it cannot tell whether a `..` stayed
/// below. Each try is a few microseconds; one that loses this often is being played with.
const TRIES: usize = 128;

/// How symbolic links below the directory are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// Followed as long as they stay below.
    Beneath,
    /// Refused.
    Never,
}

/// Opens `relative` below `root`. An empty `relative` is the directory itself.
pub(crate) fn open(
    root: impl AsFd,
    relative: &Path,
    flags: OFlags,
    mode: Mode,
    links: Links,
) -> Result<OwnedFd, Errno> {
    let relative = if relative.as_os_str().is_empty() {
        Path::new(".")
    } else {
        relative
    };
    let resolve = ResolveFlags::BENEATH
        | ResolveFlags::NO_MAGICLINKS
        | match links {
            Links::Beneath => ResolveFlags::empty(),
            Links::Never => ResolveFlags::NO_SYMLINKS,
        };
    for _ in 0..TRIES {
        match openat2(root.as_fd(), relative, flags | OFlags::CLOEXEC, mode, resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            opened => return opened,
        }
    }
    Err(Errno::AGAIN)
}

/// Whether the kernel lets this process use `openat2`.
pub(crate) fn supported() -> bool {
    open(
        rustix::fs::CWD,
        Path::new(""),
        OFlags::PATH,
        Mode::empty(),
        Links::Beneath,
    )
    .err()
    .is_none_or(|error| !is_missing(error))
}

/// Whether `error` says that there is no `openat2`: an old kernel, or a filter that hides it.
pub(crate) fn is_missing(error: Errno) -> bool {
    matches!(error, Errno::NOSYS | Errno::PERM)
}
