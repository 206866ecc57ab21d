//! The relay's state in one SQLite file.

mod agents;
mod cache;
mod claim;
#[cfg(test)]
mod earlier_files;
mod fresh_ids;
mod mailbox;
mod pairs;
mod receipts;
mod revoked;
mod rows;
mod schema;
mod sweep;

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use chancery_base::Ulid;
use chancery_identity::AgentDid;
use chancery_store::{
    Command, Database, Options, StoreError,
    rusqlite::{self, Connection, types::Type},
};

use tokio::runtime::Handle;

use super::{Known, Perform, Refusal, Step, Together};
use cache::{Cache, SharedCache};

/// The SQLite backend. Clones share it.
#[derive(Clone)]
pub struct SqliteStore {
    db: Database,
    cache: SharedCache,
    /// Where outcomes are told of what the writer did not even take: steps are handed in on its own thread, too.
    runtime: Arc<OnceLock<Handle>>,
}

/// The connection that a step works on, inside its savepoint, and the writer's counters. Readers have no counters: what
/// they see was written by a commit.
pub struct Tx<'a>(&'a Connection, Option<&'a mut Cache>);

/// A step on its way to the writer.
struct Work<S>(S, SharedCache);

impl<S: Known> Command for Work<S> {
    type Output = S::Output;
    type Error = Refusal;

    fn weight(&self) -> usize {
        self.0.weight()
    }

    fn needs_savepoint(&self) -> bool {
        self.0.needs_savepoint()
    }

    fn apply(self, tx: &Connection) -> Result<S::Output, Refusal> {
        let mut cache = self.1.lock();
        cache.step_began();
        let written = if self.0.on_message_path() {
            Ok(())
        } else {
            cache.write_rows(tx)
        };
        let outcome = written
            .map_err(Refusal::from)
            .and_then(|()| self.0.on_sqlite(&mut Tx(tx, Some(&mut cache))));
        cache.step_ended(&outcome);
        outcome
    }
}

impl Tx<'_> {
    /// Before rows that are counted in memory are changed by SQL.
    fn count_by_sql(&mut self) -> rusqlite::Result<()> {
        match &mut self.1 {
            Some(cache) => cache.hand_over(self.0),
            None => Ok(()),
        }
    }

    /// Before counters are looked at or changed in memory.
    fn counters(&mut self) -> Result<&mut Cache, Refusal> {
        // only the writer is handed steps that count
        self.1.as_deref_mut().ok_or(Refusal::Store(StoreError::Closed))
    }
}

impl<S: Known> Perform<Together<S>> for Tx<'_> {
    fn perform(&mut self, together: Together<S>) -> Result<<Together<S> as Step>::Output, Refusal> {
        let mut outcomes = Vec::with_capacity(together.0.len());
        for step in together.0 {
            let before = self.0.total_changes();
            let outcome = step.on_sqlite(self);
            match outcome {
                // nothing of a step that failed half way is kept, and it cannot be told from the others
                Err(Refusal::Store(error)) => return Err(Refusal::Store(error)),
                Err(_) if self.0.total_changes() != before => return Err(Refusal::Store(StoreError::BatchLost)),
                outcome => outcomes.push(outcome),
            }
        }
        Ok(outcomes)
    }
}

impl SqliteStore {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let cache = SharedCache::default();
        Ok(Self {
            db: Database::open_hooked(path, schema::MIGRATIONS, Options::default(), cache.clone())?,
            cache,
            runtime: Arc::default(),
        })
    }

    pub(super) fn submit<S: Known>(&self, step: S, done: impl FnOnce(Result<S::Output, Refusal>) + Send + 'static) {
        if self.runtime.get().is_none()
            && let Ok(runtime) = Handle::try_current()
        {
            // another thread may have been quicker, with the same runtime
            let _ = self.runtime.set(runtime);
        }
        // the outcome is told by the writer, never from within this call: callers hold locks that `done` takes
        if let Err((error, done)) = self.db.submit_then(Work(step, self.cache.clone()), done) {
            let fail = async move { done(Err(Refusal::Store(error))) };
            match self.runtime.get() {
                Some(runtime) => drop(runtime.spawn(fail)),
                // nobody who waits for an outcome was ever in a runtime
                None => drop(fail),
            }
        }
    }

    pub(super) async fn read<S: Known>(&self, step: S) -> Result<S::Output, Refusal> {
        self.db
            .read(move |connection| step.on_sqlite(&mut Tx(connection, None)))
            .await
    }

    pub(super) async fn close(&self) {
        self.db.close().await;
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Reads what another column type could not hold: a row that this code did not write.
fn corrupt(column: usize, kind: Type, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
}

fn did(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<AgentDid> {
    let text = row
        .get_ref(column)?
        .as_str()
        .map_err(|e| corrupt(column, Type::Text, e))?;
    text.parse().map_err(|e| corrupt(column, Type::Text, e))
}

fn optional_did(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Option<AgentDid>> {
    match row.get_ref(column)? {
        rusqlite::types::ValueRef::Null => Ok(None),
        _ => did(row, column).map(Some),
    }
}

fn ulid(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Ulid> {
    row.get::<_, [u8; 16]>(column).map(Ulid::from_bytes)
}
