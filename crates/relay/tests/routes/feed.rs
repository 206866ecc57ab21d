//! The registry's feed of revocations: what it ends, and what its silence does.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use chancery_base::{Ulid, ed25519::SecretKey};
use chancery_identity::{
    Ait,
    revocation::{Entry, Scope, sign},
};
use chancery_relay::{
    auth::{Needs, RequestHead, authenticate},
    feed::FeedState,
    store::LoadRevocations,
};
use chancery_relay_wire::registry::FeedEvent;
use serde_json::json;
use tokio::time::Instant;

use crate::{
    agent::Agent,
    link::Got,
    registry::{KID, issuer, registry_key},
    world::{World, config},
};

async fn cursor(world: &World) -> u64 {
    world.store.read(LoadRevocations).await.unwrap().cursor
}

async fn until_cursor(world: &World, seq: u64) {
    for _ in 0..10_000 {
        if cursor(world).await == seq {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the feed was not read to {seq} but to {}", cursor(world).await);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_agent_is_out_within_a_second() {
    let world = World::new().await;
    let (a, b, c) = (world.agent(1), world.agent(2), world.agent(3));
    world.pair(&a, &b).await;
    world.pair(&c, &b).await;
    let (mut of_a, mut of_b) = (world.connect(&a, true).await, world.connect(&b, true).await);
    for n in 0..4 {
        of_a.enqueue(&world, &b, json!(n)).await;
    }
    let (_, first) = of_b.delivery().await;
    let revoked = Instant::now();
    world.registry.revoke(&a.did, a.jti, Scope::Agent);
    let reason = of_a.closed().await;
    assert_eq!((reason.code(), reason.text()), (4401, "revoked"));
    assert!(revoked.elapsed() < Duration::from_secs(1));
    until_cursor(&world, 1).await;
    of_b.ack(&first);
    // nothing more of it is delivered, also not what was on its way
    of_b.is_quiet(60_000).await;
    world.hook(&a, &b.did, "{}").await.is(401, "PROXY_AUTH_REVOKED");
    world.get(&a, "/pair").await.is(401, "PROXY_AUTH_REVOKED");
    world
        .hook(&b, &a.did, "{}")
        .await
        .is(403, "PROXY_RELAY_RECIPIENT_REVOKED");
    let pairs = world.get(&b, "/pair").await.ok(200);
    assert_eq!(pairs["pairs"].as_array().unwrap().len(), 1);
    assert!(world.connect_with(&a, true, 10).await.is_err());
    // the agent is revoked under every token it may have
    let mut claims = Agent::claims(1, 1_700_000_000 - 60);
    claims.jti = Ulid::NIL;
    let token = Ait::sign(&claims, KID, &registry_key()).unwrap();
    let call = world
        .call(&a, "GET", "/pair", "")
        .with("authorization", &format!("Claw {token}"));
    world.send(call).await.is(401, "PROXY_AUTH_REVOKED");
}

#[tokio::test(start_paused = true)]
async fn what_waited_for_a_revoked_agent_is_a_dead_letter() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    world.pair(&a, &b).await;
    let mut of_a = world.connect(&a, true).await;
    let ack = of_a.enqueue(&world, &b, json!(1)).await;
    world.registry.revoke(&b.did, b.jti, Scope::Agent);
    let told = of_a.frame().await;
    assert_eq!(
        (&told["originalFrameId"], &told["status"], &told["reason"]),
        (&ack["ackId"], &json!("dead_lettered"), &json!("an agent was revoked"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_replaced_token_ends_only_what_it_opened() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    world.pair(&a, &b).await;
    let mut link = world.connect(&a, true).await;
    world.registry.revoke(&a.did, Ulid::NIL, Scope::Token);
    until_cursor(&world, 1).await;
    assert!(
        link.enqueue(&world, &b, json!(1)).await["accepted"].as_bool().unwrap(),
        "opened with another one"
    );
    world.registry.revoke(&a.did, a.jti, Scope::Token);
    assert_eq!(link.closed().await.code(), 4401);
    world.get(&a, "/pair").await.is(401, "PROXY_AUTH_REVOKED");
    let mut claims = Agent::claims(1, 1_700_000_000 - 60);
    claims.jti = Ulid::from_bytes([1; 16]);
    let token = Ait::sign(&claims, KID, &registry_key()).unwrap();
    let call = world
        .call(&a, "GET", "/pair", "")
        .with("authorization", &format!("Claw {token}"));
    assert_eq!(
        world.send(call).await.ok(200)["pairs"].as_array().unwrap().len(),
        1,
        "its pairs stay"
    );
}

#[tokio::test(start_paused = true)]
async fn an_ended_session_closes_the_connection_and_nothing_else() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    world.pair(&a, &b).await;
    let mut link = world.connect(&a, true).await;
    world.registry.revoke(&a.did, a.jti, Scope::Session);
    assert_eq!(link.closed().await.code(), 4401);
    world.hook(&a, &b.did, "{}").await.ok(202);
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_fetched() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    // the second entry comes without the first
    let tokens = [
        world.registry.entry(1, &a.did, a.jti, Scope::Agent),
        world.registry.entry(2, &b.did, b.jti, Scope::Agent),
    ];
    world.registry.log.lock().unwrap().extend(tokens.clone());
    world.registry.say(FeedEvent::Entry {
        token: tokens[1].clone(),
    });
    until_cursor(&world, 2).await;
    assert_eq!(*world.registry.opened.lock().unwrap(), [0, 0]);
    // a heartbeat tells of one that never came
    let token = world.registry.entry(3, &a.did, a.jti, Scope::Session);
    world.registry.log.lock().unwrap().push(token);
    until_cursor(&world, 3).await;
    assert_eq!(*world.registry.opened.lock().unwrap(), [0, 0, 2]);
    // what is known already changes nothing
    world.registry.say(FeedEvent::Entry {
        token: tokens[0].clone(),
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        (cursor(&world).await, world.registry.opened.lock().unwrap().len()),
        (3, 3)
    );
}

#[tokio::test(start_paused = true)]
async fn a_reset_reads_all_anew_and_forgets_no_revocation() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    for _ in 0..3 {
        world.registry.revoke(&a.did, a.jti, Scope::Agent);
    }
    until_cursor(&world, 3).await;
    // the registry comes back from a copy that is older
    let token = world.registry.entry(1, &b.did, b.jti, Scope::Agent);
    *world.registry.log.lock().unwrap() = vec![token];
    world.registry.say(FeedEvent::Reset { seq: 1 });
    until_cursor(&world, 1).await;
    for agent in [&a, &b] {
        world.get(agent, "/pair").await.is(401, "PROXY_AUTH_REVOKED");
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_is_not_believed_is_not_skipped() {
    let mut impatient = config();
    impatient.feed.stale_after = Duration::from_secs(5);
    let world = World::with(impatient).await;
    let a = world.agent(1);
    let entry = Entry {
        iss: issuer(),
        seq: 1,
        agent_did: a.did.clone(),
        jti: a.jti,
        scope: Scope::Agent,
        reason: None,
        revoked_at: 1,
    };
    let token = sign(&entry, KID, &SecretKey::from_seed(&[66; 32])).unwrap();
    world.registry.log.lock().unwrap().push(token.clone());
    world.registry.say(FeedEvent::Entry { token });
    world.until_state(FeedState::Stale).await;
    assert_eq!(cursor(&world).await, 0);
    world
        .get(&a, "/pair")
        .await
        .is(503, "PROXY_AUTH_DEPENDENCY_UNAVAILABLE");
    *world.registry.log.lock().unwrap() = vec![world.registry.entry(1, &a.did, a.jti, Scope::Agent)];
    world.until_state(FeedState::Fresh).await;
    world.get(&a, "/pair").await.is(401, "PROXY_AUTH_REVOKED");
}

#[tokio::test(start_paused = true)]
async fn silence_degrades_then_pauses_and_the_first_word_resumes() {
    let mut impatient = config();
    impatient.feed.stale_after = Duration::from_secs(10);
    let world = World::with(impatient).await;
    let (a, b) = (world.agent(1), world.agent(2));
    world.pair(&a, &b).await;
    let (mut of_a, mut of_b) = (world.connect(&a, true).await, world.connect(&b, true).await);
    of_a.enqueue(&world, &b, json!(0)).await;
    of_a.enqueue(&world, &b, json!(1)).await;
    let (_, first) = of_b.delivery().await;
    world.registry.silent.store(true, SeqCst);
    let began = Instant::now();
    world.until_state(FeedState::Degraded).await;
    assert!(began.elapsed() <= Duration::from_secs(3));
    assert_eq!(
        of_a.enqueue(&world, &b, json!(2)).await["accepted"],
        true,
        "degraded is still trusted"
    );
    world.until_state(FeedState::Stale).await;
    let waited = began.elapsed();
    assert!((9..=12).contains(&waited.as_secs()), "{waited:?}");
    let refused = of_a.enqueue(&world, &b, json!(3)).await;
    assert_eq!(
        (&refused["code"], &refused["retryable"]),
        (&json!("PROXY_RELAY_REVOCATIONS_STALE"), &json!(true))
    );
    world
        .hook(&a, &b.did, "{}")
        .await
        .is(503, "PROXY_AUTH_DEPENDENCY_UNAVAILABLE");
    let health = world.send(world.call(&a, "GET", "/health", "")).await.ok(200);
    assert_eq!(
        (&health["ready"], &health["readiness"]["revocationFeed"]),
        (&json!(false), &json!("stale"))
    );
    // the acknowledgement counts, and nothing further is delivered
    of_b.ack(&first);
    of_b.is_quiet(8_000).await;
    assert_eq!(world.relay.hub().connected(), 2, "connections stay");
    world.registry.silent.store(false, SeqCst);
    for n in 1..3 {
        let (payload, id) = of_b.delivery().await;
        assert_eq!(payload, n);
        of_b.ack(&id);
    }
    world.hook(&a, &b.did, "{}").await.ok(202);
    assert_ne!(of_a.any().await, Got::Nothing);
}

#[tokio::test(start_paused = true)]
async fn before_the_feed_is_heard_of_nothing_is_accepted() {
    let world = World::new().await;
    let a = world.agent(1);
    world.registry.silent.store(true, SeqCst);
    let store = world.store.clone();
    let world = world.restart_unheard(store).await;
    world
        .get(&a, "/pair")
        .await
        .is(503, "PROXY_AUTH_DEPENDENCY_UNAVAILABLE");
}

#[tokio::test]
async fn what_is_revoked_is_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.db");
    let world = World::on_disk(&path).await;
    let (a, b) = (world.agent(1), world.agent(2));
    world.pair(&a, &b).await;
    world.hook(&a, &b.did, r#"{"kept":true}"#).await.ok(202);
    let c = world.agent(3);
    world.registry.revoke(&c.did, c.jti, Scope::Agent);
    until_cursor(&world, 1).await;
    let world = world.restart(|| chancery_relay::Store::sqlite(&path).unwrap()).await;
    assert_eq!(
        world.registry.opened.lock().unwrap().last(),
        Some(&1),
        "it goes on where it was"
    );
    world.get(&c, "/pair").await.is(401, "PROXY_AUTH_REVOKED");
    // pairs and messages are there, too
    let mut link = world.connect(&b, true).await;
    let (payload, id) = link.delivery().await;
    assert_eq!(payload, json!({"kept": true}));
    link.ack(&id);
}

/// Entries alone are no sign that all of them are known: what is read after a long absence may end anywhere.
#[tokio::test(start_paused = true)]
async fn a_relay_that_is_still_reading_what_it_missed_accepts_nothing() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    world.registry.silent.store(true, SeqCst);
    let token = world.registry.entry(1, &a.did, a.jti, Scope::Agent);
    world.registry.log.lock().unwrap().push(token);
    let world = world.restart_unheard(chancery_relay::Store::memory()).await;
    until_cursor(&world, 1).await;
    assert_eq!(world.relay.feed_state(), FeedState::Stale);
    assert!(world.relay.hub().is_paused());
    world
        .get(&b, "/pair")
        .await
        .is(503, "PROXY_AUTH_DEPENDENCY_UNAVAILABLE");
    world.registry.silent.store(false, SeqCst);
    world.until_state(FeedState::Fresh).await;
    world.get(&b, "/pair").await.ok(200);
}

/// A session that is ended while its connect is under way has no socket to close yet.
#[tokio::test(start_paused = true)]
async fn a_session_that_ends_between_check_and_connect_opens_nothing() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    for (who, open) in [(&a, false), (&b, true)] {
        let call = world.call(who, "GET", "/v1/relay/connect", "");
        let mut headers = axum::http::HeaderMap::new();
        for (name, value) in &call.headers {
            let name: axum::http::HeaderName = name.parse().unwrap();
            headers.insert(name, value.parse().unwrap());
        }
        let (method, uri) = (axum::http::Method::GET, "/v1/relay/connect".parse().unwrap());
        let head = RequestHead {
            method: &method,
            uri: &uri,
            headers: &headers,
        };
        let needs = Needs {
            access: true,
            ..Needs::default()
        };
        let shared = world.relay.shared();
        let caller = authenticate(shared, head, b"", needs).await.unwrap();
        if !open {
            world.registry.revoke(&a.did, a.jti, Scope::Session);
            until_cursor(&world, 1).await;
        }
        let _admitted = shared.admit(&caller, true).await.unwrap();
        let session = world.relay.hub().session(&who.did).unwrap();
        assert_eq!(session.is_closed(), !open);
    }
}
