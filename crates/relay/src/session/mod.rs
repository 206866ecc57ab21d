//! One connected agent.
//!
//! A [`Session`] holds the messages that were claimed for it in [`Lanes`], hands at most a few of them out at a time, and
//! tells the store what became of them. It knows frames, not sockets: [`link`] says what it needs of a connection.

mod lanes;
pub mod link;
mod out;
mod run;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chancery_base::{Clock, Rng, Ulid};
use chancery_identity::AgentDid;
use tokio::{
    sync::{Notify, Semaphore, mpsc, oneshot},
    time::Instant,
};

use crate::{
    config::Config,
    hub::Hub,
    store::{Accepted, Claim, Claimed, Defer, Deferred, Epoch, Item, NewMessage, Refusal, Release, Seq, Settle, Store},
};
pub(crate) use lanes::Lanes;
pub use link::CloseReason;
pub(crate) use out::Out;

/// One connected agent. Shared between its connection, the hub and the store's reports.
pub struct Session {
    pub(crate) agent: AgentDid,
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
    out: mpsc::UnboundedSender<Out>,
    /// Something changed that the connection's timers depend on.
    wake: Notify,
    closing: Mutex<Option<CloseReason>>,
    closed: AtomicBool,
    /// Enqueues that wait for their commit.
    pub(crate) pending: Arc<Semaphore>,
    receipts: Mutex<Receipts>,
}

/// Receipts on their way to this agent.
#[derive(Default)]
struct Receipts {
    /// Frame id to row.
    outstanding: BTreeMap<Ulid, Seq>,
    /// Whether the store may have more.
    more: bool,
    reading: bool,
}

/// Receipts that may be unacknowledged in one session; the next are read when these are done.
const RECEIPT_WINDOW: usize = 128;

impl Session {
    #[expect(clippy::too_many_arguments, reason = "made in one place, from what the hub has")]
    pub(crate) fn new(
        agent: AgentDid,
        epoch: Epoch,
        negotiated: bool,
        expires: chancery_base::Millis,
        has_backlog: bool,
        config: Arc<Config>,
        store: Store,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Out>) {
        let (out, rx) = mpsc::unbounded_channel();
        let pending = Arc::new(Semaphore::new(config.delivery.max_pending_enqueues));
        let session = Self {
            agent,
            epoch,
            negotiated,
            expires,
            lanes: Mutex::new(Lanes::new(config.delivery, config.mailbox.ttl_ms, has_backlog)),
            config,
            store,
            clock,
            rng,
            out,
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

    /// Runs `hand_in` with the epoch to claim for, if there is room for `bytes`; under the lock that orders claims, so that
    /// what is handed in first is claimed first.
    pub(crate) fn hand_in<T>(&self, bytes: usize, hand_in: impl FnOnce(Option<Epoch>) -> T) -> T {
        let mut lanes = self.lanes();
        let room = !self.is_closed() && lanes.reserve(bytes);
        hand_in(room.then_some(self.epoch))
    }

    /// The store's answer to what was handed in with this session's epoch.
    pub(crate) fn accepted(
        &self,
        accepted: &Accepted,
        message: Arc<NewMessage>,
        waiter: Option<oneshot::Sender<()>>,
        hub: &Hub,
    ) {
        if !accepted.claimed {
            return self.not_claimed(message.payload.len(), hub);
        }
        let item = Item {
            seq: accepted.seq,
            delivery_id: accepted.delivery_id,
            lane: accepted.lane,
            lane_seq: accepted.lane_seq,
            position: accepted.position,
            attempt: 1,
            accepted_at: self.clock.now(),
            message,
        };
        let mut lanes = self.lanes();
        lanes.arrive(item, waiter);
        self.pump(&mut lanes, hub);
    }

    /// A reservation was not used.
    pub(crate) fn not_claimed(&self, bytes: usize, hub: &Hub) {
        let mut lanes = self.lanes();
        lanes.unreserve(bytes);
        self.pump(&mut lanes, hub);
    }

    /// Something waits in the store that no session has claimed.
    pub(crate) fn missed(&self, hub: &Hub) {
        let mut lanes = self.lanes();
        lanes.missed();
        self.pump(&mut lanes, hub);
    }

    /// Sends what may be sent and asks the store for more when there is room.
    pub(crate) fn nudge(&self, hub: &Hub) {
        let mut lanes = self.lanes();
        self.pump(&mut lanes, hub);
    }

    fn pump(&self, lanes: &mut Lanes, hub: &Hub) {
        if self.is_closed() || hub.is_paused() {
            return;
        }
        let mut sent = false;
        while let Some(item) = lanes.next_to_send(Instant::now(), self.clock.now()) {
            sent = true;
            self.send(Out::Deliver(Box::new(item)));
        }
        if sent {
            self.wake.notify_one();
        }
        if let Some(request) = lanes.wants_more() {
            self.claim(request, hub);
        }
    }

    fn claim(&self, request: lanes::Request, hub: &Hub) {
        let step = Claim {
            recipient: self.agent.clone(),
            epoch: self.epoch,
            holds: request.holds,
            per_lane: request.per_lane,
            from_lane: request.from_lane,
            max_messages: request.max_messages,
            max_bytes: request.max_bytes,
            expired_before: self.clock.now().plus(-self.config.mailbox.ttl_ms),
        };
        let hub = hub.clone();
        let (agent, epoch) = (self.agent.clone(), self.epoch);
        self.store.submit(step, move |outcome| {
            if let Some(session) = hub.session_of(&agent, epoch) {
                session.claimed(outcome, &hub);
            }
        });
    }

    fn claimed(&self, outcome: Result<Claimed, Refusal>, hub: &Hub) {
        match outcome {
            Ok(claimed) => {
                let mut lanes = self.lanes();
                lanes.claimed(claimed);
                self.pump(&mut lanes, hub);
            }
            Err(refusal) => self.give_up(&refusal),
        }
    }

    /// The recipient has answered a delivery.
    pub(crate) fn answered(self: &Arc<Self>, delivery_id: Ulid, accepted: bool, reason: Option<&str>, hub: &Hub) {
        if accepted {
            self.settle(delivery_id, hub);
        } else {
            self.refuse(delivery_id, reason.unwrap_or("refused without a reason"), hub);
        }
    }

    fn settle(self: &Arc<Self>, delivery_id: Ulid, hub: &Hub) {
        let mut lanes = self.lanes();
        let Some((item, waiter)) = lanes.settled(delivery_id) else {
            return;
        };
        let step = Settle {
            recipient: self.agent.clone(),
            epoch: self.epoch,
            seq: item.seq,
            delivery_id,
            now: self.clock.now(),
        };
        let session = Arc::clone(self);
        self.store.submit(step, move |outcome| match outcome {
            Ok(_) => {
                if let Some(waiter) = waiter {
                    // whoever waited may have gone
                    let _ = waiter.send(());
                }
            }
            Err(refusal) => session.give_up(&refusal),
        });
        self.pump(&mut lanes, hub);
    }

    fn refuse(self: &Arc<Self>, delivery_id: Ulid, reason: &str, hub: &Hub) {
        let mut lanes = self.lanes();
        let Some(item) = lanes.refused(delivery_id) else { return };
        let step = Defer {
            recipient: self.agent.clone(),
            epoch: self.epoch,
            seq: item.seq,
            delivery_id,
            max_attempts: self.config.delivery.retry_max_attempts,
            reason: reason.to_owned(),
            now: self.clock.now(),
        };
        let (session, hub) = (Arc::clone(self), hub.clone());
        self.store.submit(step, move |outcome| match outcome {
            Ok(outcome) => session.deferred(item.lane, delivery_id, outcome, &hub),
            Err(refusal) => session.give_up(&refusal),
        });
    }

    fn deferred(&self, lane: crate::store::LaneId, delivery_id: Ulid, outcome: Deferred, hub: &Hub) {
        let until = match outcome {
            Deferred::Again { attempt } => Some((attempt, Instant::now() + self.retry_delay(attempt))),
            Deferred::Dead | Deferred::Stale => None,
        };
        let mut lanes = self.lanes();
        lanes.deferred(lane, delivery_id, until);
        self.pump(&mut lanes, hub);
        drop(lanes);
        if outcome == Deferred::Dead {
            hub.receipts_due();
        }
        self.wake.notify_one();
    }

    /// The wait before attempt number `attempt` (2 for the first repeat): doubling, varied, and limited.
    fn retry_delay(&self, attempt: u32) -> Duration {
        let limits = &self.config.delivery;
        let doubled = limits
            .retry_initial
            .saturating_mul(1 << attempt.saturating_sub(2).min(20));
        let capped = doubled.min(limits.retry_max);
        let random = u32::from_le_bytes(self.rng.bytes::<4>());
        let factor = 1.0 + limits.retry_jitter * (f64::from(random) / f64::from(u32::MAX) * 2.0 - 1.0);
        capped.mul_f64(factor.max(0.0)).min(limits.retry_max)
    }

    /// What timers are due: deliveries without an answer, lanes that may go on.
    pub(crate) fn tick(self: &Arc<Self>, hub: &Hub) {
        let late = self.lanes().overdue(Instant::now());
        for delivery_id in late {
            self.refuse(delivery_id, "no acknowledgement in time", hub);
        }
        self.nudge(hub);
    }

    /// When [`Session::tick`] has something to do next.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.lanes().next_deadline()
    }

    pub(crate) fn send(&self, out: Out) {
        // when nobody takes it, the connection has ended
        let _ = self.out.send(out);
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

    pub(crate) fn is_closed(&self) -> bool {
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

    /// The connection is over: attempts that were counted for messages never sent are taken back.
    pub(crate) fn detach(&self) {
        self.closed.store(true, Ordering::Release);
        let seqs = self.lanes().drain_unsent();
        if !seqs.is_empty() {
            let step = Release {
                recipient: self.agent.clone(),
                epoch: self.epoch,
                seqs,
            };
            self.store.submit(step, |_| {});
        }
    }
}
