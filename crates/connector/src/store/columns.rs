//! Rows of the SQLite store into what the commands return.

use std::{error::Error, fmt, str::FromStr};

use chancery_base::{
    Millis, Ulid,
    ed25519::{PublicKey, Signature},
};
use chancery_store::rusqlite::{self, Row, types::Type};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::*;

pub(super) const OUTBOUND: &str = "id, to_did, payload, content_type, conversation, reply_to, sent_at, sig, created";
pub(super) const OUTBOUND_VIEW: &str = "id, to_did, conversation, state, reason, verified, refusals, created, updated";
pub(super) const WAITING: &str = "seq, id, from_did, conversation, next_attempt";
pub(super) const ATTEMPT: &str = "id, from_did, to_did, message_id, payload, content_type, conversation, reply_to, \
     sent_at, verified, identity, receipt_wanted, received, attempts, since, tries, refusals";
pub(super) const INBOUND_VIEW: &str = "id, message_id, from_did, to_did, bytes, conversation, verified, attempts, \
     received, last_attempt, last_error, state, changed";
/// Rows that a list of ids (parameter 3, JSON) names; all of them when it is null.
pub(super) const SELECTED: &str = "(?3 IS NULL OR id IN (SELECT value FROM json_each(?3)))";

pub(super) fn id_list(ids: Option<Vec<Ulid>>) -> Option<String> {
    ids.map(|ids| json(&ids))
}

/// `value` as JSON; what is stored this way always can be.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A column that does not hold what we wrote there.
#[derive(Debug)]
struct Corrupt(String);

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Corrupt {}

fn corrupt(index: usize, what: impl fmt::Display) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(Corrupt(what.to_string())))
}

pub(super) fn parsed<T: FromStr<Err: fmt::Display>>(row: &Row<'_>, index: usize) -> rusqlite::Result<T> {
    row.get_ref(index)?
        .as_str()?
        .parse()
        .map_err(|error| corrupt(index, error))
}

pub(super) fn unsigned(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    u64::try_from(row.get::<_, i64>(index)?).map_err(|error| corrupt(index, error))
}

/// One of our words, as its type reads it from JSON.
pub(super) fn word<T: DeserializeOwned>(row: &Row<'_>, index: usize) -> rusqlite::Result<T> {
    word_or_null(row, index)?.ok_or_else(|| corrupt(index, "null"))
}

pub(super) fn word_or_null<T: DeserializeOwned>(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<T>> {
    let Some(text) = row.get::<_, Option<String>>(index)? else {
        return Ok(None);
    };
    serde_json::from_value(text.into())
        .map(Some)
        .map_err(|error| corrupt(index, error))
}

fn stored_json<T: DeserializeOwned>(row: &Row<'_>, index: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(index)?.as_str()?).map_err(|error| corrupt(index, error))
}

fn payload(row: &Row<'_>, index: usize) -> rusqlite::Result<Box<RawValue>> {
    RawValue::from_string(row.get(index)?).map_err(|error| corrupt(index, error))
}

fn millis(row: &Row<'_>, index: usize) -> rusqlite::Result<Millis> {
    row.get(index).map(Millis)
}

pub(super) fn outbound(row: &Row<'_>) -> rusqlite::Result<Outbound> {
    Ok(Outbound {
        id: parsed(row, 0)?,
        to: parsed(row, 1)?,
        payload: payload(row, 2)?,
        content_type: row.get(3)?,
        conversation_id: row.get(4)?,
        reply_to: row.get(5)?,
        sent_at: row.get(6)?,
        sig: Signature::from_bytes(row.get(7)?),
        created: millis(row, 8)?,
    })
}

pub(super) fn outbound_view(row: &Row<'_>) -> rusqlite::Result<OutboundView> {
    Ok(OutboundView {
        message_id: parsed(row, 0)?,
        to_agent_did: parsed(row, 1)?,
        conversation_id: row.get(2)?,
        state: word(row, 3)?,
        reason: row.get(4)?,
        verified: word_or_null(row, 5)?,
        refusals: row.get(6)?,
        created_at_ms: millis(row, 7)?,
        updated_at_ms: millis(row, 8)?,
    })
}

pub(super) fn waiting(row: &Row<'_>) -> rusqlite::Result<WaitingInbound> {
    Ok(WaitingInbound {
        seq: row.get(0)?,
        id: parsed(row, 1)?,
        from: parsed(row, 2)?,
        conversation_id: row.get(3)?,
        next_attempt: millis(row, 4)?,
    })
}

pub(super) fn attempt(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    let identity: Option<String> = row.get(10)?;
    let message = Inbound {
        id: parsed(row, 0)?,
        from: parsed(row, 1)?,
        to: parsed(row, 2)?,
        message_id: row.get(3)?,
        payload: payload(row, 4)?,
        content_type: row.get(5)?,
        conversation_id: row.get(6)?,
        reply_to: row.get(7)?,
        sent_at: row.get(8)?,
        verified: word(row, 9)?,
        identity: identity.map(|_| stored_json(row, 10)).transpose()?,
        receipt_wanted: row.get(11)?,
        received: millis(row, 12)?,
    };
    Ok(Attempt {
        message,
        attempt: row.get(13)?,
        since: millis(row, 14)?,
        tries: row.get(15)?,
        refusals: row.get(16)?,
    })
}

pub(super) fn inbound_view(row: &Row<'_>) -> rusqlite::Result<InboundView> {
    Ok(InboundView {
        request_id: parsed(row, 0)?,
        message_id: row.get(1)?,
        from_agent_did: parsed(row, 2)?,
        to_agent_did: parsed(row, 3)?,
        payload_bytes: unsigned(row, 4)?,
        conversation_id: row.get(5)?,
        verified: word(row, 6)?,
        attempt_count: row.get(7)?,
        received_at_ms: millis(row, 8)?,
        last_attempt_at_ms: row.get::<_, Option<i64>>(9)?.map(Millis),
        last_error: row.get(10)?,
        state: word(row, 11)?,
        state_changed_at_ms: millis(row, 12)?,
    })
}

pub(super) fn receipt(row: &Row<'_>) -> rusqlite::Result<(i64, OutReceipt)> {
    let receipt = OutReceipt {
        frame: parsed(row, 1)?,
        message_id: row.get(2)?,
        from: parsed(row, 3)?,
        to: parsed(row, 4)?,
        status: word(row, 5)?,
        reason: row.get(6)?,
        at: row.get(7)?,
        sig: Signature::from_bytes(row.get(8)?),
    };
    Ok((row.get(0)?, receipt))
}

pub(super) fn peer(row: &Row<'_>) -> rusqlite::Result<PeerRecord> {
    Ok(PeerRecord {
        token_hash: row.get(0)?,
        key: PublicKey::from_b64(row.get_ref(1)?.as_str()?).map_err(|error| corrupt(1, error))?,
        identity: stored_json(row, 2)?,
        expires: millis(row, 3)?,
    })
}
