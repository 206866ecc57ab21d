//! Messages on their way through a session: from the store or the hub into its lanes, out, and back to the store with what
//! became of them.

use std::{
    sync::{Arc, MutexGuard},
    time::Duration,
};

use chancery_base::{Millis, Rng as _, Ulid};
use chancery_identity::AgentDid;
use tokio::{sync::oneshot, time::Instant};

use super::{Lanes, Out, Session, lanes};
use crate::{
    hub::Hub,
    store::{Accepted, Claim, Claimed, Defer, Deferred, Epoch, Item, LaneId, NewMessage, Refusal, Settle, Together},
};

/// Deliveries are noted with the end of the span of this many milliseconds in which they were made: rows that follow each other
/// and bear one time are written by one statement.
const SETTLED_MS: i64 = 16;

/// What became of a message that was handed in to the store.
pub(crate) enum Committed {
    /// It is held by this session; who waits until the recipient has it.
    Claimed(Item, Option<oneshot::Sender<()>>),
    /// It was refused, or waits in the store.
    Unclaimed {
        /// The lane in which it waits.
        left: Option<LaneId>,
        bytes: usize,
        /// Whether this session's epoch was given with it.
        claim: bool,
    },
}

impl Committed {
    pub(crate) fn claimed(
        accepted: &Accepted,
        accepted_at: Millis,
        message: Arc<NewMessage>,
        waiter: Option<oneshot::Sender<()>>,
    ) -> Self {
        let item = Item {
            seq: accepted.seq,
            delivery_id: accepted.delivery_id,
            lane: accepted.lane,
            lane_seq: accepted.lane_seq,
            position: accepted.position,
            attempt: 1,
            accepted_at,
            message,
        };
        Self::Claimed(item, waiter)
    }
}

/// See [`Session::claims`].
pub(crate) struct Claims<'a> {
    session: &'a Session,
    lanes: MutexGuard<'a, Lanes>,
}

impl Claims<'_> {
    /// The epoch to claim for, if there is room for `bytes`. [`Session::committed`] follows either way.
    pub(crate) fn reserve(&mut self, bytes: usize) -> Option<Epoch> {
        let room = !self.session.is_closed() && self.lanes.reserve(bytes);
        room.then_some(self.session.epoch)
    }
}

impl Session {
    /// Claims for what is handed in to the store before the answer is dropped. It holds the lock that orders claims, so that
    /// what is handed in first is claimed first.
    pub(crate) fn claims(&self) -> Claims<'_> {
        Claims {
            session: self,
            lanes: self.lanes(),
        }
    }

    /// Keeps what is handed in from now on from being claimed, until [`Session::handed_in`] with no bytes and no claim.
    pub(crate) fn hold_claims(&self) {
        self.lanes().hold_claims();
    }

    /// What was handed in is durable, or refused. In the store's order.
    pub(crate) fn committed(self: &Arc<Self>, committed: Vec<Committed>, hub: &Hub) {
        let mut back = Vec::new();
        let mut lanes = self.lanes();
        for committed in committed {
            match committed {
                Committed::Claimed(item, _) if lanes.is_ended() => back.push(item.seq),
                Committed::Claimed(item, waiter) => back.extend(lanes.arrive(item, waiter)),
                Committed::Unclaimed { left, bytes, claim } => {
                    if let Some(lane) = left {
                        lanes.left_behind(lane);
                    }
                    lanes.handed_in(bytes, claim);
                }
            }
        }
        self.release(back);
        self.pump(&mut lanes, hub);
    }

    /// What was handed in was refused, or waits in the store; `claim` is whether this session's epoch was given with it.
    pub(crate) fn handed_in(self: &Arc<Self>, bytes: usize, claim: bool, hub: &Hub) {
        let mut lanes = self.lanes();
        lanes.handed_in(bytes, claim);
        self.pump(&mut lanes, hub);
    }

    /// Messages of these lanes wait in the store that no session has claimed. Told in the store's order.
    pub(crate) fn left_behind(self: &Arc<Self>, left: &[LaneId], hub: &Hub) {
        let mut lanes = self.lanes();
        for lane in left {
            lanes.left_behind(*lane);
        }
        self.pump(&mut lanes, hub);
    }

    /// Something may wait in the store that no session has claimed.
    pub(crate) fn missed(self: &Arc<Self>, hub: &Hub) {
        let mut lanes = self.lanes();
        lanes.missed();
        self.pump(&mut lanes, hub);
    }

    /// Does not send on what `sender` sent. It goes back to the store when it may be claimed again.
    pub(crate) fn withdraw(&self, sender: &AgentDid, give_back: bool) {
        let rows = self.lanes().withdraw(sender);
        if give_back {
            self.release(rows);
        }
    }

    /// Sends what may be sent and asks the store for more when there is room.
    pub(crate) fn nudge(self: &Arc<Self>, hub: &Hub) {
        let mut lanes = self.lanes();
        self.pump(&mut lanes, hub);
    }

    fn pump(self: &Arc<Self>, lanes: &mut Lanes, hub: &Hub) {
        if self.is_closed() || hub.is_paused() {
            return;
        }
        let (now, wall) = (Instant::now(), self.clock.now());
        let items: Vec<Out> = std::iter::from_fn(|| lanes.next_to_send(now, wall))
            .map(Out::Deliver)
            .collect();
        if !items.is_empty() {
            self.send_all(items);
            self.wake.notify_one();
        }
        if let Some(request) = lanes.wants_more() {
            self.claim(request, hub);
        }
    }

    fn claim(self: &Arc<Self>, request: lanes::Request, hub: &Hub) {
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
        let (session, hub) = (Arc::clone(self), hub.clone());
        self.store.submit(step, move |outcome| session.claimed(outcome, &hub));
    }

    fn claimed(self: &Arc<Self>, outcome: Result<Claimed, Refusal>, hub: &Hub) {
        match outcome {
            Ok(claimed) => {
                let mut lanes = self.lanes();
                if lanes.is_ended() {
                    drop(lanes);
                    return self.release(claimed.items.into_iter().map(|item| item.seq).collect());
                }
                let back = lanes.claimed(claimed);
                self.release(back);
                self.pump(&mut lanes, hub);
            }
            Err(refusal) => self.give_up(&refusal),
        }
    }

    /// The recipient has these deliveries.
    pub(super) fn delivered(self: &Arc<Self>, delivery_ids: &[Ulid], hub: &Hub) {
        let now = self.clock.now();
        let now = now.plus((-now.0).rem_euclid(SETTLED_MS));
        let mut lanes = self.lanes();
        let settled = delivery_ids.iter().filter_map(|id| Some((*id, lanes.settled(*id)?)));
        let (steps, waiters): (Vec<Settle>, Vec<_>) = settled
            .map(|(delivery_id, (seq, waiter))| {
                let step = Settle {
                    recipient: self.agent.clone(),
                    epoch: self.epoch,
                    seq,
                    delivery_id,
                    now,
                };
                (step, waiter)
            })
            .unzip();
        if steps.is_empty() {
            return;
        }
        let session = Arc::clone(self);
        self.store.submit(Together(steps), move |outcomes| match outcomes {
            Ok(outcomes) => {
                for (waiter, outcome) in waiters.into_iter().zip(outcomes) {
                    match (waiter, outcome) {
                        // whoever waited may have gone
                        (Some(waiter), Ok(_)) => drop(waiter.send(())),
                        (None, Ok(_)) => {}
                        (_, Err(refusal)) => session.give_up(&refusal),
                    }
                }
            }
            Err(refusal) => session.give_up(&refusal),
        });
        self.pump(&mut lanes, hub);
    }

    /// The recipient does not take this delivery now.
    pub(super) fn refused(self: &Arc<Self>, delivery_id: Ulid, reason: Option<&str>, hub: &Hub) {
        self.refuse(delivery_id, reason.unwrap_or("refused without a reason"), hub);
    }

    fn refuse(self: &Arc<Self>, delivery_id: Ulid, reason: &str, hub: &Hub) {
        self.defer(delivery_id, reason, self.config.delivery.retry_max_attempts, hub);
    }

    /// The delivery can not be made over this connection, now or later: it becomes a dead letter.
    pub(super) fn give_up_on(self: &Arc<Self>, delivery_id: Ulid, reason: &str, hub: &Hub) {
        self.defer(delivery_id, reason, 0, hub);
    }

    fn defer(self: &Arc<Self>, delivery_id: Ulid, reason: &str, max_attempts: u32, hub: &Hub) {
        let mut lanes = self.lanes();
        let Some(item) = lanes.refused(delivery_id) else { return };
        let step = Defer {
            recipient: self.agent.clone(),
            epoch: self.epoch,
            seq: item.seq,
            delivery_id,
            max_attempts,
            reason: reason.to_owned(),
            now: self.clock.now(),
        };
        let (session, hub) = (Arc::clone(self), hub.clone());
        self.store.submit(step, move |outcome| match outcome {
            Ok(outcome) => session.deferred(&item, outcome, &hub),
            Err(refusal) => session.give_up(&refusal),
        });
    }

    fn deferred(self: &Arc<Self>, item: &Item, outcome: Deferred, hub: &Hub) {
        let again = match outcome {
            Deferred::Again { attempt } => Some(Instant::now() + self.retry_delay(attempt)),
            Deferred::Dead | Deferred::Stale => None,
        };
        let mut lanes = self.lanes();
        if lanes.is_ended() {
            drop(lanes);
            if again.is_some() {
                // the next attempt was counted, and is another session's to make
                self.release(vec![item.seq]);
            }
        } else {
            // before the claim that brings them back
            self.release(lanes.deferred(item.lane, item.delivery_id, again));
            self.pump(&mut lanes, hub);
            drop(lanes);
            self.wake.notify_one();
        }
        if outcome == Deferred::Dead
            && let Some(sender) = hub.session(&item.message.sender)
        {
            sender.receipts_due();
        }
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

    /// What timers are due: deliveries and receipts without an answer, lanes that may go on.
    pub(crate) fn tick(self: &Arc<Self>, hub: &Hub) {
        let late = self.lanes().overdue(Instant::now());
        for delivery_id in late {
            self.refuse(delivery_id, "no acknowledgement in time", hub);
        }
        self.expire_receipts();
        self.nudge(hub);
    }

    /// When [`Session::tick`] has something to do next.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let receipts = self.next_receipt_deadline();
        self.lanes().next_deadline().into_iter().chain(receipts).min()
    }
}
