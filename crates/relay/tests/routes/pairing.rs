//! Pairing (section 5.3): its codes, its races, statements, the list, and the end of a pair.

use chancery_base::{Ulid, ed25519::SecretKey};
use chancery_identity::{
    pair::{Statement, TYPE},
    revocation::Scope,
    ticket::Ticket,
};
use chancery_relay::ports::{Ownership, OwnershipError, Unavailable};
use chancery_relay_wire::registry::Status;
use serde_json::{Value, json};

use crate::{
    agent::{Agent, forge_ticket},
    world::{ORIGIN, START, World, profile},
};

#[tokio::test(start_paused = true)]
async fn a_ticket_makes_a_pair_and_both_are_told() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    let started = world
        .post(
            &a,
            "/pair/start",
            json!({"initiatorProfile": profile(), "ttlSeconds": null}),
        )
        .await
        .ok(200);
    assert_eq!(started["initiatorAgentDid"], a.did.as_str());
    assert_eq!(started["initiatorProfile"], profile());
    assert_eq!(started["expiresAt"], "2023-11-14T22:18:20.000Z", "whole seconds");
    let text = started["ticket"].as_str().unwrap();
    assert_eq!(Ticket::parse(text).unwrap().iss.as_str(), ORIGIN);
    let status = |agent: &Agent| world.call(agent, "POST", "/pair/status", &json!({"ticket": text}).to_string());
    let pending = world.send(status(&a)).await.ok(200);
    assert_eq!(
        (&pending["status"], pending.get("responderAgentDid")),
        (&json!("pending"), None)
    );
    world.send(status(&b)).await.is(403, "PROXY_PAIR_STATUS_FORBIDDEN");
    let confirmed = world.confirm(&b, text).await.ok(201);
    assert_eq!(
        confirmed,
        json!({"paired": true, "initiatorAgentDid": a.did, "initiatorProfile": profile(),
               "responderAgentDid": b.did, "responderProfile": profile()})
    );
    for agent in [&a, &b] {
        let status = world.send(status(agent)).await.ok(200);
        assert_eq!(
            (&status["status"], &status["responderAgentDid"]),
            (&json!("confirmed"), &json!(b.did))
        );
        assert_eq!(status["confirmedAt"], "2023-11-14T22:13:20.000Z");
    }
    world
        .send(status(&world.agent(3)))
        .await
        .is(403, "PROXY_PAIR_STATUS_FORBIDDEN");
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_not_valid_is_refused() {
    let world = World::new().await;
    let a = world.agent(1);
    let before = world.state(&[&a]).await;
    let bodies = [
        json!({}),
        json!([]),
        json!({"initiatorProfile": {"agentName": "a"}}),
        json!({"initiatorProfile": {"agentName": "", "humanName": "h"}}),
        json!({"initiatorProfile": {"agentName": "a\u{7}", "humanName": "h"}}),
        json!({"initiatorProfile": {"agentName": "a".repeat(65), "humanName": "h"}}),
        json!({"initiatorProfile": {"agentName": "a", "humanName": "h", "proxyOrigin": "https://x.test/path"}}),
        json!({"initiatorProfile": {"agentName": "a", "humanName": "h", "proxyOrigin": "ftp://x.test"}}),
        json!({"initiatorProfile": profile(), "ttlSeconds": 0}),
        json!({"initiatorProfile": profile(), "ttlSeconds": 901}),
        json!({"initiatorProfile": profile(), "ttlSeconds": -1}),
        json!({"initiatorProfile": profile(), "ttlSeconds": 1.5}),
        json!({"initiatorProfile": profile(), "ttlSeconds": "300"}),
        json!({"initiatorProfile": profile(), "allowResponderAgentDid": "did:cdi:x"}),
    ];
    for body in bodies {
        world
            .post(&a, "/pair/start", body.clone())
            .await
            .is(400, "PROXY_PAIR_INVALID_BODY");
    }
    for text in ["", "{", "null", r#"{"initiatorProfile":1,"initiatorProfile":2}"#] {
        world
            .send(world.call(&a, "POST", "/pair/start", text))
            .await
            .is(400, "PROXY_PAIR_INVALID_BODY");
    }
    let own = json!({"initiatorProfile": profile(), "allowResponderAgentDid": a.did});
    world
        .post(&a, "/pair/start", own)
        .await
        .is(409, "PROXY_PAIR_SELF_FORBIDDEN");
    for ttl in [1, 900] {
        world
            .post(
                &a,
                "/pair/start",
                json!({"initiatorProfile": profile(), "ttlSeconds": ttl}),
            )
            .await
            .ok(200);
    }
    assert_eq!(world.state(&[&a]).await, before);
}

#[tokio::test(start_paused = true)]
async fn only_an_active_agent_of_its_owner_starts() {
    let world = World::new().await;
    let a = world.agent(1);
    let down = || Unavailable("down".to_owned());
    let owned = |owns_agent, agent_status| {
        Ok(Ownership {
            owns_agent,
            agent_status,
        })
    };
    let cases = [
        (
            Err(OwnershipError::Unavailable(down())),
            503,
            "PROXY_PAIR_OWNERSHIP_UNAVAILABLE",
        ),
        (
            Err(OwnershipError::Unauthorized),
            503,
            "PROXY_INTERNAL_AUTH_UNAUTHORIZED",
        ),
        (
            owned(false, Some(Status::Active)),
            403,
            "PROXY_PAIR_OWNERSHIP_FORBIDDEN",
        ),
        (
            owned(true, Some(Status::Revoked)),
            403,
            "PROXY_PAIR_OWNERSHIP_FORBIDDEN",
        ),
        (owned(true, None), 403, "PROXY_PAIR_OWNERSHIP_FORBIDDEN"),
    ];
    for (ownership, status, code) in cases {
        *world.registry.ownership.lock().unwrap() = ownership;
        world
            .post(&a, "/pair/start", json!({"initiatorProfile": profile()}))
            .await
            .is(status, code);
    }
}

#[tokio::test(start_paused = true)]
async fn each_rule_of_confirming_has_its_code() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    let ticket = world.ticket(&a).await;
    let before = world.state(&[&a, &b]).await;
    for body in [
        json!({}),
        json!({"ticket": ticket}),
        json!({"responderProfile": profile()}),
        json!({"ticket": 1, "responderProfile": profile()}),
    ] {
        world
            .post(&b, "/pair/confirm", body)
            .await
            .is(400, "PROXY_PAIR_INVALID_BODY");
    }
    let forged = |change: fn(&mut serde_json::Map<String, Value>)| forge_ticket(&ticket, change);
    let format = "PROXY_PAIR_TICKET_INVALID_FORMAT";
    let cases = [
        (String::new(), 400, format),
        ("clwpair1_".to_owned(), 400, format),
        (ticket.replace("clwpair1_", "clwpair2_"), 400, format),
        (format!("{ticket}="), 400, format),
        ("x".repeat(5000), 400, format),
        (
            forged(|t| {
                t.remove("kid");
            }),
            400,
            format,
        ),
        (
            forged(|t| {
                t.insert("v".into(), "2".into());
            }),
            400,
            format,
        ),
        (
            forged(|t| {
                t.insert("v".into(), 1.into());
            }),
            400,
            "PROXY_PAIR_TICKET_UNSUPPORTED_VERSION",
        ),
        (
            forged(|t| {
                t.remove("iss");
            }),
            400,
            "PROXY_PAIR_TICKET_INVALID_ISSUER",
        ),
        (
            forged(|t| {
                t.insert("iss".into(), "https://x.test/".into());
            }),
            400,
            "PROXY_PAIR_TICKET_INVALID_ISSUER",
        ),
        (
            forged(|t| {
                t.insert("kid".into(), Ulid::NIL.to_string().into());
            }),
            404,
            "PROXY_PAIR_TICKET_NOT_FOUND",
        ),
        (
            forged(|t| {
                t.insert("exp".into(), 4_000_000_000_i64.into());
            }),
            400,
            "PROXY_PAIR_TICKET_INVALID_SIGNATURE",
        ),
        (
            forged(|t| {
                t.insert("iss".into(), "https://other.test".into());
            }),
            400,
            "PROXY_PAIR_TICKET_INVALID_SIGNATURE",
        ),
        (
            forged(|t| {
                t.insert("sig".into(), "A".repeat(86).into());
            }),
            400,
            "PROXY_PAIR_TICKET_INVALID_SIGNATURE",
        ),
    ];
    for (text, status, code) in cases {
        let answer = world.confirm(&b, &text).await;
        assert_eq!(
            (answer.status, answer.body["error"]["code"].as_str()),
            (status, Some(code)),
            "{text}"
        );
    }
    // the same signed content in another text
    let respelled = forged(|t| {
        let v = t.remove("v").unwrap();
        t.insert("v".into(), v);
        t.insert("more".into(), 1.into());
    });
    let answer = world.confirm(&b, &respelled).await;
    assert!(answer.status == 400, "{}", answer.body);
    world.confirm(&a, &ticket).await.is(409, "PROXY_PAIR_SELF_FORBIDDEN");
    assert_eq!(world.state(&[&a, &b]).await, before);

    world.confirm(&b, &ticket).await.ok(201);
    world
        .confirm(&b, &ticket)
        .await
        .is(409, "PROXY_PAIR_TICKET_ALREADY_CONFIRMED");
    world
        .confirm(&world.agent(3), &ticket)
        .await
        .is(409, "PROXY_PAIR_TICKET_ALREADY_CONFIRMED");

    let ticket = world.ticket(&a).await;
    world.move_clock(300_000 - START % 1000);
    world.confirm(&b, &ticket).await.is(410, "PROXY_PAIR_TICKET_EXPIRED");
    let status = json!({ "ticket": ticket });
    world
        .post(&a, "/pair/status", status)
        .await
        .is(410, "PROXY_PAIR_TICKET_EXPIRED");
}

#[tokio::test(start_paused = true)]
async fn a_ticket_for_one_responder_is_for_nobody_else() {
    let world = World::new().await;
    let (a, b, c) = (world.agent(1), world.agent(2), world.agent(3));
    let body = json!({"initiatorProfile": profile(), "allowResponderAgentDid": b.did});
    let started = world.post(&a, "/pair/start", body).await.ok(200);
    let ticket = started["ticket"].as_str().unwrap();
    world
        .confirm(&c, ticket)
        .await
        .is(403, "PROXY_PAIR_RESPONDER_FORBIDDEN");
    world.confirm(&b, ticket).await.ok(201);
}

#[tokio::test(start_paused = true)]
async fn what_copying_adds_to_a_ticket_is_taken_away() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    let ticket = world.ticket(&a).await;
    let (head, tail) = ticket.split_at(40);
    let pasted = format!("  ```{head} \n\t{tail}``` \n");
    world.confirm(&b, &pasted).await.ok(201);
    let status = world.post(&b, "/pair/status", json!({ "ticket": pasted })).await;
    assert_eq!(status.ok(200)["status"], "confirmed");
}

#[tokio::test(start_paused = true)]
async fn of_parallel_confirmations_exactly_one_wins() {
    for _ in 0..5 {
        let world = World::new().await;
        let a = world.agent(1);
        let ticket = world.ticket(&a).await;
        let others: Vec<Agent> = (2..8).map(|n| world.agent(n)).collect();
        let answers = futures_util::future::join_all(others.iter().map(|b| world.confirm(b, &ticket))).await;
        let won = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(won, 1);
        for lost in answers.iter().filter(|answer| answer.status != 201) {
            lost.is(409, "PROXY_PAIR_TICKET_ALREADY_CONFIRMED");
        }
        let pairs = world.get(&a, "/pair").await.ok(200);
        assert_eq!(pairs["pairs"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_late_still_learns_its_peer() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    let ticket = world.pair(&a, &b).await;
    world.move_clock(23 * 3_600_000);
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let status = world
        .post(&a, "/pair/status", json!({ "ticket": ticket }))
        .await
        .ok(200);
    assert_eq!(
        (&status["status"], &status["responderAgentDid"]),
        (&json!("confirmed"), &json!(b.did))
    );
    world.move_clock(3_600_000);
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    world
        .post(&a, "/pair/status", json!({ "ticket": ticket }))
        .await
        .is(404, "PROXY_PAIR_TICKET_NOT_FOUND");
    assert_eq!(
        world.get(&a, "/pair").await.ok(200)["pairs"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn the_ticket_of_a_revoked_agent_is_worth_nothing() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    let ticket = world.ticket(&a).await;
    world.registry.revoke(&a.did, a.jti, Scope::Agent);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(world.confirm(&b, &ticket).await.status, 403);
    assert_eq!(world.get(&b, "/pair").await.ok(200)["pairs"], json!([]));
}

fn statement(agent: &Agent, key: &SecretKey, peer: &Agent, ticket: &str) -> Value {
    let statement = Statement {
        kind: TYPE.to_owned(),
        agent_did: agent.did.clone(),
        public_key: key.public(),
        peer_did: peer.did.clone(),
        pairing: Ticket::parse(ticket).unwrap().kid,
        issued_at: "2026-01-01T00:00:00Z".to_owned(),
    };
    json!({"ticket": ticket, "statement": statement.sign(key).unwrap()})
}

#[tokio::test(start_paused = true)]
async fn two_statements_make_the_pair_the_agents_own_word() {
    let world = World::new().await;
    let (a, b, c) = (world.agent(1), world.agent(2), world.agent(3));
    let ticket = world.ticket(&a).await;
    let path = "/pair/statement";
    world
        .post(&a, path, statement(&a, &a.key, &b, &ticket))
        .await
        .is(400, "PROXY_PAIR_STATEMENT_INVALID");
    world.confirm(&b, &ticket).await.ok(201);
    let other = world.pair(&a, &c).await;
    let before = world.state(&[&a, &b]).await;
    let mut broken = statement(&a, &a.key, &b, &ticket);
    broken["statement"]["statement"]["issuedAt"] = "2026-01-01T00:00:01Z".into();
    let mut moved = statement(&a, &a.key, &b, &ticket);
    moved["ticket"] = other.as_str().into();
    let cases = [
        (&a, broken, 400, "PROXY_PAIR_STATEMENT_INVALID"),
        (&a, moved, 400, "PROXY_PAIR_STATEMENT_INVALID"),
        (
            &a,
            statement(&a, &a.key, &c, &ticket),
            400,
            "PROXY_PAIR_STATEMENT_INVALID",
        ),
        (
            &a,
            statement(&b, &b.key, &a, &ticket),
            400,
            "PROXY_PAIR_STATEMENT_INVALID",
        ),
        (
            &a,
            statement(&a, &c.key, &b, &ticket),
            400,
            "PROXY_PAIR_STATEMENT_INVALID",
        ),
        (
            &c,
            statement(&c, &c.key, &a, &ticket),
            403,
            "PROXY_PAIR_STATUS_FORBIDDEN",
        ),
        (&a, json!({"ticket": ticket}), 400, "PROXY_PAIR_INVALID_BODY"),
        (
            &a,
            json!({"ticket": "x", "statement": statement(&a, &a.key, &b, &ticket)["statement"]}),
            400,
            "PROXY_PAIR_TICKET_INVALID_FORMAT",
        ),
    ];
    for (agent, body, status, code) in cases {
        world.post(agent, path, body).await.is(status, code);
    }
    assert_eq!(world.state(&[&a, &b]).await, before);
    let half = world.post(&b, path, statement(&b, &b.key, &a, &ticket)).await.ok(200);
    assert_eq!(half, json!({"assertedBy": "relay"}));
    let whole = world.post(&a, path, statement(&a, &a.key, &b, &ticket)).await.ok(200);
    assert_eq!(whole["assertedBy"], "agents");
    let listed = world.get(&b, "/pair").await.ok(200);
    assert_eq!(
        (&listed["pairs"][0]["assertedBy"], &listed["pairs"][0]["document"]),
        (&json!("agents"), &whole["document"])
    );
    let status = world
        .post(&a, "/pair/status", json!({ "ticket": ticket }))
        .await
        .ok(200);
    assert_eq!(status["document"], whole["document"]);
}

#[tokio::test(start_paused = true)]
async fn either_side_ends_a_pair() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    world.pair(&a, &b).await;
    let remove = |agent: &Agent, query: &str| world.call(agent, "DELETE", &format!("/pair{query}"), "");
    world.send(remove(&b, "")).await.is(400, "PROXY_PAIR_INVALID_BODY");
    world
        .send(remove(&b, "?agentDid=x"))
        .await
        .is(400, "PROXY_PAIR_INVALID_BODY");
    let stranger = world.agent(3);
    world
        .send(remove(&b, &format!("?agentDid={}", stranger.did)))
        .await
        .is(404, "PROXY_PAIR_NOT_FOUND");
    assert_eq!(
        world.send(remove(&b, &format!("?agentDid={}", a.did))).await.status,
        204
    );
    world
        .send(remove(&a, &format!("?agentDid={}", b.did)))
        .await
        .is(404, "PROXY_PAIR_NOT_FOUND");
    assert_eq!(world.get(&a, "/pair").await.ok(200)["pairs"], json!([]));
    world.hook(&a, &b.did, "{}").await.is(403, "PROXY_AUTH_FORBIDDEN");
}

#[tokio::test(start_paused = true)]
async fn an_owner_blocks_and_mutes() {
    let world = World::new().await;
    let (a, b) = (world.agent(1), world.agent(2));
    let mark = |blocked: bool, muted: bool| {
        let body = json!({"agentDid": a.did, "blocked": blocked, "muted": muted});
        world.call(&b, "PATCH", "/pair", &body.to_string())
    };
    world.send(mark(true, false)).await.is(404, "PROXY_PAIR_NOT_FOUND");
    world.pair(&a, &b).await;
    for body in ["{}", r#"{"agentDid":"x","blocked":true,"muted":true}"#, "[]"] {
        world
            .send(world.call(&b, "PATCH", "/pair", body))
            .await
            .is(400, "PROXY_PAIR_INVALID_BODY");
    }
    assert_eq!(world.send(mark(true, false)).await.status, 204);
    world.hook(&a, &b.did, "{}").await.is(403, "PROXY_AUTH_FORBIDDEN");
    world.hook(&b, &a.did, "{}").await.ok(202);
    assert_eq!(world.send(mark(false, false)).await.status, 204);
    world.hook(&a, &b.did, "{}").await.ok(202);
}
