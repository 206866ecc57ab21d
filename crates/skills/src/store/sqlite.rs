//! One SQLite file that several processes may share. A step is one command of [`chancery_store`].

mod rows;
mod steps;

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use chancery_audit::{AuditError, Chain, Record};
use chancery_base::Ulid;
use chancery_store::{
    Command, Database, Migration, Options, Reader, Sharing, StoreError,
    rusqlite::{self, Connection},
};

use super::{commands::Step, model::State};
use crate::fault::Faults;

/// The schema, step by step.
const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "skills-1",
        sql: include_str!("schema.sql"),
    },
    chancery_audit::MIGRATION,
];

/// A store in a SQLite file. Clones share it.
#[derive(Clone)]
pub(crate) struct SqliteStore {
    database: Database,
    reader: Arc<Mutex<Reader>>,
    chain: Chain,
    faults: Faults,
}

/// Why the store did not do a step.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A row does not read as one of ours.
    #[error("a row of {0} cannot be read")]
    Row(&'static str),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

/// How a step is done here: what it answers, and the record unless nothing was done.
pub(crate) trait OnSqlite: Step {
    fn on_sqlite(self, tx: &Writing<'_>) -> Result<(Self::Done, Option<Record>), Failure>;
}

/// The transaction of a step.
pub(crate) struct Writing<'a> {
    tx: &'a Connection,
    faults: &'a Faults,
}

impl Writing<'_> {
    /// Writes with one statement; how many rows.
    fn write(&self, sql: &str, values: impl rusqlite::Params) -> Result<usize, Failure> {
        self.faults
            .at("write row")
            .map_err(|error| StoreError::Sql(rusqlite::Error::ToSqlConversionFailure(Box::new(error))))?;
        Ok(self.tx.prepare_cached(sql)?.execute(values)?)
    }
}

/// A step as the database takes it.
struct Submitted<S> {
    step: S,
    chain: Chain,
    faults: Faults,
}

impl<S: OnSqlite> Command for Submitted<S> {
    type Output = S::Done;
    type Error = Failure;

    fn apply(self, tx: &Connection) -> Result<S::Done, Failure> {
        let writing = Writing {
            tx,
            faults: &self.faults,
        };
        let (done, record) = self.step.on_sqlite(&writing)?;
        if let Some(record) = record {
            self.faults
                .at("write record")
                .map_err(|error| StoreError::Sql(rusqlite::Error::ToSqlConversionFailure(Box::new(error))))?;
            self.chain.append(tx, record)?;
        }
        Ok(done)
    }
}

/// Gives the audit chain its id.
struct Begin(Chain, Ulid);

impl Command for Begin {
    type Output = ();
    type Error = Failure;

    fn apply(self, tx: &Connection) -> Result<(), Failure> {
        self.0.begin(tx, self.1)?;
        Ok(())
    }
}

impl SqliteStore {
    pub(crate) fn open(path: &Path, chain: Chain, chain_id: Ulid, faults: Faults) -> Result<Self, Failure> {
        let options = Options {
            sharing: Sharing::Shared,
            readers: 1,
            // a few thousand small rows
            cache_kib: 4096,
            ..Options::default()
        };
        let database = Database::open(path, MIGRATIONS, options)?;
        database.run(Begin(chain.clone(), chain_id))?;
        let reader = Arc::new(Mutex::new(database.reader()?));
        Ok(Self {
            database,
            reader,
            chain,
            faults,
        })
    }

    pub(crate) fn run<S: OnSqlite>(&self, step: S) -> Result<S::Done, Failure> {
        self.database.run(self.submitted(step))
    }

    /// Queues `step` without waiting for it; whether the queue took it.
    pub(crate) fn send<S: OnSqlite>(&self, step: S) -> bool {
        let sent = self.database.submit_then(self.submitted(step), |result| {
            if let Err(error) = result {
                tracing::error!(%error, "a decision was not recorded");
            }
        });
        sent.is_ok()
    }

    fn submitted<S>(&self, step: S) -> Submitted<S> {
        Submitted {
            step,
            chain: self.chain.clone(),
            faults: self.faults.clone(),
        }
    }

    pub(crate) fn read<T>(&self, f: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, Failure> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).read(f)
    }

    pub(crate) fn state(&self) -> Result<State, Failure> {
        self.read(rows::state)
    }

    /// Another number after another connection has committed.
    pub(crate) fn data_version(&self) -> Result<i64, StoreError> {
        self.reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .data_version()
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqliteStore(..)")
    }
}
