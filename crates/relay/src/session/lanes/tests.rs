//! Lanes against a store that is played by the test: steps take effect in the order in which they were handed in, and
//! are reported in that order, some time later.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use proptest::prelude::*;

use chancery_identity::AgentDid;

use super::{
    claims::{LOW, PER_LANE},
    *,
};
use crate::store::{Claimed, LaneHold, NewMessage, SenderAit, Seq};

mod play;

const TTL_MS: i64 = 1000;
const NOW: Millis = Millis(10_000);
const NONE: [Seq; 0] = [];

fn did(n: u8) -> AgentDid {
    format!("did:cdi:registry.example.test:agent:01HF7YAT00W6W7CM7N3W5FDX{:02}", n)
        .parse()
        .unwrap()
}

fn limits(messages: usize, bytes: usize) -> DeliveryLimits {
    DeliveryLimits {
        window_messages: messages,
        window_bytes: bytes,
        ..DeliveryLimits::default()
    }
}

fn item(seq: Seq, lane: LaneId, bytes: usize) -> Item {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&seq.to_be_bytes());
    Item {
        seq,
        delivery_id: Ulid::from_bytes(id),
        lane,
        lane_seq: seq,
        position: seq,
        attempt: 1,
        accepted_at: NOW,
        message: Arc::new(NewMessage {
            sender: did(u8::try_from(lane).unwrap()),
            recipient: did(99),
            message_id: seq.to_string(),
            conversation: None,
            content_type: None,
            reply_to: None,
            sent_at: None,
            sig: None,
            payload: Bytes::from(vec![b'0'; bytes]),
            sender_ait: Arc::new(SenderAit {
                token: String::new(),
                jti: Ulid::NIL,
            }),
        }),
    }
}

fn lanes(max: usize) -> Lanes {
    Lanes::new(
        DeliveryLimits {
            max_in_flight: max,
            ..limits(100, 10_000)
        },
        TTL_MS,
        false,
    )
}

fn arrive(lanes: &mut Lanes, seq: Seq, lane: LaneId) {
    assert!(lanes.reserve(1));
    assert_eq!(lanes.arrive(item(seq, lane, 1), None), None);
}

/// A claim that brings these; asked for only when it is wanted.
fn bring(lanes: &mut Lanes, items: &[(Seq, LaneId, u32)]) {
    assert!(lanes.wants_more().is_some());
    let items = items.iter().map(|(seq, lane, attempt)| Item {
        attempt: *attempt,
        ..item(*seq, *lane, 1)
    });
    let claimed = Claimed {
        items: items.collect(),
        complete: true,
        ..Claimed::default()
    };
    assert_eq!(lanes.claimed(claimed), NONE);
}

fn send(lanes: &mut Lanes) -> Option<Seq> {
    lanes.next_to_send(Instant::now(), NOW).map(|item| item.seq)
}

fn id(seq: Seq) -> Ulid {
    item(seq, 1, 0).delivery_id
}

#[tokio::test(start_paused = true)]
async fn a_lane_sends_one_at_a_time_and_in_order() {
    let mut lanes = lanes(5);
    for seq in 1..=3 {
        arrive(&mut lanes, seq, 1);
    }
    assert_eq!(send(&mut lanes), Some(1));
    assert_eq!(send(&mut lanes), None);
    assert!(lanes.settled(id(1)).is_some());
    assert_eq!(send(&mut lanes), Some(2));
    assert_eq!(send(&mut lanes), None);
}

#[tokio::test(start_paused = true)]
async fn so_many_lanes_at_a_time_in_the_order_in_which_they_became_ready() {
    let mut lanes = lanes(2);
    for lane in 1..=4 {
        arrive(&mut lanes, lane, lane);
        arrive(&mut lanes, lane + 10, lane);
    }
    assert_eq!(
        (send(&mut lanes), send(&mut lanes), send(&mut lanes)),
        (Some(1), Some(2), None)
    );
    lanes.settled(id(2));
    assert_eq!((send(&mut lanes), send(&mut lanes)), (Some(3), None));
    lanes.settled(id(1));
    assert_eq!(send(&mut lanes), Some(4));
}

#[tokio::test(start_paused = true)]
async fn a_refused_head_blocks_its_lane_alone() {
    let mut lanes = lanes(5);
    arrive(&mut lanes, 1, 1);
    arrive(&mut lanes, 2, 1);
    arrive(&mut lanes, 3, 2);
    assert_eq!((send(&mut lanes), send(&mut lanes)), (Some(1), Some(3)));
    assert_eq!(lanes.refused(id(1)).map(|item| item.seq), Some(1));
    assert_eq!(send(&mut lanes), None, "not before the store knows");
    let until = Instant::now() + Duration::from_secs(1);
    assert_eq!(lanes.deferred(1, id(1), Some(until)), [1, 2], "they wait in the store");
    assert!(lanes.wants_more().is_none(), "not before its wait is over");
    assert_eq!(lanes.next_deadline(), Some(until));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(!lanes.overdue(Instant::now()).contains(&id(1)));
    bring(&mut lanes, &[(1, 1, 2), (2, 1, 1)]);
    let again = lanes.next_to_send(Instant::now(), NOW).unwrap();
    assert_eq!((again.seq, again.attempt), (1, 2));
    assert!(lanes.settled(id(1)).is_some());
    assert_eq!(send(&mut lanes), Some(2));
}

#[tokio::test(start_paused = true)]
async fn what_is_given_up_lets_the_next_go() {
    let mut lanes = lanes(5);
    arrive(&mut lanes, 1, 1);
    arrive(&mut lanes, 2, 1);
    send(&mut lanes);
    lanes.refused(id(1));
    assert_eq!(lanes.deferred(1, id(1), None), NONE);
    assert_eq!(send(&mut lanes), Some(2));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_late_counts() {
    for deferred_already in [false, true] {
        let mut lanes = lanes(5);
        arrive(&mut lanes, 1, 1);
        arrive(&mut lanes, 2, 1);
        send(&mut lanes);
        tokio::time::advance(Duration::from_secs(15)).await;
        assert_eq!(lanes.overdue(Instant::now()), [id(1)]);
        lanes.refused(id(1));
        let until = Instant::now() + Duration::from_secs(9);
        if deferred_already {
            assert_eq!(lanes.deferred(1, id(1), Some(until)), [1, 2]);
        }
        assert_eq!(lanes.settled(id(1)).map(|(seq, _)| seq), Some(1));
        assert_eq!(lanes.deferred(1, id(1), Some(until)), NONE);
        if deferred_already {
            bring(&mut lanes, &[(2, 1, 1)]);
        }
        assert_eq!(send(&mut lanes), Some(2), "deferred already: {deferred_already}");
        assert!(lanes.settled(id(1)).is_none(), "once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_was_forgotten_while_it_stood_in_line_is_not_served_twice() {
    let mut lanes = lanes(1);
    arrive(&mut lanes, 1, 1);
    assert_eq!(send(&mut lanes), Some(1));
    lanes.refused(id(1));
    assert_eq!(lanes.deferred(1, id(1), Some(Instant::now())), [1]);
    arrive(&mut lanes, 2, 2);
    assert_eq!(send(&mut lanes), Some(2));
    lanes.overdue(Instant::now());
    bring(&mut lanes, &[(1, 1, 2)]);
    // lane 1 stands in line, and its only message is settled late
    assert!(lanes.settled(id(1)).is_some());
    arrive(&mut lanes, 3, 1);
    arrive(&mut lanes, 4, 1);
    lanes.settled(id(2));
    assert_eq!(send(&mut lanes), Some(3));
    let mut lanes = Lanes {
        limits: limits(100, 10_000),
        ..lanes
    };
    assert_eq!(send(&mut lanes), None, "one in flight a lane");
}

#[tokio::test(start_paused = true)]
async fn what_has_outlived_its_time_is_not_sent() {
    let mut lanes = lanes(5);
    arrive(&mut lanes, 1, 1);
    assert!(lanes.next_to_send(Instant::now(), NOW.plus(TTL_MS)).is_none());
    assert_eq!((lanes.held, lanes.held_bytes, lanes.lanes.len()), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_window_bounds_messages_and_bytes_and_always_lets_one_in() {
    let mut lanes = Lanes::new(limits(2, 100), TTL_MS, false);
    assert!(lanes.reserve(1000), "one message of any size");
    assert!(!lanes.reserve(1), "more bytes than the window has");
    lanes.handed_in(1, false);
    lanes.handed_in(1000, true);
    assert!(lanes.reserve(10) && lanes.reserve(10));
    assert!(!lanes.reserve(10), "more messages than the window has");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_claimed_past_what_waits_in_the_store() {
    let mut lanes = Lanes::new(limits(1, 100), TTL_MS, false);
    assert!(lanes.reserve(1));
    assert_eq!(lanes.arrive(item(1, 1, 1), None), None);
    assert!(!lanes.reserve(1), "no room");
    lanes.settled(id(1));
    assert!(send(&mut lanes).is_some());
    lanes.settled(id(1));
    assert!(!lanes.reserve(1), "one is on its way to the store");
    lanes.left_behind(1);
    lanes.handed_in(1, false);
    lanes.handed_in(1, false);
    assert!(!lanes.reserve(1), "one is in the store");
    lanes.handed_in(1, false);
    assert!(lanes.wants_more().is_some());
    assert!(!lanes.reserve(1), "until the claim has brought it");
    lanes.handed_in(1, false);
    assert_eq!(lanes.claimed(Claimed::nothing()), NONE);
    assert!(lanes.reserve(1));
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_could_bring_nothing_is_not_made() {
    let mut lanes = Lanes::new(limits(100, 10_000), TTL_MS, true);
    let request = lanes.wants_more().unwrap();
    assert_eq!(request.holds, []);
    let back = lanes.claimed(Claimed {
        items: (1..=PER_LANE as i64)
            .map(|seq| item(seq, 1, 1))
            .chain([item(50, 2, 1)])
            .collect(),
        next_lane: 2,
        left: vec![1],
        complete: true,
    });
    assert_eq!(back, NONE);
    assert!(lanes.wants_more().is_none(), "the only lane with more is not low");
    for seq in 1..=(PER_LANE - LOW) as i64 {
        send(&mut lanes);
        send(&mut lanes);
        lanes.settled(id(seq));
    }
    let request = lanes.wants_more().unwrap();
    assert!(request.holds.contains(&LaneHold {
        lane: 1,
        room: PER_LANE
    }));
    assert!(lanes.wants_more().is_none(), "one at a time");
    assert_eq!(lanes.claimed(Claimed::nothing()), NONE);
    assert!(lanes.wants_more().is_none());
}

#[tokio::test(start_paused = true)]
async fn lanes_that_are_refused_again_and_again_leave_the_window_to_others() {
    let mut lanes = Lanes::new(limits(4, 100), TTL_MS, false);
    for lane in 1..=4 {
        assert!(lanes.reserve(25));
        assert_eq!(lanes.arrive(item(lane, lane, 25), None), None);
    }
    assert!(!lanes.reserve(1), "no room");
    lanes.handed_in(1, false);
    let until = Instant::now() + Duration::from_secs(30);
    for lane in 1..=4 {
        assert_eq!(send(&mut lanes), Some(lane));
        lanes.refused(id(lane));
        assert_eq!(lanes.deferred(lane, id(lane), Some(until)), [lane]);
    }
    for seq in 11..=14 {
        arrive(&mut lanes, seq, seq);
        assert_eq!(send(&mut lanes), Some(seq), "at once, and past no store");
        assert!(lanes.settled(id(seq)).is_some());
    }
    assert!(lanes.wants_more().is_none(), "nothing else waits");
    tokio::time::advance(Duration::from_secs(30)).await;
    lanes.overdue(Instant::now());
    bring(&mut lanes, &[(1, 1, 2), (2, 2, 2), (3, 3, 2), (4, 4, 2)]);
    assert_eq!(send(&mut lanes), Some(1));
}

#[tokio::test(start_paused = true)]
async fn what_comes_for_a_lane_that_waits_goes_behind_what_is_in_the_store() {
    let mut lanes = lanes(5);
    arrive(&mut lanes, 1, 1);
    assert_eq!(send(&mut lanes), Some(1));
    lanes.refused(id(1));
    let until = Instant::now() + Duration::from_secs(1);
    assert_eq!(lanes.deferred(1, id(1), Some(until)), [1]);
    assert!(lanes.reserve(1), "nobody knows yet which lane it is for");
    assert_eq!(lanes.arrive(item(2, 1, 1), None), Some(2));
    assert_eq!((lanes.held, lanes.held_bytes), (0, 0));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(lanes.reserve(1));
    lanes.overdue(Instant::now());
    assert!(!lanes.reserve(1), "older ones wait in the store now");
    lanes.handed_in(1, false);
    assert!(lanes.wants_more().is_some());
    // it was committed before the claim, which has therefore passed it over
    assert_eq!(lanes.arrive(item(3, 1, 1), None), Some(3));
    let claimed = Claimed {
        items: vec![item(1, 1, 1), item(2, 1, 1)],
        complete: true,
        ..Claimed::default()
    };
    assert_eq!(lanes.claimed(claimed), NONE);
    assert!(!lanes.reserve(1), "it waits in the store");
    lanes.handed_in(1, false);
    bring(&mut lanes, &[(3, 1, 1)]);
    for seq in 1..=3 {
        assert_eq!(send(&mut lanes), Some(seq));
        lanes.settled(id(seq));
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_claim_brings_from_behind_a_message_that_has_gone_back_waits_for_it() {
    let mut lanes = lanes(5);
    arrive(&mut lanes, 1, 1);
    assert_eq!(send(&mut lanes), Some(1));
    lanes.refused(id(1));
    let until = Instant::now() + Duration::from_secs(1);
    assert_eq!(lanes.deferred(1, id(1), Some(until)), [1]);
    assert!(lanes.reserve(1), "2 is claimed when it is committed");
    lanes.hold_claims();
    assert!(!lanes.reserve(1), "3 is not");
    tokio::time::advance(Duration::from_secs(1)).await;
    lanes.overdue(Instant::now());
    assert!(lanes.wants_more().is_some());
    assert_eq!(lanes.arrive(item(2, 1, 1), None), Some(2));
    lanes.left_behind(1);
    lanes.handed_in(1, false);
    lanes.handed_in(0, false);
    let claimed = Claimed {
        items: vec![item(1, 1, 1), item(3, 1, 1)],
        complete: true,
        ..Claimed::default()
    };
    assert_eq!(lanes.claimed(claimed), [3], "2 is older, and in the store");
    assert!(!lanes.reserve(1), "both wait there");
    lanes.handed_in(1, false);
    bring(&mut lanes, &[(2, 1, 1), (3, 1, 1)]);
    for seq in 1..=3 {
        assert_eq!(send(&mut lanes), Some(seq));
        lanes.settled(id(seq));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_settled_while_it_was_claimed_again_is_not_sent_again() {
    let mut lanes = lanes(5);
    arrive(&mut lanes, 1, 1);
    arrive(&mut lanes, 2, 1);
    assert_eq!(send(&mut lanes), Some(1));
    lanes.refused(id(1));
    assert_eq!(lanes.deferred(1, id(1), Some(Instant::now())), [1, 2]);
    lanes.overdue(Instant::now());
    assert!(lanes.wants_more().is_some());
    assert_eq!(lanes.settled(id(1)).map(|(seq, _)| seq), Some(1));
    let claimed = Claimed {
        items: vec![item(1, 1, 1), item(2, 1, 1)],
        complete: true,
        ..Claimed::default()
    };
    assert_eq!(lanes.claimed(claimed), NONE);
    assert_eq!(send(&mut lanes), Some(2));
    assert!(lanes.settled(id(1)).is_none(), "once");
    lanes.settled(id(2));
    assert_eq!((lanes.held, lanes.held_bytes, lanes.lanes.len()), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_withdrawn_or_left_at_the_end_is_what_was_not_sent() {
    let mut lanes = lanes(5);
    for seq in 1..=3 {
        arrive(&mut lanes, seq, 1);
        arrive(&mut lanes, seq + 10, 2);
    }
    assert_eq!((send(&mut lanes), send(&mut lanes)), (Some(1), Some(11)));
    assert_eq!(lanes.withdraw(&did(1)), [2, 3]);
    assert_eq!(lanes.held, 4);
    lanes.settled(id(1));
    assert_eq!(send(&mut lanes), None);
    assert_eq!(lanes.end(), [12, 13]);
    assert!(lanes.is_ended() && !lanes.reserve(1));
}

#[tokio::test(start_paused = true)]
async fn what_is_withdrawn_and_may_be_claimed_again_at_once_is_not_overtaken() {
    let mut lanes = lanes(5);
    arrive(&mut lanes, 1, 1);
    arrive(&mut lanes, 2, 1);
    assert_eq!(send(&mut lanes), Some(1));
    lanes.missed();
    assert!(lanes.wants_more().is_some());
    assert_eq!(lanes.withdraw(&did(1)), [2]);
    let claimed = Claimed {
        items: vec![item(3, 1, 1), item(4, 2, 1)],
        complete: true,
        ..Claimed::default()
    };
    assert_eq!(lanes.claimed(claimed), [3], "2 is on its way back");
    assert_eq!(send(&mut lanes), Some(4), "another lane's");
    bring(&mut lanes, &[(2, 1, 1), (3, 1, 1)]);
    for seq in 1..=3 {
        assert!(lanes.settled(id(seq)).is_some());
        assert_eq!(send(&mut lanes), Some(seq + 1).filter(|next| *next < 4));
    }
}

// ---------------------------------------------------------------------------------------------------------------------
