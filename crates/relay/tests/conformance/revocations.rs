//! The registry's feed.

use chancery_identity::revocation::Scope;
use chancery_relay::store::*;
use chancery_relay_wire::relay::DeliveryState;

use crate::kit::{World, agent, ait, ulid};

on_both! {
    async fn a_revoked_agent_loses_pairs_and_messages_both_ways(world) {
        let (a, b, c) = (agent(1), agent(2), agent(3));
        for (x, y) in [(&a, &b), (&a, &c), (&b, &c)] {
            world.pair(x, y).await;
        }
        for (from, to, id) in [(&a, &b, "1"), (&b, &a, "2"), (&c, &b, "3"), (&a, &a, "4")] {
            world.send(from, to, id).await.unwrap();
        }
        let buried = Buried { count: 3, senders: [a.clone(), b.clone()].into() };
        assert_eq!(world.revoke(1, &a, Scope::Agent).await, buried);
        assert_eq!(world.revoke(1, &a, Scope::Agent).await, Buried::default());
        world.reopen().await;
        assert!(!world.known(&a).await && !world.trusted(&a, &b).await && world.trusted(&b, &c).await);
        let receipt = world.receipt(&b, &a, "2").await.unwrap();
        assert_eq!((receipt.state, receipt.reason.as_deref()), (DeliveryState::DeadLettered, Some(reason::REVOKED)));
        assert!(matches!(world.send(&b, &a, "5").await, Err(Refusal::RecipientRevoked)));
        assert!(matches!(world.send(&a, &b, "5").await, Err(Refusal::SenderRevoked)));
        let nonce = world.nonce(&a);
        let connect = Connect { agent: a.clone(), ait: ait(&a, 0), nonce: nonce.clone(), allow_reuse: false };
        assert!(matches!(world.run(connect).await, Err(Refusal::SenderRevoked)));
        assert!(!world.seen(&nonce).await);
        let epoch = world.connect(&b).await.epoch;
        assert_eq!(world.claimed(&b, epoch).await, [("3".into(), 1)]);
    }

    async fn a_revoked_agent_neither_starts_nor_confirms_nor_is_confirmed(world) {
        let (a, b) = (agent(1), agent(2));
        let (of_a, text_a) = world.ticket(&a, None).await;
        let (of_b, text_b) = world.ticket(&b, None).await;
        world.revoke(1, &a, Scope::Agent).await;
        assert!(matches!(world.confirm(of_a, &text_a, &b).await, Err(Refusal::RecipientRevoked)));
        assert!(matches!(world.confirm(of_b, &text_b, &a).await, Err(Refusal::SenderRevoked)));
        let step = CreateTicket {
            kid: ulid(77),
            text: "t".into(),
            key: crate::kit::key().public(),
            initiator: a.clone(),
            profile: crate::kit::profile("x"),
            only_responder: None,
            expires_at: world.now,
            nonce: world.nonce(&a),
        };
        assert!(matches!(world.run(step).await, Err(Refusal::SenderRevoked)));
    }

    async fn other_scopes_leave_pairs_and_messages(world) {
        let (a, b) = (agent(1), agent(2));
        world.pair(&a, &b).await;
        world.send(&a, &b, "1").await.unwrap();
        assert_eq!(world.revoke(1, &a, Scope::Token).await, Buried::default());
        assert_eq!(world.revoke(2, &b, Scope::Session).await, Buried::default());
        assert!(world.trusted(&a, &b).await);
        let known = world.store.read(LoadRevocations).await.unwrap();
        assert_eq!(known, Revoked { cursor: 2, agents: vec![], tokens: vec![ait(&a, 0).jti] });
    }

    async fn what_is_revoked_survives_a_reset_of_the_feed(world) {
        world.revoke(1, &agent(2), Scope::Agent).await;
        world.revoke(2, &agent(1), Scope::Agent).await;
        world.run(ResetFeed).await.unwrap();
        world.reopen().await;
        let known = world.store.read(LoadRevocations).await.unwrap();
        let tokens = vec![ait(&agent(1), 0).jti, ait(&agent(2), 0).jti];
        assert_eq!(known, Revoked { cursor: 0, agents: vec![agent(1), agent(2)], tokens });
    }
}
