//! What is in messages: payloads that old clients cannot read, texts that are mended for them, and sizes.

use chancery_relay::session::link::{Inbound, Outbound};
use chancery_relay_wire::{frame::Frame, limits};
use serde_json::{Value, json};

use crate::{
    agent::Agent,
    link::{TS, enqueue},
    messages::pair_of_links,
    world::{World, config},
};

/// An enqueue frame with this very text as its payload.
fn enqueue_text(world: &World, to: &Agent, payload: &str) -> (String, String) {
    let (id, frame) = enqueue(world, to, json!("@"));
    (id, frame.to_string().replace("\"@\"", payload))
}

fn nested(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

#[tokio::test(start_paused = true)]
async fn what_an_old_client_cannot_read_is_a_dead_letter_and_does_not_reach_it() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    world.pair(&a, &b).await;
    let mut from = world.connect(&a, true).await;
    let mut old = Some(world.connect(&b, false).await);
    // the frame around a payload is one level more
    for payload in ["1e400", "{\"x\":\"\\ud800\"}", &nested(127), &nested(5000)] {
        // as it comes, and as it waits for the connection
        for waits in [false, true] {
            if waits && let Some(link) = old.take() {
                link.hang_up().await;
            }
            let (id, text) = enqueue_text(&world, &b, payload);
            from.send_text(&text);
            assert_eq!(from.frame().await["accepted"], true, "{payload}");
            let mut link = match old.take() {
                Some(link) => link,
                None => world.connect(&b, false).await,
            };
            let told = from.frame().await;
            assert_eq!(
                (
                    &told["type"],
                    &told["originalFrameId"],
                    &told["status"],
                    told.get("sig")
                ),
                (&json!("receipt"), &json!(id), &json!("dead_lettered"), None)
            );
            assert!(
                told["reason"]
                    .as_str()
                    .unwrap()
                    .starts_with("the recipient's client cannot read"),
                "{told}"
            );
            from.send(json!({"type": "receipt_ack", "v": 1, "id": world.ulid(), "ts": TS, "ackId": told["id"]}));
            // the lane goes on, over the same connection
            from.enqueue(&world, &b, json!("next")).await;
            let (next, id) = link.delivery().await;
            assert_eq!(next, "next");
            link.ack(&id);
            link.is_quiet(20_000).await;
            from.send_raw(Inbound::Alive);
            old = Some(link);
        }
    }
    let mut old = old.unwrap();
    from.send_text(&enqueue_text(&world, &b, &nested(126)).1);
    assert!(old.delivery().await.0.is_array(), "as deep as it can read");
}

#[tokio::test(start_paused = true)]
async fn who_negotiated_gets_every_payload_verbatim() {
    let (world, _, b, from, mut to) = pair_of_links(true).await;
    for payload in ["1e400", "{\"message\":\"\\ud800\"}", &nested(127), &nested(5000)] {
        from.send_text(&enqueue_text(&world, &b, payload).1);
        let Some(Outbound::Text(text)) = to.text().await else {
            panic!("no frame");
        };
        assert!(text.contains(&format!("\"payload\":{payload}")), "{text}");
        let Ok(Frame::Deliver(deliver)) = Frame::parse(&text) else {
            panic!("{text}");
        };
        to.ack(&deliver.id.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn text_in_a_message_is_mended_for_old_clients() {
    let (world, _, b, from, mut to) = pair_of_links(false).await;
    from.send_text(&enqueue_text(&world, &b, "{\"message\":\"a \\ud800 b\"}").1);
    let (payload, _) = to.delivery().await;
    assert!(
        payload["message"].as_str().unwrap().ends_with("\n\na \u{fffd} b"),
        "{payload}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_identity_blocks_make_too_long_is_a_dead_letter() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    world.pair(&a, &b).await;
    let (mut from, mut to) = (world.connect(&a, true).await, world.connect(&b, false).await);
    let payload = format!("{{{}}}", vec!["\"message\":\"\""; 10_000].join(","));
    from.send_text(&enqueue_text(&world, &b, &payload).1);
    assert_eq!(from.frame().await["accepted"], true);
    assert_eq!(
        from.frame().await["reason"],
        "too long for a frame to the recipient's client"
    );
    from.enqueue(&world, &b, json!("next")).await;
    assert_eq!(to.delivery().await.0, "next");
}

/// An enqueue frame of so many bytes, with members that are as long as may be and become longer still on their way out.
fn enqueue_of(world: &World, from: &Agent, to: &Agent, bytes: usize) -> String {
    let long = |max: usize| "\"".repeat(max);
    let (_, mut frame) = enqueue(world, to, json!("@"));
    frame["messageId"] = long(limits::MAX_MESSAGE_ID_BYTES).into();
    frame["conversationId"] = long(limits::MAX_CONVERSATION_BYTES).into();
    frame["contentType"] = long(limits::MAX_CONTENT_TYPE_BYTES).into();
    frame["replyTo"] = format!("https://a.test/?{}", long(limits::MAX_URL_BYTES - 16)).into();
    frame["sentAt"] = TS.into();
    frame["sig"] = from.key.sign(b"any").to_b64().into();
    let text = frame.to_string();
    let payload = format!("\"{}\"", "x".repeat(bytes - text.len() + 1));
    text.replace("\"@\"", &payload)
}

#[tokio::test(start_paused = true)]
async fn the_longest_message_that_is_taken_fits_into_a_frame_on_its_way_out() {
    let (world, a, b, mut from, mut to) = pair_of_links(true).await;
    let text = enqueue_of(&world, &a, &b, limits::MAX_FRAME_BYTES);
    assert_eq!(text.len(), limits::MAX_FRAME_BYTES);
    from.send_text(&text);
    assert_eq!(from.frame().await["accepted"], true);
    let Some(Outbound::Text(out)) = to.text().await else {
        panic!("no frame");
    };
    assert!(
        out.len() > text.len() && out.len() <= limits::MAX_DELIVER_FRAME_BYTES,
        "{}",
        out.len()
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_that_would_not_fit_is_not_taken() {
    let mut long = config();
    long.delivery.max_frame_bytes = 4 * limits::MAX_FRAME_BYTES;
    let world = World::with(long).await;
    let (a, b) = (world.agent(1), world.agent(2));
    world.pair(&a, &b).await;
    let (mut from, mut to) = (world.connect(&a, true).await, world.connect(&b, true).await);
    let mut taken = 0;
    // around the edge: whatever is taken comes out in a frame that the other side takes
    for bytes in (limits::MAX_DELIVER_FRAME_BYTES - 32 * 1024..limits::MAX_DELIVER_FRAME_BYTES).step_by(4096) {
        let mut frame: Value = serde_json::from_str(&enqueue_of(&world, &a, &b, bytes)).unwrap();
        frame["messageId"] = bytes.to_string().into();
        from.send(frame);
        let ack = from.frame().await;
        if ack["accepted"] == true {
            taken += 1;
            let Some(Outbound::Text(out)) = to.text().await else {
                panic!("no frame");
            };
            assert!(out.len() <= limits::MAX_DELIVER_FRAME_BYTES, "{}", out.len());
            let out: Value = serde_json::from_str(&out).unwrap();
            to.ack(out["id"].as_str().unwrap());
        } else {
            assert_eq!(
                (&ack["code"], &ack["retryable"]),
                (&json!("PROXY_RELAY_MESSAGE_TOO_LARGE"), &json!(false))
            );
        }
    }
    assert!((1..8).contains(&taken), "{taken}");
    to.is_quiet(1000).await;
}
