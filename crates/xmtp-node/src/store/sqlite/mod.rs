//! One SQLite file. A step is one command of [`chancery_store`]: it is answered after the commit that holds it was
//! synced, and steps that arrive together share a commit.

mod queries;
mod recent;
mod steps;

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chancery_store::{BatchHook, Command, Database, Migration, Options, StoreError, WriterStats, rusqlite::Connection};
use tokio::sync::oneshot;

use super::{Failure, commands::Step, queries::Query};
use recent::Recent;

/// The schema, step by step.
const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "xmtp-node-1",
        sql: include_str!("schema.sql"),
    },
    Migration {
        name: "xmtp-node-2",
        sql: include_str!("schema_2.sql"),
    },
    Migration {
        name: "xmtp-node-3",
        sql: include_str!("schema_3.sql"),
    },
];

/// A store in a SQLite file. Clones share it.
#[derive(Clone)]
pub struct SqliteStore {
    database: Database,
    recent: Recent,
    answers: Answers,
}

/// Answers that go out when their whole batch is done, so that callers who share a connection are answered together. Clones
/// share them.
#[derive(Clone, Default)]
struct Answers(Arc<Mutex<Vec<Answer>>>);

type Answer = Box<dyn FnOnce() + Send>;

impl Answers {
    fn lock(&self) -> MutexGuard<'_, Vec<Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, answer: impl FnOnce() + Send + 'static) {
        self.lock().push(Box::new(answer));
    }
}

/// What happens around the commits.
struct Batches {
    recent: Recent,
    answers: Answers,
}

impl BatchHook for Batches {
    fn before_commit(&mut self, tx: &Connection) -> Result<(), StoreError> {
        self.recent.before_commit(tx)
    }

    fn rolled_back(&mut self) {
        self.recent.rolled_back();
    }

    fn answered(&mut self) {
        for answer in self.answers.lock().drain(..) {
            answer();
        }
    }
}

/// How a step is done here. It must look before it writes: it has no savepoint of its own.
pub(crate) trait OnSqlite: Step {
    fn on_sqlite(self, tx: &Connection, recent: &Recent) -> Result<Self::Done, Failure<Self::Refusal>>;
}

/// How a query is answered here.
pub(crate) trait FindInSqlite: Query {
    /// Of what only memory knows, what the query needs ([`Recent::of`]). Asked before the state is chosen that is read.
    fn recent(&self, _: &Recent) -> Vec<Vec<u64>> {
        Vec::new()
    }

    fn find_in_sqlite(&self, connection: &Connection, recent: &[Vec<u64>]) -> Result<Self::Found, StoreError>;
}

/// A step as the database takes it.
struct Submitted<S> {
    step: S,
    recent: Recent,
}

impl<S: OnSqlite> Command for Submitted<S> {
    type Output = S::Done;
    type Error = Failure<S::Refusal>;

    fn weight(&self) -> usize {
        self.step.weight()
    }

    fn needs_savepoint(&self) -> bool {
        false
    }

    fn apply(self, tx: &Connection) -> Result<S::Done, Failure<S::Refusal>> {
        self.step.on_sqlite(tx, &self.recent)
    }
}

impl SqliteStore {
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let recent = Recent::default();
        let answers = Answers::default();
        let batches = Batches {
            recent: recent.clone(),
            answers: answers.clone(),
        };
        let database = Database::open_hooked(path, MIGRATIONS, Options::default(), batches)?;
        database
            .reader()?
            .read(|connection| recent.load(connection).map_err(StoreError::from))?;
        Ok(Self {
            database,
            recent,
            answers,
        })
    }

    pub(crate) async fn run_then<S: OnSqlite>(
        &self,
        step: S,
        then: impl FnOnce(&S::Done) + Send + 'static,
    ) -> Result<S::Done, Failure<S::Refusal>> {
        let (answer, answered) = oneshot::channel();
        let answers = self.answers.clone();
        let done = move |result: Result<S::Done, Failure<S::Refusal>>| {
            if let Ok(done) = &result {
                then(done);
                // the caller may have gone; the step is done all the same
                answers.add(move || drop(answer.send(result)));
            } else {
                let _ = answer.send(result);
            }
        };
        let recent = self.recent.clone();
        if let Err((error, _)) = self.database.submit_then(Submitted { step, recent }, done) {
            return Err(error.into());
        }
        answered.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    pub(crate) async fn find<Q: FindInSqlite>(&self, query: Q) -> Result<Q::Found, StoreError> {
        let recent = query.recent(&self.recent);
        self.database
            .read(move |connection| query.find_in_sqlite(connection, &recent))
            .await
    }

    pub(crate) fn stats(&self) -> WriterStats {
        self.database.stats()
    }

    pub(crate) async fn close(&self) {
        self.database.close().await;
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqliteStore(..)")
    }
}
