//! Receipts, ours and theirs.

use std::time::Duration;

use chancery_base::ed25519::Signature;
use chancery_connector::{OutboundRequest, OutboundState, Verified};
use chancery_identity::receipt::{self, SignedReceipt};
use chancery_relay_wire::{
    Frame,
    frame::{Receipt, ReceiptStatus},
};
use serde_json::Value;

use crate::support::*;

/// Checks a receipt frame of agent 1 for `incoming`, and returns its status and reason.
fn read(frame: &Value, incoming: &Incoming) -> (String, String) {
    assert_eq!(frame["type"], "receipt", "{frame}");
    let text = |name: &str| frame[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(text("originalFrameId"), incoming.message_id);
    let signed = SignedReceipt {
        message_id: &incoming.message_id,
        from: &agent(2).did,
        to: &agent(1).did,
        status: &text("status"),
        reason: &text("reason"),
        at: &text("at"),
    };
    let sig = Signature::from_b64(&text("sig")).unwrap();
    receipt::verify(&signed, &sig, &agent(1).key.public()).unwrap();
    (text("status"), text("reason"))
}

#[tokio::test(start_paused = true)]
async fn a_delivered_message_is_receipted_until_the_relay_confirms() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let incoming = Incoming::new("1");
    session.deliver(&incoming).await;
    world.attempt().await.ok();
    let first = session.hear().await;
    assert_eq!(read(&first, &incoming).0, "delivered_to_webhook");
    // not confirmed in time: again, under the same id
    let second = session.hear().await;
    assert_eq!((&first["id"], &first["sig"]), (&second["id"], &second["sig"]));
    // and over the next connection, also after a crash
    world.crash();
    world.start();
    let mut session = world.session().await;
    let third = session.hear().await;
    assert_eq!(first["id"], third["id"]);
    session.say(Frame::ReceiptAck { ack_id: id_of(&third) }).await;
    session.hears_nothing(Duration::from_secs(100)).await;
    assert_eq!(world.status().await["outboundDetail"]["receiptCount"], 0);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_is_receipted_with_its_reason() {
    let mut world = World::new(Setup {
        change: |config| config.limits.refusals = 1,
        ..Setup::default()
    });
    let mut session = world.session().await;
    let incoming = Incoming::new("1");
    session.deliver(&incoming).await;
    world.attempt().await.fail(false);
    let frame = session.hear().await;
    let expected = (
        "dead_lettered".to_owned(),
        "refused 1 times: the webhook said no".to_owned(),
    );
    assert_eq!(read(&frame, &incoming), expected);
}

#[tokio::test(start_paused = true)]
async fn an_old_relay_gets_no_receipts() {
    let mut world = World::new(Setup {
        negotiates: false,
        ..Setup::default()
    });
    let mut session = world.session().await;
    let text = Incoming::new("1").text(|payload| payload);
    let mut old: Value = serde_json::from_str(&text).unwrap();
    for member in ["messageId", "lane", "laneSeq", "attempt", "sentAt", "sig", "fromAit"] {
        old.as_object_mut().unwrap().remove(member);
    }
    session.say_text(&old.to_string()).await;
    assert_eq!(session.hear().await["accepted"], true);
    let attempt = world.attempt().await;
    assert_eq!(attempt.delivery.verified, Verified::RelayAsserted);
    attempt.ok();
    session.hears_nothing(Duration::from_secs(60)).await;
    assert_eq!(world.status().await["outboundDetail"]["receiptCount"], 0);
}

/// A receipt of agent 2 for our message `id`; signed by `signer`, if by anybody.
fn theirs(id: &str, status: ReceiptStatus, signer: Option<&Agent>) -> String {
    let at = BASE.to_rfc3339();
    let reason = (status == ReceiptStatus::DeadLettered).then_some("no webhook");
    let sig = signer.map(|signer| {
        let signed = SignedReceipt {
            message_id: id,
            from: &agent(1).did,
            to: &agent(2).did,
            status: status.as_str(),
            reason: reason.unwrap_or_default(),
            at: &at,
        };
        receipt::sign(&signed, &signer.key)
    });
    let frame = Frame::Receipt(Receipt {
        id: fresh_id(),
        message_id: id.into(),
        from: agent(1).did,
        to: agent(2).did,
        status,
        reason: reason.map(Into::into),
        at: at.as_str().into(),
        sig,
        ait: None,
    });
    frame.encode(fresh_id(), BASE).unwrap()
}

/// The same with an identity token.
fn theirs_with(id: &str, signer: &Agent, ait: &str) -> String {
    let text = theirs(id, ReceiptStatus::DeliveredToWebhook, Some(signer));
    let mut frame: Value = serde_json::from_str(&text).unwrap();
    frame["ait"] = ait.into();
    frame.to_string()
}

/// A world where nothing is known of agent 2, and messages to it that were accepted.
async fn sent_to_a_stranger(messages: usize) -> (World, Session, Vec<String>) {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let mut ids = Vec::new();
    for n in 0..messages {
        let request = OutboundRequest::new(agent(2).did, raw(&n.to_string()));
        ids.push(world.connector().send(request).await.unwrap().to_string());
        let frame = session.hear().await;
        session.ack_enqueue(&frame).await;
    }
    (world, session, ids)
}

async fn verified(world: &World, id: &str) -> Option<Verified> {
    world.connector().outbound(id.parse().unwrap()).await.unwrap().verified
}

#[tokio::test(start_paused = true)]
async fn the_first_receipt_of_an_agent_brings_what_it_is_checked_with() {
    let (mut world, mut session, ids) = sent_to_a_stranger(3).await;
    let peer = agent(2);
    told(&mut session, &theirs_with(&ids[0], &peer, &peer.ait)).await;
    assert_eq!(verified(&world, &ids[0]).await, Some(Verified::EndToEnd));
    // the key is remembered, also over a crash
    let without = |id: &str| theirs(id, ReceiptStatus::DeliveredToWebhook, Some(&agent(2)));
    told(&mut session, &without(&ids[1])).await;
    assert_eq!(verified(&world, &ids[1]).await, Some(Verified::EndToEnd));
    world.crash();
    world.start();
    let mut session = world.session().await;
    told(&mut session, &without(&ids[2])).await;
    assert_eq!(verified(&world, &ids[2]).await, Some(Verified::EndToEnd));
}

#[tokio::test(start_paused = true)]
async fn the_token_of_a_receipt_is_its_signers_or_worth_nothing() {
    let (world, mut session, ids) = sent_to_a_stranger(3).await;
    // somebody else's, signed to match, and one that no registry signed
    for (id, ait) in [(&ids[0], agent(3).ait), (&ids[1], "a.b.c".to_owned())] {
        told(&mut session, &theirs_with(id, &agent(3), &ait)).await;
        assert_eq!(verified(&world, id).await, Some(Verified::RelayAsserted));
    }
    // its own, but another's signature
    told(&mut session, &theirs_with(&ids[2], &agent(3), &agent(2).ait)).await;
    let view = world.connector().outbound(ids[2].parse().unwrap()).await.unwrap();
    assert_eq!((view.state, view.verified), (OutboundState::Accepted, None));
}

/// A world where agent 2's key is known and a message to it was accepted.
async fn sent() -> (World, Session, String) {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    session.deliver(&Incoming::new("0")).await;
    let id = world
        .connector()
        .send(OutboundRequest::new(agent(2).did, raw("1")))
        .await
        .unwrap();
    let frame = session.hear().await;
    session.ack_enqueue(&frame).await;
    (world, session, id.to_string())
}

async fn told(session: &mut Session, text: &str) {
    session.say_text(text).await;
    assert_eq!(session.hear().await["type"], "receipt_ack");
}

#[tokio::test(start_paused = true)]
async fn a_signed_receipt_is_believed_and_shown() {
    let (world, mut session, id) = sent().await;
    told(
        &mut session,
        &theirs(&id, ReceiptStatus::DeliveredToWebhook, Some(&agent(2))),
    )
    .await;
    let view = world.connector().outbound(id.parse().unwrap()).await.unwrap();
    assert_eq!(
        (view.state, view.verified),
        (OutboundState::DeliveredToWebhook, Some(Verified::EndToEnd))
    );
}

#[tokio::test(start_paused = true)]
async fn the_relays_word_counts_until_the_recipients_comes() {
    let (world, mut session, id) = sent().await;
    let view = async || world.connector().outbound(id.parse().unwrap()).await.unwrap();
    told(&mut session, &theirs(&id, ReceiptStatus::DeadLettered, None)).await;
    let shown = view().await;
    assert_eq!(
        (shown.state, shown.verified),
        (OutboundState::DeadLettered, Some(Verified::RelayAsserted))
    );
    assert_eq!(shown.reason.as_deref(), Some("no webhook"));
    told(
        &mut session,
        &theirs(&id, ReceiptStatus::DeliveredToWebhook, Some(&agent(2))),
    )
    .await;
    assert_eq!(view().await.state, OutboundState::DeliveredToWebhook);
    told(&mut session, &theirs(&id, ReceiptStatus::DeadLettered, None)).await;
    assert_eq!(view().await.state, OutboundState::DeliveredToWebhook);
}

#[tokio::test(start_paused = true)]
async fn a_receipt_with_a_bad_signature_changes_nothing_and_does_not_come_again() {
    let (world, mut session, id) = sent().await;
    told(
        &mut session,
        &theirs(&id, ReceiptStatus::DeliveredToWebhook, Some(&agent(3))),
    )
    .await;
    assert_eq!(
        world.connector().outbound(id.parse().unwrap()).await.unwrap().state,
        OutboundState::Accepted
    );
    assert_eq!(world.status().await["outboundDetail"]["receiptsRefusedCount"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_receipt_settles_a_message_whose_acknowledgement_was_lost() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let id = world
        .connector()
        .send(OutboundRequest::new(agent(2).did, raw("1")))
        .await
        .unwrap();
    session.hear().await;
    told(
        &mut session,
        &theirs(&id.to_string(), ReceiptStatus::DeliveredToWebhook, None),
    )
    .await;
    session.hears_nothing(Duration::from_secs(100)).await;
    assert_eq!(world.status().await["outbound"]["queue"]["pendingCount"], 0);
}
