//! Lanes whose head was refused. As long as they wait, the store keeps all their messages: a recipient that refuses many of
//! them has its window free for the others.

use chancery_base::Ulid;
use tokio::{sync::oneshot, time::Instant};

use super::{Entry, Lane, Lanes};
use crate::store::{Item, LaneId, Seq};

/// A lane that waits, or whose wait is over and whose messages have yet to come back.
pub(super) struct Rest {
    /// The end of the wait; `None` when it is over.
    pub(super) until: Option<Instant>,
    /// The delivery that was refused.
    head: Ulid,
    row: Seq,
    waiter: Option<oneshot::Sender<()>>,
    /// An answer came late and settled the head.
    settled: bool,
    /// A claim is under way that was asked for this lane.
    pub(super) asked: bool,
}

impl Rest {
    fn is_over(&self) -> bool {
        self.until.is_none()
    }
}

impl Lane {
    /// Whether it waits after a refusal: the store is not asked for more of it.
    pub(super) fn waits(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| !rest.is_over())
    }
}

impl Lanes {
    pub(super) fn is_resting(&self, id: LaneId) -> bool {
        self.lanes.get(&id).is_some_and(|lane| lane.rest.is_some())
    }

    /// `entry` was refused. The rows that go back to the store.
    pub(super) fn begin_rest(&mut self, id: LaneId, entry: Entry, until: Instant) -> Vec<Seq> {
        let Some(lane) = self.lanes.get_mut(&id) else {
            return Vec::new();
        };
        if std::mem::replace(&mut lane.more, true) {
            self.with_more = self.with_more.saturating_sub(1);
        }
        lane.rest = Some(Rest {
            until: Some(until),
            head: entry.item.delivery_id,
            row: entry.item.seq,
            waiter: entry.waiter,
            settled: false,
            asked: false,
        });
        let behind = std::mem::take(&mut lane.queue);
        let mut rows = vec![entry.item.seq];
        for entry in behind {
            self.give_room(entry.item.message.payload.len());
            rows.push(entry.item.seq);
        }
        rows
    }

    /// Lets lanes go on whose wait is over.
    pub(super) fn end_rests(&mut self, now: Instant) {
        for lane in self.lanes.values_mut() {
            if let Some(rest) = &mut lane.rest
                && rest.until.is_some_and(|until| until <= now)
            {
                rest.until = None;
                self.with_more += 1;
            }
        }
    }

    /// The recipient has what it had refused, or not answered in time.
    pub(super) fn settled_at_rest(&mut self, id: Ulid) -> Option<(Seq, Option<oneshot::Sender<()>>)> {
        let mut resting = self.lanes.values_mut().filter_map(|lane| lane.rest.as_mut());
        let rest = resting.find(|rest| rest.head == id && !rest.settled)?;
        rest.settled = true;
        if rest.until.take().is_some() {
            self.with_more += 1;
        }
        Some((rest.row, rest.waiter.take()))
    }

    /// A message that a claim has brought, unless it is not to be sent; then its row is in `back` if the store is to have it
    /// again.
    pub(super) fn after_rest(&mut self, item: Item, back: &mut Vec<Seq>) -> Option<Entry> {
        let mut entry = Entry {
            item,
            waiter: None,
            sent: false,
        };
        let lane = self.lanes.get_mut(&entry.item.lane);
        let Some(rest) = lane.and_then(|lane| lane.rest.as_mut()) else {
            return Some(entry);
        };
        if !rest.asked {
            // the claim was made before the lane began to rest: older ones are in the store
            back.push(entry.item.seq);
            return None;
        }
        if rest.head == entry.item.delivery_id {
            if rest.settled {
                // the claim was made before that was known
                return None;
            }
            entry.waiter = rest.waiter.take();
            entry.sent = true;
        }
        Some(entry)
    }

    /// A claim is answered: what it was asked for is no longer at rest, if it was looked for. `complete` is whether all lanes
    /// were; what was `brought` was in any case.
    pub(super) fn rests_answered(&mut self, complete: bool, brought: &[LaneId]) {
        for (id, lane) in &mut self.lanes {
            let Some(rest) = lane.rest.as_mut().filter(|rest| rest.asked) else {
                continue;
            };
            if complete || brought.contains(id) {
                lane.rest = None;
            } else {
                rest.asked = false;
            }
        }
    }
}
