//! Noticing what other processes decided.
//!
//! A check looks at no table. It compares the length of one small file, to which every process appends a byte after it
//! has committed a change; a change of the owner by another process so acts on the next check. A process that died
//! between its commit and that byte is noticed within [`LATEST`], by SQLite's own counter.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use rustix::fs::SeekFrom;

/// The longest that a commit of another process stays unnoticed. Revocation promises one second.
pub(crate) const LATEST: Duration = Duration::from_millis(500);

/// How many changes there were, as far as can be told without a table.
#[derive(Debug)]
pub(crate) enum Watch {
    /// In memory nobody else changes anything.
    Own(AtomicU64),
    /// A file whose length counts.
    File(File),
}

impl Watch {
    pub(crate) fn own() -> Self {
        Self::Own(AtomicU64::new(0))
    }

    pub(crate) fn file(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        Ok(Self::File(file))
    }

    /// Tells everybody that something was committed.
    pub(crate) fn announce(&self) {
        match self {
            Self::Own(count) => {
                count.fetch_add(1, Relaxed);
            }
            Self::File(file) => {
                let mut file = file;
                if let Err(error) = file.write_all(b".") {
                    // the others still notice, later
                    tracing::warn!(%error, "a change could not be announced to other processes");
                }
            }
        }
    }

    /// Changes so far; `None` when that cannot be told.
    pub(crate) fn count(&self) -> Option<u64> {
        match self {
            Self::Own(count) => Some(count.load(Relaxed)),
            // a third of what fstat costs, and asked at every check; appending does not look at the position
            Self::File(file) => rustix::fs::seek(file, SeekFrom::End(0)).ok(),
        }
    }
}

/// When the database itself was last asked. This is the machine's time, not the world's: it bounds how old memory may be.
#[derive(Debug)]
pub(crate) struct LastAsked(Mutex<Instant>);

impl LastAsked {
    pub(crate) fn now() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    /// Whether it is time again; if so, it counts as asked now.
    pub(crate) fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.elapsed() >= LATEST;
        if due {
            *last = Instant::now();
        }
        due
    }
}
