//! Counters of the writer.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What the writer has done since the database was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriterStats {
    /// Transactions committed.
    pub commits: u64,
    /// Commands answered after such a commit, refused ones included.
    pub commands: u64,
    /// Commands in the last commit.
    pub last_batch: u64,
    /// Commands in the largest commit.
    pub largest_batch: u64,
    /// Commands waiting now.
    pub queued: u64,
    /// Pages in the write-ahead log after the last commit.
    pub wal_pages: u64,
    /// Checkpoints that moved pages from the log into the file.
    pub checkpoints: u64,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) commands: AtomicU64,
    pub(crate) last_batch: AtomicU64,
    pub(crate) largest_batch: AtomicU64,
    pub(crate) wal_pages: AtomicU64,
    pub(crate) checkpoints: AtomicU64,
}

impl Counters {
    pub(crate) fn committed(&self, commands: usize) {
        let commands = commands as u64;
        self.commits.fetch_add(1, Relaxed);
        self.commands.fetch_add(commands, Relaxed);
        self.last_batch.store(commands, Relaxed);
        self.largest_batch.fetch_max(commands, Relaxed);
    }

    pub(crate) fn snapshot(&self, queued: usize) -> WriterStats {
        WriterStats {
            commits: self.commits.load(Relaxed),
            commands: self.commands.load(Relaxed),
            last_batch: self.last_batch.load(Relaxed),
            largest_batch: self.largest_batch.load(Relaxed),
            queued: queued as u64,
            wal_pages: self.wal_pages.load(Relaxed),
            checkpoints: self.checkpoints.load(Relaxed),
        }
    }
}
