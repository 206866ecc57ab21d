//! The messages that a session holds: which one may be sent next. Pure; times are passed in.
//!
//! Every lane is a queue in order, with at most one delivery in flight; a few lanes at a time have one. What is claimed
//! from the store is bounded in number and bytes, counting what was reserved for messages whose commit is still awaited.

use std::collections::{BTreeMap, VecDeque};

use chancery_base::{Millis, Ulid};
use tokio::{sync::oneshot, time::Instant};

use crate::{
    config::DeliveryLimits,
    store::{Claimed, Item, LaneHold, LaneId, Seq},
};

/// Messages taken of one lane at a time: enough that a lane does not wait for the store between two of them.
const PER_LANE: usize = 16;
/// A lane with no more than this many left asks for more.
const LOW: usize = 4;

pub(crate) struct Lanes {
    limits: DeliveryLimits,
    ttl_ms: i64,
    lanes: BTreeMap<LaneId, Lane>,
    /// Lanes with something to send and nothing in the way, in the order in which they became so.
    ready: VecDeque<LaneId>,
    in_flight: BTreeMap<Ulid, (LaneId, Instant)>,
    held: usize,
    held_bytes: usize,
    /// Whether the store may have messages that this session has not claimed.
    backlog: bool,
    /// Counts what was left in the store, to tell whether a claim saw all of it.
    missed: u64,
    /// The claim under way, with `missed` when it was made.
    claiming: Option<u64>,
    from_lane: LaneId,
}

#[derive(Default)]
struct Lane {
    queue: VecDeque<Entry>,
    /// The one that was sent and not answered, or refused and not deferred yet.
    away: Option<Entry>,
    /// The wait after a refusal.
    blocked_until: Option<Instant>,
    /// Whether it stands in `ready`.
    ready: bool,
    /// Whether the store has more of this lane.
    more: bool,
}

struct Entry {
    item: Item,
    waiter: Option<oneshot::Sender<()>>,
    /// Whether the recipient may have seen this attempt.
    sent: bool,
}

/// What to ask the store for.
pub(crate) struct Request {
    pub(crate) holds: Vec<LaneHold>,
    pub(crate) per_lane: usize,
    pub(crate) from_lane: LaneId,
    pub(crate) max_messages: usize,
    pub(crate) max_bytes: usize,
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
            backlog,
            missed: 0,
            claiming: None,
            from_lane: 0,
        }
    }

    /// Room for a message that is about to be committed. Never while older ones wait in the store: they go first.
    pub(crate) fn reserve(&mut self, bytes: usize) -> bool {
        let room = self.held < self.limits.window_messages
            && (self.held == 0 || self.held_bytes + bytes <= self.limits.window_bytes);
        if self.backlog || !room {
            self.missed();
            // the reservation is taken back by the same call as that of one that was made
            self.take_room(bytes);
            return false;
        }
        self.take_room(bytes);
        true
    }

    fn take_room(&mut self, bytes: usize) {
        self.held += 1;
        self.held_bytes += bytes;
    }

    pub(crate) fn unreserve(&mut self, bytes: usize) {
        self.held = self.held.saturating_sub(1);
        self.held_bytes = self.held_bytes.saturating_sub(bytes);
    }

    pub(crate) fn missed(&mut self) {
        self.missed += 1;
        self.backlog = true;
    }

    /// A message that was reserved has been committed and claimed.
    pub(crate) fn arrive(&mut self, item: Item, waiter: Option<oneshot::Sender<()>>) {
        let lane = item.lane;
        self.push(Entry {
            item,
            waiter,
            sent: false,
        });
        self.mark_ready(lane);
    }

    fn push(&mut self, entry: Entry) {
        self.lanes.entry(entry.item.lane).or_default().queue.push_back(entry);
    }

    fn mark_ready(&mut self, id: LaneId) {
        if let Some(lane) = self.lanes.get_mut(&id)
            && !lane.ready
            && lane.away.is_none()
            && lane.blocked_until.is_none()
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
            lane.ready = false;
            let Some(mut entry) = lane.queue.pop_front() else {
                continue;
            };
            if entry.item.accepted_at.plus(self.ttl_ms) <= wall {
                // its time is over; the next sweep makes it a dead letter
                let bytes = entry.item.message.payload.len();
                self.unreserve(bytes);
                self.mark_ready(id);
                self.forget_if_idle(id);
                continue;
            }
            entry.sent = true;
            let item = entry.item.clone();
            lane.away = Some(entry);
            self.in_flight
                .insert(item.delivery_id, (id, now + self.limits.ack_timeout));
            return Some(item);
        }
        None
    }

    /// The recipient has it. Also when the answer comes after its time: what was deferred is looked for too.
    pub(crate) fn settled(&mut self, id: Ulid) -> Option<(Item, Option<oneshot::Sender<()>>)> {
        let (lane_id, entry) = match self.in_flight.remove(&id) {
            Some((lane_id, _)) => (lane_id, self.lanes.get_mut(&lane_id)?.away.take()?),
            None => self.take_late(id)?,
        };
        if let Some(lane) = self.lanes.get_mut(&lane_id) {
            lane.blocked_until = None;
        }
        self.unreserve(entry.item.message.payload.len());
        self.mark_ready(lane_id);
        self.forget_if_idle(lane_id);
        Some((entry.item, entry.waiter))
    }

    fn take_late(&mut self, id: Ulid) -> Option<(LaneId, Entry)> {
        for (lane_id, lane) in &mut self.lanes {
            if lane.away.as_ref().is_some_and(|entry| entry.item.delivery_id == id) {
                return lane.away.take().map(|entry| (*lane_id, entry));
            }
            // a sent one that waits to be sent again stands at the head, and only there
            if lane
                .queue
                .front()
                .is_some_and(|entry| entry.item.delivery_id == id && entry.sent)
            {
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

    /// The store knows of the refusal: the message goes again, at its place, or is given up (`again` is `None`).
    pub(crate) fn deferred(&mut self, lane_id: LaneId, id: Ulid, again: Option<(u32, Instant)>) {
        let Some(lane) = self.lanes.get_mut(&lane_id) else {
            return;
        };
        if lane.away.as_ref().is_none_or(|entry| entry.item.delivery_id != id) {
            // an answer came late and settled it
            return;
        }
        let Some(mut entry) = lane.away.take() else { return };
        match again {
            Some((attempt, until)) => {
                entry.item.attempt = attempt;
                lane.blocked_until = Some(until);
                lane.queue.push_front(entry);
            }
            None => {
                self.unreserve(entry.item.message.payload.len());
                self.mark_ready(lane_id);
                self.forget_if_idle(lane_id);
            }
        }
    }

    /// Deliveries whose answer is overdue. Also lets lanes go on whose wait is over.
    pub(crate) fn overdue(&mut self, now: Instant) -> Vec<Ulid> {
        let rested: Vec<LaneId> = self
            .lanes
            .iter_mut()
            .filter(|(_, lane)| lane.blocked_until.is_some_and(|until| until <= now))
            .map(|(id, lane)| {
                lane.blocked_until = None;
                *id
            })
            .collect();
        for id in rested {
            self.mark_ready(id);
        }
        self.in_flight
            .iter()
            .filter(|(_, (_, deadline))| *deadline <= now)
            .map(|(id, _)| *id)
            .collect()
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let answers = self.in_flight.values().map(|(_, deadline)| *deadline);
        let waits = self.lanes.values().filter_map(|lane| lane.blocked_until);
        answers.chain(waits).min()
    }

    /// What to ask the store for, when it has more and there is room; the claim is then under way.
    pub(crate) fn wants_more(&mut self) -> Option<Request> {
        if !self.backlog || self.claiming.is_some() {
            return None;
        }
        let room = self.limits.window_messages.saturating_sub(self.held);
        let room_bytes = self.limits.window_bytes.saturating_sub(self.held_bytes);
        // a lane that runs low, or a window that is half empty: not a trip to the store for every message
        let low = self.lanes.values().any(|lane| lane.more && lane.queue.len() <= LOW);
        let half_empty = room * 2 >= self.limits.window_messages && room_bytes * 2 >= self.limits.window_bytes;
        if room == 0 || room_bytes == 0 || !(low || half_empty) {
            return None;
        }
        self.claiming = Some(self.missed);
        let holds = self.lanes.iter().map(|(id, lane)| LaneHold {
            lane: *id,
            room: if lane.queue.len() <= LOW { PER_LANE } else { 0 },
        });
        Some(Request {
            holds: holds.collect(),
            per_lane: PER_LANE,
            from_lane: self.from_lane,
            max_messages: room,
            max_bytes: room_bytes,
        })
    }

    /// The answer to [`Lanes::wants_more`].
    pub(crate) fn claimed(&mut self, claimed: Claimed) {
        let seen = self.claiming.take();
        self.from_lane = claimed.next_lane;
        for lane in self.lanes.values_mut() {
            lane.more = !claimed.exhausted;
        }
        for item in claimed.items {
            let (lane, bytes) = (item.lane, item.message.payload.len());
            self.take_room(bytes);
            self.push(Entry {
                item,
                waiter: None,
                sent: false,
            });
            if let Some(lane) = self.lanes.get_mut(&lane) {
                lane.more = !claimed.exhausted;
            }
            self.mark_ready(lane);
        }
        self.backlog = !claimed.exhausted || seen != Some(self.missed);
    }

    /// Rows that are held and were never sent in this session.
    pub(crate) fn drain_unsent(&mut self) -> Vec<Seq> {
        let lanes = std::mem::take(&mut self.lanes);
        self.in_flight.clear();
        self.ready.clear();
        let entries = lanes.into_values().flat_map(|lane| lane.queue);
        entries
            .filter(|entry| !entry.sent)
            .map(|entry| entry.item.seq)
            .collect()
    }

    fn forget_if_idle(&mut self, id: LaneId) {
        if self
            .lanes
            .get(&id)
            .is_some_and(|lane| lane.queue.is_empty() && lane.away.is_none())
        {
            self.lanes.remove(&id);
        }
    }
}
