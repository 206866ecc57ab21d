//! Messages accepted and settled since the last commit, written together.
//!
//! A statement that writes sixteen rows opens its table and indexes once, not sixteen times, and half of what a message
//! costs the writer is that. So the steps of the message path only note here what is to be written; it is written just
//! before the commit that they all share, or before the first step that looks at these rows by SQL.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    sync::{Arc, LazyLock},
};

use chancery_base::{Millis, Ulid, ed25519::Signature};
use chancery_store::rusqlite::{self, CachedStatement, Connection, ToSql, types::ToSqlOutput};

use foldhash::fast::RandomState;

use super::fresh_ids::Ids;
use crate::store::{Accepted, Epoch, NewMessage, Seq};

/// Rows that one statement writes. More gains little, and SQLite allows 32,766 parameters.
const TOGETHER: usize = 16;

/// An accepted message that is not written yet.
pub(super) struct NewRow {
    pub(super) accepted: Accepted,
    pub(super) sender: i64,
    pub(super) recipient: i64,
    pub(super) hash: [u8; 32],
    /// The epoch whose session holds it.
    pub(super) held_by: Option<Epoch>,
    pub(super) now: Millis,
    pub(super) message: Arc<NewMessage>,
}

impl NewRow {
    fn waiting(&self) -> Waiting {
        Waiting {
            delivery_id: self.accepted.delivery_id,
            sender: self.sender,
            recipient: self.recipient,
        }
    }
}

/// A waiting message as its recipient's acknowledgement must name it.
#[derive(Clone, Copy)]
pub(super) struct Waiting {
    pub(super) delivery_id: Ulid,
    pub(super) sender: i64,
    pub(super) recipient: i64,
}

/// A map by numbers that the store gives itself.
pub(super) type Numbered<K, V> = HashMap<K, V, RandomState>;

/// What is to be written, and what is known of the rows without reading them.
#[derive(Default)]
pub(super) struct Rows {
    new: Vec<NewRow>,
    /// (sender, message id) of `new`: its place there.
    new_by_id: HashMap<(i64, String), usize>,
    settled: Vec<(Seq, Millis)>,
    settled_seqs: HashSet<Seq, RandomState>,
    /// What sessions were handed when it was accepted: each of these rows waits.
    waiting: Numbered<Seq, Waiting>,
    ids: Numbered<i64, Ids>,
    /// Ids that are kept in `ids` one by one.
    kept: usize,
    next_seq: Option<Seq>,
}

impl Rows {
    /// Entries that outlive a commit.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.ids.len() + self.kept
    }

    /// The message with this id that waits to be written, and whether it is the same.
    pub(super) fn earlier(&self, sender: i64, id: &str, recipient: i64, hash: &[u8; 32]) -> Option<(bool, &Accepted)> {
        if self.new.is_empty() {
            return None;
        }
        let row = self.new.get(*self.new_by_id.get(&(sender, id.to_owned()))?)?;
        Some((row.recipient == recipient && row.hash == *hash, &row.accepted))
    }

    /// Whether no row of this sender can have this id. `false` says nothing.
    pub(super) fn is_new(
        &mut self,
        connection: &Connection,
        sender: i64,
        id: &str,
        now: Millis,
    ) -> rusqlite::Result<bool> {
        if let Some(ids) = self.ids.get(&sender).filter(|ids| ids.covers(id)) {
            return Ok(ids.is_new(id));
        }
        let below = Ids::below(now);
        if id >= below.as_str() {
            return Ok(false);
        }
        // the greatest of all senders: one step to the end of the index; what waits to be written may be greater
        let written: Option<String> = connection
            .prepare_cached("SELECT max(message_id) FROM deliveries WHERE message_id < ?1")?
            .query_row([&below], |row| row.get(0))?;
        let mut greatest = written.unwrap_or_default();
        for row in self.new.iter().filter(|row| row.sender == sender) {
            let id = &row.message.message_id;
            if *id > greatest && *id < below {
                greatest.clone_from(id);
            }
        }
        let ids = Ids::new(greatest, below);
        let new = ids.is_new(id);
        if let Some(former) = self.ids.insert(sender, ids) {
            self.kept -= former.kept();
        }
        Ok(new)
    }

    /// The number of the next row.
    pub(super) fn next_seq(&mut self, connection: &Connection) -> rusqlite::Result<Seq> {
        if let Some(next) = self.next_seq {
            return Ok(next);
        }
        let written: Seq = connection
            .prepare_cached("SELECT coalesce(max(seq), 0) FROM deliveries")?
            .query_row([], |row| row.get(0))?;
        let next = 1 + self.new.last().map_or(written, |row| row.accepted.seq.max(written));
        self.next_seq = Some(next);
        Ok(next)
    }

    /// Rows were deleted: the numbers of the last of them are free again.
    pub(super) fn rows_deleted(&mut self) {
        self.next_seq = None;
    }

    /// Notes an accepted message.
    pub(super) fn add(&mut self, row: NewRow) {
        let id = &row.message.message_id;
        if let Some(ids) = self.ids.get_mut(&row.sender) {
            self.kept -= ids.kept();
            ids.add(id);
            self.kept += ids.kept();
        }
        self.next_seq = Some(row.accepted.seq + 1);
        if row.held_by.is_some() {
            self.waiting.insert(row.accepted.seq, row.waiting());
        }
        self.new_by_id.insert((row.sender, id.clone()), self.new.len());
        self.new.push(row);
    }

    /// The waiting row, when it is known here.
    pub(super) fn waiting(&self, seq: Seq) -> Option<Waiting> {
        if let Some(waiting) = self.waiting.get(&seq) {
            return Some(*waiting);
        }
        let place = self.new.binary_search_by_key(&seq, |row| row.accepted.seq).ok()?;
        let row = self.new.get(place).filter(|_| !self.is_settled(seq))?;
        Some(row.waiting())
    }

    /// Whether the row was settled since the last commit.
    pub(super) fn is_settled(&self, seq: Seq) -> bool {
        self.settled_seqs.contains(&seq)
    }

    /// Notes that a waiting message was delivered.
    pub(super) fn settle(&mut self, seq: Seq, now: Millis) {
        self.waiting.remove(&seq);
        self.settled_seqs.insert(seq);
        self.settled.push((seq, now));
    }

    /// Writes what was noted, and keeps it: the savepoint that it is written in may be rolled back.
    pub(super) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let (chunks, rest) = self.new.as_chunks::<TOGETHER>();
        if !chunks.is_empty() {
            let mut deliveries = connection.prepare_cached(&INSERT_DELIVERIES)?;
            for chunk in chunks {
                insert_deliveries(&mut deliveries, chunk)?;
            }
            let mut payloads = connection.prepare_cached(&INSERT_PAYLOADS)?;
            for chunk in chunks {
                insert_payloads(&mut payloads, chunk)?;
            }
        }
        if !rest.is_empty() {
            let mut deliveries = connection.prepare_cached(&INSERT_DELIVERY)?;
            for row in rest {
                insert_deliveries(&mut deliveries, std::slice::from_ref(row))?;
            }
            let mut payloads = connection.prepare_cached(&INSERT_PAYLOAD)?;
            for row in rest {
                insert_payloads(&mut payloads, std::slice::from_ref(row))?;
            }
        }
        if self.settled.is_empty() {
            return Ok(());
        }
        // neighbours share pages
        self.settled.sort_unstable_by_key(|(seq, _)| *seq);
        let mut update = connection
            .prepare_cached("UPDATE OR FAIL deliveries SET state = 1, updated_at = ?3 WHERE seq BETWEEN ?1 AND ?2")?;
        let mut delete = connection.prepare_cached("DELETE FROM payloads WHERE seq BETWEEN ?1 AND ?2")?;
        let follows = |seq: Seq, next: Seq| next == seq + 1;
        for run in self
            .settled
            .chunk_by(|(seq, at), (next, then)| follows(*seq, *next) && at == then)
        {
            if let (Some((first, at)), Some((last, _))) = (run.first(), run.last()) {
                update.execute((first, last, at.0))?;
            }
        }
        for run in self.settled.chunk_by(|(seq, _), (next, _)| follows(*seq, *next)) {
            if let (Some((first, _)), Some((last, _))) = (run.first(), run.last()) {
                delete.execute((first, last))?;
            }
        }
        Ok(())
    }

    /// What was noted is written for good.
    pub(super) fn written(&mut self) {
        self.new.clear();
        self.new_by_id.clear();
        self.settled.clear();
        self.settled_seqs.clear();
    }
}

// `OR FAIL` keeps what a failing statement wrote before it failed, which spares SQLite a journal of the statement. An error
// here costs the whole batch anyway, and nothing of it stays.
const DELIVERY: &str = "INSERT OR FAIL INTO deliveries (seq, delivery_id, sender, recipient, message_id, hash, lane, lane_seq, \
                        position, attempts, claimed, accepted_at, updated_at) VALUES ";
const DELIVERY_COLUMNS: usize = 13;
const PAYLOAD: &str = "INSERT OR FAIL INTO payloads (seq, body, content_type, reply_to, sent_at, sig) VALUES ";
const PAYLOAD_COLUMNS: usize = 6;

static INSERT_DELIVERY: LazyLock<String> = LazyLock::new(|| insert(DELIVERY, DELIVERY_COLUMNS, 1));
static INSERT_DELIVERIES: LazyLock<String> = LazyLock::new(|| insert(DELIVERY, DELIVERY_COLUMNS, TOGETHER));
static INSERT_PAYLOAD: LazyLock<String> = LazyLock::new(|| insert(PAYLOAD, PAYLOAD_COLUMNS, 1));
static INSERT_PAYLOADS: LazyLock<String> = LazyLock::new(|| insert(PAYLOAD, PAYLOAD_COLUMNS, TOGETHER));

/// The statement with places for so many rows.
fn insert(head: &str, columns: usize, rows: usize) -> String {
    let mut sql = head.to_owned();
    for row in 0..rows {
        for column in 0..columns {
            let before = match (row, column) {
                (0, 0) => "(",
                (_, 0) => "), (",
                _ => ", ",
            };
            // writing to a string cannot fail
            let _ = write!(sql, "{before}?{}", row * columns + column + 1);
        }
    }
    sql.push(')');
    sql
}

/// Binds one row after the other.
struct Binder<'a, 'c>(&'a mut CachedStatement<'c>, usize);

impl Binder<'_, '_> {
    fn put(&mut self, value: impl ToSql) -> rusqlite::Result<()> {
        self.1 += 1;
        self.0.raw_bind_parameter(self.1, value)
    }
}

/// A blob without a copy.
struct Blob<'a>(&'a [u8]);

impl ToSql for Blob<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

fn insert_deliveries(statement: &mut CachedStatement<'_>, rows: &[NewRow]) -> rusqlite::Result<()> {
    let mut to = Binder(statement, 0);
    for row in rows {
        let NewRow { accepted, message, .. } = row;
        to.put(accepted.seq)?;
        to.put(Blob(&accepted.delivery_id.to_bytes()))?;
        to.put(row.sender)?;
        to.put(row.recipient)?;
        to.put(message.message_id.as_str())?;
        to.put(Blob(&row.hash))?;
        to.put(accepted.lane)?;
        to.put(accepted.lane_seq)?;
        to.put(accepted.position)?;
        to.put(i64::from(row.held_by.is_some()))?;
        to.put(row.held_by.unwrap_or(0))?;
        to.put(row.now.0)?;
        to.put(row.now.0)?;
    }
    statement.raw_execute().map(drop)
}

fn insert_payloads(statement: &mut CachedStatement<'_>, rows: &[NewRow]) -> rusqlite::Result<()> {
    let mut to = Binder(statement, 0);
    for NewRow { accepted, message, .. } in rows {
        to.put(accepted.seq)?;
        to.put(Blob(&message.payload))?;
        to.put(message.content_type.as_deref())?;
        to.put(message.reply_to.as_deref())?;
        to.put(message.sent_at.as_deref())?;
        match &message.sig.map(Signature::to_bytes) {
            Some(sig) => to.put(Blob(sig))?,
            None => to.put(rusqlite::types::Null)?,
        }
    }
    statement.raw_execute().map(drop)
}
