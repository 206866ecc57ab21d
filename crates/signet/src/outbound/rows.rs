//! Sends as they are kept.

use chancery_base::Millis;
use chancery_signet_wire::{
    ConversationId, CredentialId, Failure, FailureBody, InboxId, MessageId, Timestamp, Uuid,
    frame::{Provenance, SendResult},
};
use chancery_store::rusqlite::{self, Connection, OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};

use super::draft::Draft;
use crate::store::{
    Problem, Tx,
    column::{json, optional_json, parsed},
};

/// A send, in this database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SendId(i64);

/// A send that the network has not answered yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Open {
    pub(crate) id: SendId,
    pub(crate) credential: CredentialId,
    pub(crate) inbox: InboxId,
    pub(crate) chat: ConversationId,
    pub(crate) draft: Draft,
    /// The key by which the network knows it, however often it is sent.
    pub(crate) network_key: String,
}

/// What became of a send.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Outcome {
    /// It is out.
    Sent {
        message_id: MessageId,
        sent_at: Timestamp,
        provenance: Option<Provenance>,
        warning: Option<String>,
    },
    /// It is not, and will not be unless it is asked for again.
    Failed(FailureBody),
}

impl Outcome {
    pub(crate) fn failed(failure: Failure) -> Self {
        Self::Failed(failure.into())
    }

    /// As the harness is answered.
    pub(crate) fn answer(self, chat: ConversationId) -> Result<SendResult, Failure> {
        match self {
            Self::Failed(failure) => Err(failure.into()),
            Self::Sent {
                message_id,
                sent_at,
                provenance,
                warning,
            } => Ok(SendResult {
                message_id,
                group_id: chat,
                sent_at,
                provenance,
                warning,
            }),
        }
    }
}

/// A send that was asked for under the same key before.
pub(crate) struct Earlier {
    pub(crate) open: Open,
    pub(crate) digest: Vec<u8>,
    pub(crate) outcome: Option<Outcome>,
}

const COLUMNS: &str = "id, credential_id, inbox_id, chat_id, draft, network_key, digest, outcome";

/// A send with its checks behind it, to be written.
pub(crate) struct New<'a> {
    pub(crate) credential: CredentialId,
    pub(crate) inbox: InboxId,
    pub(crate) chat: ConversationId,
    pub(crate) draft: &'a Draft,
    pub(crate) caller_key: Option<&'a str>,
    pub(crate) digest: [u8; 32],
    pub(crate) action: Option<Uuid>,
}

/// Writes the intent, before the network sees anything.
pub(crate) fn intend(tx: &Tx<'_>, new: New<'_>) -> Result<Open, Problem> {
    let network_key = Uuid::generate(&tx.rng()).to_string();
    let draft = serde_json::to_string(new.draft).map_err(|_| Problem::Unwritable("a draft".to_owned()))?;
    tx.sql
        .prepare_cached(
            "INSERT INTO sends (credential_id, inbox_id, chat_id, draft, network_key, caller_key, digest, action_id,
                                state, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'open', ?9)",
        )?
        .execute(params![
            new.credential.to_string(),
            new.inbox.to_string(),
            new.chat.to_string(),
            draft,
            network_key,
            new.caller_key,
            new.digest.as_slice(),
            new.action.map(|id| id.to_string()),
            tx.now.0
        ])?;
    Ok(Open {
        id: SendId(tx.sql.last_insert_rowid()),
        credential: new.credential,
        inbox: new.inbox,
        chat: new.chat,
        draft: new.draft.clone(),
        network_key,
    })
}

/// The send that `credential` asked for under `key`.
pub(crate) fn earlier(sql: &Connection, credential: CredentialId, key: &str) -> Result<Option<Earlier>, Problem> {
    Ok(sql
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM sends WHERE credential_id = ?1 AND caller_key = ?2"
        ))?
        .query_row([&credential.to_string(), key], read)
        .optional()?)
}

/// All that the network has not answered.
pub(crate) fn all_open(sql: &Connection) -> Result<Vec<Open>, Problem> {
    let found = sql
        .prepare_cached(&format!("SELECT {COLUMNS} FROM sends WHERE state = 'open' ORDER BY id"))?
        .query_map([], read)?
        .map(|row| row.map(|earlier| earlier.open))
        .collect::<Result<_, _>>()?;
    Ok(found)
}

/// Puts a send that failed back among those that are open.
pub(crate) fn reopen(tx: &Tx<'_>, id: SendId) -> Result<(), Problem> {
    tx.sql
        .prepare_cached("UPDATE sends SET state = 'open', outcome = NULL, settled_at = NULL WHERE id = ?1")?
        .execute([id.0])?;
    Ok(())
}

/// Writes what became of a send, and gives the held action that it came from. `None` when it was settled before.
pub(crate) fn settle(tx: &Tx<'_>, id: SendId, outcome: &Outcome) -> Result<Option<Option<Uuid>>, Problem> {
    let text = serde_json::to_string(outcome).map_err(|_| Problem::Unwritable("an outcome".to_owned()))?;
    let state = match outcome {
        Outcome::Sent { .. } => "sent",
        Outcome::Failed(_) => "failed",
    };
    Ok(tx
        .sql
        .prepare_cached(
            "UPDATE sends SET state = ?2, outcome = ?3, settled_at = ?4 WHERE id = ?1 AND state = 'open'
             RETURNING action_id",
        )?
        .query_row(params![id.0, state, text, tx.now.0], |row| {
            let action: Option<String> = row.get(0)?;
            Ok(action.and_then(|id| id.parse().ok()))
        })
        .optional()?)
}

/// Notes what binds a message that is out.
pub(crate) fn bound(tx: &Tx<'_>, id: SendId, outcome: &Outcome) -> Result<(), Problem> {
    let text = serde_json::to_string(outcome).map_err(|_| Problem::Unwritable("an outcome".to_owned()))?;
    tx.sql
        .prepare_cached("UPDATE sends SET outcome = ?2 WHERE id = ?1 AND state = 'sent'")?
        .execute(params![id.0, text])?;
    Ok(())
}

/// Forgets sends that were settled before `before`, and with them the keys under which they were asked for.
pub(crate) fn sweep(tx: &Tx<'_>, before: Millis) -> Result<(), Problem> {
    tx.sql
        .prepare_cached("DELETE FROM sends WHERE settled_at < ?1")?
        .execute([before.0])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Earlier> {
    Ok(Earlier {
        open: Open {
            id: SendId(row.get(0)?),
            credential: parsed(row, 1)?,
            inbox: parsed(row, 2)?,
            chat: parsed(row, 3)?,
            draft: json(row, 4)?,
            network_key: row.get(5)?,
        },
        digest: row.get(6)?,
        outcome: optional_json(row, 7)?,
    })
}
