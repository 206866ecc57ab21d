//! Who is calling (section 3.3): each failure alone, their order, and what a proof is good for.

use std::sync::atomic::Ordering::SeqCst;

use chancery_base::ed25519::SecretKey;
use chancery_identity::{Ait, http_signature, revocation::Scope};
use chancery_relay::Store;
use serde_json::json;

use crate::{
    agent::{Agent, Call},
    registry::{KID, registry_key},
    world::{START, World, config},
};

const ISSUED: i64 = START / 1000 - 3600;

/// A request that passes all checks.
fn good(world: &World, agent: &Agent) -> Call {
    world.hook_call(agent, &agent.did, "{}")
}

#[tokio::test(start_paused = true)]
async fn each_failure_alone_gives_its_code() {
    let world = World::new().await;
    let a = world.agent(1);
    let call = || good(&world, &a);
    let before = world.state(&[&a]).await;
    let now = world.now();
    let at = |secs: i64| {
        world
            .call_at(&a, "POST", "/hooks/agent", "{}", now.plus(secs * 1000))
            .with("x-claw-recipient-agent-did", a.did.as_str())
    };
    let stranger = SecretKey::from_seed(&[99; 32]);
    let expired = {
        let mut c = Agent::claims(1, ISSUED);
        c.exp = c.iat + 3600;
        Ait::sign(&c, KID, &registry_key()).unwrap()
    };
    let early = {
        let mut c = Agent::claims(1, ISSUED);
        c.nbf = c.iat + 3601;
        Ait::sign(&c, KID, &registry_key()).unwrap()
    };
    let claw = |token: &str| format!("Claw {token}");
    let forged = claw(&Ait::sign(&Agent::claims(1, ISSUED), KID, &stranger).unwrap());
    let cases = [
        (call().without("authorization"), "PROXY_AUTH_MISSING_TOKEN"),
        (
            call().with("authorization", &format!("Bearer {}", a.ait)),
            "PROXY_AUTH_INVALID_SCHEME",
        ),
        (
            call().with("authorization", &format!("claw {}", a.ait)),
            "PROXY_AUTH_INVALID_SCHEME",
        ),
        (call().with("authorization", "Claw"), "PROXY_AUTH_INVALID_SCHEME"),
        (
            call().with("authorization", &format!("Claw {} more", a.ait)),
            "PROXY_AUTH_INVALID_SCHEME",
        ),
        (call().with("authorization", "Claw x.y.z"), "PROXY_AUTH_INVALID_AIT"),
        (
            call().with("authorization", &claw(&Agent::mistyped(1, ISSUED))),
            "PROXY_AUTH_INVALID_AIT",
        ),
        (call().with("authorization", &forged), "PROXY_AUTH_INVALID_AIT"),
        (call().with("authorization", &claw(&expired)), "PROXY_AUTH_INVALID_AIT"),
        (call().with("authorization", &claw(&early)), "PROXY_AUTH_INVALID_AIT"),
        (call().without("x-claw-timestamp"), "PROXY_AUTH_INVALID_TIMESTAMP"),
        (
            call().with("x-claw-timestamp", "+1700000000"),
            "PROXY_AUTH_INVALID_TIMESTAMP",
        ),
        (
            call().with("x-claw-timestamp", "1700000000.5"),
            "PROXY_AUTH_INVALID_TIMESTAMP",
        ),
        (at(301), "PROXY_AUTH_TIMESTAMP_SKEW"),
        (at(-301), "PROXY_AUTH_TIMESTAMP_SKEW"),
        (
            call().with("x-claw-body-sha256", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"),
            "PROXY_AUTH_INVALID_PROOF",
        ),
        (call().with_body("{ }"), "PROXY_AUTH_INVALID_PROOF"),
        (call().with_path("/hooks/message"), "PROXY_AUTH_INVALID_PROOF"),
        (call().with_path("/hooks/agent?x=1"), "PROXY_AUTH_INVALID_PROOF"),
        (call().with_method("PUT"), "PROXY_AUTH_INVALID_PROOF"),
        (
            call().with("x-claw-timestamp", &(now.secs() - 1).to_string()),
            "PROXY_AUTH_INVALID_PROOF",
        ),
        (call().with("x-claw-nonce", "another"), "PROXY_AUTH_INVALID_PROOF"),
        (call().with("x-claw-proof", "AAAA"), "PROXY_AUTH_INVALID_PROOF"),
        (call().without("x-claw-proof"), "PROXY_AUTH_INVALID_PROOF"),
        (
            call().and("x-claw-recipient-agent-did", a.did.as_str()),
            "PROXY_AUTH_INVALID_PROOF",
        ),
        (call().and("authorization", &claw(&a.ait)), "PROXY_AUTH_INVALID_PROOF"),
        (
            Call::signed(&a, "POST", "/hooks/agent", b"{}", now, ""),
            "PROXY_AUTH_INVALID_NONCE",
        ),
        (
            Call::signed(&a, "POST", "/hooks/agent", b"{}", now, &"n".repeat(129)),
            "PROXY_AUTH_INVALID_NONCE",
        ),
        (call().without("x-claw-agent-access"), "PROXY_AGENT_ACCESS_REQUIRED"),
        (
            call().with("x-claw-agent-access", "clw_agt_other"),
            "PROXY_AGENT_ACCESS_INVALID",
        ),
    ];
    for (n, (call, code)) in cases.into_iter().enumerate() {
        let answer = world.send(call).await;
        assert!(answer.headers.contains_key("x-request-id"));
        assert_eq!(
            (answer.status, answer.body["error"]["code"].as_str()),
            (401, Some(code)),
            "case {n}"
        );
    }
    assert_eq!(world.state(&[&a]).await, before);
    for secs in [300, -300, 0] {
        world.send(at(secs)).await.ok(202);
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_failures_the_earlier_wins() {
    let world = World::new().await;
    let a = world.agent(1);
    let late = a.did.clone();
    world.registry.revoke(&late, a.jti, Scope::Agent);
    let shared = &world.relay;
    world
        .until("it is revoked", || {
            shared.feed_state() == chancery_relay::feed::FeedState::Fresh
        })
        .await;
    let used = "used-nonce";
    let store = &world.store;
    let nonce = chancery_relay::store::NonceUse {
        agent: a.did.clone(),
        nonce: used.to_owned(),
        remember_until: world.now().plus(360_000),
    };
    store.run(chancery_relay::store::UseNonce(nonce)).await.unwrap();
    let b = world.agent(2);
    // everything is wrong from the first step on; step by step it is put right
    let now = world.now();
    let wrong = |agent: &Agent, at: i64, nonce: &str| {
        Call::signed(
            agent,
            "POST",
            "/v1/relay/delivery-receipts",
            b"not json",
            now.plus(at),
            nonce,
        )
        .without("x-claw-agent-access")
    };
    let old = -301_000;
    let steps = [
        (
            wrong(&a, old, used)
                .with_body("x")
                .without("authorization")
                .without("x-claw-timestamp"),
            "PROXY_AUTH_MISSING_TOKEN",
        ),
        (
            wrong(&a, old, used)
                .with_body("x")
                .with("authorization", "Bearer x")
                .without("x-claw-timestamp"),
            "PROXY_AUTH_INVALID_SCHEME",
        ),
        (
            wrong(&a, old, used)
                .with_body("x")
                .with("authorization", "Claw x")
                .without("x-claw-timestamp"),
            "PROXY_AUTH_INVALID_AIT",
        ),
        (
            wrong(&a, old, used).with_body("x").without("x-claw-timestamp"),
            "PROXY_AUTH_INVALID_TIMESTAMP",
        ),
        (wrong(&a, old, used).with_body("x"), "PROXY_AUTH_TIMESTAMP_SKEW"),
        (wrong(&a, 0, used).with_body("x"), "PROXY_AUTH_INVALID_PROOF"),
        (wrong(&a, 0, used), "PROXY_AUTH_REPLAY"),
        (wrong(&a, 0, "fresh"), "PROXY_AUTH_REVOKED"),
    ];
    for (call, code) in steps {
        world.send(call).await.is(401, code);
    }
    // an agent that nobody knows, without a token
    world.send(wrong(&b, 0, "fresh")).await.is(403, "PROXY_AUTH_FORBIDDEN");
    world.pair(&b, &world.agent(3)).await;
    world
        .send(wrong(&b, 0, "fresh"))
        .await
        .is(401, "PROXY_AGENT_ACCESS_REQUIRED");
    let call = wrong(&b, 0, "fresh").with("x-claw-agent-access", "x");
    world.send(call).await.is(401, "PROXY_AGENT_ACCESS_INVALID");
    let call = wrong(&b, 0, "fresh").with("x-claw-agent-access", &b.access);
    world.send(call).await.is(400, "PROXY_RELAY_RECEIPT_INVALID_INPUT");
}

#[tokio::test(start_paused = true)]
async fn a_proof_works_once_on_every_route() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    let ticket = world.pair(&a, &b).await;
    let status = json!({ "ticket": ticket }).to_string();
    let start = json!({"initiatorProfile": crate::world::profile()}).to_string();
    let mark = json!({"agentDid": b.did, "blocked": false, "muted": false}).to_string();
    let receipt =
        json!({"requestId": "x", "senderAgentDid": b.did, "recipientAgentDid": a.did, "status": "dead_lettered"});
    let find = format!("/v1/relay/delivery-receipts?requestId=x&recipientAgentDid={}", b.did);
    let calls = [
        (good(&world, &a), 202),
        (world.call(&a, "POST", "/pair/start", &start), 200),
        (world.call(&a, "POST", "/pair/status", &status), 200),
        (world.call(&a, "GET", "/pair", ""), 200),
        (world.call(&a, "PATCH", "/pair", &mark), 204),
        (
            world.call(&a, "POST", "/v1/relay/delivery-receipts", &receipt.to_string()),
            202,
        ),
        (world.call(&a, "GET", &find, ""), 404),
        (world.call(&a, "DELETE", &format!("/pair?agentDid={}", b.did), ""), 204),
    ];
    for (call, status) in calls {
        let path = call.path.clone();
        assert_eq!(world.send(call.clone()).await.status, status, "{path}");
        world.send(call).await.is(401, "PROXY_AUTH_REPLAY");
    }
    // another agent's nonces are its own
    let call = Call::signed(&a, "GET", "/pair", b"", world.now(), "same");
    world.send(call).await.ok(200);
    let call = Call::signed(&b, "GET", "/pair", b"", world.now(), "same");
    world.send(call).await.ok(200);
}

#[tokio::test]
async fn a_proof_does_not_work_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.db");
    let world = World::on_disk(&path).await;
    let a = world.agent(1);
    let call = good(&world, &a);
    world.send(call.clone()).await.ok(202);
    let world = world.restart(|| Store::sqlite(&path).unwrap()).await;
    world.send(call).await.is(401, "PROXY_AUTH_REPLAY");
}

#[tokio::test(start_paused = true)]
async fn a_nonce_outlives_the_window_of_its_timestamp() {
    let world = World::new().await;
    let a = world.agent(1);
    // stamped as far in the future as is believed
    let path = "/pair";
    let call = world.call_at(&a, "GET", path, "", world.now().plus(300_000));
    world.send(call.clone()).await.ok(200);
    world.move_clock(600_000);
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    // sweeps have passed; the timestamp would still be accepted
    world.move_clock(-2_000);
    world.send(call).await.is(401, "PROXY_AUTH_REPLAY");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_looked_for_exactly_once() {
    let world = World::new().await;
    let a = world.agent(1);
    let key = SecretKey::from_seed(&[201; 32]);
    let rotated = format!("Claw {}", Ait::sign(&Agent::claims(1, ISSUED), "key-2", &key).unwrap());
    let call = || good(&world, &a).with("authorization", &rotated);
    world.send(call()).await.is(401, "PROXY_AUTH_INVALID_AIT");
    assert_eq!(world.registry.fetches.load(SeqCst), 1);
    world.registry.publish("key-2", &key);
    world.send(call()).await.ok(202);
    assert_eq!(world.registry.fetches.load(SeqCst), 2);
    world.send(call()).await.ok(202);
    assert_eq!(world.registry.fetches.load(SeqCst), 2, "it is known now");
}

#[tokio::test(start_paused = true)]
async fn without_the_registry_it_answers_503() {
    let world = World::new().await;
    let a = world.agent(1);
    world.registry.access_down.store(true, SeqCst);
    world
        .send(good(&world, &a))
        .await
        .is(503, "PROXY_AUTH_DEPENDENCY_UNAVAILABLE");
    world.registry.access_down.store(false, SeqCst);
    world.send(good(&world, &a)).await.ok(202);
    world.registry.keys_down.store(true, SeqCst);
    let answer = world.send(good(&world, &a)).await;
    answer.is(503, "PROXY_AUTH_DEPENDENCY_UNAVAILABLE");
    assert!(answer.headers.contains_key("retry-after"));
}

#[tokio::test(start_paused = true)]
async fn an_access_token_is_asked_for_once_in_a_while_and_again_after_a_revocation() {
    let world = World::new().await;
    let a = world.agent(1);
    for _ in 0..3 {
        world.send(good(&world, &a)).await.ok(202);
    }
    assert_eq!(world.registry.validations.load(SeqCst), 1);
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    world.send(good(&world, &a)).await.ok(202);
    assert_eq!(world.registry.validations.load(SeqCst), 2);
    world.registry.tokens.lock().unwrap().clear();
    world.registry.revoke(&a.did, a.jti, Scope::Session);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    world.send(good(&world, &a)).await.is(401, "PROXY_AGENT_ACCESS_INVALID");
}

#[tokio::test(start_paused = true)]
async fn whoever_calls_is_asked_also_where_there_is_nothing() {
    let world = World::new().await;
    let a = world.agent(1);
    for (method, path) in [
        ("GET", "/nothing"),
        ("POST", "/"),
        ("GET", "/pair/start"),
        ("DELETE", "/v1/relay/connect"),
    ] {
        let call = world.call(&a, method, path, "");
        world
            .send(call.clone().without("authorization"))
            .await
            .is(401, "PROXY_AUTH_MISSING_TOKEN");
        world.send(call).await.is(404, "NOT_FOUND");
    }
    let health = world
        .send(world.call(&a, "GET", "/health", "").without("authorization"))
        .await;
    let health = health.ok(200);
    assert_eq!(
        (health["status"].as_str(), health["ready"].as_bool()),
        (Some("ok"), Some(true))
    );
}

#[tokio::test(start_paused = true)]
async fn agents_are_counted_and_told_when_to_come_again() {
    let mut limited = config();
    limited.rates.agent_requests = 3;
    let world = World::with(limited).await;
    let (a, b) = (world.agent(1), world.agent(2));
    for _ in 0..2 {
        world.get(&a, "/pair").await.ok(200);
    }
    world.send(good(&world, &a)).await.ok(202);
    for call in [
        good(&world, &a),
        world.call(&a, "GET", "/pair", ""),
        world.call(&a, "GET", "/nothing", ""),
    ] {
        let answer = world.send(call).await;
        answer.is(429, "PROXY_RATE_LIMIT_EXCEEDED");
        let after: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&after));
    }
    world.get(&b, "/pair").await.ok(200);
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    world.get(&a, "/pair").await.ok(200);
}

#[tokio::test(start_paused = true)]
async fn addresses_are_counted_before_anything_is_verified() {
    let mut limited = config();
    limited.rates.public_requests = 2;
    let world = World::with(limited).await;
    let a = world.agent(1);
    let bare = |path: &str| world.call(&a, "POST", path, "").without("authorization");
    for _ in 0..2 {
        world
            .send(bare("/hooks/agent"))
            .await
            .is(401, "PROXY_AUTH_MISSING_TOKEN");
    }
    let answer = world.send(good(&world, &a)).await;
    answer.is(429, "PROXY_PUBLIC_RATE_LIMIT_EXCEEDED");
    assert!(answer.headers.contains_key("retry-after"));
    let other = "192.0.2.7".parse().unwrap();
    world.send_from(good(&world, &a), other).await.ok(202);
    world.get(&a, "/pair").await.ok(200);
    let connect = world.call(&a, "GET", "/v1/relay/connect", "");
    world.send(connect).await.is(426, "PROXY_RELAY_UPGRADE_REQUIRED");
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_route_has_its_limit_by_address_before_anything_is_verified() {
    let mut limited = config();
    limited.rates.public_pair_requests = 2;
    limited.rates.public_receipt_requests = 3;
    limited.rates.public_unknown_requests = 4;
    let world = World::with(limited).await;
    let a = world.agent(1);
    let kinds: [(&[(&str, &str)], usize); 3] = [
        (
            &[
                ("POST", "/pair/start"),
                ("POST", "/pair/confirm"),
                ("POST", "/pair/status"),
                ("POST", "/pair/statement"),
                ("GET", "/pair"),
            ],
            2,
        ),
        (
            &[
                ("GET", "/v1/relay/delivery-receipts"),
                ("POST", "/v1/relay/delivery-receipts"),
            ],
            3,
        ),
        (&[("GET", "/x"), ("POST", "/y/z"), ("PUT", "/w"), ("GET", "/v")], 4),
    ];
    for (routes, limit) in kinds {
        // unsigned, so that whatever is verified is refused otherwise
        let bare = |n: usize| {
            let (method, path) = routes[n % routes.len()];
            world.call(&a, method, path, "").without("authorization")
        };
        for n in 0..limit {
            let answer = world.send(bare(n)).await;
            answer.is(401, "PROXY_AUTH_MISSING_TOKEN");
        }
        for n in 0..routes.len() {
            let answer = world.send(bare(n)).await;
            answer.is(429, "PROXY_PUBLIC_RATE_LIMIT_EXCEEDED");
            assert_eq!(answer.headers["retry-after"], "60");
        }
        let other = "192.0.2.7".parse().unwrap();
        world
            .send_from(bare(0), other)
            .await
            .is(401, "PROXY_AUTH_MISSING_TOKEN");
    }
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    world.get(&a, "/pair").await.ok(200);
}

#[tokio::test(start_paused = true)]
async fn the_addresses_of_one_ipv6_network_count_together() {
    let mut limited = config();
    limited.rates.public_requests = 2;
    let world = World::with(limited).await;
    let a = world.agent(1);
    let bare = || world.call(&a, "POST", "/hooks/agent", "").without("authorization");
    let from = |address: &str| world.send_from(bare(), address.parse().unwrap());
    for address in ["2001:db8:0:1::1", "2001:db8:0:1:ffff::"] {
        from(address).await.is(401, "PROXY_AUTH_MISSING_TOKEN");
    }
    from("2001:db8:0:1::2")
        .await
        .is(429, "PROXY_PUBLIC_RATE_LIMIT_EXCEEDED");
    from("2001:db8:0:2::1").await.is(401, "PROXY_AUTH_MISSING_TOKEN");
}

#[tokio::test(start_paused = true)]
async fn a_message_signature_that_is_there_must_hold() {
    let world = World::new().await;
    let a = world.agent(1);
    let signed = |call: &Call, authority: &str| {
        let headers: Vec<_> = call.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let request = http_signature::Request {
            method: &call.method,
            authority,
            path_and_query: &call.path,
            headers: &headers,
        };
        let (input, signature) = http_signature::sign(&request, world.now(), &a.key);
        call.clone()
            .with("signature-input", &input)
            .with("signature", &signature)
    };
    let call = good(&world, &a);
    world.send(signed(&call, "relay.example.test")).await.ok(202);
    let call = good(&world, &a);
    world
        .send(signed(&call, "other.example.test"))
        .await
        .is(401, "PROXY_AUTH_INVALID_PROOF");
    let changed = signed(&call, "relay.example.test").with("x-claw-conversation-id", "slipped in");
    world.send(changed).await.is(401, "PROXY_AUTH_INVALID_PROOF");
    // the media type, and the key that becomes the message id
    let keyed = call.clone().with("idempotency-key", "order-1");
    for changed in [
        signed(&call, "relay.example.test").with("content-type", "application/json; charset=latin1"),
        signed(&call, "relay.example.test").with("idempotency-key", "order-1"),
        signed(&keyed, "relay.example.test").with("idempotency-key", "order-2"),
        signed(&keyed, "relay.example.test").without("idempotency-key"),
        signed(&keyed, "relay.example.test").and("idempotency-key", "order-2"),
    ] {
        world.send(changed).await.is(401, "PROXY_AUTH_INVALID_PROOF");
    }
    world.send(signed(&keyed, "relay.example.test")).await.ok(202);
    let call = good(&world, &a);
    let half = signed(&call, "relay.example.test").without("signature");
    world.send(half).await.is(401, "PROXY_AUTH_INVALID_PROOF");
    world.send(signed(&call, "relay.example.test")).await.ok(202);
}

#[tokio::test(start_paused = true)]
async fn long_bodies_are_refused() {
    let world = World::new().await;
    let a = world.agent(1);
    let body = format!("\"{}\"", "x".repeat(1024 * 1024 - 2));
    world.hook(&a, &a.did, &body).await.ok(202);
    let body = format!("\"{}\"", "x".repeat(1024 * 1024 - 1));
    let answer = world.hook(&a, &a.did, &body).await;
    answer.is(413, "PAYLOAD_TOO_LARGE");
}
