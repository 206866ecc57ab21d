//! One transaction.

use std::cell::Cell;

use chancery_store::rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{Provider, StorageError};
use crate::crypto::Crypto;

/// A transaction on an inbox's file. What is read through it is what it wrote itself or what was committed before.
pub struct Tx<'a> {
    inner: Transaction<'a>,
    crypto: &'a Crypto,
    broken: Cell<bool>,
}

impl<'a> Tx<'a> {
    pub(super) fn begin(connection: &'a mut Connection, crypto: &'a Crypto) -> Result<Self, StorageError> {
        Ok(Self {
            inner: connection.transaction_with_behavior(TransactionBehavior::Immediate)?,
            crypto,
            broken: Cell::new(false),
        })
    }

    /// openmls' storage in this transaction, with our cryptography.
    #[must_use]
    pub fn provider(&self) -> Provider<'_> {
        Provider::new(self, self.crypto)
    }

    /// Runs `step`, and remembers a failure. After one nothing runs any more: when the disk is full, SQLite has undone the
    /// transaction by itself, and every further statement would commit on its own.
    pub(super) fn with<T>(&self, step: impl FnOnce(&Connection) -> Result<T, StorageError>) -> Result<T, StorageError> {
        if self.broken.get() {
            return Err(StorageError::Broken);
        }
        self.noting(step(&self.inner))
    }

    /// Passes `result` on, and remembers a failure: openmls hides some.
    pub(super) fn noting<T>(&self, result: Result<T, StorageError>) -> Result<T, StorageError> {
        if result.is_err() {
            self.broken.set(true);
        }
        result
    }

    /// Marks this point, so that [`undo`](Self::undo) can go back to it. Each mark is undone or kept once.
    ///
    /// # Errors
    /// Those of every write.
    pub fn mark(&self) -> Result<(), StorageError> {
        self.with(|db| Ok(db.execute_batch("SAVEPOINT mark")?))
    }

    /// Undoes what was written since [`mark`](Self::mark). Groups that openmls loaded before have gone further than the file
    /// by then: load them again.
    ///
    /// # Errors
    /// Those of every write.
    pub fn undo(&self) -> Result<(), StorageError> {
        self.with(|db| Ok(db.execute_batch("ROLLBACK TO mark; RELEASE mark")?))
    }

    /// Keeps what was written since [`mark`](Self::mark).
    ///
    /// # Errors
    /// Those of every write.
    pub fn keep(&self) -> Result<(), StorageError> {
        self.with(|db| Ok(db.execute_batch("RELEASE mark")?))
    }

    pub(super) fn commit(self) -> Result<(), StorageError> {
        if self.broken.get() || self.inner.is_autocommit() {
            return Err(StorageError::Broken);
        }
        Ok(self.inner.commit()?)
    }
}

impl std::fmt::Debug for Tx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx")
            .field("broken", &self.broken.get())
            .finish_non_exhaustive()
    }
}
