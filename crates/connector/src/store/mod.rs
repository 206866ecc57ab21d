//! What a connector must not forget, behind one set of commands and two backends.
//!
//! Each method is one atomic step, queued at the moment of the call, so that steps take effect in the order of their
//! calls. With SQLite the returned future resolves once the step is synced to the disk. `memory` is the oracle of the
//! tests and the backend of the simulation; both are held to the same behaviour by one suite.

mod columns;
#[cfg(test)]
mod conformance;
pub(crate) mod memory;
mod rows;
pub(crate) mod sqlite;

use std::path::Path;

use chancery_base::{Millis, Ulid};
use chancery_identity::AgentDid;
use chancery_store::StoreError;

use crate::ports::BoxFuture;
pub(crate) use rows::*;
pub use rows::{InboundState, InboundView, OutboundState, OutboundView};

/// The durable state of one connector. Clones share it.
#[derive(Debug, Clone)]
pub struct Store(Backend);

#[derive(Debug, Clone)]
enum Backend {
    Memory(memory::MemoryStore),
    Sqlite(sqlite::SqliteStore),
}

/// The future of one step.
pub(crate) type Step<T> = BoxFuture<'static, Result<T, StoreError>>;

macro_rules! steps {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),*) -> $output:ty;)*) => {
        impl Store {
            $($(#[$doc])*
            pub(crate) fn $name(&self, $($arg: $type),*) -> Step<$output> {
                match &self.0 {
                    Backend::Memory(store) => {
                        let result = store.$name($($arg),*);
                        Box::pin(std::future::ready(Ok(result)))
                    }
                    Backend::Sqlite(store) => store.$name($($arg),*),
                }
            })*
        }
    };
}

impl Store {
    /// A store in memory; what it knows ends with its last clone.
    #[must_use]
    pub fn memory() -> Self {
        Self(Backend::Memory(memory::MemoryStore::default()))
    }

    /// Opens the SQLite file at `path`, or makes it (0600). One connector at a time. Blocks on the disk.
    ///
    /// # Errors
    /// [`StoreError`], such as [`StoreError::Locked`] when another connector of this agent is running.
    pub fn sqlite(path: &Path) -> Result<Self, StoreError> {
        Ok(Self(Backend::Sqlite(sqlite::SqliteStore::open(path)?)))
    }

    /// Writes what is queued and releases the file. Later steps fail.
    pub async fn close(&self) {
        if let Backend::Sqlite(store) = &self.0 {
            store.close().await;
        }
    }
}

steps! {
    /// Takes an outbound message, or says why not.
    fn accept_outbound(message: Outbound, limit: u64) -> AcceptedOutbound;
    /// All messages that wait for the relay, in the order they were taken.
    fn queued_outbound() -> Vec<QueuedOutbound>;
    /// Those of `ids` that still wait, with their content.
    fn load_outbound(ids: Vec<Ulid>) -> Vec<Outbound>;
    /// The relay has the message: its payload is no longer needed.
    fn outbound_accepted(id: Ulid, now: Millis) -> bool;
    /// The relay refused it for now; returns how often it did so.
    fn outbound_refused(id: Ulid, reason: String, now: Millis) -> u32;
    /// The message is given up.
    fn outbound_dead(id: Ulid, reason: String, now: Millis) -> bool;
    /// A receipt for one of our messages.
    fn outbound_receipt(receipt: InReceipt) -> ReceiptEffect;
    /// Where an outbound message is.
    fn outbound_view(id: Ulid) -> Option<OutboundView>;

    /// At most `limit` outbound messages in `state`, the oldest first, with how many there are.
    fn list_outbound(state: OutboundState, limit: u32) -> (u64, Vec<OutboundView>);

    /// Takes an inbound message, or says why not.
    fn accept_inbound(message: Inbound, caps: Caps) -> AcceptedInbound;
    /// What a crash left behind: attempts without a recorded end are tried again, or held.
    fn recover(redeliver: bool) -> Recovered;
    /// All messages that wait for their delivery, in the order they came.
    fn waiting_inbound() -> Vec<WaitingInbound>;
    /// Records that an attempt begins, and returns what to deliver; `None` when the message does not wait any more.
    fn begin_attempt(id: Ulid, now: Millis) -> Option<Attempt>;
    /// The receiver took it.
    fn delivered(id: Ulid, now: Millis, receipt: Option<OutReceipt>) -> bool;
    /// The attempt failed and the message waits again; `refused` counts towards giving up.
    fn attempt_failed(id: Ulid, failure: AttemptFailure) -> bool;
    /// The message is given up.
    fn dead_letter(id: Ulid, reason: String, now: Millis, receipt: Option<OutReceipt>) -> bool;
    /// Held messages (all, or those of `ids`) wait again.
    fn release_held(ids: Option<Vec<Ulid>>, now: Millis) -> Vec<WaitingInbound>;
    /// Dead letters (all, or those of `ids`) wait again, with a fresh count of attempts and a new age.
    fn replay_dead(ids: Option<Vec<Ulid>>, now: Millis) -> Vec<WaitingInbound>;
    /// Dead letters (all, or those of `ids`) are forgotten, except that a repeat is still recognised.
    fn purge_dead(ids: Option<Vec<Ulid>>, now: Millis) -> u64;
    /// At most `limit` messages in `state`, the oldest first, with how many there are.
    fn list_inbound(state: InboundState, limit: u32) -> (u64, Vec<InboundView>);

    /// At most `limit` receipts behind `after` that the relay has not confirmed, in order.
    fn receipts_after(after: i64, limit: u32) -> Vec<(i64, OutReceipt)>;
    /// The relay has the receipt.
    fn receipt_acked(frame: Ulid) -> bool;

    /// Remembers a sender whose token was verified.
    fn remember_peer(did: AgentDid, peer: PeerRecord) -> ();
    /// What was remembered of `did`.
    fn peer(did: AgentDid) -> Option<PeerRecord>;

    /// How many of everything.
    fn counts() -> Counts;
    /// Forgets what was settled before `before`, and receipts beyond the newest `receipts`.
    fn prune(before: Millis, receipts: u64) -> u64;
}
