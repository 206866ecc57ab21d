//! Hash-chained records of what was decided and done.
//!
//! A record commits with the effect it records, in the database of whoever writes it: [`Chain::append`] runs inside the
//! writer's own transaction, on the tables of [`MIGRATION`]. Each record holds the hash of the one before it, and the
//! first the hash of the chain's id. Every so many records a [`Notary`] signs the head (a [`Checkpoint`], itself a
//! record of the chain) together with the heads of the other chains it knows.
//!
//! What [`verify`] finds, by what it is given:
//!
//! | somebody with the file | the file alone | and the notary's keys | and a [`Head`] or [`Checkpoint`] kept elsewhere |
//! |---|---|---|---|
//! | changes, removes, inserts or reorders records | found | found | found |
//! | writes the whole chain anew, hashes and all | **not found** | found up to the last checkpoint | found up to what was kept |
//! | cuts off the newest records | **not found** | **not found**, but [`Report::unsigned`] and the age of the last checkpoint show | found up to what was kept |
//! | puts another, or an older, chain in its place | **not found** ([`Expect::chain`] finds another) | **not found** for an older one | found |
//!
//! The form, for whoever verifies without this crate: a record is the JSON object of an [`Entry`]. Its `hash` is SHA-256
//! over `CHANCERY-AUDIT-RECORD-V1`, a newline, and the canonical form (RFC 8785) of the object without `hash`; `prev` of
//! the first is SHA-256 over `CHANCERY-AUDIT-GENESIS-V1`, a newline, and the chain's id. The `detail` of a checkpoint is a
//! [`Checkpoint`]: Ed25519 over `CHANCERY-AUDIT-CHECKPOINT-V1`, a newline, and the canonical form of `statement`, whose
//! `head` is the record before.
//!
//! So the head is worth keeping where the writer of the file cannot write: in the checkpoints of another chain
//! ([`Report::named`]), in a vault, on another machine. What happened and was never recorded no chain can show.

mod chain;
mod checkpoint;
mod entry;
mod error;
mod export;
pub mod limits;
mod memory;
mod record;
pub mod redact;
mod sqlite;
mod verify;

pub use chain::Chain;
pub use checkpoint::{Checkpoint, CheckpointError, Head, KIND as CHECKPOINT_KIND, Notary, Statement};
pub use entry::{Entry, Hash};
pub use error::AuditError;
pub use export::{FORMAT as EXPORT_FORMAT, export, verify_jsonl};
pub use memory::Memory;
pub use record::{Outcome, Record};
pub use sqlite::{MIGRATION, Query, chain_id, head, read};
pub use verify::{Broken, Expect, Fault, Report, verify};
