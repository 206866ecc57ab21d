//! Receipts over HTTP (section 5.8).

use serde_json::json;

use crate::{agent::Agent, world::World};

const PATH: &str = "/v1/relay/delivery-receipts";

async fn sent(world: &World, a: &Agent, b: &Agent, id: &str) -> String {
    let call = world.hook_call(a, &b.did, "{}").with("idempotency-key", id);
    world.send(call).await.ok(202)["deliveryId"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn find(world: &World, a: &Agent, b: &Agent, id: &str) -> crate::world::Answer {
    world
        .get(a, &format!("{PATH}?requestId={id}&recipientAgentDid={}", b.did))
        .await
}

#[tokio::test(start_paused = true)]
async fn all_three_vocabularies_are_understood_under_either_id() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    world.pair(&a, &b).await;
    let vocabularies = [
        ("processed_by_openclaw", "processed_by_openclaw"),
        ("delivered_to_webhook", "processed_by_openclaw"),
        ("dead_lettered", "dead_lettered"),
    ];
    for (n, (said, state)) in vocabularies.into_iter().enumerate() {
        let id = format!("m{n}");
        let delivery = sent(&world, &a, &b, &id).await;
        let queued = find(&world, &a, &b, &id).await.ok(200);
        assert_eq!(
            (&queued["found"], &queued["receipt"]["state"]),
            (&json!(true), &json!("queued"))
        );
        let named = if n == 1 { &id } else { &delivery };
        let receipt = json!({"requestId": named, "senderAgentDid": a.did, "recipientAgentDid": b.did, "status": said, "reason": "because\u{7}"});
        assert_eq!(world.post(&b, PATH, receipt).await.ok(202), json!({"accepted": true}));
        let found = find(&world, &a, &b, &delivery).await.ok(200);
        let updated = world.receipt(&a, &b, &id).await.unwrap().updated_at;
        assert_eq!(
            found["receipt"],
            json!({"requestId": id, "deliveryId": delivery, "state": state, "senderAgentDid": a.did,
                   "recipientAgentDid": b.did, "expiresAtMs": updated.0 + 3_600_000,
                   "statusUpdatedAt": updated.to_rfc3339(), "reason": "because"})
        );
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_recipient_says_and_only_the_sender_asks() {
    let world = World::new().await;
    let (a, b, c) = (world.agent(1), world.agent(2), world.agent(3));
    world.pair(&a, &b).await;
    world.pair(&c, &b).await;
    sent(&world, &a, &b, "m1").await;
    let before = world.state(&[&a, &b, &c]).await;
    let receipt = |sender: &Agent, recipient: &Agent| json!({"requestId": "m1", "senderAgentDid": sender.did, "recipientAgentDid": recipient.did, "status": "dead_lettered"});
    world
        .post(&c, PATH, receipt(&a, &b))
        .await
        .is(403, "PROXY_RELAY_RECEIPT_FORBIDDEN");
    world
        .post(&a, PATH, receipt(&a, &b))
        .await
        .is(403, "PROXY_RELAY_RECEIPT_FORBIDDEN");
    world
        .post(&c, PATH, receipt(&a, &c))
        .await
        .is(403, "PROXY_AUTH_FORBIDDEN");
    // as if there were one, so that nobody learns of other people's messages
    world.post(&c, PATH, receipt(&b, &c)).await.ok(202);
    world.post(&b, PATH, receipt(&c, &b)).await.ok(202);
    assert_eq!(world.state(&[&a, &b, &c]).await, before);
    let answer = find(&world, &c, &b, "m1").await;
    assert_eq!((answer.status, &answer.body), (404, &json!({"found": false})));
    assert_eq!(find(&world, &a, &b, "m2").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn what_is_malformed_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    world.pair(&a, &b).await;
    sent(&world, &a, &b, "m1").await;
    let before = world.state(&[&a, &b]).await;
    let good =
        || json!({"requestId": "m1", "senderAgentDid": a.did, "recipientAgentDid": b.did, "status": "dead_lettered"});
    let changes = [
        ("requestId", json!("")),
        ("requestId", json!("x".repeat(129))),
        ("requestId", json!(1)),
        ("senderAgentDid", json!("x")),
        ("recipientAgentDid", json!(null)),
        ("status", json!("queued")),
        ("reason", json!("r".repeat(281))),
        ("reason", json!(1)),
    ];
    for (member, value) in changes {
        let mut body = good();
        body[member] = value;
        world
            .post(&b, PATH, body)
            .await
            .is(400, "PROXY_RELAY_RECEIPT_INVALID_INPUT");
    }
    for text in [
        "{",
        "[]",
        "",
        "{\"status\":\"dead_lettered\",\"status\":\"dead_lettered\"}",
    ] {
        world
            .send(world.call(&b, "POST", PATH, text))
            .await
            .is(400, "PROXY_RELAY_RECEIPT_INVALID_INPUT");
    }
    for query in [
        "",
        "?requestId=m1",
        "?recipientAgentDid=x&requestId=m1",
        "?requestId=&recipientAgentDid=x",
    ] {
        world
            .get(&a, &format!("{PATH}{query}"))
            .await
            .is(400, "PROXY_RELAY_RECEIPT_INVALID_QUERY");
    }
    assert_eq!(world.state(&[&a, &b]).await, before);
    world.post(&b, PATH, good()).await.ok(202);
}

#[tokio::test(start_paused = true)]
async fn who_knows_nobody_is_turned_away() {
    let world = World::new().await;
    let a = world.agent(1);
    find(&world, &a, &a, "m1").await.is(403, "PROXY_AUTH_FORBIDDEN");
    world.post(&a, PATH, json!({})).await.is(403, "PROXY_AUTH_FORBIDDEN");
}
