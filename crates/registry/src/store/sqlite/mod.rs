//! One SQLite file. A step is one command of [`chancery_store`]: its own savepoint in a commit that is synced before the
//! step is answered.

mod agents;
#[cfg(test)]
mod dump;
mod people;
mod rows;
mod services;
mod sessions;

use std::{fmt, path::Path};

use chancery_store::{Command, Database, Migration, Options, StoreError, rusqlite::Connection};

use super::{Failure, commands::Step, queries::Query};

/// The schema, step by step.
const MIGRATIONS: &[Migration] = &[Migration {
    name: "registry-1",
    sql: include_str!("schema.sql"),
}];

/// A store in a SQLite file. Clones share it.
#[derive(Clone)]
pub struct SqliteStore {
    database: Database,
}

/// How a step is done here.
pub(crate) trait OnSqlite: Step {
    fn on_sqlite(self, tx: &Connection) -> Result<Self::Done, Failure<Self::Refusal>>;
}

/// How a query is answered here.
pub(crate) trait FindInSqlite: Query {
    fn find_in_sqlite(&self, connection: &Connection) -> Result<Self::Found, StoreError>;
}

/// A step as the database takes it.
struct Submitted<S>(S);

impl<S: OnSqlite> Command for Submitted<S> {
    type Output = S::Done;
    type Error = Failure<S::Refusal>;

    fn weight(&self) -> usize {
        // the variable part of every step is a few short texts
        size_of::<S>() + 512
    }

    fn apply(self, tx: &Connection) -> Result<S::Done, Failure<S::Refusal>> {
        self.0.on_sqlite(tx)
    }
}

impl SqliteStore {
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            database: Database::open(path, MIGRATIONS, Options::default())?,
        })
    }

    pub(crate) async fn run<S: OnSqlite>(&self, step: S) -> Result<S::Done, Failure<S::Refusal>> {
        self.database.submit(Submitted(step)).await
    }

    pub(crate) async fn find<Q: FindInSqlite>(&self, query: Q) -> Result<Q::Found, StoreError> {
        self.database
            .read(move |connection| query.find_in_sqlite(connection))
            .await
    }

    pub(crate) async fn close(&self) {
        self.database.close().await;
    }

    /// All tables, to be compared with those of the oracle.
    #[cfg(test)]
    pub(crate) async fn dump(&self) -> super::memory::State {
        self.database.read(dump::dump).await.unwrap()
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqliteStore(..)")
    }
}
