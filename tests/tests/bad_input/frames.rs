//! Frames to the relay, and upgrades that are none.

use chancery_base::{Clock as _, Ulid};
use chancery_serve::system::{OsRng, SystemClock};
use chancery_tests::{
    Caller, Socket, Webhook, caller, http,
    socket::{self, Event, opcode},
    wait,
};
use serde_json::{Value, json};

use crate::world::{TOO_LONG, World, no_objects};

#[test]
fn frames_to_the_relay() {
    let world = World::start();
    let relay = world.relay();
    let hook = Webhook::start();
    let receiver = world.beta.connector(&hook);
    let alpha = Caller::of(&world.alpha.dir());
    let connect = || Socket::connect(relay, &alpha).expect("a connection");
    let new_id = || Ulid::generate(SystemClock.now(), &OsRng).to_string();
    let frame = |members: Value| {
        let mut frame = json!({ "v": 1, "id": new_id(), "ts": SystemClock.now().to_rfc3339() });
        frame
            .as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        frame
    };
    let beat = |socket: &mut Socket, what: &str| {
        let beat = frame(json!({ "type": "heartbeat" }));
        socket.send(&beat);
        let ack = socket.expect("heartbeat_ack");
        assert_eq!(ack["ackId"], beat["id"], "after {what}");
    };

    // what is not understood is passed over, and the connection goes on
    let mut socket = connect();
    for (what, bytes) in no_objects() {
        if std::str::from_utf8(&bytes).is_ok() {
            socket.send_as(opcode::TEXT, &bytes);
            beat(&mut socket, what);
        }
    }
    let to = world.beta.did();
    for ignored in [
        json!({}),
        json!({ "type": "heartbeat" }),
        frame(json!({})),
        frame(json!({ "type": "unheard of" })),
        frame(json!({ "type": null })),
        frame(json!({ "type": ["heartbeat"] })),
        frame(json!({ "type": "heartbeat", "v": 2 })),
        frame(json!({ "type": "heartbeat", "v": "1" })),
        frame(json!({ "type": "heartbeat", "id": "x" })),
        frame(json!({ "type": "heartbeat", "id": null })),
        frame(json!({ "type": "heartbeat_ack", "ackId": new_id() })),
        frame(json!({ "type": "heartbeat_ack", "ackId": null })),
        frame(json!({ "type": "deliver_ack", "ackId": new_id(), "accepted": true })),
        frame(json!({ "type": "deliver_ack", "ackId": new_id(), "accepted": "yes" })),
        frame(json!({ "type": "deliver_ack" })),
        frame(json!({ "type": "enqueue_ack", "ackId": new_id(), "accepted": true })),
        frame(json!({ "type": "deliver", "fromAgentDid": to, "toAgentDid": to, "payload": 1 })),
        frame(json!({ "type": "receipt", "originalFrameId": new_id(), "toAgentDid": to, "status": "dead_lettered" })),
        frame(json!({ "type": "receipt_ack", "ackId": new_id() })),
        frame(json!({ "type": "enqueue", "id": "x", "toAgentDid": to, "payload": 1 })),
    ] {
        socket.send(&ignored);
        beat(&mut socket, &ignored.to_string());
    }
    for (what, opcode) in [
        ("bytes", opcode::BINARY),
        ("a ping", opcode::PING),
        ("a pong", opcode::PONG),
    ] {
        socket.send_as(opcode, b"hello");
        beat(&mut socket, what);
    }

    // a message that is none is refused by its id
    let to_human = to.replace(":agent:", ":human:");
    let stranger = "did:cdi:127.0.0.1:agent:01HF7YAT00W6W7CM7N3W5FDXTD";
    for (members, why) in [
        (json!({ "payload": 1 }), "toAgentDid"),
        (json!({ "toAgentDid": null, "payload": 1 }), "toAgentDid"),
        (json!({ "toAgentDid": "nobody", "payload": 1 }), "toAgentDid"),
        (json!({ "toAgentDid": to_human, "payload": 1 }), "toAgentDid"),
        (json!({ "toAgentDid": to }), "payload"),
        (
            json!({ "toAgentDid": to, "payload": 1, "conversationId": " " }),
            "conversationId",
        ),
        (
            json!({ "toAgentDid": to, "payload": 1, "conversationId": 7 }),
            "conversationId",
        ),
        (
            json!({ "toAgentDid": to, "payload": 1, "conversationId": "c".repeat(257) }),
            "conversationId",
        ),
        (
            json!({ "toAgentDid": to, "payload": 1, "replyTo": "nowhere" }),
            "not an absolute http(s) URL",
        ),
        (json!({ "toAgentDid": stranger, "payload": 1 }), "not trusted"),
    ] {
        let mut bad = frame(json!({ "type": "enqueue" }));
        bad.as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        socket.send(&bad);
        let ack = socket.expect("enqueue_ack");
        assert_eq!(
            (&ack["ackId"], &ack["accepted"]),
            (&bad["id"], &json!(false)),
            "{members}"
        );
        let reason = ack["reason"].as_str().unwrap();
        assert!(reason.contains(why), "{members}: {reason}");
    }

    // what breaks the protocol ends the connection, and says how
    let good = frame(json!({ "type": "heartbeat" })).to_string();
    let long = vec![b'x'; TOO_LONG];
    let half = socket::encode(0x81, good.as_bytes());
    let unmasked = [&[0x81, 5][..], b"hello"].concat();
    let claimed = [&[0x81, 0xff][..], &u64::MAX.to_be_bytes(), &[0; 4]].concat();
    for (what, bytes, expected) in [
        ("a frame that is too long", socket::encode(0x81, &long), Some(1009)),
        ("a length beyond all", claimed, Some(1009)),
        ("bytes that are too long", socket::encode(0x82, &long), Some(1009)),
        ("broken UTF-8", socket::encode(0x81, b"\xff\xfe"), None),
        ("no mask", unmasked, None),
        ("an opcode nobody knows", socket::encode(0x83, b"x"), None),
        ("a control frame nobody knows", socket::encode(0x8b, b"x"), None),
        ("reserved bits", socket::encode(0xf1, b"x"), None),
        ("a ping in parts", socket::encode(0x09, b"x"), None),
        ("a ping that is too long", socket::encode(0x89, &[b'x'; 126]), None),
        ("the middle of a message", socket::encode(0x80, b"x"), None),
        (
            "two messages in one",
            [socket::encode(0x01, b"x"), socket::encode(0x81, b"y")].concat(),
            None,
        ),
        ("a close with half a code", socket::encode(0x88, &[3]), None),
        (
            "a close with a code nobody may send",
            socket::encode(0x88, &1006_u16.to_be_bytes()),
            None,
        ),
    ] {
        let mut socket = connect();
        beat(&mut socket, "a connection");
        socket.send_raw(&bytes);
        match (socket.end(), expected) {
            (Event::Close(code, _), Some(expected)) => assert_eq!(code, expected, "{what}"),
            (Event::Close(..) | Event::Ended, None) => {}
            (end, _) => panic!("{what}: {end:?}"),
        }
    }
    for bytes in [&half[..1], &half[..7], &half[..half.len() - 1]] {
        let mut socket = connect();
        socket.send_raw(bytes);
    }

    // in parts is as good as in one
    let mut socket = connect();
    let message =
        frame(json!({ "type": "enqueue", "toAgentDid": to, "payload": { "message": "in parts" } })).to_string();
    let (first, rest) = message.as_bytes().split_at(message.len() / 2);
    socket.send_part(opcode::TEXT, false, first);
    socket.send_as(opcode::PING, b"between");
    socket.send_part(opcode::CONTINUATION, true, rest);
    assert_eq!(socket.expect("enqueue_ack")["accepted"], true);
    let got = hook.wait_for(1);
    assert_eq!(got[0].body["metadata"]["payload"]["message"], "in parts");
    // the webhook is called a moment before its answer is recorded
    wait::until("the connector to know that the webhook has it", || {
        (receiver.status()["inbound"]["pending"] == 0).then_some(())
    });
    assert_eq!(hook.count(), 1, "nothing else came");
    world.is_up();
}

#[test]
fn upgrades_that_are_none() {
    let world = World::start();
    let relay = world.relay();
    let alpha = Caller::of(&world.alpha.dir());
    let target = "/v1/relay/connect";
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for missing in 0..=upgrade.len() {
        let mut headers = alpha.headers(relay, "GET", target, &[], b"");
        for (at, (name, value)) in upgrade.iter().enumerate() {
            if at != missing && missing < upgrade.len() {
                headers.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        // `http::send` says that the connection is to be closed: a second header of that name
        let answer = http::send(relay, "GET", target, &caller::borrowed(&headers), b"").unwrap();
        assert_eq!(
            answer.error(),
            (426, "PROXY_RELAY_UPGRADE_REQUIRED".to_owned()),
            "without {missing}"
        );
    }
    let refused = Socket::open(relay, target, &[]).unwrap_err();
    assert_eq!(refused.error(), (401, "PROXY_AUTH_MISSING_TOKEN".to_owned()));
    world.is_up();
    assert!(Socket::connect(relay, &alpha).is_ok());
}
