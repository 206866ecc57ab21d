//! Welcomes whose commit has taken effect: until the network has them, those who joined know nothing of it.

use chancery_store::rusqlite;

use super::{StorageError, Tx};

impl Tx<'_> {
    /// Keeps a welcome, in the words of who queues it, until it is sent.
    ///
    /// # Errors
    /// Those of every write.
    pub fn welcome_due(&self, welcome: &[u8]) -> Result<(), StorageError> {
        self.with(|db| {
            db.prepare_cached("INSERT INTO welcomes_due (welcome) VALUES (?1)")?
                .execute([welcome])?;
            Ok(())
        })
    }

    /// Up to `limit` welcomes that are still to be sent, each with its number.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn welcomes_due(&self, limit: u32) -> Result<Vec<(i64, Vec<u8>)>, StorageError> {
        self.with(|db| {
            let mut statement =
                db.prepare_cached("SELECT number, welcome FROM welcomes_due ORDER BY number LIMIT ?1")?;
            let found = statement.query_map([limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Forgets the welcomes up to this number: the network has them.
    ///
    /// # Errors
    /// Those of every write.
    pub fn welcomes_sent(&self, up_to: i64) -> Result<(), StorageError> {
        self.with(|db| {
            db.prepare_cached("DELETE FROM welcomes_due WHERE number <= ?1")?
                .execute([up_to])?;
            Ok(())
        })
    }
}
