//! Actions that wait for the owner's word (signet spec 12).
//!
//! What is approved is bound by a hash to the action, its parameters, the credential, the version of its policy, the seal
//! and the time until which it waits. The word counts once, only the owner or an admin gives it, and everything is checked
//! again when it is given.

use chancery_base::{Millis, digest::sha256_hex, json};
use chancery_signet_wire::{
    ConversationId, CredentialId, Failure, Json, SealId, Uuid,
    frame::{ActionConfirmationRequired, ActionResolved, Event},
    record::held::{PendingAction, Verdict},
};
use chancery_store::rusqlite::{self, Connection, OptionalExtension as _, Row, params};
use serde_json::json;

use super::draft::Draft;
use crate::{
    store::{
        Problem, Tx,
        column::{json as json_column, parsed},
    },
    stream::{
        frame::Frame,
        log::{self, StreamId},
        standing::Standing,
    },
};

/// Actions of one credential that may wait at a time: more than an owner will look through.
const MAX_PENDING: u32 = 100;

/// Longest request that is kept for the owner, bytes: they have to read it.
const MAX_PAYLOAD_BYTES: usize = 64 * 1024;

/// An action that waits.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) id: Uuid,
    pub(crate) credential: CredentialId,
    pub(crate) kind: String,
    pub(crate) payload: String,
    pub(crate) chat: ConversationId,
    pub(crate) draft: Draft,
    pub(crate) caller_key: Option<String>,
    pub(crate) digest: String,
    state: String,
    created_at: Millis,
    pub(crate) expires_at: Millis,
}

/// An action that is to be held.
pub(crate) struct Hold<'a> {
    pub(crate) kind: &'a str,
    /// The request, as it came.
    pub(crate) payload: &'a str,
    pub(crate) chat: ConversationId,
    pub(crate) draft: &'a Draft,
    pub(crate) seal: Option<SealId>,
    pub(crate) caller_key: Option<&'a str>,
    pub(crate) expires_at: Millis,
}

/// Holds an action, and tells the harness so.
pub(crate) fn hold(
    tx: &Tx<'_>,
    standing: &Standing,
    hold: &Hold<'_>,
    keep: u64,
) -> Result<Result<(Uuid, StreamId, Frame), Failure>, Problem> {
    if hold.payload.len() > MAX_PAYLOAD_BYTES {
        let reason = format!("longer than {MAX_PAYLOAD_BYTES} bytes, which is the most that is held for confirmation");
        return Ok(Err(Failure::validation("content", &reason)));
    }
    let credential = standing.id.to_string();
    let waiting: u32 = tx
        .sql
        .prepare_cached("SELECT count(*) FROM held_actions WHERE credential_id = ?1 AND state = 'pending'")?
        .query_row([&credential], |row| row.get(0))?;
    if waiting >= MAX_PENDING {
        let failure = Failure::new(
            chancery_signet_wire::Class::Permission,
            format!("{MAX_PENDING} actions wait for confirmation already"),
        );
        return Ok(Err(failure.with("limit", "pendingActions")));
    }
    let id = Uuid::generate(&tx.rng());
    let digest = digest(standing, hold).ok_or_else(|| Problem::Unwritable("a draft".to_owned()))?;
    let draft = serde_json::to_string(hold.draft).map_err(|_| Problem::Unwritable("a draft".to_owned()))?;
    tx.sql
        .prepare_cached(
            "INSERT INTO held_actions (id, credential_id, kind, payload, chat_id, draft, seal_id, caller_key, digest,
                                       state, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'pending', ?10, ?11)",
        )?
        .execute(params![
            id.to_string(),
            credential,
            hold.kind,
            hold.payload,
            hold.chat.to_string(),
            draft,
            hold.seal.map(|seal| seal.to_string()),
            hold.caller_key,
            digest,
            tx.now.0,
            hold.expires_at.0
        ])?;
    tx.record(
        "action.hold",
        &credential,
        &id.to_string(),
        json!({"kind": hold.kind, "chatId": hold.chat, "digest": digest}),
    )?;
    let event = Event::ActionConfirmationRequired(ActionConfirmationRequired {
        action_id: id,
        action_type: hold.kind.to_owned(),
        preview: Json::parse(hold.payload.to_owned()).unwrap_or_else(|_| Json::null()),
    });
    let (stream, frame) = tell(tx, standing.id, &event, keep)?;
    Ok(Ok((id, stream, frame)))
}

/// What the owner's word is bound to. `None` for what has no canonical form.
fn digest(standing: &Standing, hold: &Hold<'_>) -> Option<String> {
    let bound = json!({
        "action": hold.kind,
        "parameters": {"chatId": hold.chat, "draft": hold.draft, "payload": hold.payload},
        "credentialId": standing.id,
        "policyVersion": standing.policy_version,
        "sealId": hold.seal,
        "expiresAt": hold.expires_at.0,
    });
    json::canonical(&bound).ok().map(sha256_hex)
}

impl Held {
    /// Whether it is still what it was when it was held, under the policy and the seal of now.
    pub(crate) fn is_as_held(&self, standing: &Standing, seal: Option<SealId>) -> bool {
        let now = Hold {
            kind: &self.kind,
            payload: &self.payload,
            chat: self.chat,
            draft: &self.draft,
            seal,
            caller_key: None,
            expires_at: self.expires_at,
        };
        digest(standing, &now).as_ref() == Some(&self.digest)
    }

    /// Whether the owner may still decide at `now`.
    pub(crate) fn waits(&self, now: Millis) -> Result<(), Failure> {
        if self.state != "pending" {
            return Err(unknown(self.id));
        }
        if now >= self.expires_at {
            let expired = Failure::new(chancery_signet_wire::Class::Permission, "the action has expired");
            return Err(expired.with("actionId", self.id.to_string()));
        }
        Ok(())
    }

    /// As the owner is shown it.
    pub(crate) fn record(&self) -> PendingAction {
        PendingAction {
            action_id: self.id,
            credential_id: self.credential,
            action_type: self.kind.clone(),
            payload: Json::parse(self.payload.clone()).unwrap_or_else(|_| Json::null()),
            created_at: self.created_at.into(),
            expires_at: self.expires_at.into(),
            digest: Some(self.digest.clone()),
        }
    }
}

/// What is answered for an action that does not wait: there never was one, it was decided, or it is another's.
pub(crate) fn unknown(id: Uuid) -> Failure {
    Failure::not_found("PendingAction", &id.to_string())
}

const COLUMNS: &str =
    "id, credential_id, kind, payload, chat_id, draft, digest, state, created_at, expires_at, caller_key";

/// The action `id`.
pub(crate) fn find(sql: &Connection, id: Uuid) -> Result<Option<Held>, Problem> {
    Ok(sql
        .prepare_cached(&format!("SELECT {COLUMNS} FROM held_actions WHERE id = ?1"))?
        .query_row([id.to_string()], read)
        .optional()?)
}

/// The action that `credential` asked for under `key` and that waits.
pub(crate) fn under_key(sql: &Connection, credential: CredentialId, key: &str) -> Result<Option<Held>, Problem> {
    Ok(sql
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM held_actions WHERE credential_id = ?1 AND caller_key = ?2 AND state = 'pending'"
        ))?
        .query_row([&credential.to_string(), key], read)
        .optional()?)
}

/// Those that wait, of one credential or of all, the oldest first.
pub(crate) fn waiting(sql: &Connection, credential: Option<CredentialId>, now: Millis) -> Result<Vec<Held>, Problem> {
    let of = credential.map(|id| id.to_string());
    Ok(sql
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM held_actions WHERE state = 'pending' AND expires_at > ?2
             AND (?1 IS NULL OR credential_id = ?1) ORDER BY created_at, id"
        ))?
        .query_map(params![of, now.0], read)?
        .collect::<Result<_, _>>()?)
}

/// Those whose time is over.
pub(crate) fn overdue(sql: &Connection, now: Millis) -> Result<Vec<Held>, Problem> {
    Ok(sql
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM held_actions WHERE state = 'pending' AND expires_at <= ?1 LIMIT 1000"
        ))?
        .query_map([now.0], read)?
        .collect::<Result<_, _>>()?)
}

/// Ends the waiting of an action; the second time it fails.
pub(crate) fn resolve(tx: &Tx<'_>, held: &Held, verdict: Verdict, by: &str) -> Result<(), Problem> {
    let changed = tx
        .sql
        .prepare_cached(
            "UPDATE held_actions SET state = ?2, resolved_by = ?3, resolved_at = ?4
             WHERE id = ?1 AND state = 'pending'",
        )?
        .execute(params![held.id.to_string(), verdict.as_str(), by, tx.now.0])?;
    if changed != 1 {
        return Err(Problem::Corrupt("an action that was decided twice"));
    }
    tx.record(
        "action.resolve",
        by,
        &held.id.to_string(),
        json!({"verdict": verdict, "credentialId": held.credential, "digest": held.digest}),
    )
}

/// Tells the harness what was decided, and what came of it.
pub(crate) fn tell_resolved(
    tx: &Tx<'_>,
    credential: CredentialId,
    resolved: ActionResolved,
    keep: u64,
) -> Result<(StreamId, Frame), Problem> {
    tell(tx, credential, &Event::ActionResolved(resolved), keep)
}

fn tell(tx: &Tx<'_>, credential: CredentialId, event: &Event, keep: u64) -> Result<(StreamId, Frame), Problem> {
    let stream = log::stream_of(tx, credential)?;
    let body = log::body(tx, event)?;
    Ok((stream, log::append(tx, stream, &body, keep)?))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Held> {
    Ok(Held {
        id: parsed(row, 0)?,
        credential: parsed(row, 1)?,
        kind: row.get(2)?,
        payload: row.get(3)?,
        chat: parsed(row, 4)?,
        draft: json_column(row, 5)?,
        digest: row.get(6)?,
        state: row.get(7)?,
        created_at: Millis(row.get(8)?),
        expires_at: Millis(row.get(9)?),
        caller_key: row.get(10)?,
    })
}
