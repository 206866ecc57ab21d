//! Who comes to do harm.

use std::time::Duration;

use chancery_harness::Settings;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::Client,
    world::{LONG, USUAL, World},
};

#[tokio::test]
async fn whoever_has_a_token_gets_past_those_who_hold_places() {
    let world = World::ws(Settings {
        unauthenticated: 4,
        auth_timeout: Duration::from_secs(60),
        ..Settings::default()
    })
    .await;
    let issued = world.issue(&USUAL).await;
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(Client::open(world.address).await);
    }
    let (mut client, _) = world.let_in(&issued, None).await;
    // who waited longest made room
    let (code, _) = silent[0].closed().await;
    assert_eq!(code, 1008);
    world
        .until("few are left that did not say who they are", || {
            world.harnesses.connections() <= 1 + 4
        })
        .await;
    let beat = json!({"type": "heartbeat", "credentialId": issued.id});
    assert_eq!(client.ask(beat).await, Ok(Value::Null));
}

#[tokio::test]
async fn pings_before_the_first_frame_are_few() {
    let world = World::new().await;
    let mut client = Client::open(world.address).await;
    for _ in 0..8 {
        client.put(Message::Ping("x".into())).await;
    }
    assert_eq!(client.closed().await, (4009, "Invalid auth frame".to_owned()));
}

/// A connection after the handshake, on which a test writes what it likes.
async fn raw(world: &World) -> TcpStream {
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let ask = "GET /v1/agent HTTP/1.1\r\nhost: x\r\nconnection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\n\
               sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    // the example of RFC 6455 section 1.3
    assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    stream
}

/// What is left to read until the other side closes.
async fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(LONG, stream.read_to_end(&mut rest)).await;
    read.expect("it closes").unwrap();
    rest
}

#[tokio::test]
async fn what_is_no_websocket_frame_closes_the_connection() {
    let world = World::new().await;
    let cases: [&[u8]; 5] = [
        // not masked
        b"\x81\x02{}",
        // reserved bits
        b"\xf1\x80abcd",
        // a kind that there is not
        b"\x83\x80abcd",
        // a piece of nothing
        b"\x80\x80abcd",
        // a text that is no UTF-8
        b"\x81\x82\x00\x00\x00\x00\xff\xfe",
    ];
    for bytes in cases {
        let mut stream = raw(&world).await;
        stream.write_all(bytes).await.unwrap();
        let told = rest(stream).await;
        // a close frame with 4009 is in it
        assert!(
            told.windows(2).any(|pair| pair == 4009_u16.to_be_bytes()),
            "{bytes:x?} {told:x?}"
        );
    }
    world.until_left(0).await;
}

#[tokio::test]
async fn a_frame_that_claims_to_be_long_is_not_waited_for() {
    let world = World::new().await;
    let mut stream = raw(&world).await;
    stream
        .write_all(b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff")
        .await
        .unwrap();
    // the rest of the frame's head
    stream.write_all(b"abcd").await.unwrap();
    let told = rest(stream).await;
    assert!(told.windows(2).any(|pair| pair == 4009_u16.to_be_bytes()), "{told:x?}");
}

#[tokio::test]
async fn whoever_dribbles_has_its_time() {
    let world = World::ws(Settings {
        auth_timeout: Duration::from_millis(300),
        ..Settings::default()
    })
    .await;
    let mut stream = raw(&world).await;
    // a frame of 100 bytes of which one comes now and then
    stream.write_all(b"\x81\xe4abcd").await.unwrap();
    let (mut read, mut write) = stream.split();
    let dribble = async {
        loop {
            if write.write_all(b"x").await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let mut told = Vec::new();
    tokio::select! {
        () = dribble => {}
        _ = read.read_to_end(&mut told) => {}
        () = tokio::time::sleep(LONG) => panic!("it is waited for"),
    }
    assert!(told.windows(2).any(|pair| pair == 4002_u16.to_be_bytes()), "{told:x?}");
    world.until_left(0).await;
}

#[tokio::test]
async fn a_flood_of_requests_is_answered_one_by_one() {
    let world = World::new().await;
    let (client, issued) = world.harness(&USUAL).await;
    let (mut sink, mut stream) = futures_util::StreamExt::split(client.socket);
    let flood = async {
        for n in 0..5000 {
            let beat = json!({"type": "heartbeat", "credentialId": issued.id, "requestId": n.to_string()});
            futures_util::SinkExt::feed(&mut sink, Message::text(beat.to_string()))
                .await
                .unwrap();
        }
        futures_util::SinkExt::flush(&mut sink).await.unwrap();
    };
    let answers = async {
        let mut expected = 0;
        while expected < 5000 {
            let message = futures_util::StreamExt::next(&mut stream).await.unwrap().unwrap();
            let frame: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
            if frame.get("requestId").is_some() {
                assert_eq!(frame["requestId"], expected.to_string());
                expected += 1;
            }
        }
    };
    let both = tokio::time::timeout(LONG, async { tokio::join!(flood, answers) });
    assert!(both.await.is_ok());
}

#[tokio::test]
async fn what_nobody_reads_the_answers_of_is_not_read_on() {
    let world = World::new().await;
    let issued = world.issue(&USUAL).await;
    let mut client = Client::narrow(world.address).await;
    client.auth(&issued.token, None).await;
    assert_eq!(client.hear().await["type"], "authenticated");
    let id = "x".repeat(128);
    let beat = json!({"type": "heartbeat", "credentialId": issued.id, "requestId": id}).to_string();
    // several times what the kernel holds of requests and answers on their way
    let mut taken = 0;
    loop {
        let feed = futures_util::SinkExt::feed(&mut client.socket, Message::text(beat.clone()));
        match tokio::time::timeout(Duration::from_secs(2), feed).await {
            Ok(fed) => fed.unwrap(),
            Err(_) => break,
        }
        taken += 1;
        assert!(taken < 250_000, "everything was taken");
    }
    let (mut other, _) = world.let_in(&issued, None).await;
    let beat = json!({"type": "heartbeat", "credentialId": issued.id});
    assert_eq!(other.ask(beat).await, Ok(Value::Null));
}
