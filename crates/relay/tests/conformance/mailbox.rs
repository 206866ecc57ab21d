//! Accept, connect, claim, settle, defer, release.

use chancery_relay::store::*;
use chancery_relay_wire::relay::DeliveryState;

use crate::kit::{World, agent, ait, message};

fn pair_of_agents() -> (chancery_identity::AgentDid, chancery_identity::AgentDid) {
    (agent(1), agent(2))
}

on_both! {
    async fn positions_are_gap_free_in_mailbox_and_lane(world) {
        let (a, b) = pair_of_agents();
        world.pair(&a, &b).await;
        let mut seen = Vec::new();
        for (n, lane) in [Some("x"), None, Some("x"), Some("y"), None].into_iter().enumerate() {
            let step = world.accept(message(&a, &b, &n.to_string(), lane, "{}"));
            let accepted = world.run(step).await.unwrap();
            seen.push((accepted.position, accepted.lane_seq, accepted.depth));
            // what is refused takes no position
            let step = world.accept(message(&a, &agent(9), "z", lane, "{}"));
            assert!(matches!(world.run(step).await, Err(Refusal::NotPaired)));
        }
        assert_eq!(seen, [(1, 1, 1), (2, 1, 2), (3, 2, 3), (4, 1, 4), (5, 2, 5)]);
    }

    async fn strangers_are_refused_and_oneself_is_not(world) {
        let (a, b) = pair_of_agents();
        assert!(matches!(world.send(&a, &b, "1").await, Err(Refusal::NotPaired)));
        world.pair(&a, &agent(3)).await;
        world.pair(&b, &agent(3)).await;
        assert!(matches!(world.send(&a, &b, "1").await, Err(Refusal::NotPaired)));
        assert_eq!(world.send(&a, &a, "1").await.unwrap().position, 1);
    }

    async fn the_same_message_is_accepted_once(world) {
        let (a, b) = pair_of_agents();
        world.pair(&a, &b).await;
        let first = world.send(&a, &b, "1").await.unwrap();
        let again = world.send(&a, &b, "1").await.unwrap();
        assert!(!first.repeat && again.repeat && !again.claimed);
        assert_eq!(
            (again.seq, again.delivery_id, again.position, again.lane_seq, again.depth),
            (first.seq, first.delivery_id, first.position, first.lane_seq, 1)
        );
        let epoch = world.connect(&b).await.epoch;
        world.settle(&b, epoch, &first).await;
        let again = world.send(&a, &b, "1").await.unwrap();
        assert_eq!((again.repeat, again.state, again.depth), (true, DeliveryState::Delivered, 0));
    }

    async fn the_same_id_with_another_message_is_a_conflict(world) {
        let (a, b) = pair_of_agents();
        world.pair(&a, &b).await;
        world.pair(&a, &agent(3)).await;
        world.send(&a, &b, "1").await.unwrap();
        let mut others = vec![
            message(&a, &b, "1", None, "[]"),
            message(&a, &b, "1", Some("lane"), "{}"),
            message(&a, &agent(3), "1", None, "{}"),
        ];
        others.push(NewMessage { content_type: Some("text/plain".into()), ..message(&a, &b, "1", None, "{}") });
        others.push(NewMessage { reply_to: Some("https://x.test/".into()), ..message(&a, &b, "1", None, "{}") });
        for other in others {
            let step = world.accept(other);
            assert!(matches!(world.run(step).await, Err(Refusal::Conflict)));
        }
        // another sender's ids are its own
        world.pair(&agent(3), &b).await;
        assert!(!world.send(&agent(3), &b, "1").await.unwrap().repeat);
    }

    async fn what_comes_together_is_judged_one_by_one(world) {
        let (a, b) = pair_of_agents();
        world.pair(&a, &b).await;
        let steps = [("1", &b, "{}"), ("1", &b, "{}"), ("2", &agent(9), "{}"), ("1", &b, "[]"), ("3", &b, "{}")]
            .map(|(id, to, payload)| world.accept(message(&a, to, id, None, payload)));
        let outcomes = world.run(Together(steps.into())).await.unwrap();
        let [Ok(first), Ok(again), Err(stranger), Err(other), Ok(last)] = outcomes.as_slice() else {
            panic!("{outcomes:?}");
        };
        assert_eq!((first.position, first.repeat, again.position, again.repeat), (1, false, 1, true));
        assert!(matches!((stranger, other), (Refusal::NotPaired, Refusal::Conflict)));
        assert_eq!((last.position, last.lane_seq, last.depth), (2, 2, 2), "what is refused takes no position");
        let epoch = world.connect(&b).await.epoch;
        let rows = [(first.seq, epoch), (first.seq, epoch), (last.seq, epoch - 1), (last.seq, epoch)];
        let steps = rows.map(|(seq, epoch)| Settle {
            recipient: b.clone(),
            epoch,
            seq,
            delivery_id: if seq == first.seq { first.delivery_id } else { last.delivery_id },
            now: world.now,
        });
        let outcomes = world.run(Together(steps.into())).await.unwrap();
        let settled: Vec<bool> = outcomes.into_iter().map(Result::unwrap).collect();
        assert_eq!(settled, [true, false, false, true]);
        world.reopen().await;
        assert_eq!(world.send(&a, &b, "4").await.unwrap().depth, 1);
    }

    async fn a_full_mailbox_refuses_and_a_repeat_still_is_told(world) {
        let (a, b) = pair_of_agents();
        world.pair(&a, &b).await;
        world.pair(&agent(3), &b).await;
        for n in 0..4 {
            let from = if n % 2 == 0 { &a } else { &agent(3) };
            let mut step = world.accept(message(from, &b, &n.to_string(), None, "{}"));
            (step.max_messages, step.max_per_sender) = (4, 2);
            world.run(step).await.unwrap();
        }
        let mut full = world.accept(message(&a, &b, "new", None, "{}"));
        (full.max_messages, full.max_per_sender) = (4, 2);
        assert!(matches!(world.run(full).await, Err(Refusal::MailboxFull)));
        let mut repeat = world.accept(message(&a, &b, "0", None, "{}"));
        (repeat.max_messages, repeat.max_per_sender) = (4, 2);
        assert!(world.run(repeat).await.unwrap().repeat);
    }

    async fn one_sender_gets_half_and_settling_makes_room(world) {
        let (a, b) = pair_of_agents();
        world.pair(&a, &b).await;
        let half = |mut step: Accept| { (step.max_messages, step.max_per_sender) = (4, 2); step };
        let step = half(world.accept(message(&a, &b, "1", None, "{}")));
        let first = world.run(step).await.unwrap();
        let step = half(world.accept(message(&a, &b, "2", Some("other lane"), "{}")));
        world.run(step).await.unwrap();
        let step = half(world.accept(message(&a, &b, "3", None, "{}")));
        assert!(matches!(world.run(step).await, Err(Refusal::SenderShareFull)));
        let epoch = world.connect(&b).await.epoch;
        assert!(world.settle(&b, epoch, &first).await);
        let step = half(world.accept(message(&a, &b, "3", None, "{}")));
        assert_eq!(world.run(step).await.unwrap().depth, 2);
    }

    async fn a_nonce_is_spent_with_what_it_authorises_and_not_without(world) {
        let (a, b) = pair_of_agents();
        let nonce = world.nonce(&a);
        let mut step = world.accept(message(&a, &b, "1", None, "{}"));
        step.nonce = Some(nonce.clone());
        assert!(matches!(world.run(step).await, Err(Refusal::NotPaired)));
        assert!(!world.seen(&nonce).await, "a refused message spends nothing");
        world.pair(&a, &b).await;
        let mut step = world.accept(message(&a, &b, "1", None, "{}"));
        step.nonce = Some(nonce.clone());
        world.run(step).await.unwrap();
        assert!(world.seen(&nonce).await);
        world.reopen().await;
        let mut step = world.accept(message(&a, &b, "2", None, "{}"));
        step.nonce = Some(nonce.clone());
        assert!(matches!(world.run(step).await, Err(Refusal::Replay)));
        assert!(matches!(world.run(UseNonce(nonce.clone())).await, Err(Refusal::Replay)));
        world.run(UseNonce(NonceUse { agent: b, ..nonce })).await.unwrap();
    }

    async fn a_connects_nonce_may_come_again_only_where_it_is_allowed(world) {
        let (a, _) = pair_of_agents();
        let nonce = world.nonce(&a);
        let connect = |nonce: &NonceUse, allow_reuse| Connect {
            agent: agent(1),
            ait: ait(&agent(1), 0),
            nonce: nonce.clone(),
            allow_reuse,
        };
        assert_eq!(world.run(connect(&nonce, false)).await.unwrap().epoch, 1);
        assert!(matches!(world.run(connect(&nonce, false)).await, Err(Refusal::Replay)));
        assert_eq!(world.run(connect(&nonce, true)).await.unwrap().epoch, 2);
        assert!(matches!(world.run(UseNonce(nonce)).await, Err(Refusal::Replay)));
        let other = world.nonce(&a);
        world.run(UseNonce(other.clone())).await.unwrap();
        assert!(matches!(world.run(connect(&other, true)).await, Err(Refusal::Replay)), "spent on something else");
    }

    async fn a_message_is_claimed_at_once_only_for_the_current_epoch(world) {
        let (a, b) = pair_of_agents();
        world.pair(&a, &b).await;
        let old = world.connect(&b).await.epoch;
        let new = world.connect(&b).await.epoch;
        assert_eq!(new, old + 1);
        for (n, epoch, claimed) in [(1, old, false), (2, new, true), (3, new + 1, false)] {
            let mut step = world.accept(message(&a, &b, &n.to_string(), None, "{}"));
            step.claim = Some(epoch);
            assert_eq!(world.run(step).await.unwrap().claimed, claimed, "{n}");
        }
        assert_eq!(world.claimed(&b, new).await, [("1".into(), 1), ("3".into(), 1)]);
        assert_eq!(world.claimed(&b, new).await, []);
    }

    async fn a_new_epoch_claims_all_again_and_a_stale_one_changes_nothing(world) {
        let (a, b) = pair_of_agents();
        world.pair(&a, &b).await;
        let row = world.send(&a, &b, "1").await.unwrap();
        let old = world.connect(&b).await.epoch;
        assert_eq!(world.claimed(&b, old).await, [("1".into(), 1)]);
        world.reopen().await;
        let connected = world.connect(&b).await;
        assert_eq!(connected.depth, 1);
        assert!(!world.settle(&b, old, &row).await);
        assert_eq!(world.defer(&b, old, &row, 25).await, Deferred::Stale);
        assert_eq!(world.claimed(&b, old).await, []);
        assert_eq!(world.claimed(&b, connected.epoch).await, [("1".into(), 2)]);
        assert!(world.settle(&b, connected.epoch, &row).await);
        assert!(!world.settle(&b, connected.epoch, &row).await, "once");
        assert_eq!(world.connect(&b).await.depth, 0);
    }

    async fn a_row_is_settled_only_by_its_recipient_and_under_its_delivery_id(world) {
        let (a, b) = pair_of_agents();
        world.pair(&a, &b).await;
        let row = world.send(&a, &b, "1").await.unwrap();
        let (own, other) = (world.connect(&b).await.epoch, world.connect(&a).await.epoch);
        assert!(!world.settle(&a, other, &row).await);
        let forged = Accepted { delivery_id: crate::kit::ulid(5), ..row.clone() };
        assert!(!world.settle(&b, own, &forged).await);
        assert_eq!(world.defer(&b, own, &forged, 25).await, Deferred::Stale);
        assert!(world.settle(&b, own, &row).await);
    }

    async fn refusals_are_counted_and_the_last_one_buries(world) {
        let (a, b) = pair_of_agents();
        world.pair(&a, &b).await;
        let row = world.send(&a, &b, "1").await.unwrap();
        let epoch = world.connect(&b).await.epoch;
        world.claimed(&b, epoch).await;
        assert_eq!(world.defer(&b, epoch, &row, 3).await, Deferred::Again { attempt: 2 });
        assert_eq!(world.defer(&b, epoch, &row, 3).await, Deferred::Again { attempt: 3 });
        assert_eq!(world.defer(&b, epoch, &row, 3).await, Deferred::Dead);
        assert_eq!(world.defer(&b, epoch, &row, 3).await, Deferred::Stale);
        let receipt = world.receipt(&a, &b, "1").await.unwrap();
        assert_eq!(receipt.state, DeliveryState::DeadLettered);
        assert_eq!(receipt.reason.as_deref(), Some("refused 3 times, at last: no"));
        assert_eq!(world.pending(&a).await, [receipt]);
        assert_eq!(world.connect(&b).await.depth, 0);
    }

    async fn the_reason_of_a_dead_letter_fits_into_a_receipt(world) {
        let (a, b) = pair_of_agents();
        world.pair(&a, &b).await;
        let row = world.send(&a, &b, "1").await.unwrap();
        let epoch = world.connect(&b).await.epoch;
        world.claimed(&b, epoch).await;
        let step = Defer {
            recipient: b.clone(),
            epoch,
            seq: row.seq,
            delivery_id: row.delivery_id,
            max_attempts: 1,
            reason: "ä\n".repeat(140),
            now: world.now,
        };
        assert_eq!(world.run(step).await.unwrap(), Deferred::Dead);
        let reason = world.receipt(&a, &b, "1").await.unwrap().reason.unwrap();
        assert!(reason.len() <= 280 && !reason.contains('\n') && reason.starts_with("refused 1 times"), "{reason}");
    }

    async fn what_was_not_sent_is_given_back_without_an_attempt(world) {
        let (a, b) = pair_of_agents();
        world.pair(&a, &b).await;
        let row = world.send(&a, &b, "1").await.unwrap();
        let epoch = world.connect(&b).await.epoch;
        let give_back = |epoch| Release { recipient: agent(2), epoch, seqs: vec![row.seq, 77] };
        for _ in 0..3 {
            assert_eq!(world.claimed(&b, epoch).await, [("1".into(), 1)]);
            world.run(give_back(epoch)).await.unwrap();
            world.run(give_back(epoch)).await.unwrap();
        }
        assert_eq!(world.claimed(&b, epoch).await, [("1".into(), 1)]);
        let next = world.connect(&b).await.epoch;
        world.run(give_back(epoch)).await.unwrap();
        assert_eq!(world.claimed(&b, next).await, [("1".into(), 1)], "given back after the next connect");
        world.run(give_back(epoch)).await.unwrap();
        let last = world.connect(&b).await.epoch;
        assert_eq!(world.claimed(&b, last).await, [("1".into(), 2)], "another epoch's claim is not touched");
    }

    async fn a_claim_goes_lane_by_lane_within_its_limits(world) {
        let (a, b) = pair_of_agents();
        world.pair(&a, &b).await;
        let mut lanes = Vec::new();
        for n in 0..9 {
            let lane = ["x", "y", "z"][n % 3];
            let step = world.accept(message(&a, &b, &n.to_string(), Some(lane), "12345678"));
            lanes.push(world.run(step).await.unwrap().lane);
        }
        let (x, y, z) = (lanes[0], lanes[1], lanes[2]);
        let epoch = world.connect(&b).await.epoch;
        let claim = async |claim: Claim| {
            let claimed = world.run(claim).await.unwrap();
            let ids: Vec<_> = claimed.items.iter().map(|item| item.message.message_id.clone()).collect();
            (ids.join(" "), claimed.left, claimed.next_lane, claimed.complete)
        };
        let base = || world.claim(&b, epoch);
        let hold = |lane, room| LaneHold { lane, room };
        let step = Claim { per_lane: 1, holds: vec![hold(y, 0)], ..base() };
        assert_eq!(claim(step).await, ("0 2".into(), vec![x, y, z], z, true));
        let step = Claim { from_lane: x, max_messages: 2, ..base() };
        assert_eq!(claim(step).await, ("1 4".into(), vec![y], x, false));
        let step = Claim { max_bytes: 8, ..base() };
        assert_eq!(claim(step).await, ("3".into(), vec![x], 0, false));
        let step = Claim { from_lane: y, max_bytes: 1, ..base() };
        assert_eq!(claim(step).await, ("5".into(), vec![z], y, false), "one is always given");
        let step = Claim { holds: vec![hold(x, 0)], max_bytes: 4, ..base() };
        assert_eq!(claim(step).await, ("7".into(), vec![x], x, false), "a lane without room says nothing of the others");
        assert_eq!(claim(base()).await, ("6 8".into(), vec![], z, true));
    }

    async fn what_is_claimed_is_the_message_verbatim(world) {
        let (a, b) = pair_of_agents();
        world.pair(&a, &b).await;
        let sent = NewMessage {
            content_type: Some("application/json".into()),
            reply_to: Some("https://reply.test/x".into()),
            sent_at: Some("2026-01-01T00:00:00.123456789+01:00".into()),
            sig: Some(crate::kit::key().sign(b"message")),
            ..message(&a, &b, "an id", Some("a lane"), " { \"z\" : 1.0e0,\"a\":\"\\u00e4\" } ")
        };
        let step = world.accept(sent);
        let (sent, accepted) = (step.message.clone(), world.run(step).await.unwrap());
        world.reopen().await;
        let epoch = world.connect(&b).await.epoch;
        let claimed = world.run(world.claim(&b, epoch)).await.unwrap();
        let item = &claimed.items[0];
        assert_eq!(format!("{:?}", item.message), format!("{sent:?}"));
        assert_eq!(
            (item.seq, item.delivery_id, item.lane, item.lane_seq, item.position, item.attempt, item.accepted_at),
            (accepted.seq, accepted.delivery_id, accepted.lane, 1, 1, 1, world.now)
        );
    }

    async fn what_has_expired_is_left_to_the_sweep(world) {
        let (a, b) = pair_of_agents();
        world.pair(&a, &b).await;
        world.send(&a, &b, "old").await.unwrap();
        world.now = world.now.plus(3_600_000);
        world.send(&a, &b, "new").await.unwrap();
        let epoch = world.connect(&b).await.epoch;
        assert_eq!(world.claimed(&b, epoch).await, [("new".into(), 1)]);
    }

    async fn the_blocked_are_refused_and_the_muted_wait(world) {
        let (a, b) = pair_of_agents();
        world.pair(&a, &b).await;
        let epoch = world.connect(&b).await.epoch;
        world.mark(&b, &a, false, true).await.unwrap();
        let mut step = world.accept(message(&a, &b, "1", None, "{}"));
        step.claim = Some(epoch);
        assert!(!world.run(step).await.unwrap().claimed);
        assert_eq!(world.claimed(&b, epoch).await, []);
        world.reopen().await;
        world.mark(&b, &a, true, false).await.unwrap();
        assert!(matches!(world.send(&a, &b, "2").await, Err(Refusal::Blocked)));
        assert!(world.send(&b, &a, "3").await.is_ok(), "the other way is open");
        assert_eq!(world.claimed(&b, epoch).await, [("1".into(), 1)]);
        world.mark(&b, &a, false, false).await.unwrap();
        assert!(world.send(&a, &b, "2").await.is_ok());
        assert!(matches!(world.mark(&b, &agent(5), true, true).await, Err(Refusal::PairNotFound)));
    }
}
