//! How a database behaves, with the reason of each limit.

use std::time::Duration;

/// Commands in one commit: some 20 ms of work, which the first of them waits for. The more there are, the more of them share
/// each page that is written.
pub(crate) const MAX_BATCH_COMMANDS: usize = 2048;
/// Weight of the commands in one commit, so that large ones do not make one commit slow.
pub(crate) const MAX_BATCH_BYTES: usize = 4 << 20;
/// Commands waiting for the writer: about two seconds of work; whoever comes later is told at once.
pub(crate) const MAX_QUEUED: usize = 65_536;
/// Weight of the commands waiting for the writer: what a burst may hold in memory.
pub(crate) const MAX_QUEUED_BYTES: usize = 256 << 20;
/// Connections that read at the same time.
pub(crate) const READERS: usize = 4;
/// Page cache of the writer: the upper levels of the indexes of a million rows stay in it.
pub(crate) const CACHE_KIB: i64 = 64 * 1024;
/// Prepared statements kept by a connection: more than any engine has.
pub(crate) const STATEMENT_CACHE: usize = 128;
/// How long a connection waits for a lock that another one holds. Only checkpoints and migrations ever hold one.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What an acknowledgement means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// The commit that holds the command was synced to the disk. There is nothing weaker.
    #[default]
    Fsync,
}

/// Who may have the database open at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Sharing {
    /// One process: whoever comes second is told who is first. What a command read in memory stays true.
    #[default]
    Exclusive,
    /// Several processes, each with its own writer: they take turns, one commit at a time, and a command must look at the
    /// tables rather than at its memory. A process that waits longer than five seconds is refused.
    Shared,
}

/// Limits and sizes of a [`Database`](crate::Database).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Most commands in one commit; at least one is always taken.
    pub max_batch_commands: usize,
    /// Most [weight](crate::Command::weight) in one commit, in bytes; one heavier command is committed alone.
    pub max_batch_bytes: usize,
    /// Most commands waiting for the writer; beyond it [`StoreError::Overloaded`](crate::StoreError::Overloaded).
    pub max_queued: usize,
    /// Most weight waiting for the writer, in bytes; beyond it
    /// [`StoreError::Overloaded`](crate::StoreError::Overloaded).
    pub max_queued_bytes: usize,
    /// Connections that read at the same time, at least one.
    pub readers: usize,
    /// Page cache of the writer in KiB; every reader has a quarter of it.
    pub cache_kib: i64,
    /// What an acknowledgement means.
    pub durability: Durability,
    /// Who may have the database open at the same time.
    pub sharing: Sharing,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_batch_commands: MAX_BATCH_COMMANDS,
            max_batch_bytes: MAX_BATCH_BYTES,
            max_queued: MAX_QUEUED,
            max_queued_bytes: MAX_QUEUED_BYTES,
            readers: READERS,
            cache_kib: CACHE_KIB,
            durability: Durability::Fsync,
            sharing: Sharing::Exclusive,
        }
    }
}
