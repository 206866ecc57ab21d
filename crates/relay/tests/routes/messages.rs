//! Messages over connections: enqueue, deliver, acknowledge, refuse, try again, give up; lanes; receipts.

use std::time::Duration;

use chancery_relay::session::{CloseReason, link::Inbound};
use chancery_relay_wire::{frame::Frame, media};
use serde_json::{Value, json};

use crate::{
    agent::Agent,
    link::{Link, TS, enqueue},
    world::{World, config},
};

pub(crate) async fn pair_of_links(negotiated: bool) -> (World, Agent, Agent, Link, Link) {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    world.pair(&a, &b).await;
    let (from, to) = (world.connect(&a, negotiated).await, world.connect(&b, negotiated).await);
    (world, a, b, from, to)
}

#[tokio::test(start_paused = true)]
async fn a_message_goes_from_one_connection_to_the_other() {
    let (world, a, b, mut from, mut to) = pair_of_links(true).await;
    let (id, mut frame) = enqueue(&world, &b, json!({"text": "hi"}));
    let sig = a.key.sign(b"any signature: only the recipient judges it").to_b64();
    frame["messageId"] = "m1".into();
    frame["sentAt"] = TS.into();
    frame["sig"] = sig.as_str().into();
    frame["contentType"] = "application/json".into();
    frame["conversationId"] = "c1".into();
    frame["replyTo"] = "https://a.test/r".into();
    from.send(frame);
    let ack = from.frame().await;
    assert_eq!(
        (
            &ack["type"],
            &ack["ackId"],
            &ack["accepted"],
            ack.get("reason"),
            ack.get("code")
        ),
        (&json!("enqueue_ack"), &json!(id), &json!(true), None, None)
    );
    let got = to.frame().await;
    let row = world.receipt(&a, &b, "m1").await.unwrap();
    assert_eq!(
        got,
        json!({"type": "deliver", "v": 1, "id": row.delivery_id, "ts": got["ts"], "fromAgentDid": a.did, "toAgentDid": b.did,
               "payload": {"text": "hi"}, "contentType": "application/json", "conversationId": "c1",
               "replyTo": "https://a.test/r", "messageId": "m1", "lane": "c1", "laneSeq": 1, "attempt": 1, "sentAt": TS,
               "sig": sig, "fromAit": a.ait})
    );
    to.ack(got["id"].as_str().unwrap());
    to.ack(got["id"].as_str().unwrap());
    from.enqueue(&world, &b, json!(2)).await;
    let second = to.frame().await;
    assert_eq!(
        (second.get("fromAit"), second.get("sig"), &second["lane"]),
        (None, None, &json!("")),
        "its token was shown"
    );
    let row = world.receipt(&a, &b, "m1").await.unwrap();
    assert_eq!(row.state, chancery_relay_wire::relay::DeliveryState::Delivered);
}

#[tokio::test(start_paused = true)]
async fn the_same_frame_is_accepted_once() {
    let (world, _, b, mut from, mut to) = pair_of_links(false).await;
    let (_, frame) = enqueue(&world, &b, json!(1));
    for _ in 0..3 {
        from.send(frame.clone());
        assert_eq!(from.frame().await["accepted"], true);
    }
    to.delivery().await;
    to.is_quiet(5000).await;
    let mut other = frame.clone();
    other["payload"] = 2.into();
    from.send(other);
    let ack = from.frame().await;
    assert_eq!((&ack["accepted"], ack.get("code")), (&json!(false), None));
}

#[tokio::test(start_paused = true)]
async fn a_refused_enqueue_has_its_code_for_those_who_negotiated_and_a_reason_for_all() {
    for negotiated in [true, false] {
        let mut small = config();
        small.mailbox.max_messages = 2;
        let world = World::with(small).await;
        let (a, b, stranger) = (world.agent(1), world.agent(2), world.agent(3));
        world.pair(&a, &b).await;
        let mut link = world.connect(&a, negotiated).await;
        link.enqueue(&world, &b, json!(0)).await;
        let before = world.state(&[&a, &b, &stranger]).await;
        let with = |member: &str, value: Value| {
            let (_, mut frame) = enqueue(&world, &b, json!({}));
            frame[member] = value;
            frame
        };
        let signed = |sent: &str| {
            let mut frame = with("messageId", "m1".into());
            frame["sentAt"] = sent.into();
            frame["sig"] = a.key.sign(b"").to_b64().into();
            frame
        };
        let cases = [
            (enqueue(&world, &stranger, json!({})).1, "PROXY_AUTH_FORBIDDEN", false),
            (enqueue(&world, &b, json!({})).1, "PROXY_RELAY_SENDER_SHARE_FULL", true),
            (with("replyTo", "no url".into()), "PROXY_RELAY_DELIVERY_FAILED", false),
            (
                with("contentType", media::SEALED.into()),
                "PROXY_RELAY_FRAME_INVALID",
                false,
            ),
            (with("toAgentDid", "x".into()), "PROXY_RELAY_FRAME_INVALID", false),
            (
                with("conversationId", "c".repeat(257).into()),
                "PROXY_RELAY_FRAME_INVALID",
                false,
            ),
            (with("messageId", "m1".into()), "PROXY_RELAY_FRAME_INVALID", false),
            (with("lane", "other".into()), "PROXY_RELAY_FRAME_INVALID", false),
            (signed("yesterday"), "PROXY_RELAY_FRAME_INVALID", false),
        ];
        for (n, (frame, code, retryable)) in cases.into_iter().enumerate() {
            let code = if frame["contentType"] == media::SEALED {
                "PROXY_HOOK_RESERVED_MEDIA_TYPE"
            } else {
                code
            };
            link.send(frame.clone());
            let ack = link.frame().await;
            assert_eq!(
                (&ack["ackId"], &ack["accepted"]),
                (&frame["id"], &json!(false)),
                "case {n}"
            );
            assert!(!ack["reason"].as_str().unwrap().is_empty());
            let expected = negotiated.then(|| (json!(code), json!(retryable)));
            assert_eq!(
                ack.get("code").cloned().zip(ack.get("retryable").cloned()),
                expected,
                "case {n}"
            );
        }
        assert_eq!(world.state(&[&a, &b, &stranger]).await, before);
    }
}

#[tokio::test(start_paused = true)]
async fn frames_that_are_not_understood_are_ignored() {
    let (world, a, b, mut from, mut to) = pair_of_links(true).await;
    let before = world.state(&[&a, &b]).await;
    let id = world.ulid().to_string();
    let frames = [
        String::new(),
        "x".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        "{".repeat(100_000),
        json!({"type": "hello", "v": 1, "id": id, "ts": TS}).to_string(),
        json!({"type": "heartbeat", "v": 2, "id": id, "ts": TS}).to_string(),
        json!({"type": "heartbeat", "v": 1, "id": "x", "ts": TS}).to_string(),
        json!({"type": "enqueue", "v": 1, "id": "x", "ts": TS, "toAgentDid": b.did, "payload": 1}).to_string(),
        json!({"type": "deliver", "v": 1, "id": id, "ts": TS, "fromAgentDid": a.did, "toAgentDid": b.did, "payload": 1}).to_string(),
        json!({"type": "deliver_ack", "v": 1, "id": id, "ts": TS, "ackId": id, "accepted": true}).to_string(),
        json!({"type": "deliver_ack", "v": 1, "id": id, "ts": TS, "ackId": id, "accepted": "yes"}).to_string(),
        json!({"type": "enqueue_ack", "v": 1, "id": id, "ts": TS, "ackId": id, "accepted": true}).to_string(),
        json!({"type": "receipt_ack", "v": 1, "id": id, "ts": TS, "ackId": id}).to_string(),
        json!({"type": "heartbeat_ack", "v": 1, "id": id, "ts": TS, "ackId": id}).to_string(),
    ];
    for frame in frames {
        from.send_text(&frame);
    }
    from.is_quiet(5000).await;
    assert_eq!(world.state(&[&a, &b]).await, before);
    assert_eq!(from.enqueue(&world, &b, json!(1)).await["accepted"], true);
    to.delivery().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_comes_again_under_the_same_id_after_a_wait() {
    let (world, _, b, mut from, mut to) = pair_of_links(true).await;
    from.enqueue(&world, &b, json!("first")).await;
    from.enqueue(&world, &b, json!("second")).await;
    let mut other = enqueue(&world, &b, json!("other lane")).1;
    other["conversationId"] = "other".into();
    from.send(other);
    let first = to.frame().await;
    assert_eq!((&first["payload"], &first["attempt"]), (&json!("first"), &json!(1)));
    to.answer(first["id"].as_str().unwrap(), false, Some("busy"));
    assert_eq!(to.frame().await["payload"], "other lane", "only its own lane waits");
    let mut waited = Vec::new();
    for attempt in 2..5 {
        let refused = tokio::time::Instant::now();
        let again = to.frame().await;
        assert_eq!(
            (&again["id"], &again["payload"], &again["attempt"]),
            (&first["id"], &json!("first"), &json!(attempt))
        );
        waited.push(refused.elapsed());
        to.answer(first["id"].as_str().unwrap(), attempt == 4, None);
    }
    for (waited, expected) in waited.iter().zip([1000, 2000, 4000]) {
        let expected = Duration::from_millis(expected);
        assert!(
            *waited >= expected.mul_f64(0.8) && *waited <= expected.mul_f64(1.25),
            "{waited:?} for {expected:?}"
        );
    }
    assert_eq!(to.frame().await["payload"], "second");
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_it_comes_again_and_a_late_answer_counts() {
    let (world, a, b, mut from, mut to) = pair_of_links(true).await;
    from.enqueue(&world, &b, json!(1)).await;
    let (_, id) = to.delivery().await;
    let sent = tokio::time::Instant::now();
    let again = to.frame().await;
    assert_eq!(
        (again["id"].as_str(), &again["attempt"]),
        (Some(id.as_str()), &json!(2))
    );
    let waited = sent.elapsed();
    assert!(
        waited > Duration::from_secs(15) && waited < Duration::from_secs(17),
        "{waited:?}"
    );
    // while it waits for its third attempt
    tokio::time::sleep(Duration::from_millis(15_100)).await;
    to.ack(&id);
    to.is_quiet(60_000).await;
    let row = world.store.read(chancery_relay::store::PendingReceipts {
        sender: a.did.clone(),
        after: 0,
        limit: 9,
    });
    assert_eq!(row.await.unwrap(), []);
    let ask = chancery_relay::store::FindReceipt {
        sender: a.did.clone(),
        recipient: b.did.clone(),
        id,
    };
    let found = world.store.read(ask).await.unwrap().unwrap();
    assert_eq!(found.state, chancery_relay_wire::relay::DeliveryState::Delivered);
}

#[tokio::test(start_paused = true)]
async fn after_so_many_attempts_it_is_a_dead_letter_and_its_sender_is_told() {
    let (world, a, b, mut from, mut to) = pair_of_links(true).await;
    let mut frame = enqueue(&world, &b, json!(1)).1;
    frame["conversationId"] = "c".into();
    from.send(frame.clone());
    assert_eq!(from.frame().await["accepted"], true);
    from.enqueue(&world, &b, json!("next")).await;
    let mut next = None;
    for attempt in 1..=25 {
        let frame = loop {
            let frame = to.frame().await;
            if frame["payload"] == "next" {
                next = Some(frame);
            } else {
                break frame;
            }
        };
        assert_eq!(frame["attempt"], attempt);
        from.send_raw(Inbound::Alive);
        to.answer(frame["id"].as_str().unwrap(), false, Some("never"));
        // the other lane is held, so that only this one is seen
        if let Some(next) = next.take() {
            to.ack(next["id"].as_str().unwrap());
        }
    }
    let receipt = from.frame().await;
    assert_eq!(
        (
            &receipt["type"],
            &receipt["originalFrameId"],
            &receipt["fromAgentDid"],
            &receipt["toAgentDid"]
        ),
        (&json!("receipt"), &frame["id"], &json!(a.did), &json!(b.did))
    );
    assert_eq!(
        (&receipt["status"], &receipt["reason"]),
        (&json!("dead_lettered"), &json!("refused 25 times, at last: never"))
    );
    assert!(Frame::parse(&receipt.to_string()).is_ok(), "its reader understands it");
    to.is_quiet(50_000).await;
}

#[tokio::test(start_paused = true)]
async fn five_lanes_at_a_time_and_each_in_order() {
    let (world, _, b, mut from, mut to) = pair_of_links(true).await;
    for n in 0..70 {
        let mut frame = enqueue(&world, &b, json!(n)).1;
        frame["conversationId"] = format!("lane {}", n % 7).into();
        from.send(frame);
        from.frame().await;
    }
    let mut held: Vec<(usize, String)> = Vec::new();
    let mut next: Vec<usize> = (0..7).collect();
    for _ in 0..70 {
        let waiting = |held: &[(usize, String)], next: &[usize]| {
            let free = |lane: &usize| next[*lane] < 70 && held.iter().all(|(other, _)| other != lane);
            (0..7).filter(free).count()
        };
        while held.len() < 5 && waiting(&held, &next) > 0 {
            let (payload, id) = to.delivery().await;
            let n = usize::try_from(payload.as_u64().unwrap()).unwrap();
            let lane = n % 7;
            assert!(held.iter().all(|(other, _)| *other != lane), "two in flight in a lane");
            assert_eq!(n, next[lane], "in order");
            next[lane] += 7;
            held.push((lane, id));
        }
        let (_, id) = held.remove(held.len() / 2);
        to.ack(&id);
    }
    to.is_quiet(10_000).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_not_acknowledged_comes_to_the_next_connection_marked() {
    let (world, _, b, mut from, mut to) = pair_of_links(true).await;
    for n in 0..3 {
        from.enqueue(&world, &b, json!(n)).await;
    }
    let first = to.frame().await;
    assert_eq!((&first["payload"], &first["attempt"]), (&json!(0), &json!(1)));
    to.hang_up().await;
    let mut to = world.connect(&b, true).await;
    for (n, attempt) in [(0, 2), (1, 1), (2, 1)] {
        let frame = to.frame().await;
        assert_eq!(
            (&frame["payload"], &frame["attempt"]),
            (&json!(n), &json!(attempt)),
            "only what was sent is marked"
        );
        if n == 0 {
            assert_eq!(frame["id"], first["id"]);
        }
        to.ack(frame["id"].as_str().unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn replacing_a_connection_marks_only_what_was_sent_however_often() {
    let (world, _, b, mut from, mut old) = pair_of_links(true).await;
    for n in 0..3 {
        from.enqueue(&world, &b, json!(n)).await;
    }
    old.delivery().await;
    for attempt in 2..8 {
        let mut new = world.connect(&b, true).await;
        assert_eq!(old.closed().await, CloseReason::Superseded);
        let frame = new.frame().await;
        assert_eq!((&frame["payload"], &frame["attempt"]), (&json!(0), &json!(attempt)));
        old = new;
    }
    let (_, id) = {
        let frame = world.relay.hub().session(&b.did);
        assert!(frame.is_some());
        let mut new = world.connect(&b, true).await;
        let delivery = new.delivery().await;
        new.ack(&delivery.1);
        let second = new.frame().await;
        assert_eq!(
            (&second["payload"], &second["attempt"]),
            (&json!(1), &json!(1)),
            "never sent before"
        );
        delivery
    };
    assert!(!id.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_backlog_arrives_in_order_among_new_messages() {
    let mut wide = config();
    wide.delivery.window_messages = 10;
    let world = World::with(wide).await;
    let (a, b) = (world.agent(1), world.agent(2));
    world.pair(&a, &b).await;
    let mut from = world.connect(&a, true).await;
    for n in 0..60 {
        from.enqueue(&world, &b, json!(n)).await;
    }
    let mut to = world.connect(&b, true).await;
    for n in 0..120 {
        let (payload, id) = to.delivery().await;
        assert_eq!(payload, n);
        if n < 60 {
            from.enqueue(&world, &b, json!(60 + n)).await;
        }
        to.ack(&id);
    }
    to.is_quiet(10_000).await;
}

#[tokio::test(start_paused = true)]
async fn a_muted_peers_messages_wait_and_then_come_in_order() {
    let (world, a, b, mut from, mut to) = pair_of_links(true).await;
    let mark = async |muted: bool| {
        let body = json!({"agentDid": a.did, "blocked": false, "muted": muted});
        let answer = world.send(world.call(&b, "PATCH", "/pair", &body.to_string())).await;
        assert_eq!(answer.status, 204);
    };
    for n in 0..3 {
        from.enqueue(&world, &b, json!(n)).await;
    }
    let (_, id) = to.delivery().await;
    mark(true).await;
    to.ack(&id);
    for n in 3..6 {
        from.enqueue(&world, &b, json!(n)).await;
    }
    to.is_quiet(30_000).await;
    mark(false).await;
    for n in 1..6 {
        let frame = to.frame().await;
        assert_eq!((&frame["payload"], &frame["attempt"]), (&json!(n), &json!(1)));
        to.ack(frame["id"].as_str().unwrap());
    }
    from.enqueue(&world, &b, json!(6)).await;
    assert_eq!(to.delivery().await.0, 6);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_pair_stops_what_is_on_its_way() {
    let (world, a, b, mut from, mut to) = pair_of_links(true).await;
    for n in 0..3 {
        from.enqueue(&world, &b, json!(n)).await;
    }
    let (_, id) = to.delivery().await;
    let path = format!("/pair?agentDid={}", a.did);
    assert_eq!(world.send(world.call(&b, "DELETE", &path, "")).await.status, 204);
    to.ack(&id);
    to.is_quiet(30_000).await;
    for _ in 0..3 {
        let receipt = from.frame().await;
        assert_eq!(
            (&receipt["type"], &receipt["reason"]),
            (&json!("receipt"), &json!("the pair was ended"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn receipts_travel_to_the_sender_until_it_has_them() {
    let (world, a, b, mut from, mut to) = pair_of_links(true).await;
    let ack = from.enqueue(&world, &b, json!(1)).await;
    let message_id = ack["ackId"].clone();
    let (_, id) = to.delivery().await;
    to.ack(&id);
    let sig = b.key.sign(b"receipt").to_b64();
    let receipt = |id: &str| {
        json!({"type": "receipt", "v": 1, "id": id, "ts": TS, "originalFrameId": message_id, "fromAgentDid": a.did,
               "toAgentDid": b.did, "status": "delivered_to_webhook", "at": TS, "sig": sig})
    };
    let frame_id = world.ulid().to_string();
    let mut forged = receipt(&frame_id);
    forged["toAgentDid"] = world.agent(3).did.as_str().into();
    to.send(forged);
    to.send(receipt(&frame_id));
    let stored = to.frame().await;
    assert_eq!(
        (&stored["type"], &stored["ackId"]),
        (&json!("receipt_ack"), &json!(frame_id))
    );
    let told = from.frame().await;
    let mut expected = receipt(told["id"].as_str().unwrap());
    expected["ts"] = told["ts"].clone();
    // its sender may never have heard of the recipient
    expected["ait"] = b.ait.as_str().into();
    assert_eq!(told, expected);
    // once more: stored already, and nobody is told twice
    to.send(receipt(&frame_id));
    assert_eq!(to.frame().await["type"], "receipt_ack");
    from.is_quiet(5000).await;
    // not acknowledged: the next connection is told again
    from.hang_up().await;
    let mut from = world.connect(&a, true).await;
    let told = from.frame().await;
    assert_eq!((&told["originalFrameId"], &told["sig"]), (&message_id, &json!(sig)));
    // nor there in time: it is told again
    let told = from.frame().await;
    assert_eq!((&told["originalFrameId"], &told["sig"]), (&message_id, &json!(sig)));
    from.send(json!({"type": "receipt_ack", "v": 1, "id": world.ulid(), "ts": TS, "ackId": told["id"]}));
    from.is_quiet(20_000).await;
    from.hang_up().await;
    let mut from = world.connect(&a, true).await;
    from.is_quiet(5000).await;
}

#[tokio::test(start_paused = true)]
async fn an_identity_token_is_shown_once_an_agent_and_connection() {
    let (world, a, b, mut from, mut to) = pair_of_links(true).await;
    let sig = b.key.sign(b"receipt").to_b64();
    let said = async |from: &mut Link, to: &mut Link, sig: Option<&str>| {
        let ack = from.enqueue(&world, &b, json!(1)).await;
        let (_, id) = to.delivery().await;
        to.ack(&id);
        to.send(
            json!({"type": "receipt", "v": 1, "id": world.ulid(), "ts": TS, "originalFrameId": ack["ackId"], "at": TS,
                   "fromAgentDid": a.did, "toAgentDid": b.did, "status": "delivered_to_webhook", "sig": sig}),
        );
        assert_eq!(to.frame().await["type"], "receipt_ack");
        let told = from.frame().await;
        assert_eq!(told["type"], "receipt");
        from.send(json!({"type": "receipt_ack", "v": 1, "id": world.ulid(), "ts": TS, "ackId": told["id"]}));
        told
    };
    // there is nothing to check with it
    assert_eq!(said(&mut from, &mut to, None).await.get("ait"), None);
    assert_eq!(said(&mut from, &mut to, Some(&sig)).await["ait"], b.ait.as_str());
    assert_eq!(said(&mut from, &mut to, Some(&sig)).await.get("ait"), None);
    // a message of the same agent needs it no more either, until it has been refused
    to.enqueue(&world, &a, json!(2)).await;
    let message = from.frame().await;
    assert_eq!((&message["payload"], message.get("fromAit")), (&json!(2), None));
    from.answer(message["id"].as_str().unwrap(), false, Some("its key cannot be had"));
    let again = from.frame().await;
    assert_eq!(
        (&again["id"], &again["attempt"], &again["fromAit"]),
        (&message["id"], &json!(2), &json!(b.ait))
    );
    from.ack(again["id"].as_str().unwrap());
    from.hang_up().await;
    let mut from = world.connect(&a, true).await;
    assert_eq!(said(&mut from, &mut to, Some(&sig)).await["ait"], b.ait.as_str());
}

#[tokio::test(start_paused = true)]
async fn old_clients_see_no_receipts() {
    let (world, a, b, mut from, mut to) = pair_of_links(false).await;
    let ack = from.enqueue(&world, &b, json!(1)).await;
    let (_, id) = to.delivery().await;
    to.ack(&id);
    let receipt = json!({"requestId": ack["ackId"], "senderAgentDid": a.did, "recipientAgentDid": b.did, "status": "dead_lettered"});
    world.post(&b, "/v1/relay/delivery-receipts", receipt).await.ok(202);
    // nor are theirs heard
    to.send(
        json!({"type": "receipt", "v": 1, "id": world.ulid(), "ts": TS, "originalFrameId": "x", "fromAgentDid": a.did,
                   "toAgentDid": b.did, "status": "dead_lettered", "at": TS}),
    );
    from.is_quiet(10_000).await;
    to.is_quiet(10_000).await;
}

#[tokio::test(start_paused = true)]
async fn more_receipts_than_are_sent_at_a_time_all_arrive() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    world.pair(&a, &b).await;
    let mut from = world.connect(&a, true).await;
    for n in 0..200 {
        from.enqueue(&world, &b, json!(n)).await;
    }
    from.hang_up().await;
    let path = format!("/pair?agentDid={}", b.did);
    assert_eq!(world.send(world.call(&a, "DELETE", &path, "")).await.status, 204);
    let mut from = world.connect(&a, true).await;
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 200 {
        let told = from.frame().await;
        assert!(
            seen.insert(told["originalFrameId"].as_str().unwrap().to_owned()),
            "told once"
        );
        from.send(json!({"type": "receipt_ack", "v": 1, "id": world.ulid(), "ts": TS, "ackId": told["id"]}));
    }
    from.is_quiet(5000).await;
}

#[tokio::test(start_paused = true)]
async fn a_receipt_told_while_receipts_are_being_read_is_not_forgotten() {
    for _ in 0..20 {
        let (world, a, b, mut from, mut to) = pair_of_links(true).await;
        let ack = from.enqueue(&world, &b, json!(1)).await;
        let (_, id) = to.delivery().await;
        to.ack(&id);
        from.hang_up().await;
        to.send(
            json!({"type": "receipt", "v": 1, "id": world.ulid(), "ts": TS, "originalFrameId": ack["ackId"],
                       "fromAgentDid": a.did, "toAgentDid": b.did, "status": "delivered_to_webhook", "at": TS}),
        );
        let mut from = world.connect(&a, true).await;
        assert_eq!(from.frame().await["originalFrameId"], ack["ackId"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_waited_too_long_is_a_dead_letter_and_its_sender_is_told() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    world.pair(&a, &b).await;
    let mut from = world.connect(&a, true).await;
    let ack = from.enqueue(&world, &b, json!(1)).await;
    world.move_clock(3_600_000);
    let told = from.frame().await;
    assert_eq!(
        (&told["originalFrameId"], &told["status"], &told["reason"]),
        (&ack["ackId"], &json!("dead_lettered"), &json!("expired in the mailbox"))
    );
    let mut to = world.connect(&b, true).await;
    to.is_quiet(10_000).await;
}

#[tokio::test(start_paused = true)]
async fn enqueues_are_counted_with_the_agents_requests() {
    let mut limited = config();
    limited.rates.agent_requests = 3;
    let world = World::with(limited).await;
    let a = world.agent(1);
    let mut link = world.connect(&a, true).await;
    for _ in 0..3 {
        assert_eq!(link.enqueue(&world, &a, json!(1)).await["accepted"], true);
        let (_, id) = link.delivery().await;
        link.ack(&id);
    }
    let refused = link.enqueue(&world, &a, json!(1)).await;
    assert_eq!(
        (&refused["code"], &refused["retryable"]),
        (&json!("PROXY_RATE_LIMIT_EXCEEDED"), &json!(true))
    );
    world.get(&a, "/pair").await.is(429, "PROXY_RATE_LIMIT_EXCEEDED");
}

#[tokio::test(start_paused = true)]
async fn many_senders_to_one_recipient_lose_nothing() {
    let world = World::new().await;
    let b = world.agent(1);
    let mut senders = Vec::new();
    for n in 2..10 {
        let a = world.agent(n);
        world.pair(&a, &b).await;
        senders.push(world.connect(&a, true).await);
    }
    let mut to = world.connect(&b, true).await;
    let mut expected = std::collections::BTreeSet::new();
    for n in 0..25 {
        for (who, link) in senders.iter().enumerate() {
            let (_, frame) = enqueue(&world, &b, json!([who, n]));
            expected.insert((who, n));
            link.send(frame);
        }
    }
    let mut last = vec![-1_i64; senders.len()];
    while !expected.is_empty() {
        let (payload, id) = to.delivery().await;
        let (who, n) = (
            usize::try_from(payload[0].as_i64().unwrap()).unwrap(),
            payload[1].as_i64().unwrap(),
        );
        assert_eq!(n, last[who] + 1, "in order");
        last[who] = n;
        assert!(expected.remove(&(who, n)), "once");
        to.ack(&id);
    }
    to.is_quiet(10_000).await;
}
