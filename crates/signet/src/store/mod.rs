//! Where the signet keeps what it knows: one database, and steps that are whole or not at all.
//!
//! A [`Step`] runs inside the writer's transaction and answers after the commit that holds it was synced. What it records
//! commits with what it does.

pub(crate) mod column;
mod step;

use std::{path::Path, sync::Arc};

use chancery_audit::{AuditError, Chain};
use chancery_base::{Clock, Millis, Rng, Ulid};
use chancery_signet_wire::{Class, Failure};
use chancery_store::{Database, Migration, Options, StoreError, rusqlite};

use tokio::sync::{Notify, oneshot};

use step::{Begin, Run};
pub(crate) use step::{Step, Tx};

const MIGRATIONS: &[Migration] = &[
    chancery_audit::MIGRATION,
    Migration {
        name: "signet-records-1",
        sql: include_str!("schema.sql"),
    },
    Migration {
        name: "signet-stream-1",
        sql: crate::stream::SCHEMA,
    },
    Migration {
        name: "signet-outbound-1",
        sql: crate::outbound::SCHEMA,
    },
    Migration {
        name: "signet-invites-1",
        sql: crate::invites::SCHEMA,
    },
];

/// Why a step was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// A rule was against it.
    #[error(transparent)]
    Refused(Failure),
    /// What is stored does not read as what was written.
    #[error("the database holds {0}")]
    Corrupt(&'static str),
    /// Something has no form in which it could be stored.
    #[error("cannot be stored: {0}")]
    Unwritable(String),
    /// The database failed.
    #[error(transparent)]
    Store(StoreError),
    /// It could not be recorded, so it was not done.
    #[error(transparent)]
    Audit(AuditError),
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Refused(failure)
    }
}

/// What whoever asked is told: of a defect only that there is one. The log has the rest.
impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Refused(failure) => failure,
            Problem::Store(StoreError::Closed) => Self::new(Class::Cancelled, "the signet is ending"),
            problem => {
                tracing::error!(error = %problem, "the database failed");
                Self::new(Class::Internal, "the database failed")
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Self {
        Self::Audit(error)
    }
}

/// The signet's database.
#[derive(Clone)]
pub(crate) struct Store {
    database: Database,
    shared: Arc<Shared>,
}

/// What steps need besides the transaction.
pub(crate) struct Shared {
    chain: Chain,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    news: Notify,
    /// So many steps are done yet; then the database is as if the process had died.
    #[cfg(test)]
    steps_left: std::sync::atomic::AtomicI64,
}

impl Store {
    /// Opens the database at `path`, made when it is not there. Blocks on the disk.
    pub(crate) fn open(path: &Path, chain: Chain, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Result<Self, Problem> {
        let database = Database::open(path, MIGRATIONS, Options::default())?;
        let id = Ulid::generate(clock.now(), &rng);
        database.run(Begin(chain.clone(), id))?;
        Ok(Self {
            database,
            shared: Arc::new(Shared {
                chain,
                clock,
                rng,
                news: Notify::new(),
                #[cfg(test)]
                steps_left: std::sync::atomic::AtomicI64::new(i64::MAX),
            }),
        })
    }

    /// The time, by the signet's clock.
    pub(crate) fn now(&self) -> Millis {
        self.shared.clock.now()
    }

    /// Runs `step`; returns after its commit was synced.
    pub(crate) async fn run<S: Step>(&self, step: S) -> Result<S::Done, Problem> {
        let (tell, told) = oneshot::channel();
        // the caller may have gone
        self.submit(step, move |outcome| drop(tell.send(outcome)));
        told.await.unwrap_or(Err(StoreError::Closed.into()))
    }

    /// Runs `step` and hands its outcome to `done`, on the writer's thread, after its commit was synced and in the order of
    /// the commits. `done` must be short and must not block.
    pub(crate) fn submit<S: Step>(&self, step: S, done: impl FnOnce(Result<S::Done, Problem>) + Send + 'static) {
        #[cfg(test)]
        if self.shared.steps_left.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) <= 0 {
            return done(Err(StoreError::Closed.into()));
        }
        let shared = Arc::clone(&self.shared);
        let told = move |outcome: Result<(S::Done, bool), Problem>| {
            if matches!(outcome, Ok((_, true))) {
                shared.news.notify_one();
            }
            done(outcome.map(|(done, _)| done));
        };
        if let Err((error, told)) = self.database.submit_then(Run::new(step, &self.shared), told) {
            told(Err(error.into()));
        }
    }

    /// Returns when a step has left something that harnesses are to be told of their credentials.
    pub(crate) async fn news(&self) {
        self.shared.news.notified().await;
    }

    /// Reads from one state of the database, which holds at least every commit answered before.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        f: impl FnOnce(&rusqlite::Connection) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.database.read(f).await
    }

    /// Has every step fail from the one after the next `steps` on.
    #[cfg(test)]
    pub(crate) fn die_after(&self, steps: i64) {
        self.shared.steps_left.store(steps, std::sync::atomic::Ordering::SeqCst);
    }

    /// Writes what is queued and lets go of the file.
    pub(crate) async fn close(&self) {
        self.database.close().await;
    }
}

#[cfg(test)]
mod tests;
