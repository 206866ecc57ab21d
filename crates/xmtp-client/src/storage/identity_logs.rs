//! The identity logs that were read: what is here was verified once, and a node that tells it otherwise later is found out.

use chancery_store::rusqlite;
use chancery_xmtp_wire::identity::InboxId;

use super::{StorageError, Tx};

impl Tx<'_> {
    /// The entries of an inbox's log that are kept, in order: sequence ids and updates in protobuf.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn identity_log(&self, inbox: InboxId) -> Result<Vec<(u64, Vec<u8>)>, StorageError> {
        self.with(|db| {
            let mut statement = db
                .prepare_cached("SELECT sequence_id, entry FROM identity_logs WHERE inbox = ?1 ORDER BY sequence_id")?;
            let found = statement.query_map([inbox.to_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Keeps an entry of an inbox's log. One that is kept already stays as it is.
    ///
    /// # Errors
    /// Those of every write.
    pub fn keep_identity_entry(&self, inbox: InboxId, sequence_id: u64, entry: &[u8]) -> Result<(), StorageError> {
        self.with(|db| {
            db.prepare_cached(
                "INSERT INTO identity_logs (inbox, sequence_id, entry) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            )?
            .execute((inbox.to_bytes(), sequence_id, entry))?;
            Ok(())
        })
    }
}
