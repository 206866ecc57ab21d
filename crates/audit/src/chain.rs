//! Writing.

use std::fmt;
use std::sync::Arc;

use chancery_base::{Millis, Ulid};
use chancery_store::rusqlite::Connection;

use crate::checkpoint::{self, Checkpoint, Head, Notary};
use crate::entry::Entry;
use crate::error::AuditError;
use crate::record::{Outcome, Record};
use crate::sqlite;

/// Appends records to the chain of a database. Holds no state of it, so that a transaction that is rolled back takes its
/// records with it. Clones share the notary.
#[derive(Clone, Default)]
pub struct Chain {
    notary: Option<(u64, Arc<dyn Notary>)>,
}

impl Chain {
    /// A chain without checkpoints.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with a checkpoint of `notary` whenever `every` records (at least one) have none.
    #[must_use]
    pub fn with_notary(self, every: u64, notary: Arc<dyn Notary>) -> Self {
        Self {
            notary: Some((every.max(1), notary)),
        }
    }

    /// Gives the chain the id `new` unless it has one, and returns the one it has. Inside a transaction, once, before the
    /// first [`append`](Self::append).
    ///
    /// # Errors
    /// [`AuditError::Store`]; [`AuditError::NotBegun`] when the stored id is none.
    pub fn begin(&self, tx: &Connection, new: Ulid) -> Result<Ulid, AuditError> {
        sqlite::begin(tx, new)
    }

    /// Appends `record`, and a checkpoint after it when one is due. Inside the transaction of what it records, so that
    /// both commit or neither; the last statement of a command that may still refuse is early enough.
    ///
    /// # Errors
    /// [`AuditError::Limit`], [`AuditError::Detail`] and [`AuditError::Reserved`] when the record cannot be one,
    /// [`AuditError::NotBegun`], [`AuditError::Store`]. The caller refuses its command then: what cannot be recorded is
    /// not done.
    pub fn append(&self, tx: &Connection, record: Record) -> Result<Entry, AuditError> {
        if record.kind == checkpoint::KIND {
            return Err(AuditError::Reserved);
        }
        let at = record.at;
        let head = sqlite::head(tx)?;
        let entry = Entry::follow((head.seq, head.hash), record)?;
        sqlite::insert(tx, &entry)?;
        if let Some((every, notary)) = &self.notary
            && entry.seq.saturating_sub(sqlite::last_checkpoint(tx)?) >= *every
        {
            let head = Head {
                chain: head.chain,
                seq: entry.seq,
                hash: entry.hash,
            };
            seal(tx, &**notary, head, at)?;
        }
        Ok(entry)
    }

    /// Appends a checkpoint now: at shutdown, or before the head is shown to somebody. The caller may keep it elsewhere.
    ///
    /// # Errors
    /// [`AuditError::NoNotary`], [`AuditError::NotBegun`], [`AuditError::Store`].
    pub fn checkpoint(&self, tx: &Connection, at: Millis) -> Result<Checkpoint, AuditError> {
        let (_, notary) = self.notary.as_ref().ok_or(AuditError::NoNotary)?;
        seal(tx, &**notary, sqlite::head(tx)?, at)
    }
}

fn seal(tx: &Connection, notary: &dyn Notary, head: Head, at: Millis) -> Result<Checkpoint, AuditError> {
    let checkpoint = Checkpoint::sign(notary, head, at)?;
    sqlite::insert(tx, &checkpoint_entry(head, &checkpoint)?)?;
    Ok(checkpoint)
}

/// The record that `checkpoint` is.
pub(crate) fn checkpoint_entry(head: Head, checkpoint: &Checkpoint) -> Result<Entry, AuditError> {
    let record = Record {
        at: checkpoint.statement.at,
        kind: checkpoint::KIND.to_owned(),
        outcome: Outcome::Done,
        actor: checkpoint.key.to_b64(),
        subject: head.chain.to_string(),
        detail: serde_json::to_value(checkpoint).map_err(|_| AuditError::Detail)?,
    };
    Entry::follow((head.seq, head.hash), record)
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let every = self.notary.as_ref().map(|(every, _)| every);
        f.debug_struct("Chain")
            .field("checkpoint_every", &every)
            .finish_non_exhaustive()
    }
}
