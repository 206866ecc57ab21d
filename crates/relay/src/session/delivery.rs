//! Messages on their way through a session: from the store or the hub into its lanes, out, and back to the store with what
//! became of them.

use std::{sync::Arc, time::Duration};

use chancery_base::{Millis, Rng as _, Ulid};
use chancery_identity::AgentDid;
use tokio::{sync::oneshot, time::Instant};

use super::{Lanes, Out, Session, lanes};
use crate::{
    hub::Hub,
    store::{Accepted, Claim, Claimed, Defer, Deferred, Epoch, Item, LaneId, NewMessage, Refusal, Settle},
};

impl Session {
    /// Runs `hand_in` with the epoch to claim for, if there is room for `bytes`; under the lock that orders claims, so that
    /// what is handed in first is claimed first.
    pub(crate) fn hand_in<T>(&self, bytes: usize, hand_in: impl FnOnce(Option<Epoch>) -> T) -> T {
        let mut lanes = self.lanes();
        let room = !self.is_closed() && lanes.reserve(bytes);
        hand_in(room.then_some(self.epoch))
    }

    /// Keeps what is handed in from now on from being claimed, until [`Session::handed_in`] with no bytes and no claim.
    pub(crate) fn hold_claims(&self) {
        self.lanes().hold_claims();
    }

    /// What was handed in with this session's epoch at `accepted_at` is durable, and claimed for it.
    pub(crate) fn accepted(
        self: &Arc<Self>,
        accepted: &Accepted,
        accepted_at: Millis,
        message: Arc<NewMessage>,
        waiter: Option<oneshot::Sender<()>>,
        hub: &Hub,
    ) {
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
        let mut lanes = self.lanes();
        if lanes.is_ended() {
            drop(lanes);
            return self.release(vec![item.seq]);
        }
        let back = lanes.arrive(item, waiter);
        self.release(back.into_iter().collect());
        self.pump(&mut lanes, hub);
    }

    /// What was handed in was refused, or waits in the store; `claim` is whether this session's epoch was given with it.
    pub(crate) fn handed_in(self: &Arc<Self>, bytes: usize, claim: bool, hub: &Hub) {
        let mut lanes = self.lanes();
        lanes.handed_in(bytes, claim);
        self.pump(&mut lanes, hub);
    }

    /// A message of `lane` waits in the store that no session has claimed. Told in the store's order.
    pub(crate) fn left_behind(self: &Arc<Self>, lane: LaneId, hub: &Hub) {
        let mut lanes = self.lanes();
        lanes.left_behind(lane);
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
        let Some((seq, waiter)) = lanes.settled(delivery_id) else {
            return;
        };
        let step = Settle {
            recipient: self.agent.clone(),
            epoch: self.epoch,
            seq,
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
