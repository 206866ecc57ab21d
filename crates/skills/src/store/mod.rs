//! Where the engine keeps what it knows: one set of domain commands, a closed choice of backends.
//!
//! `memory` is the oracle: the conformance suite runs every command on both and compares. `sqlite` answers a command
//! after the commit that holds it was synced.

pub(crate) mod commands;
mod memory;
pub(crate) mod model;
mod sqlite;

#[cfg(test)]
mod conformance;

use std::path::Path;

use chancery_audit::{Chain, Record};
use chancery_base::Ulid;
use chancery_store::rusqlite::Connection;

use crate::fault::Faults;
use commands::Note;
use memory::{MemoryStore, OnMemory};
use model::State;
use sqlite::{OnSqlite, SqliteStore};

pub(crate) use sqlite::Failure;

/// The engine's storage.
#[derive(Debug, Clone)]
pub(crate) enum Store {
    /// Lives as long as the process.
    Memory(MemoryStore),
    /// A SQLite file.
    Sqlite(SqliteStore),
}

impl Store {
    /// An empty store in memory. Clones share it.
    pub(crate) fn memory() -> Self {
        Self::Memory(MemoryStore::default())
    }

    /// The SQLite database at `path`, created when it is not there. Blocks on the disk.
    pub(crate) fn sqlite(path: &Path, chain: Chain, chain_id: Ulid, faults: Faults) -> Result<Self, Failure> {
        Ok(Self::Sqlite(SqliteStore::open(path, chain, chain_id, faults)?))
    }

    pub(crate) fn run<S: OnMemory + OnSqlite>(&self, step: S) -> Result<S::Done, Failure> {
        match self {
            Self::Memory(store) => Ok(store.run(step)),
            Self::Sqlite(store) => store.run(step),
        }
    }

    /// Records something without waiting for the disk; whether it was taken.
    pub(crate) fn note(&self, record: Record) -> bool {
        match self {
            Self::Memory(store) => {
                store.run(Note { record });
                true
            }
            Self::Sqlite(store) => store.send(Note { record }),
        }
    }

    pub(crate) fn state(&self) -> Result<State, Failure> {
        match self {
            Self::Memory(store) => Ok(store.state()),
            Self::Sqlite(store) => store.state(),
        }
    }

    /// Another number after another process has committed.
    pub(crate) fn data_version(&self) -> Result<i64, Failure> {
        match self {
            Self::Memory(_) => Ok(0),
            Self::Sqlite(store) => Ok(store.data_version()?),
        }
    }

    /// The database, to be read from; `None` in memory.
    pub(crate) fn read<T>(&self, f: impl FnOnce(&Connection) -> Result<T, Failure>) -> Option<Result<T, Failure>> {
        match self {
            Self::Memory(_) => None,
            Self::Sqlite(store) => Some(store.read(f)),
        }
    }

    /// What was recorded, in memory only.
    pub(crate) fn records(&self) -> Vec<Record> {
        match self {
            Self::Memory(store) => store.records(),
            Self::Sqlite(_) => Vec::new(),
        }
    }
}
