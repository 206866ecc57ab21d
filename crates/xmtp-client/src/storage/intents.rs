//! What this inbox means to do to its groups.
//!
//! An intent is queued before anything is sent. When its payload is made, the hash of the payload is recorded in the
//! transaction that holds openmls' pending commit or used message key; so after a crash the payload that comes back from
//! the network is known for ours, and one that does not come back is made again. An intent is gone when its effect is
//! there, or when it can have none.

use chancery_store::rusqlite::{self, OptionalExtension as _, Row};
use openmls::group::GroupId;

use super::{StorageError, Tx};

/// An intent of this inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntentId(pub(super) i64);

/// How far an intent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntentState {
    /// Nothing of it has been made, or what was made lost its race.
    Queued,
    /// Its payload was made in an epoch and may be on the network.
    Made {
        /// SHA-256 of the payload.
        payload_hash: [u8; 32],
        /// The epoch of the group in which the payload is good.
        epoch: u64,
    },
}

/// Something to be done to a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Its number; those of a group are done in this order.
    pub id: IntentId,
    /// The group.
    pub group: GroupId,
    /// What is to be done, in the words of who queued it.
    pub body: Vec<u8>,
    /// How far it is.
    pub state: IntentState,
    /// How often its payload was made.
    pub attempts: u32,
}

const COLUMNS: &str = "id, group_id, body, attempts, payload_hash, epoch";

impl Tx<'_> {
    /// Queues something to be done to `group`.
    ///
    /// # Errors
    /// Those of every write.
    pub fn queue_intent(&self, group: &GroupId, body: &[u8]) -> Result<IntentId, StorageError> {
        self.with(|db| {
            db.prepare_cached("INSERT INTO intents (group_id, body) VALUES (?1, ?2)")?
                .execute((group.as_slice(), body))?;
            Ok(IntentId(db.last_insert_rowid()))
        })
    }

    /// The intents of `group`, in order, but those whose payload was refused.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn intents(&self, group: &GroupId) -> Result<Vec<Intent>, StorageError> {
        self.with(|db| {
            let mut statement = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM intents WHERE group_id = ?1 AND refused IS NULL ORDER BY id"
            ))?;
            let found = statement.query_map([group.as_slice()], intent)?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The intent of which a payload with this hash was made, also one that was refused: a node that said so may have it all
    /// the same.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn intent_of(&self, payload_hash: &[u8; 32]) -> Result<Option<Intent>, StorageError> {
        self.with(|db| {
            Ok(db
                .prepare_cached(&format!("SELECT {COLUMNS} FROM intents WHERE payload_hash = ?1"))?
                .query_row([payload_hash], intent)
                .optional()?)
        })
    }

    /// Records that the payload of a queued intent was made.
    ///
    /// # Errors
    /// [`StorageError::Intent`] unless it is queued.
    pub fn intent_made(&self, id: IntentId, payload_hash: &[u8; 32], epoch: u64) -> Result<(), StorageError> {
        self.step(
            "UPDATE intents SET payload_hash = ?2, epoch = ?3, attempts = attempts + 1
             WHERE id = ?1 AND payload_hash IS NULL",
            (id.0, payload_hash, epoch),
        )
    }

    /// Records that the node refused the payload of an intent for good, and what it said. The payload is not kept.
    ///
    /// # Errors
    /// [`StorageError::Intent`] unless its payload was made.
    pub fn intent_refused(&self, id: IntentId, said: &str) -> Result<(), StorageError> {
        self.step(
            "UPDATE intents SET refused = ?2 WHERE id = ?1 AND payload_hash IS NOT NULL",
            (id.0, said),
        )?;
        self.with(|db| {
            db.prepare_cached("DELETE FROM payloads WHERE intent_id = ?1")?
                .execute([id.0])?;
            Ok(())
        })
    }

    /// Records that the payload of an intent lost its race, or is to be tried once more: it is queued again.
    ///
    /// # Errors
    /// [`StorageError::Intent`] unless its payload was made.
    pub fn intent_lost(&self, id: IntentId) -> Result<(), StorageError> {
        self.step(
            "UPDATE intents SET payload_hash = NULL, epoch = NULL, refused = NULL
             WHERE id = ?1 AND payload_hash IS NOT NULL",
            [id.0],
        )
    }

    /// Removes an intent whose effect is there, or that can have none any more.
    ///
    /// # Errors
    /// [`StorageError::Intent`] when there is none.
    pub fn intent_over(&self, id: IntentId) -> Result<(), StorageError> {
        self.step("DELETE FROM intents WHERE id = ?1", [id.0])
    }

    fn step(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), StorageError> {
        self.with(|db| match db.prepare_cached(sql)?.execute(values)? {
            1 => Ok(()),
            _ => Err(StorageError::Intent),
        })
    }
}

fn intent(row: &Row<'_>) -> rusqlite::Result<Intent> {
    let made: Option<[u8; 32]> = row.get(4)?;
    Ok(Intent {
        id: IntentId(row.get(0)?),
        group: GroupId::from_slice(row.get_ref(1)?.as_blob()?),
        body: row.get(2)?,
        attempts: row.get(3)?,
        state: match made {
            None => IntentState::Queued,
            Some(payload_hash) => IntentState::Made {
                payload_hash,
                epoch: row.get(5)?,
            },
        },
    })
}
