//! What is claimed from the store: room, what waits there, and giving back.

use std::collections::BTreeMap;

use chancery_identity::AgentDid;

use super::{Lane, Lanes};
use crate::store::{Claimed, Item, LaneHold, LaneId, Seq};

/// Messages taken of one lane at a time: enough that a lane does not wait for the store between two of them.
pub(super) const PER_LANE: usize = 16;
/// A lane with no more than this many left asks for more.
pub(super) const LOW: usize = 4;

/// What to ask the store for.
pub(crate) struct Request {
    pub(crate) holds: Vec<LaneHold>,
    pub(crate) per_lane: usize,
    pub(crate) from_lane: LaneId,
    pub(crate) max_messages: usize,
    pub(crate) max_bytes: usize,
}

/// A claim that was asked for and not answered.
pub(super) struct Claiming {
    /// [`Lanes`]' count of what was missed, when it was asked for.
    missed: u64,
    /// Where in a lane the first message stands that was held when the claim was made, and has gone back since: the claim
    /// has passed it over, and may have taken what stands behind it.
    gone_back: BTreeMap<LaneId, i64>,
}

impl Claiming {
    fn has_passed_over_older_than(&self, item: &Item) -> bool {
        let first = self.gone_back.get(&item.lane);
        first.is_some_and(|position| *position < item.position)
    }
}

impl Lanes {
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

    pub(super) fn has_backlog(&self) -> bool {
        self.unseen || self.unclaimed > 0 || self.with_more > 0
    }

    fn take_room(&mut self, bytes: usize) {
        self.held += 1;
        self.held_bytes += bytes;
    }

    pub(super) fn give_room(&mut self, bytes: usize) {
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
            // the store is asked for it when the wait is over
            Some(lane) if lane.waits() => {}
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

    /// What was held of `lane`, from `position` on, goes back to the store. A claim that is under way does not see it.
    pub(super) fn gone_back(&mut self, lane: LaneId, position: i64) {
        if let Some(claiming) = &mut self.claiming {
            let first = claiming.gone_back.entry(lane).or_insert(position);
            *first = position.min(*first);
            self.missed();
        }
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
        let low = self.with_more > 0 && self.lanes.values().any(Lane::is_low);
        let half_empty = room * 2 >= self.limits.window_messages && room_bytes * 2 >= self.limits.window_bytes;
        if room == 0 || room_bytes == 0 || !(low || self.unseen && half_empty) {
            return None;
        }
        self.claiming = Some(Claiming {
            missed: self.missed,
            gone_back: BTreeMap::new(),
        });
        let holds = self.lanes.iter_mut().map(|(id, lane)| {
            let wanted = lane.queue.len() <= LOW && !lane.waits();
            if let Some(rest) = &mut lane.rest {
                rest.asked = wanted;
            }
            LaneHold {
                lane: *id,
                room: if wanted { PER_LANE } else { 0 },
            }
        });
        Some(Request {
            holds: holds.collect(),
            per_lane: PER_LANE,
            from_lane: self.from_lane,
            max_messages: room,
            max_bytes: room_bytes,
        })
    }

    /// The answer to [`Lanes::wants_more`]. The rows that go back to the store.
    #[must_use]
    pub(crate) fn claimed(&mut self, claimed: Claimed) -> Vec<Seq> {
        let claiming = self.claiming.take();
        let seen = claiming.as_ref().map(|claiming| claiming.missed);
        self.from_lane = claimed.next_lane;
        self.unseen = !claimed.complete || seen != Some(self.missed);
        let mut back = Vec::new();
        let brought: Vec<LaneId> = claimed.items.iter().map(|item| item.lane).collect();
        for item in claimed.items {
            let lane = item.lane;
            if claiming
                .as_ref()
                .is_some_and(|claiming| claiming.has_passed_over_older_than(&item))
            {
                back.push(item.seq);
                continue;
            }
            if let Some(entry) = self.after_rest(item, &mut back) {
                self.take_room(entry.item.message.payload.len());
                self.push(entry);
                self.mark_ready(lane);
            }
        }
        self.rests_answered(claimed.complete, &brought);
        if claimed.complete {
            for lane in self.lanes.values_mut() {
                lane.more = lane.rest.is_some();
            }
        }
        for id in claimed.left {
            match self.lanes.get_mut(&id) {
                Some(lane) => lane.more = true,
                None => self.unseen = true,
            }
        }
        self.lanes.retain(|_, lane| !lane.is_idle());
        self.with_more = self.lanes.values().filter(|lane| lane.more && !lane.waits()).count();
        back
    }

    /// Takes back what `sender` sent and this session has not sent on; the rows.
    pub(crate) fn withdraw(&mut self, sender: &AgentDid) -> Vec<Seq> {
        let own = |lane: &Lane| lane.queue.front().is_some_and(|e| e.item.message.sender == *sender);
        let lanes = self.lanes.values_mut().filter(|lane| own(lane));
        let entries: Vec<_> = lanes.flat_map(|lane| lane.queue.drain(..)).collect();
        for entry in &entries {
            self.give_room(entry.item.message.payload.len());
            self.gone_back(entry.item.lane, entry.item.position);
        }
        self.lanes.retain(|_, lane| !lane.is_idle());
        entries.into_iter().map(|entry| entry.item.seq).collect()
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
}

impl Lane {
    /// Whether it has little left, and the store has more that may be asked for.
    fn is_low(&self) -> bool {
        self.more && self.queue.len() <= LOW && !self.waits()
    }
}
