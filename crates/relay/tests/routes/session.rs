//! A connection's life: replacing, heartbeats, expiry, limits of what it may make the relay hold.

use std::time::Duration;

use chancery_relay::session::{CloseReason, link::Inbound};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    link::{Got, TS, enqueue},
    world::{World, config},
};

#[tokio::test(start_paused = true)]
async fn a_newer_connection_replaces_the_older() {
    let world = World::new().await;
    let a = world.agent(1);
    let mut old = world.connect(&a, true).await;
    let mut new = world.connect(&a, true).await;
    let reason = old.closed().await;
    assert_eq!((reason.code(), reason.text()), (1000, "superseded_by_new_connection"));
    assert_eq!(old.any().await, Got::Nothing);
    assert_eq!(world.relay.hub().connected(), 1);
    // what the old one still says is not heard
    old.send(enqueue(&world, &a, json!(1)).1);
    new.is_quiet(1000).await;
    old.hang_up().await;
    assert_eq!(world.relay.hub().connected(), 1, "its end does not end the new one");
    new.enqueue(&world, &a, json!(2)).await;
    new.hang_up().await;
    assert_eq!(world.relay.hub().connected(), 0);
}

#[tokio::test(start_paused = true)]
async fn heartbeats_go_both_ways() {
    let world = World::new().await;
    let a = world.agent(1);
    let mut link = world.connect(&a, false).await;
    let began = Instant::now();
    for n in 1..6 {
        let Got::Frame(beat) = link.any().await else {
            panic!("no heartbeat")
        };
        assert_eq!(
            (&beat["type"], began.elapsed().as_secs()),
            (&json!("heartbeat"), n * 30)
        );
        link.send(json!({"type": "heartbeat_ack", "v": 1, "id": world.ulid(), "ts": TS, "ackId": beat["id"]}));
    }
    let id = world.ulid().to_string();
    link.send(json!({"type": "heartbeat", "v": 1, "id": id, "ts": TS}));
    let ack = link.frame().await;
    assert_eq!((&ack["type"], &ack["ackId"]), (&json!("heartbeat_ack"), &json!(id)));
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_closed() {
    let world = World::new().await;
    let a = world.agent(1);
    let mut link = world.connect(&a, false).await;
    tokio::time::sleep(Duration::from_secs(59)).await;
    link.send_raw(Inbound::Alive);
    let alive = Instant::now();
    let reason = link.closed().await;
    assert_eq!(
        (reason.code(), reason.text(), alive.elapsed().as_secs()),
        (1011, "heartbeat_ack_timeout", 60)
    );
    assert_eq!(world.relay.hub().connected(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_ends_with_the_identity_token_that_opened_it() {
    let world = World::new().await;
    let a = world.agent(1);
    let mut link = world
        .connect_until(&a, false, 1000, world.now().plus(20_000))
        .await
        .unwrap();
    let began = Instant::now();
    // also under a flood that never rests
    for _ in 0..300 {
        link.send_raw(Inbound::Alive);
    }
    let reason = link.closed().await;
    assert_eq!(
        (reason.code(), reason.text(), began.elapsed().as_secs()),
        (4401, "identity_expired", 20)
    );
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_is_too_long_ends_the_connection() {
    let mut short = config();
    short.delivery.max_frame_bytes = 1000;
    let world = World::with(short).await;
    let a = world.agent(1);
    let mut link = world.connect(&a, false).await;
    link.send_text(&" ".repeat(1000));
    link.send_text(&" ".repeat(1001));
    let reason = link.closed().await;
    assert_eq!((reason.code(), reason.text()), (1009, "frame_too_large"));
    let mut link = world.connect(&a, false).await;
    link.send_raw(Inbound::TooLarge);
    assert_eq!(link.closed().await, CloseReason::FrameTooLarge);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_not_read_and_then_closed() {
    let world = World::new().await;
    let a = world.agent(1);
    let mut link = world.connect_with(&a, false, 1).await.unwrap();
    let frame = json!({"type": "heartbeat", "v": 1, "id": world.ulid(), "ts": TS}).to_string();
    for _ in 0..50_000 {
        link.send_text(&frame);
    }
    let began = Instant::now();
    world
        .until("it is given up", || world.relay.hub().connected() == 0)
        .await;
    assert!(began.elapsed() < Duration::from_secs(70));
    tokio::time::sleep(Duration::from_secs(6)).await;
    let mut answers = 0;
    while let Some(out) = link.text().await {
        answers += 1;
        assert!(answers < 5_000, "its frames were answered without end: {out:?}");
    }
    assert!(link.task.is_finished(), "and nothing is left of it");
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_everything() {
    let world = World::new().await;
    let a = world.agent(1);
    let mut link = world.connect_with(&a, false, 1).await.unwrap();
    let frame = json!({"type": "heartbeat", "v": 1, "id": world.ulid(), "ts": TS}).to_string();
    for _ in 0..10_000 {
        link.send_text(&frame);
    }
    for n in 0..10_000 {
        assert_eq!(link.frame().await["type"], "heartbeat_ack", "{n}");
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_end_all_connections_are_closed() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    let (mut x, mut y) = (world.connect(&a, true).await, world.connect(&b, false).await);
    world.relay.shutdown().await;
    assert_eq!((x.closed().await.code(), y.closed().await.code()), (1001, 1001));
    let late = world.connect_with(&a, true, 10).await;
    if let Ok(mut late) = late {
        assert_eq!(late.closed().await, CloseReason::Shutdown);
    }
}

/// Receipts cost their sender nothing: one connection must not fill the writer's queue, which would end everybody's session.
#[tokio::test]
async fn a_flood_of_receipts_does_not_pile_up_in_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let mut narrow = config();
    narrow.delivery.max_pending_enqueues = 1;
    let store = chancery_relay::Store::sqlite(&folder.path().join("relay.db")).unwrap();
    let world = World::over(narrow, store).await;
    let (a, b) = (world.agent(1), world.agent(2));
    world.pair(&a, &b).await;
    let mut link = world.connect(&b, true).await;
    let receipt = |n: usize| {
        json!({"type": "receipt", "v": 1, "id": world.ulid(), "ts": TS, "originalFrameId": format!("none-{n}"),
               "fromAgentDid": a.did, "toAgentDid": b.did, "status": "delivered_to_webhook", "at": TS})
    };
    // while somebody else writes to the file, nothing that the store takes is done
    let file = rusqlite::Connection::open(folder.path().join("relay.db")).unwrap();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    for n in 0..500 {
        link.send(receipt(n));
    }
    link.send(json!({"type": "heartbeat", "v": 1, "id": world.ulid(), "ts": TS}));
    assert_eq!(
        link.frame().await["type"],
        "heartbeat_ack",
        "no receipt is acknowledged before its commit"
    );
    file.execute_batch("COMMIT").unwrap();
    assert_eq!(link.frame().await["type"], "receipt_ack", "the one that was taken");
    // those that were not taken are sent again, and taken then; nothing of the flood is answered any more
    loop {
        let again = receipt(0);
        link.send(again.clone());
        if let Ok(frame) = tokio::time::timeout(std::time::Duration::from_secs(1), link.frame()).await {
            assert_eq!((&frame["type"], &frame["ackId"]), (&json!("receipt_ack"), &again["id"]));
            break;
        }
    }
}
