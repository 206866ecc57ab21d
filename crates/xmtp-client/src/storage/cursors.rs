//! How far the network's topics were read.

use chancery_store::rusqlite::OptionalExtension as _;
use chancery_xmtp_wire::identity::InboxId;
use openmls::group::GroupId;

use super::{StorageError, Tx};

/// Something of which the network keeps an ordered log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic<'a> {
    /// The welcomes for our installation.
    Welcomes,
    /// The messages of a group.
    Group(&'a GroupId),
    /// The identity log of an inbox.
    Identity(InboxId),
}

impl Topic<'_> {
    /// The numbers are in files: a released one never changes.
    fn row(&self) -> (u8, Vec<u8>) {
        match self {
            Self::Welcomes => (1, Vec::new()),
            Self::Group(id) => (2, id.as_slice().to_vec()),
            Self::Identity(inbox) => (3, inbox.to_bytes().to_vec()),
        }
    }
}

impl Tx<'_> {
    /// The id of the last entry of `topic` that has taken effect; 0 if there is none yet.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn cursor(&self, topic: Topic<'_>) -> Result<u64, StorageError> {
        self.with(|db| {
            let found = db
                .prepare_cached("SELECT cursor FROM cursors WHERE kind = ?1 AND topic = ?2")?
                .query_row(topic.row(), |row| row.get(0))
                .optional()?;
            Ok(found.unwrap_or(0))
        })
    }

    /// Records that the entry `to` of `topic`, and all before it, have taken effect. The same once more changes nothing.
    ///
    /// # Errors
    /// [`StorageError::Backwards`], and those of every write.
    pub fn advance(&self, topic: Topic<'_>, to: u64) -> Result<(), StorageError> {
        let from = self.cursor(topic)?;
        self.with(|db| {
            if to < from {
                return Err(StorageError::Backwards { from, to });
            }
            let (kind, topic) = topic.row();
            db.prepare_cached(
                "INSERT INTO cursors (kind, topic, cursor) VALUES (?1, ?2, ?3)
                     ON CONFLICT (kind, topic) DO UPDATE SET cursor = excluded.cursor",
            )?
            .execute((kind, topic, to))?;
            Ok(())
        })
    }

    /// Records that only `to` and what comes before it of `topic` count as having taken effect, where more did.
    ///
    /// # Errors
    /// Those of every write.
    pub fn rewind(&self, topic: Topic<'_>, to: u64) -> Result<(), StorageError> {
        self.with(|db| {
            let (kind, topic) = topic.row();
            db.prepare_cached("UPDATE cursors SET cursor = min(cursor, ?3) WHERE kind = ?1 AND topic = ?2")?
                .execute((kind, topic, to))?;
            Ok(())
        })
    }
}
