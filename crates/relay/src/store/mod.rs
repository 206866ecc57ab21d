//! Where the relay keeps what it must not lose.
//!
//! A store takes [`Step`]s: one domain command, one atomic change. Steps are carried out in the order in which they are
//! handed in. A step's `done` runs after its commit is durable, in commit order, before anything committed later is
//! reported: sessions rely on that to keep lanes in order.
//!
//! Backends are a closed enum. [`MemoryStore`] is the oracle of the conformance suite and the backend of the simulation.

mod memory;
mod sqlite;
mod step;

use std::path::Path;

use chancery_store::StoreError;

pub use memory::{MemoryStore, Row};
pub use sqlite::SqliteStore;
pub use step::*;

/// A store.
#[derive(Clone)]
#[non_exhaustive]
pub enum Store {
    /// In memory.
    Memory(MemoryStore),
    /// One SQLite file.
    Sqlite(SqliteStore),
}

/// A backend that can carry out the step `S`.
pub trait Perform<S: Step> {
    /// Carries it out. On an error nothing has changed.
    ///
    /// # Errors
    /// The step's own refusals, and the backend's failures.
    fn perform(&mut self, step: S) -> Result<S::Output, Refusal>;
}

/// Steps that every backend knows.
pub trait Known: Step + Sized {
    /// On the memory backend.
    ///
    /// # Errors
    /// As [`Perform::perform`].
    fn on_memory(self, state: &mut memory::State) -> Result<Self::Output, Refusal>;
    /// On the SQLite backend.
    ///
    /// # Errors
    /// As [`Perform::perform`].
    fn on_sqlite(self, tx: &mut sqlite::Tx<'_>) -> Result<Self::Output, Refusal>;
}

impl<S: Step> Known for S
where
    memory::State: Perform<S>,
    for<'a> sqlite::Tx<'a>: Perform<S>,
{
    fn on_memory(self, state: &mut memory::State) -> Result<S::Output, Refusal> {
        state.perform(self)
    }

    fn on_sqlite(self, tx: &mut sqlite::Tx<'_>) -> Result<S::Output, Refusal> {
        tx.perform(self)
    }
}

impl Store {
    /// An empty store in memory. It needs a running tokio runtime: a task carries out its steps.
    #[must_use]
    pub fn memory() -> Self {
        Self::Memory(MemoryStore::new())
    }

    /// The store in the SQLite file at `path`, which is created (0600) when it is not there.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be opened or another process has it.
    pub fn sqlite(path: &Path) -> Result<Self, StoreError> {
        Ok(Self::Sqlite(SqliteStore::open(path)?))
    }

    /// Hands in `step`; `done` is told the outcome once it is durable. `done` must be short and must not block.
    pub fn submit<S: Known>(&self, step: S, done: impl FnOnce(Result<S::Output, Refusal>) + Send + 'static) {
        match self {
            Self::Memory(store) => store.submit(step, done),
            Self::Sqlite(store) => store.submit(step, done),
        }
    }

    /// Hands in `step` and waits until it is durable. A caller that stops waiting does not undo it.
    ///
    /// # Errors
    /// The step's own refusals, and the backend's failures.
    pub async fn run<S: Known>(&self, step: S) -> Result<S::Output, Refusal> {
        let (tx, rx) = tokio::sync::oneshot::channel();
        self.submit(step, move |outcome| {
            // a caller that went away does not want to know
            let _ = tx.send(outcome);
        });
        rx.await.unwrap_or(Err(Refusal::Store(StoreError::Closed)))
    }

    /// Carries out a step that only reads, beside the writer.
    ///
    /// # Errors
    /// The backend's failures.
    pub async fn read<S: Known>(&self, step: S) -> Result<S::Output, Refusal> {
        match self {
            Self::Memory(_) => self.run(step).await,
            Self::Sqlite(store) => store.read(step).await,
        }
    }

    /// Lets everything handed in so far become durable, then closes the file.
    pub async fn close(&self) {
        match self {
            Self::Memory(_) => {}
            Self::Sqlite(store) => store.close().await,
        }
    }
}
