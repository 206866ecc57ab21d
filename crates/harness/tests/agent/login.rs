//! Being let in (signet spec 5.2).

use std::{
    os::unix::fs::MetadataExt as _,
    time::{Duration, Instant},
};

use chancery_base::ed25519::SecretKey;
use chancery_harness::Settings;
use chancery_signet::TrafficSettings;
use chancery_signet_wire::{BearerToken, frame::proof_text};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::Client,
    world::{Issued, Setup, USUAL, World, text},
};

/// What is told and how the connection closes when `frame` is the first.
async fn turned_away(world: &World, frame: Message) -> (u16, String, Vec<Value>) {
    let mut client = Client::open(world.address).await;
    client.put(frame).await;
    client.ended().await
}

fn auth(token: &str) -> Message {
    Message::text(json!({"type": "auth", "token": token, "lastSeenSeq": null}).to_string())
}

fn error(code: u16, message: &str) -> Vec<Value> {
    vec![json!({"type": "auth_error", "code": code, "message": message})]
}

#[tokio::test]
async fn who_shows_a_token_is_told_who_it_is() {
    let world = World::new().await;
    let issued = world.issue(&["send"]).await;
    let (_client, answer) = world.let_in(&issued, None).await;
    let shown = &answer["credential"];
    assert!(text(&answer["connectionId"]).starts_with("conn_"));
    assert_eq!(shown["credentialId"], issued.id);
    assert_eq!(shown["id"], issued.id);
    assert_eq!(shown["operatorId"], world.operator);
    let fingerprint = BearerToken::new(issued.token.clone()).fingerprint();
    assert_eq!(shown["fingerprint"], fingerprint);
    assert!(shown["issuedAt"].is_string() && shown["expiresAt"].is_string());
    assert_eq!(answer["effectiveScopes"], json!({"allow": ["send"], "deny": []}));
    assert_eq!(answer["resumedFromSeq"], Value::Null);
    assert!(!answer.to_string().contains(&issued.token));
}

#[tokio::test]
async fn the_number_of_the_last_event_may_be_left_out() {
    let world = World::new().await;
    let issued = world.issue(&USUAL).await;
    let mut client = Client::open(world.address).await;
    client.say(json!({"type": "auth", "token": issued.token})).await;
    assert_eq!(client.hear().await["type"], "authenticated");
}

#[tokio::test]
async fn whoever_has_no_token_in_force_hears_the_same() {
    let world = World::new().await;
    let revoked = world.issue(&USUAL).await;
    world
        .owner("credential.revoke", json!({"credentialId": revoked.id}))
        .await;
    let expired = world.issue_with(json!({"allow": USUAL, "ttlSeconds": 1})).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let unknown = "A".repeat(43);
    for token in [&revoked.token, &expired.token, &unknown, "x"] {
        let (code, reason, told) = turned_away(&world, auth(token)).await;
        assert_eq!((code, reason.as_str()), (4001, "Auth failed"));
        assert_eq!(told, error(4001, "Auth failed"));
    }
}

#[tokio::test]
async fn who_says_nothing_is_turned_away() {
    let world = World::ws(Settings {
        auth_timeout: Duration::from_millis(150),
        ..Settings::default()
    })
    .await;
    let mut silent = Client::open(world.address).await;
    let (code, reason, told) = silent.ended().await;
    assert_eq!((code, reason.as_str()), (4002, "Auth timeout"));
    assert_eq!(told, error(4002, "Auth timeout"));
    // neither pings nor a challenge buy time
    let mut busy = Client::open(world.address).await;
    busy.put(Message::Ping("x".into())).await;
    busy.say(json!({"type": "challenge"})).await;
    assert_eq!(busy.closed().await.0, 4002);
}

#[tokio::test]
async fn a_first_frame_that_is_none_closes_the_connection() {
    let world = World::new().await;
    let issued = world.issue(&USUAL).await;
    for text in ["", "hello", "{", r#"{"type":"auth","type":"auth","token":"x"}"#] {
        let (code, reason, told) = turned_away(&world, Message::text(text)).await;
        assert_eq!((code, reason.as_str()), (4009, "Invalid JSON"), "{text}");
        assert!(told.is_empty(), "{told:?}");
    }
    let long = json!({"type": "auth", "token": issued.token, "lastSeenEpoch": "x".repeat(10_000)});
    let frames = [
        json!({}),
        json!([]),
        json!("auth"),
        json!({"type": "auth"}),
        json!({"type": "auth", "token": issued.token, "lastSeenSeq": -1}),
        json!({"type": "auth", "token": issued.token, "more": 1}),
        json!({"type": "heartbeat", "requestId": "r1", "credentialId": issued.id}),
        long,
    ];
    for frame in frames {
        let (code, reason, told) = turned_away(&world, Message::text(frame.to_string())).await;
        assert_eq!((code, reason.as_str()), (4009, "Invalid auth frame"), "{frame}");
        assert_eq!(told, error(4009, "Invalid auth frame"));
    }
    let binary = json!({"type": "auth", "token": issued.token}).to_string();
    let (code, reason, _) = turned_away(&world, Message::binary(binary)).await;
    assert_eq!((code, reason.as_str()), (4009, "Binary frames are not taken"));
}

/// Tries to be let in with a proof by `key` over the nonce of the connection, or over `nonce`.
async fn prove(world: &World, issued: &Issued, key: &SecretKey, nonce: Option<&str>) -> (Client, Value, String) {
    let mut client = Client::open(world.address).await;
    client.say(json!({"type": "challenge"})).await;
    let challenge = client.hear().await;
    assert_eq!(challenge["type"], "challenge");
    let given = text(&challenge["nonce"]);
    let signed = proof_text(nonce.unwrap_or(&given), &BearerToken::new(issued.token.clone()));
    let proof = key.sign(signed.as_bytes());
    client
        .say(json!({"type": "auth", "token": issued.token, "proof": proof}))
        .await;
    let answer = client.hear().await;
    (client, answer, given)
}

#[tokio::test]
async fn a_credential_bound_to_a_key_wants_a_proof_over_the_nonce_of_this_connection() {
    let world = World::new().await;
    let key = SecretKey::from_seed(&[7; 32]);
    let issued = world
        .issue_with(json!({"allow": USUAL, "harnessKey": key.public().to_b64()}))
        .await;
    let (_in, answer, nonce) = prove(&world, &issued, &key, None).await;
    assert_eq!(answer["type"], "authenticated");
    // the proof of another connection, the proof of another key, none
    let (mut client, answer, other) = prove(&world, &issued, &key, Some(&nonce)).await;
    assert_eq!(answer["type"], "auth_error");
    assert_eq!(client.closed().await.0, 4001);
    assert_ne!(nonce, other);
    let (_, answer, _) = prove(&world, &issued, &SecretKey::from_seed(&[8; 32]), None).await;
    assert_eq!(answer["type"], "auth_error");
    assert_eq!(turned_away(&world, auth(&issued.token)).await.0, 4001);
}

#[tokio::test]
async fn a_connection_has_one_nonce() {
    let world = World::new().await;
    let mut client = Client::open(world.address).await;
    client.say(json!({"type": "challenge"})).await;
    client.hear().await;
    client.say(json!({"type": "challenge"})).await;
    assert_eq!(client.closed().await, (4009, "Invalid auth frame".to_owned()));
}

#[tokio::test]
async fn a_credential_bound_to_a_uid_is_for_that_user_s_processes() {
    let world = World::new().await;
    let own = world.folder.path().metadata().unwrap().uid();
    let mine = world.issue_with(json!({"allow": USUAL, "harnessUid": own})).await;
    let another = world.issue_with(json!({"allow": USUAL, "harnessUid": own + 1})).await;
    world.let_in(&mine, None).await;
    assert_eq!(turned_away(&world, auth(&another.token)).await.0, 4001);
}

#[tokio::test]
async fn whoever_fails_again_and_again_waits_for_the_answer() {
    let world = World::new().await;
    for _ in 0..5 {
        turned_away(&world, auth("guess")).await;
    }
    let begun = Instant::now();
    assert_eq!(turned_away(&world, auth("guess")).await.0, 4001);
    assert!(begun.elapsed() >= Duration::from_secs(1));
    // a token that is right is not held up by them
    let issued = world.issue(&USUAL).await;
    world.let_in(&issued, None).await;
}

#[tokio::test]
async fn a_credential_has_so_many_connections_and_the_signet_has() {
    let world = World::with(Setup {
        traffic: TrafficSettings {
            connections_per_credential: 2,
            connections: 3,
            ..Setup::default().traffic
        },
        ..Setup::default()
    })
    .await;
    let (one, two) = (world.issue(&USUAL).await, world.issue(&USUAL).await);
    let (mut first, _) = world.let_in(&one, None).await;
    let _second = world.let_in(&one, None).await;
    let (code, reason, told) = turned_away(&world, auth(&one.token)).await;
    assert_eq!((code, reason.as_str()), (1008, "Too many connections"));
    assert_eq!(told, error(1008, "Too many connections"));
    let _third = world.let_in(&two, None).await;
    assert_eq!(turned_away(&world, auth(&two.token)).await.0, 1008);
    // one that leaves makes room
    first.socket.close(None).await.unwrap();
    world.until_left(2).await;
    world.let_in(&two, None).await;
}

#[tokio::test]
async fn web_pages_are_refused_unless_they_are_named() {
    let open = async |world: &World, headers: &[(&str, &str)]| {
        Client::try_open(world.address, "/v1/agent", headers).await.err()
    };
    let refused = Some((403, "HARNESS_ORIGIN_REFUSED".to_owned()));
    let page = [("origin", "https://app.example")];
    let world = World::new().await;
    assert_eq!(open(&world, &page).await, refused);
    assert_eq!(open(&world, &[("origin", "null")]).await, refused);
    assert_eq!(open(&world, &[("sec-fetch-site", "same-origin")]).await, refused);
    assert_eq!(open(&world, &[]).await, None);
    let world = World::ws(Settings {
        origins: vec!["https://app.example".to_owned()],
        ..Settings::default()
    })
    .await;
    assert_eq!(open(&world, &page).await, None);
    assert_eq!(open(&world, &[("origin", "https://evil.example")]).await, refused);
}

#[tokio::test]
async fn only_its_path_is_served_and_only_to_websockets() {
    let world = World::new().await;
    let other = Client::try_open(world.address, "/v1/agents", &[]).await.err();
    assert_eq!(other, Some((404, "NOT_FOUND".to_owned())));
    let asked = [
        "GET /v1/agent HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        "POST /v1/agent HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        "GET /v1/agent HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 12\r\n\
         sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        "GET /v1/agent HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: short\r\n\r\n",
    ];
    for (asked, status) in asked.into_iter().zip(["426", "405", "426", "426"]) {
        let mut stream = tokio::net::TcpStream::connect(world.address).await.unwrap();
        stream.write_all(asked.as_bytes()).await.unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&head), format!("HTTP/1.1 {status}"), "{asked}");
    }
}
