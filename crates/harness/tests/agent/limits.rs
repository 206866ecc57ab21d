//! Rates, sizes and silence (signet spec 5.1, 5.6).

use std::time::Duration;

use chancery_harness::{FrameRate, Settings};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use crate::world::{Issued, USUAL, World};

fn heartbeat(issued: &Issued, id: &str) -> Value {
    json!({"type": "heartbeat", "credentialId": issued.id, "requestId": id})
}

#[tokio::test]
async fn too_many_frames_close_the_connection() {
    let world = World::ws(Settings {
        rate: Some(FrameRate {
            frames: 10,
            window: Duration::from_secs(3600),
        }),
        ..Settings::default()
    })
    .await;
    let (mut client, issued) = world.harness(&USUAL).await;
    for n in 0..10 {
        client.say(heartbeat(&issued, &n.to_string())).await;
    }
    for n in 0..10 {
        assert_eq!(client.answer(&n.to_string()).await, Ok(Value::Null));
    }
    // pings count too
    client.put(Message::Ping("x".into())).await;
    assert_eq!(client.closed().await, (1008, "Rate limit exceeded".to_owned()));
}

#[tokio::test]
async fn the_count_begins_anew_with_each_window() {
    let window = Duration::from_millis(200);
    let world = World::ws(Settings {
        rate: Some(FrameRate { frames: 3, window }),
        ..Settings::default()
    })
    .await;
    let (mut client, issued) = world.harness(&USUAL).await;
    for round in 0..3 {
        for n in 0..3 {
            let id = format!("{round}.{n}");
            client.say(heartbeat(&issued, &id)).await;
            assert_eq!(client.answer(&id).await, Ok(Value::Null));
        }
        tokio::time::sleep(window).await;
    }
}

#[tokio::test]
async fn a_frame_that_is_too_long_closes_the_connection() {
    let world = World::ws(Settings {
        max_frame_bytes: 4096,
        ..Settings::default()
    })
    .await;
    let issued = world.issue(&USUAL).await;
    for length in [4097, 5_000_000] {
        let (mut client, _) = world.let_in(&issued, None).await;
        // it may be closed before all of it is written
        let _ = futures_util::SinkExt::send(&mut client.socket, Message::text("x".repeat(length))).await;
        assert_eq!(client.closed().await, (4009, "Frame too large".to_owned()));
    }
    // in pieces it is as long
    let (mut client, _) = world.let_in(&issued, None).await;
    let mut kind = Data::Text;
    for _ in 0..5 {
        let piece = Frame::message("x".repeat(1000), OpCode::Data(kind), false);
        client.put(Message::Frame(piece)).await;
        kind = Data::Continue;
    }
    assert_eq!(client.closed().await, (4009, "Frame too large".to_owned()));
    // as long as it may be
    let (mut client, _) = world.let_in(&issued, None).await;
    let mut request = heartbeat(&issued, "long").to_string();
    request.push_str(&" ".repeat(4096 - request.len()));
    client.put(Message::text(request)).await;
    assert_eq!(client.answer("long").await, Ok(Value::Null));
}

#[tokio::test]
async fn a_request_may_come_in_pieces_with_pings_between_them() {
    let world = World::new().await;
    let (mut client, issued) = world.harness(&USUAL).await;
    let text = heartbeat(&issued, "pieces").to_string();
    let mut kind = Data::Text;
    for byte in text.bytes() {
        let piece = Frame::message(vec![byte], OpCode::Data(kind), false);
        client.put(Message::Frame(piece)).await;
        client.put(Message::Ping("x".into())).await;
        kind = Data::Continue;
    }
    let last = Frame::message(Vec::new(), OpCode::Data(kind), true);
    client.put(Message::Frame(last)).await;
    assert_eq!(client.answer("pieces").await, Ok(Value::Null));
}

#[tokio::test]
async fn who_falls_silent_is_dead() {
    let world = World::ws(Settings {
        heartbeat: Duration::from_millis(100),
        ..Settings::default()
    })
    .await;
    let (mut client, _) = world.harness(&USUAL).await;
    let (code, reason, told) = client.ended().await;
    assert_eq!((code, reason.as_str()), (4010, "Dead connection"));
    // it was asked before
    assert!(told.iter().filter(|frame| frame["type"] == "heartbeat").count() >= 2);
}

#[tokio::test]
async fn who_is_half_gone_is_dead_too() {
    let world = World::ws(Settings {
        heartbeat: Duration::from_millis(100),
        ..Settings::default()
    })
    .await;
    let (client, _) = world.harness(&USUAL).await;
    // it neither reads nor writes nor closes
    world.until_left(0).await;
    drop(client);
}

#[tokio::test]
async fn whoever_says_anything_lives() {
    let world = World::ws(Settings {
        heartbeat: Duration::from_secs(1),
        missed_heartbeats: 2,
        ..Settings::default()
    })
    .await;
    let (mut client, issued) = world.harness(&USUAL).await;
    for n in 0..5 {
        while client.hear().await["type"] != "heartbeat" {}
        // a ping, or any request
        if n % 2 == 0 {
            client.put(Message::Ping("x".into())).await;
        } else {
            client.say(heartbeat(&issued, "r")).await;
        }
    }
    assert_eq!(world.harnesses.connections(), 1);
}
