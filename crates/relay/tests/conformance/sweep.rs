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
        assert_eq!(world.sweep().await.expired, 0);
        world.now = world.now.plus(1);
        assert_eq!(world.sweep().await.expired, 1);
        let receipt = world.receipt(&a, &b, "1").await.unwrap();
        assert_eq!((receipt.state, receipt.reason.as_deref()), (DeliveryState::DeadLettered, Some(reason::EXPIRED)));
        assert_eq!(world.pending(&a).await, [receipt]);
        assert_eq!(world.connect(&b).await.depth, 0);
        world.now = world.now.plus(3_599_999);
        assert_eq!(world.sweep().await.expired, 0);
        assert!(world.receipt(&a, &b, "1").await.is_some());
        world.now = world.now.plus(1);
        world.sweep().await;
        assert_eq!(world.receipt(&a, &b, "1").await, None);
        assert!(!world.send(&a, &b, "1").await.unwrap().repeat, "what is forgotten is new");
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
            expired.push(swept.expired);
            match swept.next {
                Some(next) => after = next,
                None => break,
            }
        }
        assert_eq!(expired, [2, 2, 1]);
        assert_eq!(world.receipt(&a, &b, "young").await.unwrap().state, DeliveryState::Queued);
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
