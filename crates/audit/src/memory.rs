//! A chain in memory: what tests hold the tables to, and what engines without a disk write to.

use std::fmt;
use std::io::Write;
use std::sync::Arc;

use chancery_base::{Millis, Ulid};

use crate::chain::checkpoint_entry;
use crate::checkpoint::{self, Checkpoint, Head, Notary};
use crate::entry::{Entry, Hash};
use crate::error::AuditError;
use crate::export;
use crate::limits::MAX_READ;
use crate::record::Record;
use crate::sqlite::Query;
use crate::verify::{Expect, Report, Verifier};

/// A chain that ends with the process.
#[derive(Clone)]
pub struct Memory {
    chain: Ulid,
    entries: Vec<Entry>,
    notary: Option<(u64, Arc<dyn Notary>)>,
}

impl Memory {
    /// An empty chain of this id, without checkpoints.
    #[must_use]
    pub fn new(chain: Ulid) -> Self {
        Self {
            chain,
            entries: Vec::new(),
            notary: None,
        }
    }

    /// The same with checkpoints, as [`Chain::with_notary`](crate::Chain::with_notary).
    #[must_use]
    pub fn with_notary(self, every: u64, notary: Arc<dyn Notary>) -> Self {
        Self {
            notary: Some((every.max(1), notary)),
            ..self
        }
    }

    /// The newest record.
    #[must_use]
    pub fn head(&self) -> Head {
        Head {
            chain: self.chain,
            seq: self.entries.len() as u64,
            hash: self
                .entries
                .last()
                .map_or(Hash::genesis(self.chain), |entry| entry.hash),
        }
    }

    /// Appends `record`, and a checkpoint after it when one is due.
    ///
    /// # Errors
    /// As [`Chain::append`](crate::Chain::append).
    pub fn append(&mut self, record: Record) -> Result<Entry, AuditError> {
        if record.kind == checkpoint::KIND {
            return Err(AuditError::Reserved);
        }
        let (at, head) = (record.at, self.head());
        let entry = Entry::follow((head.seq, head.hash), record)?;
        self.entries.push(entry.clone());
        if let Some((every, notary)) = &self.notary
            && entry.seq.saturating_sub(self.last_checkpoint()) >= *every
        {
            let notary = Arc::clone(notary);
            // all or nothing, as a transaction would have it
            if let Err(error) = self.seal(&*notary, at) {
                self.entries.pop();
                return Err(error);
            }
        }
        Ok(entry)
    }

    /// Appends a checkpoint now.
    ///
    /// # Errors
    /// As [`Chain::checkpoint`](crate::Chain::checkpoint).
    pub fn checkpoint(&mut self, at: Millis) -> Result<Checkpoint, AuditError> {
        let (_, notary) = self.notary.clone().ok_or(AuditError::NoNotary)?;
        self.seal(&*notary, at)
    }

    /// The place of the last checkpoint; 0 when there is none.
    fn last_checkpoint(&self) -> u64 {
        let last = self.entries.iter().rfind(|entry| entry.is_checkpoint());
        last.map_or(0, |entry| entry.seq)
    }

    fn seal(&mut self, notary: &dyn Notary, at: Millis) -> Result<Checkpoint, AuditError> {
        let head = self.head();
        let checkpoint = Checkpoint::sign(notary, head, at)?;
        self.entries.push(checkpoint_entry(head, &checkpoint)?);
        Ok(checkpoint)
    }

    /// Records in order, as [`read`](crate::read).
    #[must_use]
    pub fn read(&self, query: &Query) -> Vec<Entry> {
        let wanted = self.entries.iter().filter(|entry| query.wants(entry));
        wanted.take(query.limit.min(MAX_READ)).cloned().collect()
    }

    /// Verifies the chain, as [`verify`](crate::verify).
    #[must_use]
    pub fn verify(&self, expect: &Expect) -> Report {
        let start = Head {
            chain: self.chain,
            seq: 0,
            hash: Hash::genesis(self.chain),
        };
        let mut verifier = Verifier::new(start, expect);
        for entry in &self.entries {
            if verifier.feed(Ok(entry.clone())).is_break() {
                break;
            }
        }
        verifier.finish()
    }

    /// Writes the records behind `after` as [`export`](crate::export) does.
    ///
    /// # Errors
    /// [`AuditError::Io`]; [`AuditError::Unreadable`] when there is no record `after`.
    pub fn export(&self, after: u64, out: &mut dyn Write) -> Result<u64, AuditError> {
        let skip = usize::try_from(after).unwrap_or(usize::MAX);
        let hash = match skip.checked_sub(1) {
            None => Hash::genesis(self.chain),
            Some(last) => {
                self.entries
                    .get(last)
                    .ok_or(AuditError::Unreadable { seq: after })?
                    .hash
            }
        };
        let start = Head {
            chain: self.chain,
            seq: after,
            hash,
        };
        let mut writer = export::Writer::begin(out, start)?;
        for entry in self.entries.iter().skip(skip) {
            writer.entry(entry)?;
        }
        writer.end()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("head", &self.head())
            .finish_non_exhaustive()
    }
}
