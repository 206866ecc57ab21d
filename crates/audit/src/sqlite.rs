//! The tables.

use std::ops::ControlFlow;

use chancery_base::{Millis, Ulid, json};
use chancery_store::Migration;
use chancery_store::rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::checkpoint::{self, Head};
use crate::entry::{Entry, Hash};
use crate::error::AuditError;
use crate::limits::{MAX_READ, MAX_SAFE_INTEGER};
use crate::record::Outcome;

/// The tables of a chain, to be put among the migrations of the database that writes it.
pub const MIGRATION: Migration = Migration {
    name: "audit-1",
    sql: "CREATE TABLE audit_chain (
            one INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
            chain TEXT NOT NULL
        ) STRICT;
        CREATE TABLE audit (
            seq INTEGER PRIMARY KEY NOT NULL,
            at_ms INTEGER NOT NULL,
            kind TEXT NOT NULL,
            outcome TEXT NOT NULL,
            actor TEXT NOT NULL,
            subject TEXT NOT NULL,
            detail TEXT NOT NULL,
            prev BLOB NOT NULL,
            hash BLOB NOT NULL
        ) STRICT;
        CREATE INDEX audit_checkpoints ON audit (seq) WHERE kind = 'audit.checkpoint';",
};

const COLUMNS: &str = "seq, at_ms, kind, outcome, actor, subject, detail, prev, hash";

/// Which records to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Only records behind this place: 0 for all, else the last `seq` of the page before.
    pub after: u64,
    /// At most so many, and never more than [`MAX_READ`].
    pub limit: usize,
    /// Only records of this time and later.
    pub since: Option<Millis>,
    /// Only records of this kind.
    pub kind: Option<String>,
    /// Only records that ended so.
    pub outcome: Option<Outcome>,
}

impl Default for Query {
    /// The first [`MAX_READ`] records.
    fn default() -> Self {
        Self {
            after: 0,
            limit: MAX_READ,
            since: None,
            kind: None,
            outcome: None,
        }
    }
}

impl Query {
    /// Whether `entry` is asked for.
    pub(crate) fn wants(&self, entry: &Entry) -> bool {
        entry.seq > self.after
            && self.since.is_none_or(|since| entry.at >= since)
            && self.kind.as_ref().is_none_or(|kind| *kind == entry.kind)
            && self.outcome.is_none_or(|outcome| outcome == entry.outcome)
    }
}

pub(crate) fn begin(tx: &Connection, new: Ulid) -> Result<Ulid, AuditError> {
    tx.prepare_cached("INSERT INTO audit_chain (one, chain) VALUES (1, ?1) ON CONFLICT (one) DO NOTHING")?
        .execute([new.to_string()])?;
    chain_id(tx)
}

/// The id of the chain.
///
/// # Errors
/// [`AuditError::NotBegun`] when it has none; [`AuditError::Store`].
pub fn chain_id(connection: &Connection) -> Result<Ulid, AuditError> {
    connection
        .prepare_cached("SELECT chain FROM audit_chain WHERE one = 1")?
        .query_row([], |row| row.get::<_, String>(0))
        .optional()?
        .and_then(|text| text.parse().ok())
        .ok_or(AuditError::NotBegun)
}

/// The newest record, as stored; only [`verify`](crate::verify) says whether it is to be believed.
///
/// # Errors
/// [`AuditError::NotBegun`], [`AuditError::Unreadable`], [`AuditError::Store`].
pub fn head(connection: &Connection) -> Result<Head, AuditError> {
    let chain = chain_id(connection)?;
    let newest = connection
        .prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?)))
        .optional()?;
    let Some((seq, hash)) = newest else {
        return Ok(Head {
            chain,
            seq: 0,
            hash: Hash::genesis(chain),
        });
    };
    Ok(Head {
        chain,
        seq: u64::try_from(seq).map_err(|_| AuditError::Unreadable { seq: 0 })?,
        hash: Hash(hash),
    })
}

/// The place of the last checkpoint; 0 when there is none.
pub(crate) fn last_checkpoint(connection: &Connection) -> Result<u64, AuditError> {
    // the literal is what the partial index asks for
    let seq = connection
        .prepare_cached("SELECT seq FROM audit WHERE kind = 'audit.checkpoint' ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| row.get::<_, i64>(0))
        .optional()?;
    Ok(seq.and_then(|seq| u64::try_from(seq).ok()).unwrap_or(0))
}

pub(crate) fn insert(tx: &Connection, entry: &Entry) -> Result<(), AuditError> {
    let detail = json::canonical(&entry.detail).map_err(|_| AuditError::Detail)?;
    tx.prepare_cached(
        "INSERT INTO audit (seq, at_ms, kind, outcome, actor, subject, detail, prev, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        entry.seq,
        entry.at.0,
        entry.kind,
        entry.outcome.as_str(),
        entry.actor,
        entry.subject,
        detail,
        entry.prev.0,
        entry.hash.0,
    ])?;
    Ok(())
}

/// Records in order, oldest first, as stored; only [`verify`](crate::verify) says whether they are to be believed.
///
/// # Errors
/// [`AuditError::Unreadable`], [`AuditError::Store`].
pub fn read(connection: &Connection, query: &Query) -> Result<Vec<Entry>, AuditError> {
    let limit = query.limit.min(MAX_READ);
    let mut found = Vec::new();
    if limit == 0 {
        return Ok(found);
    }
    each(connection, query.after, |row| {
        let entry = row.map_err(|seq| AuditError::Unreadable { seq })?;
        if query.wants(&entry) {
            found.push(entry);
        }
        Ok(if found.len() < limit {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        })
    })?;
    Ok(found)
}

/// Hands every record behind `after` to `visit`, in order, until it breaks; those that are none by their place.
pub(crate) fn each(
    connection: &Connection,
    after: u64,
    mut visit: impl FnMut(Result<Entry, u64>) -> Result<ControlFlow<()>, AuditError>,
) -> Result<(), AuditError> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM audit WHERE seq >= ?1 ORDER BY seq"))?;
    // a place below 1 is none, and must be seen all the same
    let from = match after {
        0 => i64::MIN,
        after => i64::try_from(after).unwrap_or(i64::MAX).saturating_add(1),
    };
    let mut rows = statement.query([from])?;
    while let Some(row) = rows.next()? {
        let seq = row.get::<_, i64>(0)?;
        let seq = u64::try_from(seq).unwrap_or(0);
        if visit(entry(row, seq).ok_or(seq))?.is_break() {
            break;
        }
    }
    Ok(())
}

/// The record in `row`; `None` when a column holds what no record has there, or in another form than it was written.
fn entry(row: &Row<'_>, seq: u64) -> Option<Entry> {
    let at = row.get::<_, i64>(1).ok()?;
    let text = row.get::<_, String>(6).ok()?;
    let detail = json::from_slice_strict(text.as_bytes()).ok()?;
    if at.unsigned_abs() > MAX_SAFE_INTEGER || json::canonical(&detail).ok()? != text {
        return None;
    }
    Some(Entry {
        seq,
        at: Millis(at),
        kind: row.get(2).ok()?,
        outcome: Outcome::parse(&row.get::<_, String>(3).ok()?)?,
        actor: row.get(4).ok()?,
        subject: row.get(5).ok()?,
        detail,
        prev: Hash(row.get(7).ok()?),
        hash: Hash(row.get(8).ok()?),
    })
}

/// That the partial index is the one of the checkpoints' kind.
const _: () = assert!(matches!(checkpoint::KIND.as_bytes(), b"audit.checkpoint"));
