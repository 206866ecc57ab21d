//! Tickets, pairs, statements.

use chancery_relay::store::*;
use chancery_relay_wire::relay::DeliveryState;

use crate::kit::{World, agent, profile, ulid};

on_both! {
    async fn a_ticket_is_confirmed_once(world) {
        let (kid, text) = world.ticket(&agent(1), None).await;
        world.reopen().await;
        let row = world.confirm(kid, &text, &agent(2)).await.unwrap();
        assert_eq!(row.confirmed, Some((agent(2), profile("responder"), world.now)));
        assert!(matches!(world.confirm(kid, &text, &agent(2)).await, Err(Refusal::TicketAlreadyConfirmed)));
        assert!(matches!(world.confirm(kid, &text, &agent(3)).await, Err(Refusal::TicketAlreadyConfirmed)));
        assert_eq!(world.store.read(FindTicket { kid }).await.unwrap(), Some(row));
        assert!(world.trusted(&agent(1), &agent(2)).await && world.trusted(&agent(2), &agent(1)).await);
        assert!(!world.trusted(&agent(1), &agent(3)).await);
        assert!(world.known(&agent(1)).await && world.known(&agent(2)).await && !world.known(&agent(3)).await);
    }

    async fn of_two_at_once_one_confirms(world) {
        let (kid, text) = world.ticket(&agent(1), None).await;
        let step = |n: u8| ConfirmTicket {
            kid,
            text: text.clone(),
            responder: agent(n),
            profile: profile("r"),
            nonce: NonceUse { agent: agent(n), nonce: "race".into(), remember_until: world.now.plus(1) },
            now: world.now,
        };
        let (a, b) = tokio::join!(world.run(step(2)), world.run(step(3)));
        assert!(a.is_ok());
        assert!(matches!(b, Err(Refusal::TicketAlreadyConfirmed)));
        assert!(!world.trusted(&agent(1), &agent(3)).await);
    }

    async fn each_rule_of_confirming_refuses_and_changes_nothing(world) {
        let (kid, text) = world.ticket(&agent(1), Some(&agent(2))).await;
        assert!(matches!(world.confirm(ulid(99), &text, &agent(2)).await, Err(Refusal::TicketNotFound)));
        assert!(matches!(world.confirm(kid, "another text", &agent(2)).await, Err(Refusal::TicketMismatch)));
        assert!(matches!(world.confirm(kid, &text, &agent(3)).await, Err(Refusal::ResponderForbidden)));
        let (own, own_text) = world.ticket(&agent(1), None).await;
        assert!(matches!(world.confirm(own, &own_text, &agent(1)).await, Err(Refusal::SelfPairing)));
        world.now = world.now.plus(300_000);
        assert!(matches!(world.confirm(kid, &text, &agent(2)).await, Err(Refusal::TicketExpired)));
        assert!(!world.known(&agent(1)).await && !world.known(&agent(2)).await);
        assert_eq!(world.store.read(FindTicket { kid }).await.unwrap().unwrap().confirmed, None);
    }

    async fn a_refused_confirmation_spends_no_nonce(world) {
        let (kid, text) = world.ticket(&agent(1), None).await;
        let nonce = world.nonce(&agent(2));
        let step = |text: &str| ConfirmTicket {
            kid, text: text.into(), responder: agent(2), profile: profile("r"), nonce: nonce.clone(), now: world.now,
        };
        assert!(world.run(step("wrong")).await.is_err());
        assert!(!world.seen(&nonce).await);
        world.run(step(&text)).await.unwrap();
        assert!(world.seen(&nonce).await);
    }

    async fn statements_of_both_make_a_document_and_a_new_pairing_ends_it(world) {
        let kid = world.pair(&agent(1), &agent(2)).await;
        let add = |who: u8, statement: &str, nonce: NonceUse| AddStatement {
            kid, agent: agent(who), statement: statement.into(), nonce,
        };
        let (n1, n2, n3) = (world.nonce(&agent(1)), world.nonce(&agent(2)), world.nonce(&agent(3)));
        assert!(matches!(world.run(add(3, "c", n3)).await, Err(Refusal::NotParticipant)));
        let row = world.run(add(2, "b", n2)).await.unwrap();
        assert_eq!((row.initiator_statement, row.responder_statement), (None, Some("b".into())));
        let list = async |world: &World, who: u8| world.store.read(ListPairs { agent: agent(who) }).await.unwrap();
        assert_eq!(list(&world, 1).await[0].document, None);
        let row = world.run(add(1, "a", n1)).await.unwrap();
        assert_eq!((row.initiator_statement, row.responder_statement), (Some("a".into()), Some("b".into())));
        world.reopen().await;
        for (who, peer) in [(1, 2), (2, 1)] {
            let since = world.now;
            let document = Some(("a".into(), "b".into()));
            assert_eq!(list(&world, who).await, [PairRow { peer: agent(peer), since, document }]);
        }
        world.now = world.now.plus(5);
        world.pair(&agent(2), &agent(1)).await;
        assert_eq!(list(&world, 1).await, [PairRow { peer: agent(2), since: world.now, document: None }]);
        // the old pairing's statements do not come back into the new pair
        let nonce = world.nonce(&agent(1));
        world.run(add(1, "again", nonce)).await.unwrap();
        assert_eq!(list(&world, 1).await[0].document, None);
    }

    async fn statements_need_a_confirmed_ticket(world) {
        let (kid, _) = world.ticket(&agent(1), None).await;
        let nonce = world.nonce(&agent(1));
        let step = AddStatement { kid, agent: agent(1), statement: "a".into(), nonce: nonce.clone() };
        assert!(matches!(world.run(step).await, Err(Refusal::TicketNotConfirmed)));
        let step = AddStatement { kid: ulid(99), agent: agent(1), statement: "a".into(), nonce };
        assert!(matches!(world.run(step).await, Err(Refusal::TicketNotFound)));
    }

    async fn the_end_of_a_pair_buries_what_waits_both_ways(world) {
        let (a, b, c) = (agent(1), agent(2), agent(3));
        world.pair(&a, &b).await;
        world.pair(&a, &c).await;
        world.send(&a, &b, "1").await.unwrap();
        world.send(&b, &a, "2").await.unwrap();
        world.send(&c, &a, "3").await.unwrap();
        assert!(matches!(world.unpair(&b, &c).await, Err(Refusal::PairNotFound)));
        assert!(matches!(world.unpair(&a, &a).await, Err(Refusal::PairNotFound)));
        world.unpair(&b, &a).await.unwrap();
        assert!(matches!(world.unpair(&b, &a).await, Err(Refusal::PairNotFound)));
        for (from, to, id) in [(&a, &b, "1"), (&b, &a, "2")] {
            let receipt = world.receipt(from, to, id).await.unwrap();
            assert_eq!((receipt.state, receipt.reason.as_deref()), (DeliveryState::DeadLettered, Some(reason::UNPAIRED)));
            assert_eq!(world.pending(from).await, [receipt]);
        }
        assert!(matches!(world.send(&a, &b, "4").await, Err(Refusal::NotPaired)));
        let epoch = world.connect(&a).await.epoch;
        assert_eq!(world.claimed(&a, epoch).await, [("3".into(), 1)]);
        assert!(!world.known(&b).await && world.known(&a).await);
    }

    async fn a_block_outlives_the_pair(world) {
        let (a, b) = (agent(1), agent(2));
        world.pair(&a, &b).await;
        world.mark(&b, &a, true, false).await.unwrap();
        world.unpair(&a, &b).await.unwrap();
        world.pair(&a, &b).await;
        assert!(matches!(world.send(&a, &b, "1").await, Err(Refusal::Blocked)));
    }
}
