//! Lanes: messages of one peer and one conversation, in order, one at a time; different lanes side by side.

use std::collections::{BTreeMap, BTreeSet};

use chancery_base::Ulid;
use chancery_identity::AgentDid;
use tokio::time::Instant;

/// Names a lane: the peer, and the conversation or none.
pub(crate) type LaneKey = (AgentDid, Option<String>);

/// Who waits, and who is next. Holds ids only; what they stand for is in the store.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    lanes: BTreeMap<LaneKey, Lane>,
    /// Lanes that are not busy, by the time at which their head may go.
    ready: BTreeSet<(Instant, i64, LaneKey)>,
}

#[derive(Debug, Default)]
struct Lane {
    waiting: BTreeMap<i64, (Ulid, Instant)>,
    busy: bool,
}

/// The head of a lane, which is busy until [`Lanes::done`] or [`Lanes::put_back`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub lane: LaneKey,
    pub seq: i64,
    pub id: Ulid,
}

impl Lanes {
    /// Adds a message that may go from `due` on, if it is not there yet. Its place in the lane is `seq`, whenever it is
    /// added.
    pub(crate) fn push(&mut self, lane: LaneKey, seq: i64, id: Ulid, due: Instant) {
        self.change(lane, |lane| {
            lane.waiting.entry(seq).or_insert((id, due));
        });
    }

    /// The next head that may go at `now`.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Head> {
        let (due, seq, lane) = self.ready.first()?.clone();
        if due > now {
            return None;
        }
        let mut id = None;
        self.change(lane.clone(), |lane| {
            id = lane.waiting.remove(&seq).map(|(id, _)| id);
            lane.busy = id.is_some();
        });
        id.map(|id| Head { lane, seq, id })
    }

    /// When the next head may go.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.ready.first().map(|(due, ..)| *due)
    }

    /// The head is settled; the next one of its lane may go.
    pub(crate) fn done(&mut self, head: Head) {
        self.change(head.lane, |lane| lane.busy = false);
    }

    /// The head goes again, from `due` on; its lane waits for it.
    pub(crate) fn put_back(&mut self, head: Head, due: Instant) {
        self.change(head.lane, |lane| {
            lane.busy = false;
            lane.waiting.insert(head.seq, (head.id, due));
        });
    }

    fn change(&mut self, key: LaneKey, change: impl FnOnce(&mut Lane)) {
        let lane = self.lanes.entry(key.clone()).or_default();
        if let Some((due, seq)) = lane.slot() {
            self.ready.remove(&(due, seq, key.clone()));
        }
        change(lane);
        match lane.slot() {
            Some((due, seq)) => {
                self.ready.insert((due, seq, key));
            }
            None if !lane.busy && lane.waiting.is_empty() => {
                self.lanes.remove(&key);
            }
            None => {}
        }
    }
}

impl Lane {
    /// Where the lane stands among the ready ones.
    fn slot(&self) -> Option<(Instant, i64)> {
        if self.busy {
            return None;
        }
        self.waiting.first_key_value().map(|(seq, (_, due))| (*due, *seq))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn lane(name: &str) -> LaneKey {
        (
            "did:cdi:localhost:agent:01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            Some(name.to_owned()),
        )
    }

    fn id(n: u8) -> Ulid {
        Ulid::from_bytes([n; 16])
    }

    #[test]
    fn a_lane_gives_out_one_at_a_time_and_in_order() {
        let now = Instant::now();
        let mut lanes = Lanes::default();
        lanes.push(lane("a"), 2, id(2), now);
        lanes.push(lane("a"), 1, id(1), now);
        lanes.push(lane("b"), 3, id(3), now);
        let first = lanes.take(now).unwrap();
        assert_eq!(first.id, id(1));
        assert_eq!(lanes.take(now).unwrap().id, id(3));
        assert_eq!(lanes.take(now), None);
        lanes.done(first);
        assert_eq!(lanes.take(now).unwrap().id, id(2));
    }

    #[test]
    fn a_head_that_failed_keeps_its_lane_waiting_and_no_other() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let mut lanes = Lanes::default();
        lanes.push(lane("a"), 1, id(1), now);
        lanes.push(lane("a"), 2, id(2), now);
        lanes.push(lane("b"), 3, id(3), now);
        let head = lanes.take(now).unwrap();
        lanes.put_back(head, later);
        assert_eq!(lanes.take(now).unwrap().id, id(3));
        assert_eq!(lanes.take(now), None);
        assert_eq!(lanes.next_due(), Some(later));
        assert_eq!(lanes.take(later).unwrap().id, id(1));
    }

    #[test]
    fn nothing_remains_of_an_empty_lane() {
        let now = Instant::now();
        let mut lanes = Lanes::default();
        lanes.push(lane("a"), 1, id(1), now);
        let head = lanes.take(now).unwrap();
        lanes.done(head);
        assert!(lanes.lanes.is_empty() && lanes.ready.is_empty());
    }
}
