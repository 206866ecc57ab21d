//! The messages that a session holds: which one may be sent next. Pure; times are passed in.
//!
//! Every lane is a queue in order, with at most one delivery in flight; a few lanes at a time have one. What is claimed
//! from the store is bounded in number and bytes, counting what was reserved for messages whose commit is still awaited.
//! A lane whose head was refused takes no part in that: until its wait is over, its messages are back in the store.

mod claims;
mod rest;

use std::collections::{BTreeMap, VecDeque};

use chancery_base::{Millis, Ulid};
use tokio::{sync::oneshot, time::Instant};

use crate::{
    config::DeliveryLimits,
    store::{Item, LaneId, Seq},
};

use claims::Claiming;
pub(crate) use claims::Request;
use rest::Rest;

pub(crate) struct Lanes {
    limits: DeliveryLimits,
    ttl_ms: i64,
    lanes: BTreeMap<LaneId, Lane>,
    /// Lanes with something to send and nothing in the way, in the order in which they became so.
    ready: VecDeque<LaneId>,
    in_flight: BTreeMap<Ulid, (LaneId, Instant)>,
    held: usize,
    held_bytes: usize,
    /// Messages handed in without a claim, whose commit is awaited.
    unclaimed: usize,
    /// Lanes held here of which the store has more, and may be asked for it.
    with_more: usize,
    /// Whether the store may have messages of lanes that are not held here.
    unseen: bool,
    /// Counts the times that [`Lanes::missed`] was called, to tell whether a claim saw what was meant.
    missed: u64,
    /// The claim under way.
    claiming: Option<Claiming>,
    from_lane: LaneId,
    ended: bool,
}

#[derive(Default)]
struct Lane {
    queue: VecDeque<Entry>,
    /// The one that was sent and not answered, or refused and not deferred yet.
    away: Option<Entry>,
    /// Its head was refused: nothing of it is held until a claim brings it back.
    rest: Option<Rest>,
    /// Whether it stands in `ready`.
    ready: bool,
    /// Whether the store has more of this lane.
    more: bool,
}

struct Entry {
    item: Item,
    waiter: Option<oneshot::Sender<()>>,
    /// Whether it was sent before, and waits to be sent again.
    sent: bool,
}

impl Lanes {
    pub(crate) fn new(limits: DeliveryLimits, ttl_ms: i64, backlog: bool) -> Self {
        Self {
            limits,
            ttl_ms,
            lanes: BTreeMap::new(),
            ready: VecDeque::new(),
            in_flight: BTreeMap::new(),
            held: 0,
            held_bytes: 0,
            unclaimed: 0,
            with_more: 0,
            unseen: backlog,
            missed: 0,
            claiming: None,
            from_lane: 0,
            ended: false,
        }
    }

    /// A message that was reserved has been committed and claimed. `Some` when it must go back to the store: older ones of
    /// its lane are there.
    #[must_use]
    pub(crate) fn arrive(&mut self, item: Item, waiter: Option<oneshot::Sender<()>>) -> Option<Seq> {
        let lane = item.lane;
        if self.is_resting(lane) {
            self.give_room(item.message.payload.len());
            self.gone_back(lane, item.position);
            return Some(item.seq);
        }
        self.push(Entry {
            item,
            waiter,
            sent: false,
        });
        self.mark_ready(lane);
        None
    }

    fn push(&mut self, entry: Entry) {
        self.lanes.entry(entry.item.lane).or_default().queue.push_back(entry);
    }

    fn mark_ready(&mut self, id: LaneId) {
        if let Some(lane) = self.lanes.get_mut(&id)
            && !lane.ready
            && lane.away.is_none()
            && !lane.queue.is_empty()
        {
            lane.ready = true;
            self.ready.push_back(id);
        }
    }

    /// The next message to send, now in flight; `None` when nothing may be sent.
    pub(crate) fn next_to_send(&mut self, now: Instant, wall: Millis) -> Option<Item> {
        while self.in_flight.len() < self.limits.max_in_flight {
            let id = self.ready.pop_front()?;
            let Some(lane) = self.lanes.get_mut(&id) else { continue };
            // an entry of a lane that was forgotten meanwhile, and maybe made anew
            if !std::mem::take(&mut lane.ready) {
                continue;
            }
            let Some(entry) = lane.queue.pop_front() else {
                self.forget_if_idle(id);
                continue;
            };
            if entry.item.accepted_at.plus(self.ttl_ms) <= wall {
                // its time is over; the next sweep makes it a dead letter
                let bytes = entry.item.message.payload.len();
                self.give_room(bytes);
                self.mark_ready(id);
                self.forget_if_idle(id);
                continue;
            }
            let item = entry.item.clone();
            lane.away = Some(entry);
            self.in_flight
                .insert(item.delivery_id, (id, now + self.limits.ack_timeout));
            return Some(item);
        }
        None
    }

    /// The recipient has it: its row. Also when the answer comes after its time: what was deferred is looked for too.
    pub(crate) fn settled(&mut self, id: Ulid) -> Option<(Seq, Option<oneshot::Sender<()>>)> {
        let (lane_id, entry) = match self.in_flight.remove(&id) {
            Some((lane_id, _)) => (lane_id, self.lanes.get_mut(&lane_id)?.away.take()?),
            None => match self.take_late(id) {
                Some(found) => found,
                None => return self.settled_at_rest(id),
            },
        };
        self.give_room(entry.item.message.payload.len());
        self.mark_ready(lane_id);
        self.forget_if_idle(lane_id);
        Some((entry.item.seq, entry.waiter))
    }

    fn take_late(&mut self, id: Ulid) -> Option<(LaneId, Entry)> {
        for (lane_id, lane) in &mut self.lanes {
            if let Some(entry) = lane.away.take_if(|entry| entry.item.delivery_id == id) {
                return Some((*lane_id, entry));
            }
            // one that was sent and waits to be sent again stands at the head, and only there
            let head = lane.queue.front();
            if head.is_some_and(|entry| entry.item.delivery_id == id && entry.sent) {
                return lane.queue.pop_front().map(|entry| (*lane_id, entry));
            }
        }
        None
    }

    /// The recipient has refused it, or not answered in time. It stays away until [`Lanes::deferred`].
    pub(crate) fn refused(&mut self, id: Ulid) -> Option<Item> {
        let (lane_id, _) = self.in_flight.remove(&id)?;
        self.lanes.get(&lane_id)?.away.as_ref().map(|entry| entry.item.clone())
    }

    /// The store knows of the refusal: the message goes again, at its place, after a wait until `again`, or is given up
    /// (`None`). The rows that go back to the store for that long: the message itself and what is held behind it.
    #[must_use]
    pub(crate) fn deferred(&mut self, lane_id: LaneId, id: Ulid, again: Option<Instant>) -> Vec<Seq> {
        let Some(lane) = self.lanes.get_mut(&lane_id) else {
            return Vec::new();
        };
        // otherwise an answer came late and settled it
        let Some(entry) = lane.away.take_if(|entry| entry.item.delivery_id == id) else {
            return Vec::new();
        };
        self.give_room(entry.item.message.payload.len());
        if let Some(until) = again {
            return self.begin_rest(lane_id, entry, until);
        }
        self.mark_ready(lane_id);
        self.forget_if_idle(lane_id);
        Vec::new()
    }

    /// Deliveries whose answer is overdue. Also lets lanes go on whose wait is over.
    pub(crate) fn overdue(&mut self, now: Instant) -> Vec<Ulid> {
        self.end_rests(now);
        self.in_flight
            .iter()
            .filter(|(_, (_, deadline))| *deadline <= now)
            .map(|(id, _)| *id)
            .collect()
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let answers = self.in_flight.values().map(|(_, deadline)| *deadline);
        let waits = self.lanes.values().filter_map(|lane| lane.rest.as_ref()?.until);
        answers.chain(waits).min()
    }

    fn forget_if_idle(&mut self, id: LaneId) {
        if self.lanes.get(&id).is_some_and(Lane::is_idle) {
            self.lanes.remove(&id);
        }
    }
}

impl Lane {
    /// Nothing held, and nothing to ask the store for.
    fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.away.is_none() && !self.more && self.rest.is_none()
    }
}

#[cfg(test)]
mod tests;
