//! What an inbox must not lose, in one SQLite file that it has for itself.
//!
//! [`InboxDb::transaction`] is the only way to change anything: all that openmls keeps, how far the network's topics were
//! read, what was decrypted and what is still to be sent commit together or not at all (design decision 3). openmls deletes
//! a message's key when it opens the message, so a plaintext that would commit later than the key could be lost by a crash,
//! and one that commits earlier could be recorded twice.
//!
//! * A group that openmls loaded belongs to the transaction in which it was loaded. When that one is dropped, the group in
//!   memory has gone further than the one on the disk, and is of no use any more: load it again.
//! * A step of openmls that could not be written fails the whole transaction, also where nobody looked at its error.
//! * The file has mode 0600 and is locked for as long as it is open, against other processes and other handles of this one.
//! * What openmls deletes is overwritten (`secure_delete`). The log of SQLite keeps the former pages for a while:
//!   [`InboxDb::forget`] empties it, and so does every commit after which it is longer than a megabyte.
//! * The file and its log are encrypted by SQLCipher, page by page and authenticated, with the [`InboxKey`] that is handed
//!   in; the key itself is in none of them.
//! * openmls' feature `extensions-draft`, by which a storage keeps three things more, stays off: it serves groups that keep
//!   their settings in a dictionary (xmtp spec 3.9), which we say that we cannot do.

mod account;
pub(crate) mod codec;
mod connection;
mod conversations;
mod cursors;
mod error;
mod identity_logs;
mod intents;
mod key;
mod key_packages;
mod messages;
mod mls;
mod outbox;
mod pointers;
mod provider;
mod schema;
mod shared;
#[cfg(test)]
mod tests;
mod tx;
mod welcomes_due;

use std::{fmt, path::Path};

use chancery_store::rusqlite::Connection;

pub use account::Account;
pub use conversations::{ConversationRow, Keys, NewConversation};
pub use cursors::Topic;
pub use error::StorageError;
pub use intents::{Intent, IntentId, IntentState};
pub use key::{InboxKey, KeyFileError};
pub use key_packages::{NewestKeyPackage, Stage};
pub use messages::{NewMessage, Position, StoredMessage};
pub use outbox::{Made, OutboxMessage};
pub use pointers::WaitingPointer;
pub use provider::{MlsStorage, Provider};
pub use shared::SharedDb;
pub use tx::Tx;

use crate::crypto::Crypto;

/// Bytes of SQLite's log from which on a commit empties it. A commit of a large group takes some hundred kilobytes, and to
/// empty the log costs two syncs.
const LOG_BYTES: u64 = 1 << 20;

/// The file of one inbox.
pub struct InboxDb {
    connection: Connection,
    crypto: Crypto,
    /// Dropped after the connection.
    _lock: Option<connection::Lock>,
}

impl InboxDb {
    /// Opens the file at `path`, which `key` encrypts, creates it (mode 0600) when it is not there, and brings its tables up
    /// to date. Its folder must be there. Blocks on the disk, as everything here does.
    ///
    /// # Errors
    /// [`StorageError::Locked`] when it is open already, [`StorageError::Key`] when another key encrypts it,
    /// [`StorageError::ReadOnly`], [`StorageError::Newer`] when a later version wrote it, [`StorageError::Open`] or
    /// [`StorageError::File`] when it is no usable file.
    pub fn open(path: &Path, key: &InboxKey, crypto: Crypto) -> Result<Self, StorageError> {
        Self::open_with(path, Some(key), crypto)
    }

    fn open_with(path: &Path, key: Option<&InboxKey>, crypto: Crypto) -> Result<Self, StorageError> {
        let (connection, lock) = connection::open(path, key)?;
        schema::bring_up_to_date(&connection)?;
        Ok(Self {
            connection,
            crypto,
            _lock: Some(lock),
        })
    }

    /// An inbox that nothing remains of: for tests, and for keys that are thrown away.
    ///
    /// # Errors
    /// [`StorageError::Sql`] when there is no memory for it.
    pub fn in_memory(crypto: Crypto) -> Result<Self, StorageError> {
        let connection = connection::in_memory()?;
        schema::bring_up_to_date(&connection)?;
        Ok(Self {
            connection,
            crypto,
            _lock: None,
        })
    }

    /// Runs `step` in a transaction and commits, durably, when it answers `Ok`. When it answers `Err` or panics, or when a
    /// write in it failed, the file is as it was before.
    ///
    /// # Errors
    /// That of `step`; a [`StorageError`] when a write or the commit failed.
    pub fn transaction<T, E: From<StorageError>>(
        &mut self,
        step: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let tx = Tx::begin(&mut self.connection, &self.crypto)?;
        let value = step(&tx)?;
        tx.commit()?;
        // what was committed is committed: a log that could not be emptied is emptied another time
        let _ = connection::empty_log_beyond(&self.connection, LOG_BYTES);
        Ok(value)
    }

    /// Empties SQLite's log, so that what was deleted is in no file any more. Worth it whenever there is time.
    ///
    /// # Errors
    /// [`StorageError::Full`] or [`StorageError::Sql`]; then the log is as it was.
    pub fn forget(&mut self) -> Result<(), StorageError> {
        connection::empty_log_beyond(&self.connection, 0)
    }

    /// The cryptography of this inbox.
    #[must_use]
    pub fn crypto(&self) -> &Crypto {
        &self.crypto
    }
}

impl fmt::Debug for InboxDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboxDb")
            .field("path", &self.connection.path())
            .finish_non_exhaustive()
    }
}
