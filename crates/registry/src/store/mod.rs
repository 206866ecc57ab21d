//! Where the registry keeps what it knows: one set of domain commands and queries, a closed choice of backends.
//!
//! `memory` is the oracle: the conformance suite runs every command on all backends and compares. `sqlite` answers a
//! command after the commit that holds it was synced.

pub(crate) mod commands;
pub(crate) mod memory;
pub(crate) mod model;
pub(crate) mod queries;
pub(crate) mod rules;
pub(crate) mod sqlite;

#[cfg(test)]
mod conformance;

use std::path::Path;

use chancery_store::StoreError;

use commands::Step;
use queries::Query;

pub use memory::MemoryStore;
pub use sqlite::SqliteStore;

/// The registry's storage.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Store {
    /// Lives as long as the process: for tests and simulations.
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

    /// The SQLite database at `path`, created when it is not there. Blocks on the disk.
    ///
    /// # Errors
    /// Those of [`chancery_store::Database::open`].
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

    pub(crate) async fn run<S>(&self, step: S) -> Result<S::Done, Failure<S::Refusal>>
    where
        S: memory::OnMemory + sqlite::OnSqlite,
    {
        match self {
            Self::Memory(store) => store.run(step).map_err(Failure::Refused),
            Self::Sqlite(store) => store.run(step).await,
        }
    }

    /// Runs a step that refuses nothing.
    pub(crate) async fn apply<S>(&self, step: S) -> Result<S::Done, StoreError>
    where
        S: memory::OnMemory + sqlite::OnSqlite + Step<Refusal = commands::Never>,
    {
        self.run(step).await.map_err(Failure::into_store)
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
