//! One connected agent.
//!
//! A [`Session`] holds the messages that were claimed for it in [`Lanes`], hands at most a few of them out at a time, and
//! tells the store what became of them. It knows frames, not sockets: [`link`] says what it needs of a connection.

mod delivery;
mod gathered;
mod identity;
mod lanes;
pub mod link;
mod out;
mod receipts;
mod run;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use chancery_base::{Clock, Rng, Ulid};
use chancery_identity::AgentDid;
use tokio::{
    sync::{Notify, Semaphore, mpsc},
    time::Instant,
};

use crate::{
    config::Config,
    store::{Epoch, Refusal, Release, Seq, Store},
};
pub(crate) use delivery::Committed;
pub(crate) use lanes::Lanes;
pub use link::CloseReason;
pub(crate) use out::Out;

/// One connected agent. Shared between its connection, the hub and the store's reports.
pub struct Session {
    pub(crate) agent: AgentDid,
    /// Id of the identity token that opened the connection.
    pub(crate) jti: Ulid,
    pub(crate) epoch: Epoch,
    /// Whether the connector negotiated signed messages and receipts.
    pub(crate) negotiated: bool,
    /// When the identity token that opened the connection expires.
    pub(crate) expires: chancery_base::Millis,
    pub(crate) config: Arc<Config>,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    lanes: Mutex<Lanes>,
    out: mpsc::UnboundedSender<Vec<Out>>,
    /// Frames that `out` holds and that are not on the wire.
    unsent: AtomicUsize,
    /// Something changed that the connection's timers depend on.
    wake: Notify,
    closing: Mutex<Option<CloseReason>>,
    closed: AtomicBool,
    /// Enqueues and receipts that wait for their commit.
    pub(crate) pending: Arc<Semaphore>,
    receipts: Mutex<Receipts>,
}

/// Receipts on their way to this agent.
#[derive(Default)]
struct Receipts {
    /// Frame id to row, and the time by which it must be acknowledged.
    outstanding: BTreeMap<Ulid, (Seq, Instant)>,
    /// Whether the store may have more.
    more: bool,
    reading: bool,
}

/// Receipts that may be unacknowledged in one session; the next are read when these are done.
const RECEIPT_WINDOW: usize = 128;

/// Frames that may wait to be written before the connection is not read any more: a few thousand small answers.
const MAX_UNSENT: usize = 2048;

impl Session {
    #[expect(clippy::too_many_arguments, reason = "made in one place, from what the hub has")]
    pub(crate) fn new(
        agent: AgentDid,
        jti: Ulid,
        epoch: Epoch,
        negotiated: bool,
        expires: chancery_base::Millis,
        has_backlog: bool,
        config: Arc<Config>,
        store: Store,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Vec<Out>>) {
        let (out, rx) = mpsc::unbounded_channel();
        let pending = Arc::new(Semaphore::new(config.delivery.max_pending_enqueues));
        let session = Self {
            agent,
            jti,
            epoch,
            negotiated,
            expires,
            lanes: Mutex::new(Lanes::new(config.delivery, config.mailbox.ttl_ms, has_backlog)),
            config,
            store,
            clock,
            rng,
            out,
            unsent: AtomicUsize::new(0),
            wake: Notify::new(),
            closing: Mutex::new(None),
            closed: AtomicBool::new(false),
            pending,
            receipts: Mutex::new(Receipts {
                more: negotiated,
                ..Receipts::default()
            }),
        };
        (Arc::new(session), rx)
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receipts(&self) -> MutexGuard<'_, Receipts> {
        self.receipts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn send(&self, out: Out) {
        self.send_all(vec![out]);
    }

    /// Sends all of `out` with one waking of the connection's writer.
    pub(crate) fn send_all(&self, out: Vec<Out>) {
        self.unsent.fetch_add(out.len(), Ordering::Relaxed);
        // when nobody takes it, the connection has ended
        let _ = self.out.send(out);
    }

    /// Whether the other side takes what is sent to it. As long as it does not, it is not read: each of its frames may ask
    /// for an answer.
    fn is_heard(&self) -> bool {
        self.unsent.load(Ordering::Relaxed) < MAX_UNSENT
    }

    fn written(&self, frames: usize) {
        let before = self.unsent.fetch_sub(frames, Ordering::Relaxed);
        if before >= MAX_UNSENT {
            self.wake.notify_one();
        }
    }

    /// Ends the connection, for the first reason given.
    pub(crate) fn close(&self, reason: CloseReason) {
        let mut closing = self.closing.lock().unwrap_or_else(PoisonError::into_inner);
        if closing.is_none() {
            *closing = Some(reason);
            self.closed.store(true, Ordering::Release);
            drop(closing);
            self.send(Out::Close(reason));
            self.wake.notify_one();
        }
    }

    /// Whether it has ended, or is about to.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(crate) async fn changed(&self) {
        self.wake.notified().await;
    }

    /// The store failed: what this session believes may not be so, and a new one will ask again.
    fn give_up(&self, refusal: &Refusal) {
        tracing::error!(agent = %self.agent, error = %refusal, "a session ends because the store failed");
        self.close(CloseReason::Internal);
    }

    /// The connection is over: attempts that were counted for messages and not made are taken back.
    pub(crate) fn detach(&self) {
        self.closed.store(true, Ordering::Release);
        let rows = self.lanes().end();
        self.release(rows);
    }

    fn release(&self, seqs: Vec<Seq>) {
        if !seqs.is_empty() {
            let step = Release {
                recipient: self.agent.clone(),
                epoch: self.epoch,
                seqs,
            };
            // when it fails, an attempt too many is counted
            self.store.submit(step, |_| {});
        }
    }
}
