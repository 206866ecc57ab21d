//! Giving up and forgetting.

use chancery_relay::store::*;
use chancery_relay_wire::relay::DeliveryState;

use crate::kit::{World, agent};

on_both! {
    async fn what_waited_too_long_is_a_dead_letter_and_its_sender_is_told(world) {
        let (a, b) = (agent(1), agent(2));
        world.pair(&a, &b).await;
        world.send(&a, &b, "1").await.unwrap();
        world.now = world.now.plus(3_599_999);
        assert_eq!(world.sweep().await.expired, Buried::default());
        world.now = world.now.plus(1);
        assert_eq!(world.sweep().await.expired, Buried { count: 1, senders: [a.clone()].into() });
        let receipt = world.receipt(&a, &b, "1").await.unwrap();
        assert_eq!((receipt.state, receipt.reason.as_deref()), (DeliveryState::DeadLettered, Some(reason::EXPIRED)));
        assert_eq!(world.pending(&a).await, [receipt]);
        assert_eq!(world.connect(&b).await.depth, 0);
        world.now = world.now.plus(3_599_999);
        assert_eq!(world.sweep().await.expired, Buried::default());
        assert!(world.receipt(&a, &b, "1").await.is_some());
        world.now = world.now.plus(1);
        world.sweep().await;
        assert_eq!(world.receipt(&a, &b, "1").await, None);
        assert!(!world.send(&a, &b, "1").await.unwrap().repeat, "what is forgotten is new");
    }

    async fn a_sweep_names_those_whose_messages_it_gave_up_and_nobody_else(world) {
        let (a, b, c, d) = (agent(1), agent(2), agent(3), agent(4));
        for (from, to) in [(&a, &b), (&c, &b), (&d, &b)] {
            world.pair(from, to).await;
        }
        world.send(&a, &b, "1").await.unwrap();
        world.send(&a, &b, "2").await.unwrap();
        world.send(&c, &b, "3").await.unwrap();
        let delivered = world.send(&d, &b, "4").await.unwrap();
        let epoch = world.connect(&b).await.epoch;
        assert!(world.settle(&b, epoch, &delivered).await);
        world.now = world.now.plus(3_600_000);
        world.send(&d, &b, "5").await.unwrap();
        let expected = Buried { count: 3, senders: [a, c].into() };
        assert_eq!(world.sweep().await.expired, expected);
    }

    async fn a_long_sweep_goes_on_where_it_stopped(world) {
        let (a, b) = (agent(1), agent(2));
        world.pair(&a, &b).await;
        for n in 0..5 {
            world.send(&a, &b, &n.to_string()).await.unwrap();
        }
        world.now = world.now.plus(3_600_000);
        world.send(&a, &b, "young").await.unwrap();
        let (mut after, mut expired) = (0, Vec::new());
        loop {
            let step = Sweep { now: world.now, ttl_ms: 3_600_000, after, limit: 2 };
            let swept = world.run(step).await.unwrap();
            expired.push(swept.expired.count);
            match swept.next {
                Some(next) => after = next,
                None => break,
            }
        }
        assert_eq!(expired, [2, 2, 1]);
        assert_eq!(world.receipt(&a, &b, "young").await.unwrap().state, DeliveryState::Queued);
    }

    async fn a_lane_goes_with_the_last_of_its_messages(world) {
        let (a, b, c) = (agent(1), agent(2), agent(3));
        world.pair(&a, &b).await;
        world.pair(&a, &c).await;
        let mut sent = Vec::new();
        for (id, to, lane) in [("1", &b, "x"), ("2", &b, "x"), ("3", &b, "y"), ("4", &c, "x")] {
            sent.push(world.send_in(&a, to, id, lane).await);
        }
        let epoch = world.connect(&b).await.epoch;
        world.claimed(&b, epoch).await;
        for row in &sent[..3] {
            assert!(world.settle(&b, epoch, row).await);
        }
        world.now = world.now.plus(3_599_999);
        let late = world.send_in(&a, &b, "5", "y").await;
        world.now = world.now.plus(1);
        // y has a message of which the sender may still ask, and x of c one that has just become a dead letter
        let swept = world.sweep().await;
        assert_eq!((swept.expired.count, swept.lanes), (1, 1));
        let again = world.send_in(&a, &b, "6", "x").await;
        assert!(sent.iter().all(|row| row.lane != again.lane), "no number of a lane comes again");
        assert_eq!(again.lane_seq, 3, "no position of a conversation comes again");
        assert_eq!(world.send_in(&a, &b, "5", "y").await, Accepted { repeat: true, depth: 2, ..late.clone() });
        let next = world.send_in(&a, &b, "7", "y").await;
        assert_eq!((next.lane, next.lane_seq), (late.lane, 3));
        let other = world.send_in(&a, &c, "8", "x").await;
        assert_eq!((other.lane, other.lane_seq), (sent[3].lane, 2));
        // in order, as if nothing had been forgotten
        assert_eq!(
            world.claimed(&b, epoch).await,
            [("5".to_owned(), 1), ("7".to_owned(), 1), ("6".to_owned(), 1)]
        );
        world.now = world.now.plus(2 * 3_600_000);
        assert_eq!(world.sweep().await.lanes, 0);
        world.now = world.now.plus(2 * 3_600_000);
        assert_eq!(world.sweep().await.lanes, 3);
        world.reopen().await;
        let (first, of_c) = (world.send_in(&a, &b, "9", "z").await, world.send_in(&a, &c, "10", "y").await);
        let known = [&sent[..], &[again, late, next, other]].concat();
        assert!(known.iter().all(|row| row.lane < first.lane.min(of_c.lane)));
        assert_eq!((first.lane_seq, of_c.lane_seq), (4, 3));
    }

    async fn nonces_are_kept_as_long_as_their_proofs_could_be_believed(world) {
        let nonce = world.nonce(&agent(1));
        world.run(UseNonce(nonce.clone())).await.unwrap();
        world.now = nonce.remember_until;
        world.sweep().await;
        assert!(world.seen(&nonce).await);
        world.now = world.now.plus(1);
        assert_eq!(world.sweep().await.forgotten, 1);
        assert!(!world.seen(&nonce).await);
    }

    async fn a_confirmed_ticket_is_kept_for_a_day(world) {
        let kid = world.pair(&agent(1), &agent(2)).await;
        world.now = world.now.plus(CONFIRMED_TICKET_RETENTION_MS);
        world.sweep().await;
        assert!(world.store.read(FindTicket { kid }).await.unwrap().is_some());
        world.now = world.now.plus(1);
        world.sweep().await;
        assert!(world.store.read(FindTicket { kid }).await.unwrap().is_none());
        assert!(world.trusted(&agent(1), &agent(2)).await, "the pair stays");
    }
}
