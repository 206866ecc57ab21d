//! Finding the first broken link.

use std::ops::ControlFlow;

use chancery_base::{Ulid, ed25519::PublicKey};
use chancery_store::rusqlite::Connection;
use serde::Serialize;

use crate::checkpoint::{Checkpoint, CheckpointError, Head};
use crate::entry::{Entry, Hash};
use crate::error::AuditError;
use crate::sqlite;

/// What the verifier knows from elsewhere. The more it knows, the more is found: see the [crate's table](crate).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expect {
    /// Id of the chain, so that another chain in its place is found.
    pub chain: Option<Ulid>,
    /// Keys that may sign checkpoints, old ones too. `None` takes any key, and the report lists those that signed.
    pub keys: Option<Vec<PublicKey>>,
    /// Heads known from elsewhere: a kept checkpoint's, or those that the checkpoints of other chains name. Heads of
    /// other chains among them are passed over.
    pub witnesses: Vec<Head>,
}

/// What verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Id of the chain.
    pub chain: Ulid,
    /// Place behind which verification began: 0 unless a part of a chain was exported.
    pub after: u64,
    /// Records that hold together.
    pub records: u64,
    /// The last of them.
    pub head: Head,
    /// Checkpoints among them whose signatures hold.
    pub checkpoints: u64,
    /// The last place that a checkpoint covers.
    pub covered: u64,
    /// Keys that signed, each once.
    pub signers: Vec<PublicKey>,
    /// Heads of other chains that the checkpoints name: witnesses for [`Expect`] when those are verified.
    pub named: Vec<Head>,
    /// The first broken link.
    pub broken: Option<Broken>,
}

impl Report {
    /// Whether nothing is broken.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.broken.is_none()
    }

    /// Records at the end that no checkpoint covers, checkpoints not counted as such: whoever can write the file can
    /// write these anew.
    #[must_use]
    pub fn unsigned(&self) -> u64 {
        self.head.seq.saturating_sub(self.covered.max(self.after))
    }
}

/// The first broken link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// The place where the chain breaks.
    pub seq: u64,
    /// How.
    pub fault: Fault,
}

/// How a chain breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "camelCase", tag = "kind")]
#[non_exhaustive]
pub enum Fault {
    /// It is another chain than the expected one.
    #[error("this is another chain")]
    OtherChain,
    /// The record of this place is missing; the next one there is `found`.
    #[error("the record is missing, the next one is {found}")]
    Missing {
        /// Place of the next record.
        found: u64,
    },
    /// What is stored there is no record, or not written in its one form.
    #[error("what is stored is no record in its one form")]
    Unreadable,
    /// The record does not follow the one before it.
    #[error("the record does not follow the one before it")]
    Unlinked,
    /// The record is not what its hash says.
    #[error("the record was changed")]
    Changed,
    /// The record is a checkpoint that is not to be believed.
    #[error("the checkpoint is not to be believed: {why}")]
    Checkpoint {
        /// Why.
        #[serde(serialize_with = "words")]
        why: CheckpointError,
    },
    /// The chain ends before a record that a witness knows of.
    #[error("the chain ends too early: record {known} was there")]
    Truncated {
        /// Place of a record that was there.
        known: u64,
    },
    /// A witness knows another record of this place.
    #[error("another record was there")]
    Rewritten,
}

fn words<S: serde::Serializer>(why: &CheckpointError, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(why)
}

/// Verifies the whole chain of a database, reading only. Time and memory: one pass, one record at a time.
///
/// # Errors
/// [`AuditError::NotBegun`] when the chain has no id, [`AuditError::Store`]. A broken chain is no error but in the report.
pub fn verify(connection: &Connection, expect: &Expect) -> Result<Report, AuditError> {
    let chain = sqlite::chain_id(connection)?;
    let start = Head {
        chain,
        seq: 0,
        hash: Hash::genesis(chain),
    };
    let mut verifier = Verifier::new(start, expect);
    sqlite::each(connection, 0, |row| Ok(verifier.feed(row)))?;
    Ok(verifier.finish())
}

/// Looks at one record after the other.
pub(crate) struct Verifier<'a> {
    expect: &'a Expect,
    witnesses: Vec<Head>,
    report: Report,
}

impl<'a> Verifier<'a> {
    /// Begins behind `start`, which is the genesis unless a part of a chain is verified.
    pub(crate) fn new(start: Head, expect: &'a Expect) -> Self {
        let mut verifier = Self {
            expect,
            witnesses: expect
                .witnesses
                .iter()
                .filter(|head| head.chain == start.chain && head.seq >= start.seq)
                .copied()
                .collect(),
            report: Report {
                chain: start.chain,
                after: start.seq,
                records: 0,
                head: start,
                checkpoints: 0,
                covered: 0,
                signers: Vec::new(),
                named: Vec::new(),
                broken: None,
            },
        };
        // backwards, so that the next one is at the end
        verifier.witnesses.sort_by_key(|head| std::cmp::Reverse(head.seq));
        if expect.chain.is_some_and(|chain| chain != start.chain) {
            verifier.fail(start.seq, Fault::OtherChain);
        } else if start.seq == 0 && start.hash != Hash::genesis(start.chain) {
            verifier.fail(0, Fault::Unlinked);
        } else {
            verifier.ask_witnesses();
        }
        verifier
    }

    fn fail(&mut self, seq: u64, fault: Fault) {
        self.report.broken.get_or_insert(Broken { seq, fault });
    }

    /// Compares the head with what the witnesses say about its place.
    fn ask_witnesses(&mut self) {
        let head = self.report.head;
        while let Some(witness) = self.witnesses.pop_if(|witness| witness.seq == head.seq) {
            if witness.hash != head.hash {
                self.fail(head.seq, Fault::Rewritten);
            }
        }
    }

    /// The next record, or the place of something that is none. Breaks when the chain does.
    pub(crate) fn feed(&mut self, row: Result<Entry, u64>) -> ControlFlow<()> {
        let expected = self.report.head.seq.saturating_add(1);
        if self.report.broken.is_none() {
            match self.next(row, expected) {
                Err(fault) => self.fail(expected, fault),
                Ok(entry) => {
                    self.report.records += 1;
                    self.report.head.seq = entry.seq;
                    self.report.head.hash = entry.hash;
                    self.ask_witnesses();
                }
            }
        }
        match self.report.broken {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    }

    /// The record, when it is what follows.
    fn next(&mut self, row: Result<Entry, u64>, expected: u64) -> Result<Entry, Fault> {
        let entry = match row {
            Err(seq) if seq == expected => return Err(Fault::Unreadable),
            Err(found) => return Err(Fault::Missing { found }),
            Ok(entry) if entry.seq != expected => return Err(Fault::Missing { found: entry.seq }),
            Ok(entry) => entry,
        };
        if entry.computed().ok() != Some(entry.hash) {
            return Err(Fault::Changed);
        }
        if entry.prev != self.report.head.hash {
            return Err(Fault::Unlinked);
        }
        if entry.is_checkpoint() {
            self.checkpoint(&entry).map_err(|why| Fault::Checkpoint { why })?;
        }
        Ok(entry)
    }

    fn checkpoint(&mut self, entry: &Entry) -> Result<(), CheckpointError> {
        let checkpoint: Checkpoint =
            serde_json::from_value(entry.detail.clone()).map_err(|_| CheckpointError::Shape)?;
        checkpoint.verify(self.expect.keys.as_deref())?;
        if checkpoint.statement.head != self.report.head {
            return Err(CheckpointError::Head);
        }
        let report = &mut self.report;
        report.checkpoints += 1;
        report.covered = checkpoint.statement.head.seq;
        if !report.signers.contains(&checkpoint.key) {
            report.signers.push(checkpoint.key);
        }
        report.named.extend(checkpoint.statement.others);
        Ok(())
    }

    /// There are no more records.
    pub(crate) fn finish(mut self) -> Report {
        let next = self.report.head.seq.saturating_add(1);
        if let Some(known) = self.witnesses.iter().map(|witness| witness.seq).max() {
            self.fail(next, Fault::Truncated { known });
        }
        self.report
    }

    /// The records end where a part of them should still follow, or go on where they should end.
    pub(crate) fn cut(&mut self, known: u64) {
        let next = self.report.head.seq.saturating_add(1);
        self.fail(next, Fault::Truncated { known });
    }

    /// Where it stands.
    pub(crate) fn head(&self) -> Head {
        self.report.head
    }
}
