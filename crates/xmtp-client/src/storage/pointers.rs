//! Welcomes that are pointers to what the node does not have yet. They wait beside the others, which go on.

use bytes::Bytes;
use chancery_store::rusqlite::{self, OptionalExtension as _};

use super::{StorageError, Tx};

/// A pointer that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingPointer {
    /// The id of the welcome.
    pub id: u64,
    /// When the node took it, nanoseconds since the Unix epoch.
    pub created_ns: u64,
    /// When we saw first that it leads to nothing, by our own clock.
    pub since_ns: u64,
    /// The wrapped pointer.
    pub data: Bytes,
    /// The key for which it was wrapped.
    pub hpke_public_key: Bytes,
}

impl Tx<'_> {
    /// Keeps a pointer that leads to nothing yet. Of all those that wait the newest `at_most` are kept.
    ///
    /// # Errors
    /// Those of every write.
    pub fn pointer_waits(&self, pointer: &WaitingPointer, at_most: u32) -> Result<(), StorageError> {
        self.with(|db| {
            db.prepare_cached(
                "INSERT INTO pointers (welcome_id, created_ns, since_ns, data, hpke_public_key) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((
                pointer.id,
                pointer.created_ns,
                pointer.since_ns,
                &*pointer.data,
                &*pointer.hpke_public_key,
            ))?;
            db.prepare_cached(
                "DELETE FROM pointers
                 WHERE welcome_id NOT IN (SELECT welcome_id FROM pointers ORDER BY welcome_id DESC LIMIT ?1)",
            )?
            .execute([at_most])?;
            Ok(())
        })
    }

    /// The pointers that wait, in the order of their ids.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn pointers(&self) -> Result<Vec<WaitingPointer>, StorageError> {
        self.with(|db| {
            let mut statement = db.prepare_cached(
                "SELECT welcome_id, created_ns, since_ns, data, hpke_public_key FROM pointers ORDER BY welcome_id",
            )?;
            let found = statement.query_map([], |row| {
                Ok(WaitingPointer {
                    id: row.get(0)?,
                    created_ns: row.get(1)?,
                    since_ns: row.get(2)?,
                    data: row.get::<_, Vec<u8>>(3)?.into(),
                    hpke_public_key: row.get::<_, Vec<u8>>(4)?.into(),
                })
            })?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Whether this pointer waits.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn has_pointer(&self, id: u64) -> Result<bool, StorageError> {
        self.with(|db| {
            let found = db
                .prepare_cached("SELECT 1 FROM pointers WHERE welcome_id = ?1")?
                .query_row([id], |_| Ok(()))
                .optional()?;
            Ok(found.is_some())
        })
    }

    /// Forgets a pointer: it was followed, or will never be.
    ///
    /// # Errors
    /// Those of every write.
    pub fn pointer_over(&self, id: u64) -> Result<(), StorageError> {
        self.with(|db| {
            db.prepare_cached("DELETE FROM pointers WHERE welcome_id = ?1")?
                .execute([id])?;
            Ok(())
        })
    }
}
