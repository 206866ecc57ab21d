//! Where the node keeps what it carries: one set of domain commands and queries, a closed choice of backends.
//!
//! `memory` is the oracle: the conformance suite runs every command on all backends and compares. `sqlite` answers a
//! command after the commit that holds it was synced.
//!
//! Ids are given out where commands are applied, one after the other, so their order is the order in which rows become
//! visible. What follows a commit ([`Store::run_then`]) happens in that order too, before the next commit is reported.

pub(crate) mod commands;
pub(crate) mod memory;
pub(crate) mod model;
pub(crate) mod queries;
pub(crate) mod sqlite;

#[cfg(test)]
mod conformance;

use std::path::Path;

use chancery_store::{StoreError, WriterStats};

use queries::Query;

pub use memory::MemoryStore;
pub use sqlite::SqliteStore;

/// The node's storage.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Store {
    /// Lives as long as the process: for tests, benches and simulations.
    Memory(MemoryStore),
    /// A SQLite file.
    Sqlite(SqliteStore),
}

/// Why a step was not done.
#[derive(Debug)]
pub(crate) enum Failure<R> {
    /// Its own reason.
    Refused(R),
    /// The store failed.
    Store(StoreError),
}

impl<R> From<StoreError> for Failure<R> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<R> From<chancery_store::rusqlite::Error> for Failure<R> {
    fn from(error: chancery_store::rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Failure<commands::Never> {
    /// The store's failure: there is no other.
    pub(crate) fn into_store(self) -> StoreError {
        match self {
            Self::Refused(never) => match never {},
            Self::Store(error) => error,
        }
    }
}

impl Store {
    /// An empty store in memory. Clones share it.
    #[must_use]
    pub fn memory() -> Self {
        Self::Memory(MemoryStore::default())
    }

    /// The SQLite database at `path`, created (mode 0600) when it is not there. Blocks on the disk.
    ///
    /// # Errors
    /// Those of [`chancery_store::Database::open`]; [`StoreError::Locked`] when another process has it.
    pub fn sqlite(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Ok(Self::Sqlite(SqliteStore::open(path.as_ref())?))
    }

    /// Writes what is queued and lets go of the file.
    pub async fn close(&self) {
        match self {
            Self::Memory(_) => {}
            Self::Sqlite(store) => store.close().await,
        }
    }

    /// What the writer has done; `None` for a store that has none.
    #[must_use]
    pub fn writer_stats(&self) -> Option<WriterStats> {
        match self {
            Self::Memory(_) => None,
            Self::Sqlite(store) => Some(store.stats()),
        }
    }

    pub(crate) async fn run<S>(&self, step: S) -> Result<S::Done, Failure<S::Refusal>>
    where
        S: memory::OnMemory + sqlite::OnSqlite,
    {
        self.run_then(step, |_| {}).await
    }

    /// Runs a step and, when it is done and durable, `then`: in the order of the commits, before anything that was
    /// committed later is reported, and also when the caller has gone meanwhile. `then` must be short and must not block.
    pub(crate) async fn run_then<S>(
        &self,
        step: S,
        then: impl FnOnce(&S::Done) + Send + 'static,
    ) -> Result<S::Done, Failure<S::Refusal>>
    where
        S: memory::OnMemory + sqlite::OnSqlite,
    {
        match self {
            Self::Memory(store) => store.run_then(step, then).map_err(Failure::Refused),
            Self::Sqlite(store) => store.run_then(step, then).await,
        }
    }

    pub(crate) async fn find<Q>(&self, query: Q) -> Result<Q::Found, StoreError>
    where
        Q: Query + memory::FindInMemory + sqlite::FindInSqlite,
    {
        match self {
            Self::Memory(store) => Ok(store.find(&query)),
            Self::Sqlite(store) => store.find(query).await,
        }
    }
}
