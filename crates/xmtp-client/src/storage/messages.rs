//! What was said, in the order in which this inbox learned of it.

use std::ops::RangeInclusive;

use chancery_store::rusqlite::{self, OptionalExtension as _, Row};
use chancery_xmtp_wire::{
    content::MessageId,
    identity::{InboxId, InstallationKey},
};
use openmls::group::GroupId;

use super::{StorageError, Tx};

/// A place in the one order of an inbox's conversations and messages. What it learned later has a greater one; numbers may
/// be missing, and none is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

/// A message as it was decrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Its id.
    pub id: MessageId,
    /// The group in which it was said.
    pub group: GroupId,
    /// The id that the network gave it, by which all members order the group.
    pub network_id: u64,
    /// Who said it.
    pub sender: InboxId,
    /// With which of their installations.
    pub installation: InstallationKey,
    /// When the network took it, nanoseconds since the Unix epoch.
    pub sent_ns: u64,
    /// An `EncodedContent`.
    pub content: Vec<u8>,
    /// When it disappears, nanoseconds since the Unix epoch.
    pub expires_ns: Option<u64>,
}

/// A message in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its place.
    pub position: Position,
    /// The message.
    pub message: NewMessage,
}

const COLUMNS: &str =
    "position, id, group_id, network_id, sender_inbox, sender_installation, sent_ns, content, expires_ns";

impl Tx<'_> {
    /// Records `message`, unless there is one with its id already; its place if it was new.
    ///
    /// # Errors
    /// Those of every write.
    pub fn record(&self, message: &NewMessage) -> Result<Option<Position>, StorageError> {
        let Position(last) = self.last_position()?;
        let position = Position(last + 1);
        self.with(|db| {
            let new = db
                .prepare_cached(
                    "INSERT INTO messages
                        (position, id, group_id, network_id, sender_inbox, sender_installation, sent_ns, content,
                         expires_ns)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO NOTHING",
                )?
                .execute((
                    position.0,
                    message.id.to_bytes(),
                    message.group.as_slice(),
                    message.network_id,
                    message.sender.to_bytes(),
                    message.installation.as_bytes(),
                    message.sent_ns,
                    &message.content,
                    message.expires_ns,
                ))?;
            Ok((new > 0).then_some(position))
        })
    }

    /// Up to `limit` messages of all groups after `after`, oldest first: the log that other parts follow. From
    /// `Position(0)` on it is all of them.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn messages_after(&self, after: Position, limit: u32) -> Result<Vec<StoredMessage>, StorageError> {
        self.with(|db| {
            let mut statement = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM messages WHERE position > ?1 ORDER BY position LIMIT ?2"
            ))?;
            let found = statement.query_map((after.0, limit), stored)?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The messages of `group` that are there at `now_ns`, in the order of the group.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn messages_in(&self, group: &GroupId, now_ns: u64) -> Result<Vec<StoredMessage>, StorageError> {
        self.with(|db| {
            let mut statement = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM messages
                 WHERE group_id = ?1 AND (expires_ns IS NULL OR expires_ns > ?2) ORDER BY network_id, position"
            ))?;
            let found = statement.query_map((group.as_slice(), now_ns), stored)?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Whether there is a message with this id.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn has_message(&self, id: &MessageId) -> Result<bool, StorageError> {
        self.with(|db| {
            Ok(db
                .prepare_cached("SELECT 1 FROM messages WHERE id = ?1")?
                .exists([id.to_bytes()])?)
        })
    }

    /// The message with this id.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn message(&self, id: &MessageId) -> Result<Option<StoredMessage>, StorageError> {
        self.with(|db| {
            Ok(db
                .prepare_cached(&format!("SELECT {COLUMNS} FROM messages WHERE id = ?1"))?
                .query_row([id.to_bytes()], stored)
                .optional()?)
        })
    }

    /// The up to `limit` messages of `group` that are there at `now_ns`, were taken by the network within `sent_ns`, and of
    /// which we learned last; the last one first.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn newest_in(
        &self,
        group: &GroupId,
        sent_ns: RangeInclusive<u64>,
        limit: u32,
        now_ns: u64,
    ) -> Result<Vec<StoredMessage>, StorageError> {
        // SQLite's integers have a sign
        let bound = |ns: &u64| i64::try_from(*ns).unwrap_or(i64::MAX);
        self.with(|db| {
            let mut statement = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM messages
                 WHERE group_id = ?1 AND (expires_ns IS NULL OR expires_ns > ?2) AND sent_ns BETWEEN ?3 AND ?4
                 ORDER BY position DESC LIMIT ?5"
            ))?;
            let (from, to) = (bound(sent_ns.start()), bound(sent_ns.end()));
            let found = statement.query_map((group.as_slice(), now_ns, from, to, limit), stored)?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The last place in the order of conversations and messages that was given away.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn last_position(&self) -> Result<Position, StorageError> {
        self.with(|db| {
            let last: Option<u64> = db
                .prepare_cached("SELECT max(seq) FROM sqlite_sequence WHERE name IN ('messages', 'conversations')")?
                .query_row([], |row| row.get(0))?;
            Ok(Position(last.unwrap_or(0)))
        })
    }

    /// Forgets the content of the messages that have disappeared by `now_ns`, for good. Their ids stay, so that they do not
    /// come again.
    ///
    /// # Errors
    /// Those of every write.
    pub fn forget_expired(&self, now_ns: u64) -> Result<usize, StorageError> {
        self.with(|db| {
            Ok(db
                .prepare_cached("UPDATE messages SET content = x'' WHERE expires_ns <= ?1 AND content != x''")?
                .execute([now_ns])?)
        })
    }
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredMessage> {
    Ok(StoredMessage {
        position: Position(row.get(0)?),
        message: NewMessage {
            id: MessageId::from_bytes(row.get(1)?),
            group: GroupId::from_slice(row.get_ref(2)?.as_blob()?),
            network_id: row.get(3)?,
            sender: InboxId::from_bytes(row.get(4)?),
            installation: InstallationKey::from_bytes(row.get(5)?),
            sent_ns: row.get(6)?,
            content: row.get(7)?,
            expires_ns: row.get(8)?,
        },
    })
}
