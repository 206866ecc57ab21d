//! A file that several tasks use.

use std::sync::{Arc, Mutex, PoisonError};

use super::{InboxDb, StorageError, Tx};

/// An inbox's file, handed around. Transactions wait for each other, and none is held while anything else is awaited.
#[derive(Debug, Clone)]
pub struct SharedDb(Arc<Mutex<InboxDb>>);

impl SharedDb {
    /// Shares `db`.
    #[must_use]
    pub fn new(db: InboxDb) -> Self {
        Self(Arc::new(Mutex::new(db)))
    }

    /// [`InboxDb::transaction`].
    ///
    /// # Errors
    /// Those of that.
    pub fn transaction<T, E: From<StorageError>>(&self, step: impl FnOnce(&Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        // a step that panicked was undone: what is in the file is whole
        self.0.lock().unwrap_or_else(PoisonError::into_inner).transaction(step)
    }
}
