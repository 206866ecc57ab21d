//! What was made and may be on the network already, byte for byte as it was sent.
//!
//! A payload is sent again, the same bytes, until it comes back from the network: a node takes the same bytes once, so
//! sending again can do no harm, and nothing has to be made twice only because an answer was lost.

use bytes::Bytes;
use chancery_store::rusqlite::{self, OptionalExtension as _, Row};
use chancery_xmtp_wire::content::MessageId;
use openmls::group::GroupId;
use zeroize::Zeroizing;

use super::{IntentId, StorageError, Tx};

/// What was made of an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Of which.
    pub intent: IntentId,
    /// What is sent.
    pub payload: Bytes,
}

/// A message of ours that the network has not ordered yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxMessage {
    /// Its id.
    pub id: MessageId,
    /// Its group.
    pub group: GroupId,
    /// The intent that sends it; `None` when it can never be sent.
    pub intent: Option<IntentId>,
    /// When it was written, nanoseconds since the Unix epoch.
    pub written_ns: u64,
    /// What tells it apart from others of the same content.
    pub idempotency_key: String,
    /// An `EncodedContent`.
    pub content: Vec<u8>,
    /// What the node said when it refused it for good.
    pub refused: Option<String>,
}

impl OutboxMessage {
    /// Whether it is not sent any more by itself.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.intent.is_none() || self.refused.is_some()
    }
}

const MESSAGE: &str = "id, group_id, intent_id, written_ns, idempotency_key, content,
     (SELECT refused FROM intents WHERE intents.id = intent_id)";

impl Tx<'_> {
    /// Keeps what was made of an intent, and what its effect is to bring about.
    ///
    /// # Errors
    /// Those of every write.
    pub fn keep_payload(&self, intent: IntentId, payload: &[u8], after: &[u8]) -> Result<(), StorageError> {
        self.with(|db| {
            db.prepare_cached(
                "INSERT INTO payloads (intent_id, payload, after) VALUES (?1, ?2, ?3)
                 ON CONFLICT (intent_id) DO UPDATE SET payload = excluded.payload, after = excluded.after",
            )?
            .execute((intent.0, payload, after))?;
            Ok(())
        })
    }

    /// What the effect of an intent is to bring about.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn after_payload(&self, intent: IntentId) -> Result<Option<Zeroizing<Vec<u8>>>, StorageError> {
        self.with(|db| {
            let found: Option<Vec<u8>> = db
                .prepare_cached("SELECT after FROM payloads WHERE intent_id = ?1")?
                .query_row([intent.0], |row| row.get(0))
                .optional()?;
            Ok(found.map(Zeroizing::new))
        })
    }

    /// What was made for `group` and has not come back, in the order in which it must be sent.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn payloads(&self, group: &GroupId) -> Result<Vec<Made>, StorageError> {
        self.with(|db| {
            let mut statement = db.prepare_cached(
                "SELECT intent_id, payload FROM payloads JOIN intents ON intents.id = intent_id
                 WHERE group_id = ?1 AND payload_hash IS NOT NULL ORDER BY intent_id",
            )?;
            let found = statement.query_map([group.as_slice()], |row| {
                Ok(Made {
                    intent: IntentId(row.get(0)?),
                    payload: row.get::<_, Vec<u8>>(1)?.into(),
                })
            })?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Keeps a message of ours until the network has ordered it.
    ///
    /// # Errors
    /// [`StorageError::Sql`] when one with its id is there, and those of every write.
    pub fn post(&self, message: &OutboxMessage) -> Result<(), StorageError> {
        self.with(|db| {
            db.prepare_cached(
                "INSERT INTO outbox (id, group_id, intent_id, written_ns, idempotency_key, content)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute((
                message.id.to_bytes(),
                message.group.as_slice(),
                message.intent.map(|intent| intent.0),
                message.written_ns,
                &message.idempotency_key,
                &message.content,
            ))?;
            Ok(())
        })
    }

    /// Has this intent send a message of ours that failed.
    ///
    /// # Errors
    /// Those of every write.
    pub fn post_again(&self, id: &MessageId, intent: IntentId) -> Result<(), StorageError> {
        self.with(|db| {
            db.prepare_cached("UPDATE outbox SET intent_id = ?2 WHERE id = ?1")?
                .execute((id.to_bytes(), intent.0))?;
            Ok(())
        })
    }

    /// The message of ours with this id.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn posted(&self, id: &MessageId) -> Result<Option<OutboxMessage>, StorageError> {
        self.with(|db| {
            Ok(db
                .prepare_cached(&format!("SELECT {MESSAGE} FROM outbox WHERE id = ?1"))?
                .query_row([id.to_bytes()], message)
                .optional()?)
        })
    }

    /// The message of ours that this intent sends.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn posted_by(&self, intent: IntentId) -> Result<Option<OutboxMessage>, StorageError> {
        self.with(|db| {
            Ok(db
                .prepare_cached(&format!("SELECT {MESSAGE} FROM outbox WHERE intent_id = ?1"))?
                .query_row([intent.0], message)
                .optional()?)
        })
    }

    /// The messages of ours in `group` that the network has not ordered, in order.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn posted_in(&self, group: &GroupId) -> Result<Vec<OutboxMessage>, StorageError> {
        self.with(|db| {
            let mut statement = db.prepare_cached(&format!(
                "SELECT {MESSAGE} FROM outbox WHERE group_id = ?1 ORDER BY number"
            ))?;
            let found = statement.query_map([group.as_slice()], message)?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Removes a message of ours that stands among the others now.
    ///
    /// # Errors
    /// Those of every write.
    pub fn unpost(&self, id: &MessageId) -> Result<(), StorageError> {
        self.with(|db| {
            db.prepare_cached("DELETE FROM outbox WHERE id = ?1")?
                .execute([id.to_bytes()])?;
            Ok(())
        })
    }
}

fn message(row: &Row<'_>) -> rusqlite::Result<OutboxMessage> {
    let intent: Option<i64> = row.get(2)?;
    Ok(OutboxMessage {
        id: MessageId::from_bytes(row.get(0)?),
        group: GroupId::from_slice(row.get_ref(1)?.as_blob()?),
        intent: intent.map(IntentId),
        written_ns: row.get(3)?,
        idempotency_key: row.get(4)?,
        content: row.get(5)?,
        refused: row.get(6)?,
    })
}
