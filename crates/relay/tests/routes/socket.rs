//! The WebSocket itself, on a real port.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use chancery_identity::revocation::Scope;
use chancery_relay::Store;
use chancery_serve::{Bound, ServerConfig};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _, http::HeaderValue},
};
use tokio_util::sync::CancellationToken;

use crate::{
    agent::{Agent, Call},
    link::enqueue,
    world::{World, config},
};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const CONNECT: &str = "/v1/relay/connect";

async fn serve(world: &World) -> SocketAddr {
    let bound = Bound::bind(&ServerConfig::new("127.0.0.1:0".parse().unwrap()))
        .await
        .unwrap();
    let address = bound.local_addr();
    tokio::spawn(bound.run(world.router(), CancellationToken::new()));
    address
}

async fn open(address: SocketAddr, call: &Call) -> Result<(Socket, Option<String>), (u16, String)> {
    let mut request = format!("ws://{address}{}", call.path).into_client_request().unwrap();
    for (name, value) in &call.headers {
        let name: tokio_tungstenite::tungstenite::http::HeaderName = name.parse().unwrap();
        request
            .headers_mut()
            .insert(name, HeaderValue::from_str(value).unwrap());
    }
    match connect_async(request).await {
        Ok((socket, response)) => {
            assert_eq!(response.status(), 101);
            let features = response.headers().get("x-claw-connector-features");
            Ok((socket, features.map(|value| value.to_str().unwrap().to_owned())))
        }
        Err(Error::Http(response)) => {
            let body: Value =
                serde_json::from_slice(response.body().as_deref().unwrap_or_default()).unwrap_or_default();
            Err((
                response.status().as_u16(),
                body["error"]["code"].as_str().unwrap_or_default().to_owned(),
            ))
        }
        Err(other) => panic!("{other}"),
    }
}

fn call(world: &World, agent: &Agent) -> Call {
    world.call(agent, "GET", CONNECT, "")
}

async fn connected(world: &World, address: SocketAddr, agent: &Agent) -> Socket {
    let call = call(world, agent).with("x-claw-connector-features", "x, chancery-msg-v1");
    open(address, &call).await.unwrap().0
}

async fn frame(socket: &mut Socket) -> Value {
    loop {
        let message = timeout(Duration::from_secs(20), socket.next())
            .await
            .expect("a frame in time");
        if let Message::Text(text) = message.unwrap().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

/// The code and the reason that the other side closes with.
async fn closed(socket: &mut Socket) -> (u16, String) {
    loop {
        let message = timeout(Duration::from_secs(20), socket.next())
            .await
            .expect("an end in time");
        match message {
            Some(Ok(Message::Close(Some(frame)))) => return (frame.code.into(), frame.reason.to_string()),
            Some(Ok(_)) => {}
            other => panic!("it ended without a reason: {other:?}"),
        }
    }
}

async fn say(socket: &mut Socket, frame: Value) {
    socket.send(Message::text(frame.to_string())).await.unwrap();
}

#[tokio::test]
async fn a_message_goes_through_two_sockets_over_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::on_disk(&folder.path().join("relay.db")).await;
    let address = serve(&world).await;
    let (a, b) = (world.agent(1), world.agent(2));
    world.pair(&a, &b).await;
    let (mut from, mut to) = (
        connected(&world, address, &a).await,
        connected(&world, address, &b).await,
    );
    for n in 0..50 {
        let (id, message) = enqueue(&world, &b, json!(n));
        say(&mut from, message).await;
        let ack = frame(&mut from).await;
        assert_eq!((&ack["ackId"], &ack["accepted"]), (&json!(id), &json!(true)));
    }
    for n in 0..50 {
        let got = frame(&mut to).await;
        assert_eq!((&got["payload"], &got["attempt"]), (&json!(n), &json!(1)));
        let ack = json!({"type": "deliver_ack", "v": 1, "id": world.ulid(), "ts": crate::link::TS, "ackId": got["id"], "accepted": true});
        say(&mut to, ack).await;
    }
    assert_eq!(world.relay.hub().connected(), 2);
    to.close(None).await.unwrap();
    let hub = world.relay.hub().clone();
    world.until("its end is noticed", || hub.connected() == 1).await;
}

#[tokio::test]
async fn what_is_said_at_once_is_judged_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::on_disk(&folder.path().join("relay.db")).await;
    let address = serve(&world).await;
    let (a, b, c, stranger) = (world.agent(1), world.agent(2), world.agent(3), world.agent(4));
    world.pair(&a, &b).await;
    world.pair(&a, &c).await;
    let (mut from, mut to) = (
        connected(&world, address, &a).await,
        connected(&world, address, &b).await,
    );
    let said = [&b, &b, &stranger, &c, &b, &a, &b].map(|to| {
        let (id, mut message) = enqueue(&world, to, json!({"to": to.did}));
        // each in a lane of its own
        message["conversationId"] = json!(id);
        (id, message)
    });
    let mut repeat = said[0].clone();
    repeat.1["payload"] = json!("another");
    for (_, message) in said.iter().chain([&repeat]) {
        from.feed(Message::text(message.to_string())).await.unwrap();
    }
    from.flush().await.unwrap();
    let mut refused = Vec::new();
    let mut answers = 0;
    while answers <= said.len() {
        let got = frame(&mut from).await;
        if got["type"] == "enqueue_ack" {
            answers += 1;
            refused.extend((got["accepted"] == false).then(|| got["ackId"].clone()));
        }
    }
    refused.sort_by_key(Value::to_string);
    let mut expected = [json!(said[2].0), json!(said[0].0)];
    expected.sort_by_key(Value::to_string);
    assert_eq!(refused, expected, "the stranger's, and the id that was taken");

    let mut lanes = Vec::new();
    for _ in 0..4 {
        let got = frame(&mut to).await;
        lanes.push(got["conversationId"].clone());
        let ack = json!({"type": "deliver_ack", "v": 1, "id": world.ulid(), "ts": crate::link::TS, "ackId": got["id"], "accepted": true});
        to.feed(Message::text(ack.to_string())).await.unwrap();
    }
    assert_eq!(lanes, [0, 1, 4, 6].map(|n: usize| json!(said[n].0)));
    to.close(None).await.unwrap();
    let hub = world.relay.hub().clone();
    world.until("its end is noticed", || hub.connected() == 1).await;
    let mut to = connected(&world, address, &b).await;
    let (_, last) = enqueue(&world, &b, json!("last"));
    say(&mut from, last).await;
    let got = frame(&mut to).await;
    assert_eq!(
        (&got["payload"], &got["attempt"]),
        (&json!("last"), &json!(1)),
        "the others are settled"
    );
}

#[tokio::test]
async fn messages_receipts_and_nonces_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.db");
    let world = World::on_disk(&path).await;
    let address = serve(&world).await;
    let (a, b) = (world.agent(1), world.agent(2));
    world.pair(&a, &b).await;
    let call = call(&world, &a);
    let (mut from, features) = open(address, &call).await.unwrap();
    assert_eq!(features, None, "an old client negotiates nothing");
    let (id, message) = enqueue(&world, &b, json!({"message": 1}));
    say(&mut from, message.clone()).await;
    assert_eq!(frame(&mut from).await["accepted"], true);
    let world = world.restart(|| Store::sqlite(&path).unwrap()).await;
    assert_eq!(closed(&mut from).await, (1001, "server_shutdown".to_owned()));
    let address = serve(&world).await;
    assert_eq!(
        open(address, &call).await.err(),
        Some((401, "PROXY_AUTH_REPLAY".to_owned()))
    );
    // the acknowledgement may have been lost: the same message again is the same message
    let mut from = connected(&world, address, &a).await;
    say(&mut from, message).await;
    assert_eq!(frame(&mut from).await["accepted"], true);
    let mut to = connected(&world, address, &b).await;
    let got = frame(&mut to).await;
    assert_eq!(
        (&got["messageId"], &got["attempt"], &got["fromAit"]),
        (&json!(id), &json!(1), &json!(a.ait))
    );
    let found = world.receipt(&a, &b, &id).await.unwrap();
    assert_eq!(got["id"], found.delivery_id.to_string());
}

#[tokio::test]
async fn who_may_not_connect_is_told_before_the_upgrade() {
    let world = World::new().await;
    let address = serve(&world).await;
    let a = world.agent(1);
    let refused = async |call: Call| open(address, &call).await.err().unwrap();
    let told = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(
        refused(call(&world, &a).without("authorization")).await,
        told(401, "PROXY_AUTH_MISSING_TOKEN")
    );
    assert_eq!(
        refused(call(&world, &a).without("x-claw-agent-access")).await,
        told(401, "PROXY_AGENT_ACCESS_REQUIRED")
    );
    assert_eq!(
        refused(call(&world, &a).with("x-claw-agent-access", "x")).await,
        told(401, "PROXY_AGENT_ACCESS_INVALID")
    );
    assert_eq!(
        refused(call(&world, &a).with_path("/v1/relay/connect?x")).await,
        told(401, "PROXY_AUTH_INVALID_PROOF")
    );
    // a request that is no upgrade spends nothing
    let good = call(&world, &a);
    world.send(good.clone()).await.is(426, "PROXY_RELAY_UPGRADE_REQUIRED");
    open(address, &good).await.unwrap();
    assert_eq!(refused(good).await, told(401, "PROXY_AUTH_REPLAY"));
    world.registry.revoke(&a.did, a.jti, Scope::Agent);
    let hub = world.relay.hub().clone();
    world.until("it is out", || hub.connected() == 0).await;
    assert_eq!(refused(call(&world, &a)).await, told(401, "PROXY_AUTH_REVOKED"));
}

#[tokio::test]
async fn features_are_answered_with_those_that_are_used() {
    let world = World::new().await;
    let address = serve(&world).await;
    let a = world.agent(1);
    for (offered, used) in [
        ("chancery-msg-v1", true),
        ("other , chancery-msg-v1", true),
        ("chancery-msg-v2", false),
        ("", false),
    ] {
        let call = call(&world, &a).with("x-claw-connector-features", offered);
        let (_socket, features) = open(address, &call).await.unwrap();
        assert_eq!(features.as_deref(), used.then_some("chancery-msg-v1"), "{offered:?}");
    }
}

#[tokio::test]
async fn reasons_reach_the_other_side() {
    let world = World::new().await;
    let address = serve(&world).await;
    let a = world.agent(1);
    let mut first = connected(&world, address, &a).await;
    let mut second = connected(&world, address, &a).await;
    assert_eq!(
        closed(&mut first).await,
        (1000, "superseded_by_new_connection".to_owned())
    );
    world.registry.revoke(&a.did, a.jti, Scope::Session);
    let closed = timeout(Duration::from_secs(1), closed(&mut second))
        .await
        .expect("within a second");
    assert_eq!(closed, (4401, "revoked".to_owned()));
}

#[tokio::test]
async fn a_reason_reaches_also_who_was_just_speaking() {
    let world = World::new().await;
    let address = serve(&world).await;
    let a = world.agent(1);
    let mut first = connected(&world, address, &a).await;
    let beat =
        Message::text(json!({"type": "heartbeat", "v": 1, "id": world.ulid(), "ts": crate::link::TS}).to_string());
    for _ in 0..2000 {
        first.feed(beat.clone()).await.unwrap();
    }
    first.flush().await.unwrap();
    let _second = connected(&world, address, &a).await;
    assert_eq!(closed(&mut first).await.0, 1000);
}

#[tokio::test]
async fn a_frame_of_a_mebibyte_passes_and_a_longer_one_ends_the_connection() {
    let world = World::new().await;
    let address = serve(&world).await;
    let a = world.agent(1);
    let mut socket = connected(&world, address, &a).await;
    let (_, message) = enqueue(&world, &a, json!(""));
    let fill = "x".repeat(1024 * 1024 - message.to_string().len());
    let (_, message) = enqueue(&world, &a, json!(fill));
    assert_eq!(message.to_string().len(), 1024 * 1024);
    say(&mut socket, message).await;
    let mut kinds = [frame(&mut socket).await, frame(&mut socket).await];
    kinds.sort_by_key(|frame| frame["type"].to_string());
    assert_eq!(
        (&kinds[0]["payload"], &kinds[1]["accepted"]),
        (&json!(fill), &json!(true))
    );
    let (_, message) = enqueue(&world, &a, json!(format!("{fill}x")));
    // it may be cut off while it is being sent
    let _ = socket.send(Message::text(message.to_string())).await;
    assert_eq!(closed(&mut socket).await, (1009, "frame_too_large".to_owned()));
    // the server goes on
    connected(&world, address, &a).await;
}

#[tokio::test]
async fn one_proof_opens_one_connection_unless_that_is_allowed() {
    let world = World::new().await;
    let address = serve(&world).await;
    let a = world.agent(1);
    let call = call(&world, &a);
    drop(open(address, &call).await.unwrap());
    let hub = world.relay.hub().clone();
    world.until("it has ended", || hub.connected() == 0).await;
    assert_eq!(
        open(address, &call).await.err(),
        Some((401, "PROXY_AUTH_REPLAY".to_owned()))
    );
}

#[tokio::test]
async fn where_it_is_allowed_one_proof_connects_again_and_does_nothing_else() {
    let mut legacy = config();
    legacy.legacy_reconnect = true;
    let world = World::with(legacy).await;
    let address = serve(&world).await;
    let a = world.agent(1);
    let call = call(&world, &a);
    let hub = world.relay.hub().clone();
    let replay = Some((401, "PROXY_AUTH_REPLAY".to_owned()));
    for _ in 0..3 {
        let (socket, _) = open(address, &call).await.unwrap();
        assert_eq!(open(address, &call).await.err(), replay, "not while it is connected");
        drop(socket);
        world.until("it has ended", || hub.connected() == 0).await;
    }
    // another agent's proof is its own
    let mut other = call.clone();
    other = other.with("authorization", &format!("Claw {}", world.agent(2).ait));
    assert_eq!(
        open(address, &other).await.err(),
        Some((401, "PROXY_AUTH_INVALID_PROOF".to_owned()))
    );
    // a nonce of a connection is spent for everything else, and the other way round
    let nonce = "shared-nonce";
    let list = Call::signed(&a, "GET", "/pair", b"", world.now(), nonce);
    world.send(list).await.ok(200);
    let spent = Call::signed(&a, "GET", CONNECT, b"", world.now(), nonce);
    assert_eq!(open(address, &spent).await.err(), replay);
    let connect_nonce = call
        .headers
        .iter()
        .find(|(name, _)| name == "x-claw-nonce")
        .unwrap()
        .1
        .clone();
    let list = Call::signed(&a, "GET", "/pair", b"", world.now(), &connect_nonce);
    world.send(list).await.is(401, "PROXY_AUTH_REPLAY");
    // nor after its window
    world.move_clock(302_000);
    assert_eq!(
        open(address, &call).await.err(),
        Some((401, "PROXY_AUTH_TIMESTAMP_SKEW".to_owned()))
    );
}

#[tokio::test]
async fn an_upgrade_that_breaks_off_leaves_nothing() {
    use tokio::io::AsyncWriteExt as _;
    let world = World::new().await;
    let address = serve(&world).await;
    let a = world.agent(1);
    let hub = Arc::new(world.relay.hub().clone());
    for _ in 0..20 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut request = format!(
            "GET {CONNECT} HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        );
        for (name, value) in &call(&world, &a).headers {
            request += &format!("{name}: {value}\r\n");
        }
        stream.write_all(format!("{request}\r\n").as_bytes()).await.unwrap();
        drop(stream);
    }
    world.until("nobody is connected", || hub.connected() == 0).await;
    connected(&world, address, &a).await;
}
