//! The messages that a session holds: which one may be sent next. Pure; times are passed in.
//!
//! Every lane is a queue in order, with at most one delivery in flight; a few lanes at a time have one. What is claimed
//! from the store is bounded in number and bytes, counting what was reserved for messages whose commit is still awaited.

use std::collections::{BTreeMap, VecDeque};

use chancery_base::{Millis, Ulid};
use chancery_identity::AgentDid;
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
    /// Messages handed in without a claim, whose commit is awaited.
    unclaimed: usize,
    /// Lanes held here of which the store has more.
    with_more: usize,
    /// Whether the store may have messages of lanes that are not held here.
    unseen: bool,
    /// Counts the times that [`Lanes::missed`] was called, to tell whether a claim saw what was meant.
    missed: u64,
    /// The claim under way, with `missed` when it was made.
    claiming: Option<u64>,
    from_lane: LaneId,
    ended: bool,
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
            unclaimed: 0,
            with_more: 0,
            unseen: backlog,
            missed: 0,
            claiming: None,
            from_lane: 0,
            ended: false,
        }
    }

    /// Whether a message that is about to be committed may be claimed for this session. Never while older ones wait in the
    /// store, or are on their way there: they go first. Either way [`Lanes::handed_in`] follows when the outcome is known,
    /// or [`Lanes::arrive`].
    pub(crate) fn reserve(&mut self, bytes: usize) -> bool {
        let room = self.held < self.limits.window_messages
            && (self.held == 0 || self.held_bytes + bytes <= self.limits.window_bytes);
        let claim = room && !self.has_backlog() && !self.ended;
        self.take_room(bytes);
        if !claim {
            self.unclaimed += 1;
        }
        claim
    }

    /// Keeps what is handed in from now on from being claimed, until [`Lanes::handed_in`] with no bytes and no claim.
    pub(crate) fn hold_claims(&mut self) {
        self.held += 1;
        self.unclaimed += 1;
    }

    fn has_backlog(&self) -> bool {
        self.unseen || self.unclaimed > 0 || self.with_more > 0
    }

    fn take_room(&mut self, bytes: usize) {
        self.held += 1;
        self.held_bytes += bytes;
    }

    fn give_room(&mut self, bytes: usize) {
        self.held = self.held.saturating_sub(1);
        self.held_bytes = self.held_bytes.saturating_sub(bytes);
    }

    /// What was handed in has been refused, or is in the store without a claim. `claim` is what [`Lanes::reserve`] said.
    pub(crate) fn handed_in(&mut self, bytes: usize, claim: bool) {
        self.give_room(bytes);
        if !claim {
            self.unclaimed = self.unclaimed.saturating_sub(1);
        }
    }

    /// A message of `lane` has been committed and not claimed. Told in the order of the store's commits: a claim that is
    /// under way and was committed before it has reported already, and one that was committed after it has seen it.
    pub(crate) fn left_behind(&mut self, lane: LaneId) {
        match self.lanes.get_mut(&lane) {
            Some(lane) if !lane.more => {
                lane.more = true;
                self.with_more += 1;
            }
            Some(_) => {}
            None => self.unseen = true,
        }
    }

    /// Something may wait in the store, told in no particular order.
    pub(crate) fn missed(&mut self) {
        self.missed += 1;
        self.unseen = true;
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
            // an entry of a lane that was forgotten meanwhile, and maybe made anew
            if !std::mem::take(&mut lane.ready) {
                continue;
            }
            let Some(mut entry) = lane.queue.pop_front() else {
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
        self.give_room(entry.item.message.payload.len());
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
                self.give_room(entry.item.message.payload.len());
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
        if self.claiming.is_some() || self.ended || !(self.unseen || self.with_more > 0) {
            return None;
        }
        let room = self.limits.window_messages.saturating_sub(self.held);
        let room_bytes = self.limits.window_bytes.saturating_sub(self.held_bytes);
        // a lane that runs low, or a window that is half empty: not a trip to the store for every message, and none that
        // could bring nothing
        let low = self.with_more > 0 && self.lanes.values().any(|lane| lane.more && lane.queue.len() <= LOW);
        let half_empty = room * 2 >= self.limits.window_messages && room_bytes * 2 >= self.limits.window_bytes;
        if room == 0 || room_bytes == 0 || !(low || self.unseen && half_empty) {
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
        self.unseen = !claimed.complete || seen != Some(self.missed);
        for item in claimed.items {
            let lane = item.lane;
            self.take_room(item.message.payload.len());
            self.push(Entry {
                item,
                waiter: None,
                sent: false,
            });
            self.mark_ready(lane);
        }
        if claimed.complete {
            for lane in self.lanes.values_mut() {
                lane.more = false;
            }
        }
        for id in claimed.left {
            match self.lanes.get_mut(&id) {
                Some(lane) => lane.more = true,
                None => self.unseen = true,
            }
        }
        self.lanes.retain(|_, lane| !lane.is_idle());
        self.with_more = self.lanes.values().filter(|lane| lane.more).count();
    }

    /// Takes back what `sender` sent and this session has not sent on; the rows.
    pub(crate) fn withdraw(&mut self, sender: &AgentDid) -> Vec<Seq> {
        let mut rows = Vec::new();
        let mut bytes = 0;
        let own = |lane: &Lane| lane.queue.front().is_some_and(|e| e.item.message.sender == *sender);
        for lane in self.lanes.values_mut().filter(|lane| own(lane)) {
            lane.blocked_until = None;
            for entry in lane.queue.drain(..) {
                bytes += entry.item.message.payload.len();
                rows.push(entry.item.seq);
            }
        }
        self.held = self.held.saturating_sub(rows.len());
        self.held_bytes = self.held_bytes.saturating_sub(bytes);
        self.lanes.retain(|_, lane| !lane.is_idle());
        rows
    }

    /// The session is over. Returns the rows that are held and whose counted attempt was not made.
    pub(crate) fn end(&mut self) -> Vec<Seq> {
        self.ended = true;
        self.in_flight.clear();
        self.ready.clear();
        let lanes = std::mem::take(&mut self.lanes);
        let entries = lanes.into_values().flat_map(|lane| lane.queue);
        entries.map(|entry| entry.item.seq).collect()
    }

    /// Whether [`Lanes::end`] was called: what arrives later is not this session's any more.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended
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
        self.queue.is_empty() && self.away.is_none() && !self.more
    }
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
