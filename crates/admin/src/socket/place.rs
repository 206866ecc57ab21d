//! The socket's file: taken from nobody who is alive, and given back.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::fd::OwnedFd,
    os::unix::{
        fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{FlockOperation, Mode},
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType},
};

use super::error::SocketError;

/// Connections that the kernel keeps until we accept them.
const BACKLOG: i32 = 128;
/// How long another start may take to see whether anybody answers.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked whether it is done.
const TICK: Duration = Duration::from_millis(10);

/// A socket's file that is ours. Dropping it takes the file away, if it is still ours.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    folder: PathBuf,
    /// Device and number of the file.
    file: (u64, u64),
}

impl Place {
    /// Listens at `path`: in a folder that is ours alone, mode 0600, in the place of a socket on which nobody answers.
    pub(super) fn take(path: &Path) -> Result<(Self, UnixListener), SocketError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        make_folder(folder)?;
        // of several that start at once, one looks at a time
        let _alone = alone(folder)?;
        clear(path)?;
        let listener = listen(path)?;
        let meta = path.symlink_metadata().map_err(failed("look at", path))?;
        let place = Self {
            path: path.to_owned(),
            folder: folder.to_owned(),
            file: (meta.dev(), meta.ino()),
        };
        Ok((place, listener))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn is_ours(&self) -> bool {
        let meta = self.path.symlink_metadata();
        meta.is_ok_and(|meta| (meta.dev(), meta.ino()) == self.file)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // whoever comes next has looked by now, or waits until it is gone
        let alone = alone(&self.folder);
        if alone.is_ok()
            && self.is_ours()
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the admin socket stays behind");
        }
    }
}

fn failed<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> SocketError + 'a {
    move |source| SocketError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

/// Makes the folder, 0700, if there is none; in one that there is, nobody else may make or take away files.
fn make_folder(folder: &Path) -> Result<(), SocketError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(failed("make", folder))?;
    let meta = folder.metadata().map_err(failed("look at", folder))?;
    let unfit = |why| {
        Err(SocketError::Folder {
            path: folder.to_owned(),
            why,
        })
    };
    let link = folder.symlink_metadata().map_err(failed("look at", folder))?;
    let us = rustix::process::geteuid().as_raw();
    // who has the link decides where it leads
    if [&meta, &link].iter().any(|meta| meta.uid() != us && meta.uid() != 0) {
        return unfit("it is another user's");
    }
    if meta.mode() & 0o022 != 0 {
        return unfit("others may write to it");
    }
    Ok(())
}

/// Waits until no other start is at work in `folder`, and keeps the next one waiting for as long as it is held.
fn alone(folder: &Path) -> Result<File, SocketError> {
    let file = File::open(folder).map_err(failed("open", folder))?;
    let began = Instant::now();
    loop {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(error) if error == Errno::WOULDBLOCK && began.elapsed() < PATIENCE => thread::sleep(TICK),
            Err(error) => return Err(failed("lock", folder)(error.into())),
        }
    }
}

/// Takes away a socket of ours on which nobody answers; anything else stays.
fn clear(path: &Path) -> Result<(), SocketError> {
    let meta = match path.symlink_metadata() {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at", path)(error)),
    };
    if !meta.file_type().is_socket() || meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(SocketError::Occupied(path.to_owned()));
    }
    match connect(path) {
        Err(Errno::CONNREFUSED) => fs::remove_file(path).map_err(failed("replace", path)),
        // whoever is too busy to answer is alive, too
        Ok(()) | Err(Errno::AGAIN) => Err(SocketError::Taken(path.to_owned())),
        Err(error) => Err(failed("try", path)(error.into())),
    }
}

/// Tries whether anybody answers, without waiting for somebody who is busy.
fn connect(path: &Path) -> Result<(), Errno> {
    rustix::net::connect(&socket()?, &SocketAddrUnix::new(path)?)
}

fn socket() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
}

/// Nobody can connect before the mode is right: the socket listens last.
fn listen(path: &Path) -> Result<UnixListener, SocketError> {
    let bound = || {
        let socket = socket()?;
        rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
        rustix::fs::chmod(path, Mode::RUSR | Mode::WUSR)?;
        rustix::net::listen(&socket, BACKLOG)?;
        Ok::<_, io::Error>(UnixListener::from(socket))
    };
    bound().map_err(failed("listen on", path))
}
