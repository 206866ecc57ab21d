//! The events of streams in the database: numbered without a hole, kept up to a limit, and read again.

use std::sync::Arc;

use chancery_base::{Millis, Rng as _};
use chancery_signet_wire::{
    CredentialId, InboxId, MessageId,
    frame::{Event, RecoveryComplete},
};
use chancery_store::rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    frame::{Frame, written},
    resume::Kept,
};
use crate::store::{Problem, Tx, column::parsed};

/// Streams are trimmed every so many events, each at another number of it, so that a chat that a thousand streams follow
/// does not make them all trim at once. A stream keeps up to so many more than it must.
const TRIM_EVERY: u64 = 64;

/// Events that are read at a time to be sent again.
pub(crate) const PAGE: u64 = 128;

/// A stream in this database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StreamId(i64);

/// An event in this database.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    id: i64,
    pub(crate) event: Arc<str>,
}

/// The stream of `credential`, begun when there is none.
pub(crate) fn stream_of(tx: &Tx<'_>, credential: CredentialId) -> Result<StreamId, Problem> {
    let text = credential.to_string();
    if let Some(id) = existing(tx.sql, &text)? {
        return Ok(id);
    }
    let epoch = format!("{:016x}", u64::from_be_bytes((&tx.rng()).bytes::<8>()));
    tx.sql
        .prepare_cached("INSERT INTO streams (credential_id, epoch) VALUES (?1, ?2)")?
        .execute([&text, &epoch])?;
    Ok(StreamId(tx.sql.last_insert_rowid()))
}

fn existing(sql: &Connection, credential: &str) -> Result<Option<StreamId>, Problem> {
    Ok(sql
        .prepare_cached("SELECT id FROM streams WHERE credential_id = ?1")?
        .query_row([credential], |row| row.get(0).map(StreamId))
        .optional()?)
}

/// Writes `event` down, for any number of streams.
pub(crate) fn body(tx: &Tx<'_>, event: &Event) -> Result<Body, Problem> {
    let event = written(event).ok_or_else(|| Problem::Unwritable("an event".to_owned()))?;
    tx.sql
        .prepare_cached("INSERT INTO bodies (event) VALUES (?1)")?
        .execute([&*event])?;
    Ok(Body {
        id: tx.sql.last_insert_rowid(),
        event,
    })
}

/// Writes down what is told of `message` as it came through `inbox`, in one of its forms. Each form of it is written once:
/// a second time is a defect, and refused.
pub(crate) fn message_body(
    tx: &Tx<'_>,
    (inbox, message, form): (InboxId, MessageId, &str),
    event: &Event,
) -> Result<Body, Problem> {
    let event = written(event).ok_or_else(|| Problem::Unwritable("an event".to_owned()))?;
    tx.sql
        .prepare_cached("INSERT INTO bodies (inbox_id, message_id, form, event) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![inbox.to_string(), message.to_string(), form, &*event])?;
    Ok(Body {
        id: tx.sql.last_insert_rowid(),
        event,
    })
}

/// Puts `body` at the end of `stream`, which then keeps at most `keep` and a few events.
pub(crate) fn append(tx: &Tx<'_>, stream: StreamId, body: &Body, keep: u64) -> Result<Frame, Problem> {
    let seq = tx
        .sql
        .prepare_cached(
            "INSERT INTO events (stream, seq, body)
             SELECT ?1, coalesce(max(seq), 0) + 1, ?2 FROM events WHERE stream = ?1 RETURNING seq",
        )?
        .query_row(params![stream.0, body.id], |row| row.get::<_, u64>(0))?;
    // any number that differs between streams will do
    let offset = stream.0.unsigned_abs() % TRIM_EVERY;
    if seq > keep && (seq + offset).is_multiple_of(TRIM_EVERY) {
        trim(tx, stream, seq, keep)?;
    }
    Ok(Frame::new(seq, Arc::clone(&body.event)))
}

/// Takes away what is older than the newest `keep` events. Ends of catch-ups do not count: a harness that comes and goes
/// would push out what it has not read.
fn trim(tx: &Tx<'_>, stream: StreamId, last: u64, keep: u64) -> Result<(), Problem> {
    let oldest = tx
        .sql
        .prepare_cached(
            "SELECT seq FROM events WHERE stream = ?1 AND body IS NOT NULL ORDER BY seq DESC LIMIT 1 OFFSET ?2",
        )?
        .query_row(params![stream.0, keep.saturating_sub(1)], |row| row.get::<_, u64>(0))
        .optional()?;
    // the last one stays in any case: the next number follows from it
    if let Some(oldest) = oldest.map(|seq| seq.min(last)) {
        tx.sql
            .prepare_cached("DELETE FROM events WHERE stream = ?1 AND seq < ?2")?
            .execute(params![stream.0, oldest])?;
    }
    Ok(())
}

/// Puts the end of a catch-up at the end of `stream`; its number. Several in a row take one row, however often a harness
/// comes back to a silent chat.
pub(crate) fn recovered(tx: &Tx<'_>, stream: StreamId, keep: u64) -> Result<Frame, Problem> {
    let last = tx
        .sql
        .prepare_cached("SELECT seq, first FROM events WHERE stream = ?1 ORDER BY seq DESC LIMIT 1")?
        .query_row([stream.0], |row| {
            Ok((row.get::<_, u64>(0)?, row.get::<_, Option<u64>>(1)?))
        })
        .optional()?;
    let seq = match last {
        Some((last, Some(first))) => {
            let first = first.max((last + 2).saturating_sub(keep));
            tx.sql
                .prepare_cached("UPDATE events SET seq = ?3, first = ?4, at = ?5 WHERE stream = ?1 AND seq = ?2")?
                .execute(params![stream.0, last, last + 1, first, tx.now.0])?;
            last + 1
        }
        last => {
            let seq = last.map_or(0, |(last, _)| last) + 1;
            tx.sql
                .prepare_cached("INSERT INTO events (stream, seq, first, at) VALUES (?1, ?2, ?2, ?3)")?
                .execute(params![stream.0, seq, tx.now.0])?;
            seq
        }
    };
    Ok(Frame::new(seq, caught_up(tx.now)?))
}

/// What the end of a catch-up is told as to whom it does not concern.
fn caught_up(at: Millis) -> Result<Arc<str>, Problem> {
    let event = Event::RecoveryComplete(RecoveryComplete {
        caught_up_through: at.into(),
        gap: None,
        reset: None,
    });
    written(&event).ok_or_else(|| Problem::Unwritable("an event".to_owned()))
}

/// The stream of `credential`, if one was begun.
pub(crate) fn begun(sql: &Connection, credential: CredentialId) -> Result<Option<StreamId>, Problem> {
    existing(sql, &credential.to_string())
}

/// Whose `stream` is.
pub(crate) fn credential_of(sql: &Connection, stream: StreamId) -> Result<Option<CredentialId>, Problem> {
    Ok(sql
        .prepare_cached("SELECT credential_id FROM streams WHERE id = ?1")?
        .query_row([stream.0], |row| parsed(row, 0))
        .optional()?)
}

/// What is kept of a stream.
pub(crate) fn kept(sql: &Connection, stream: StreamId) -> Result<Kept, Problem> {
    let epoch = sql
        .prepare_cached("SELECT epoch FROM streams WHERE id = ?1")?
        .query_row([stream.0], |row| row.get(0))?;
    let edge = |query: &str| {
        sql.prepare_cached(query)?
            .query_row([stream.0], |row| row.get::<_, u64>(0))
            .optional()
    };
    let first = edge("SELECT coalesce(first, seq) FROM events WHERE stream = ?1 ORDER BY seq LIMIT 1")?;
    let last = edge("SELECT seq FROM events WHERE stream = ?1 ORDER BY seq DESC LIMIT 1")?;
    Ok(Kept {
        epoch,
        first: first.unwrap_or(1),
        last: last.unwrap_or(0),
    })
}

/// The events of `stream` after `position`, in order: about [`PAGE`] of them, none when there is none.
pub(crate) fn page(sql: &Connection, stream: StreamId, position: u64) -> Result<Vec<Frame>, Problem> {
    let mut statement = sql.prepare_cached(
        "SELECT e.seq, e.first, e.at, b.event FROM events e LEFT JOIN bodies b ON b.id = e.body
         WHERE e.stream = ?1 AND e.seq > ?2 ORDER BY e.seq LIMIT ?3",
    )?;
    let mut rows = statement.query(params![stream.0, position, PAGE])?;
    let mut frames = Vec::new();
    while let Some(row) = rows.next()? {
        let seq: u64 = row.get(0)?;
        match row.get::<_, Option<u64>>(1)? {
            None => frames.push(Frame::new(seq, row.get::<_, String>(3)?.into())),
            Some(first) => {
                let event = caught_up(Millis(row.get(2)?))?;
                let numbers = first.max(position + 1)..=seq;
                frames.extend(numbers.map(|seq| Frame::new(seq, Arc::clone(&event))));
            }
        }
    }
    Ok(frames)
}

/// Takes away events that no stream has any more.
pub(crate) fn sweep(tx: &Tx<'_>) -> Result<(), Problem> {
    tx.sql
        .prepare_cached("DELETE FROM bodies WHERE id NOT IN (SELECT body FROM events WHERE body IS NOT NULL)")?
        .execute([])?;
    Ok(())
}

/// Messages that `stream` still has.
pub(crate) fn messages_in(sql: &Connection, stream: StreamId) -> Result<Vec<String>, Problem> {
    Ok(sql
        .prepare_cached(
            "SELECT b.message_id FROM events e JOIN bodies b ON b.id = e.body
             WHERE e.stream = ?1 AND b.message_id IS NOT NULL",
        )?
        .query_map([stream.0], |row| row.get(0))?
        .collect::<Result<_, _>>()?)
}
