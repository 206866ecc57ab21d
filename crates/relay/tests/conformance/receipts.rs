//! What became of messages.

use chancery_relay::store::*;
use chancery_relay_wire::relay::DeliveryState;

use crate::kit::{World, agent, ait};

on_both! {
    async fn the_recipient_has_the_last_word_once(world) {
        let (a, b) = (agent(1), agent(2));
        world.pair(&a, &b).await;
        world.send(&a, &b, "1").await.unwrap();
        world.now = world.now.plus(7);
        let told = world.run(world.record(&a, &b, MessageRef::Message("1".into()), true)).await.unwrap().unwrap();
        assert_eq!((told.state, told.updated_at), (DeliveryState::ProcessedByOpenclaw, world.now));
        assert_eq!(world.run(world.record(&a, &b, MessageRef::Message("1".into()), false)).await.unwrap(), None);
        world.reopen().await;
        assert_eq!(world.receipt(&a, &b, "1").await, Some(told.clone()));
        assert_eq!(world.pending(&a).await, std::slice::from_ref(&told));
        assert_eq!(world.connect(&b).await.depth, 0, "it waits no longer");
        world.run(ReceiptSeen { sender: b.clone(), seq: told.seq }).await.unwrap();
        assert_eq!(world.pending(&a).await.len(), 1, "only its sender has seen it");
        world.run(ReceiptSeen { sender: a.clone(), seq: told.seq }).await.unwrap();
        assert_eq!(world.pending(&a).await, []);
    }

    async fn a_receipt_comes_with_the_token_that_its_signer_showed_last(world) {
        let (a, b) = (agent(1), agent(2));
        world.pair(&a, &b).await;
        world.send(&a, &b, "1").await.unwrap();
        assert_eq!(world.receipt(&a, &b, "1").await.unwrap().ait, None, "it has shown none");
        world.connect(&b).await;
        let told = world.run(world.record(&a, &b, MessageRef::Message("1".into()), true)).await.unwrap().unwrap();
        assert_eq!(told.ait, Some(ait(&b, 0)));
        assert_eq!(world.pending(&a).await, [told]);
    }

    async fn either_id_names_a_message_where_that_is_asked_for(world) {
        let (a, b) = (agent(1), agent(2));
        world.pair(&a, &b).await;
        let row = world.send(&a, &b, "1").await.unwrap();
        let id = row.delivery_id.to_string();
        assert_eq!(world.run(world.record(&a, &b, MessageRef::Message(id.clone()), true)).await.unwrap(), None);
        let told = world.run(world.record(&a, &b, MessageRef::Either(id.clone()), false)).await.unwrap().unwrap();
        assert_eq!((told.message_id.as_str(), told.reason.as_deref()), ("1", Some("broken")));
        assert_eq!(world.receipt(&a, &b, &id).await, Some(told));
    }

    async fn of_other_peoples_messages_nothing_is_said(world) {
        let (a, b, c) = (agent(1), agent(2), agent(3));
        world.pair(&a, &b).await;
        world.pair(&a, &c).await;
        world.send(&a, &b, "1").await.unwrap();
        for (from, to) in [(&a, &c), (&b, &a), (&c, &b)] {
            assert_eq!(world.run(world.record(from, to, MessageRef::Either("1".into()), true)).await.unwrap(), None);
            assert_eq!(world.receipt(from, to, "1").await, None);
        }
        assert_eq!(world.receipt(&a, &b, "1").await.unwrap().state, DeliveryState::Queued);
    }

    async fn a_receipts_nonce_is_spent_even_when_nobody_knows_the_message(world) {
        let (a, b) = (agent(1), agent(2));
        world.pair(&a, &b).await;
        let nonce = world.nonce(&b);
        let mut step = world.record(&a, &b, MessageRef::Either("?".into()), true);
        step.nonce = Some(nonce.clone());
        assert_eq!(world.run(step).await.unwrap(), None);
        let mut step = world.record(&a, &b, MessageRef::Either("?".into()), true);
        step.nonce = Some(nonce);
        assert!(matches!(world.run(step).await, Err(Refusal::Replay)));
    }

    async fn pending_receipts_come_in_order_and_in_portions(world) {
        let (a, b) = (agent(1), agent(2));
        world.pair(&a, &b).await;
        for n in 0..5 {
            world.send(&a, &b, &n.to_string()).await.unwrap();
        }
        for n in [3, 1, 4] {
            let step = world.record(&a, &b, MessageRef::Message(n.to_string()), true);
            world.run(step).await.unwrap();
        }
        let read = async |after, limit| {
            let step = PendingReceipts { sender: agent(1), after, limit };
            world.store.read(step).await.unwrap().into_iter().map(|row| (row.seq, row.message_id)).collect::<Vec<_>>()
        };
        let all = read(0, 9).await;
        assert_eq!(all.iter().map(|(_, id)| id.as_str()).collect::<String>(), "134");
        assert_eq!(read(0, 2).await, all[..2]);
        assert_eq!(read(all[1].0, 9).await, all[2..]);
    }
}
