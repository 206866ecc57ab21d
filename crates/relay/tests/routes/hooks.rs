//! `POST /hooks/agent` (section 5.5).

use chancery_relay_wire::media;
use serde_json::{Value, json};

use crate::{
    agent::Call,
    world::{World, config},
};

const KEY: &str = "idempotency-key";

#[tokio::test(start_paused = true)]
async fn each_bad_message_has_its_code_and_changes_nothing() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    world.pair(&a, &b).await;
    let call = |body: &str| world.hook_call(&a, &b.did, body).with(KEY, "m0");
    let stranger = world.agent(3);
    let recipient = "x-claw-recipient-agent-did";
    let before = world.state(&[&a, &b]).await;
    let cases = [
        (
            call("{}").without("content-type"),
            415,
            "PROXY_HOOK_UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            call("{}").with("content-type", "text/plain"),
            415,
            "PROXY_HOOK_UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            call("{}").with("content-type", "application/jsonx"),
            415,
            "PROXY_HOOK_UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            call("{}").with("content-type", media::SEALED),
            415,
            "PROXY_HOOK_RESERVED_MEDIA_TYPE",
        ),
        (
            call("{}").with("content-type", media::BLOB),
            415,
            "PROXY_HOOK_RESERVED_MEDIA_TYPE",
        ),
        (call(""), 415, "PROXY_HOOK_UNSUPPORTED_MEDIA_TYPE"),
        (call("{"), 400, "PROXY_HOOK_INVALID_JSON"),
        (call("{} {}"), 400, "PROXY_HOOK_INVALID_JSON"),
        (call("{'a':1}"), 400, "PROXY_HOOK_INVALID_JSON"),
        (call("{}").without(recipient), 400, "PROXY_HOOK_RECIPIENT_REQUIRED"),
        (call("{}").with(recipient, "  "), 400, "PROXY_HOOK_RECIPIENT_REQUIRED"),
        (
            call("{}").with(recipient, "did:cdi:x"),
            400,
            "PROXY_HOOK_RECIPIENT_INVALID",
        ),
        (
            call("{}").with(recipient, &b.did.as_str().replace(":agent:", ":human:")),
            400,
            "PROXY_HOOK_RECIPIENT_INVALID",
        ),
        (
            call("{}").with("x-claw-conversation-id", &"c".repeat(257)),
            400,
            "PROXY_HOOK_INVALID_HEADER",
        ),
        (call("{}").with(KEY, &"k".repeat(129)), 400, "PROXY_HOOK_INVALID_HEADER"),
        (
            call("{}").with("x-claw-delivery-receipt-url", "not a url"),
            502,
            "PROXY_RELAY_DELIVERY_FAILED",
        ),
        (
            call("{}").with("x-claw-delivery-receipt-url", "ftp://x.test/"),
            502,
            "PROXY_RELAY_DELIVERY_FAILED",
        ),
        (world.hook_call(&a, &stranger.did, "{}"), 403, "PROXY_AUTH_FORBIDDEN"),
        (world.hook_call(&stranger, &b.did, "{}"), 403, "PROXY_AUTH_FORBIDDEN"),
    ];
    for (n, (call, status, code)) in cases.into_iter().enumerate() {
        let answer = world.send(call).await;
        assert_eq!(
            (answer.status, answer.body["error"]["code"].as_str()),
            (status, Some(code)),
            "case {n}"
        );
    }
    assert_eq!(world.state(&[&a, &b]).await, before);
    let fine = call("[1]").with("content-type", "Application/JSON; charset=utf-8");
    world.send(fine).await.ok(202);
}

#[tokio::test(start_paused = true)]
async fn both_names_of_the_route_are_served() {
    let world = World::new().await;
    let a = world.agent(1);
    let call = world
        .call(&a, "POST", "/hooks/message", "{}")
        .with("x-claw-recipient-agent-did", a.did.as_str());
    world.send(call).await.ok(202);
}

#[tokio::test(start_paused = true)]
async fn an_answer_tells_queued_from_delivered() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    world.pair(&a, &b).await;
    let queued = world.hook(&a, &b.did, r#"{"n":1}"#).await.ok(202);
    let id = queued["deliveryId"].clone();
    assert_eq!(
        queued,
        json!({"accepted": true, "deliveryId": id, "state": "queued", "delivered": false, "queued": true,
               "queueDepth": 1, "connectedSockets": 0})
    );
    let mut link = world.connect(&b, true).await;
    let (payload, first) = link.delivery().await;
    assert_eq!((&payload, &json!(first)), (&json!({"n": 1}), &id));
    link.ack(&first);
    let deliver = async {
        let (payload, id) = link.delivery().await;
        assert_eq!(payload, json!({"n": 2}));
        link.ack(&id);
        id
    };
    let (answer, id) = tokio::join!(world.hook(&a, &b.did, r#"{"n":2}"#), deliver);
    assert_eq!(
        answer.ok(202),
        json!({"accepted": true, "deliveryId": id, "state": "delivered", "delivered": true, "queued": false,
               "queueDepth": 1, "connectedSockets": 1})
    );
    // a recipient that takes its time
    let answer = world.hook(&a, &b.did, r#"{"n":3}"#).await.ok(202);
    assert_eq!(
        (&answer["state"], &answer["connectedSockets"]),
        (&json!("queued"), &json!(1))
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_id_is_accepted_once_and_conflicts_with_another_message() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    world.pair(&a, &b).await;
    let call = |body: &str| world.hook_call(&a, &b.did, body).with(KEY, "m1");
    let first = world.send(call("{}")).await.ok(202);
    let again = world.send(call("{}")).await.ok(202);
    assert_eq!(
        (&again["deliveryId"], &again["queueDepth"]),
        (&first["deliveryId"], &json!(1))
    );
    let before = world.state(&[&a, &b]).await;
    let conflicts = |call: Call| async { world.send(call).await.is(409, "PROXY_RELAY_MESSAGE_ID_CONFLICT") };
    conflicts(call("{ }")).await;
    conflicts(call("{}").with("x-claw-conversation-id", "c")).await;
    conflicts(world.hook_call(&a, &a.did, "{}").with(KEY, "m1")).await;
    assert_eq!(world.state(&[&a, &b]).await, before);
    // the request id is a client's to choose, and no key of anything
    let with_id = |body: &str| world.hook_call(&a, &b.did, body).with("x-request-id", "same-request");
    let (x, y) = (
        world.send(with_id("{}")).await.ok(202),
        world.send(with_id("{}")).await.ok(202),
    );
    assert_ne!(x["deliveryId"], y["deliveryId"]);
    let mut link = world.connect(&b, true).await;
    let (_, id) = link.delivery().await;
    link.ack(&id);
    link.delivery().await;
    let done = world.send(call("{}")).await.ok(202);
    assert_eq!(
        (&done["state"], &done["delivered"], &done["queued"]),
        (&json!("delivered"), &json!(true), &json!(false))
    );
    let receipt = json!({"requestId": "m1", "senderAgentDid": a.did, "recipientAgentDid": b.did, "status": "processed_by_openclaw"});
    world.post(&b, "/v1/relay/delivery-receipts", receipt).await.ok(202);
    let done = world.send(call("{}")).await.ok(202);
    assert_eq!(
        (&done["state"], &done["delivered"], &done["queued"]),
        (&json!("processed_by_openclaw"), &json!(false), &json!(false))
    );
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_and_a_full_half_are_507() {
    let mut small = config();
    small.mailbox.max_messages = 4;
    let world = World::with(small).await;
    let (a, b, c) = (world.agent(1), world.agent(2), world.agent(3));
    world.pair(&a, &b).await;
    world.pair(&c, &b).await;
    for n in 0..2 {
        world
            .send(world.hook_call(&a, &b.did, "{}").with(KEY, &format!("m{n}")))
            .await
            .ok(202);
    }
    let before = world.state(&[&a, &b, &c]).await;
    world
        .send(world.hook_call(&a, &b.did, "{}").with(KEY, "m2"))
        .await
        .is(507, "PROXY_RELAY_SENDER_SHARE_FULL");
    assert_eq!(world.state(&[&a, &b, &c]).await, before);
    for _ in 0..2 {
        world.hook(&c, &b.did, "{}").await.ok(202);
    }
    world.hook(&c, &b.did, "{}").await.is(507, "PROXY_RELAY_QUEUE_FULL");
    // what is there already is still told
    world
        .send(world.hook_call(&a, &b.did, "{}").with(KEY, "m1"))
        .await
        .ok(202);
    let mut link = world.connect(&b, true).await;
    for _ in 0..2 {
        let (_, id) = link.delivery().await;
        link.ack(&id);
    }
    link.delivery().await;
    world.hook(&a, &b.did, "{}").await.ok(202);
}

#[tokio::test(start_paused = true)]
async fn old_clients_read_who_wrote_and_new_ones_get_the_bytes() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    world.pair(&a, &b).await;
    let body = "{ \"z\" : 1.0e0,\n\"message\": \"[Clawdentity Identity]\\nhi \\u00e4\" , \"a\":[ ] }";
    let call = world
        .hook_call(&a, &b.did, body)
        .with("x-claw-conversation-id", "c9")
        .with("x-claw-delivery-receipt-url", "https://a.test/receipts?x=1");
    world.send(call).await.ok(202);
    let mut old = world.connect(&b, false).await;
    let frame = old.frame().await;
    let claims = crate::agent::Agent::claims(1, 0);
    let block = format!(
        "[Clawdentity Identity]\nagentDid: {}\nownerDid: {}\nissuer: {}\naitJti: {}\n\n> [Clawdentity Identity]\nhi ä",
        a.did, claims.owner_did, claims.iss, a.jti
    );
    assert_eq!(frame["payload"], json!({"z": 1.0, "message": block, "a": []}));
    let names: Vec<&String> = frame.as_object().unwrap().keys().collect();
    let mut expected = [
        "type",
        "v",
        "id",
        "ts",
        "fromAgentDid",
        "toAgentDid",
        "payload",
        "conversationId",
        "replyTo",
    ];
    expected.sort_unstable();
    assert_eq!(
        names,
        expected.iter().collect::<Vec<_>>(),
        "nothing that old clients do not know"
    );
    assert_eq!(
        (&frame["fromAgentDid"], &frame["replyTo"]),
        (&json!(a.did), &json!("https://a.test/receipts?x=1"))
    );
    old.hang_up().await;
    let mut new = world.connect(&b, true).await;
    let Some(chancery_relay::session::link::Outbound::Text(text)) = new.text().await else {
        panic!("no frame");
    };
    assert!(text.contains(&format!("\"payload\":{body}")), "{text}");
    let frame: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&frame["attempt"], &frame["fromAit"]), (&json!(2), &json!(a.ait)));
    assert_eq!((&frame["laneSeq"], &frame["lane"]), (&json!(1), &json!("c9")));
}

#[tokio::test(start_paused = true)]
async fn injection_can_be_turned_off() {
    let mut plain = config();
    plain.inject_identity = false;
    let world = World::with(plain).await;
    let a = world.agent(1);
    world.hook(&a, &a.did, r#"{"message":"hi"}"#).await.ok(202);
    let mut link = world.connect(&a, false).await;
    assert_eq!(link.delivery().await.0, json!({"message": "hi"}));
}
