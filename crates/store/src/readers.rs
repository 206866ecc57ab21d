//! The pool of connections that only read.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::command::panic_text;
use crate::error::StoreError;

/// Read-only connections, as many as may work at the same time.
pub(crate) struct Readers {
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
    count: u32,
}

impl Readers {
    pub(crate) fn new(connections: Vec<Connection>) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(connections.len())),
            count: u32::try_from(connections.len()).unwrap_or(u32::MAX),
            idle: Mutex::new(connections),
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `f` on a free connection, on a thread that may block, inside one read transaction.
    pub(crate) async fn read<T, E>(
        self: &Arc<Self>,
        f: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let permits = Arc::clone(&self.permits);
        let permit = permits.acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let readers = Arc::clone(self);
        let work = move || {
            // dropped after the lease, so that whoever gets it next finds a connection
            let _permit = permit;
            let lease = Lease::new(readers).ok_or(StoreError::Closed)?;
            let connection = lease.connection.as_ref().ok_or(StoreError::Closed)?;
            connection
                .prepare_cached("BEGIN")
                .and_then(|mut begin| begin.execute([]))
                .map_err(StoreError::from)?;
            // a panic leaves nothing but statements and the read transaction, and the lease ends both
            catch_unwind(AssertUnwindSafe(|| f(connection))).unwrap_or_else(|panic| {
                tracing::error!(panic = panic_text(&*panic), "a database reader panicked");
                Err(StoreError::Panicked.into())
            })
        };
        // the task ends early only when the runtime shuts down
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// Lets running reads end, refuses new ones, and closes the connections.
    pub(crate) async fn close(&self) {
        if let Ok(all) = self.permits.acquire_many(self.count).await {
            self.permits.close();
            drop(all);
        }
        self.idle().clear();
    }
}

/// A connection on loan.
struct Lease {
    connection: Option<Connection>,
    readers: Arc<Readers>,
}

impl Lease {
    fn new(readers: Arc<Readers>) -> Option<Self> {
        let connection = Some(readers.idle().pop()?);
        Some(Self { connection, readers })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if !connection.is_autocommit()
            && let Err(error) = connection
                .prepare_cached("COMMIT")
                .and_then(|mut commit| commit.execute([]))
        {
            tracing::warn!(%error, "a read transaction did not end");
        }
        self.readers.idle().push(connection);
    }
}
