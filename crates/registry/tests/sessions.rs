//! Refreshing and validating sessions (spec 2.4, 3, 4.6).
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use chancery_base::{ed25519::SecretKey, jws};
use chancery_identity::{Ait, http_signature, proof::ProofHeaders};
use common::{Agent, Answer, World};
use serde_json::json;

const REFRESH: &str = "/v1/agents/auth/refresh";

fn tokens(answer: &Answer) -> (String, String) {
    answer.ok(200);
    (
        answer.text("/agentAuth/accessToken"),
        answer.text("/agentAuth/refreshToken"),
    )
}

/// The agent's token with other claims, signed by another key or as another type.
fn forged(agent: &Agent, typ: &str, key: &SecretKey, change: impl FnOnce(&mut serde_json::Value)) -> String {
    let (kid, claims) = Ait::inspect(&agent.ait).unwrap();
    let mut claims = serde_json::to_value(claims).unwrap();
    change(&mut claims);
    jws::sign(typ, &kid, &claims, key).unwrap()
}

scenarios! {
    async fn a_refresh_replaces_both_tokens(world: World) {
        let (human, _) = world.human().await;
        let agent = world.agent(&human, "alpha").await;
        world.advance_secs(60);
        let answer = world.refresh(&agent, &agent.refresh).send().await;
        let (access, refresh) = tokens(&answer);
        assert_eq!(answer.body["agentAuth"]["tokenType"], "Bearer");
        assert_eq!(answer.text("/agentAuth/accessExpiresAt"), "2023-11-14T22:29:20.000Z");
        assert_eq!(answer.text("/agentAuth/refreshExpiresAt"), "2023-12-14T22:14:20.000Z");
        assert_ne!((&access, &refresh), (&agent.access, &agent.refresh));
        world.validate(&agent, &agent.access).send().await.is(401, "AGENT_AUTH_VALIDATE_UNAUTHORIZED");
        world.validate(&agent, &access).send().await.ok(204);
        let (_, third) = tokens(&world.refresh(&agent, &refresh).send().await);
        assert_ne!(third, refresh);
    }

    async fn a_lost_answer_is_given_again_until_the_new_access_token_is_used(world: World) {
        let (human, _) = world.human().await;
        let agent = world.agent(&human, "alpha").await;
        let first = world.refresh(&agent, &agent.refresh).send().await;
        world.advance_ms(59_999);
        let again = world.refresh(&agent, &agent.refresh).send().await;
        assert_eq!((again.status, &again.body), (200, &first.body));
        let (access, _) = tokens(&again);
        world.validate(&agent, &access).send().await.ok(204);
        world.refresh(&agent, &agent.refresh).send().await.is(401, "AGENT_AUTH_REFRESH_INVALID");
    }

    async fn a_lost_answer_is_given_again_for_a_minute(world: World) {
        let (human, _) = world.human().await;
        let agent = world.agent(&human, "alpha").await;
        let (_, refresh) = tokens(&world.refresh(&agent, &agent.refresh).send().await);
        world.advance_ms(60_000);
        world.refresh(&agent, &agent.refresh).send().await.is(401, "AGENT_AUTH_REFRESH_INVALID");
        // an old token that comes too late ends nothing
        let (_, third) = tokens(&world.refresh(&agent, &refresh).send().await);
        // nor does the one before the previous one work, grace or not
        world.refresh(&agent, &agent.refresh).send().await.is(401, "AGENT_AUTH_REFRESH_INVALID");
        assert_eq!(tokens(&world.refresh(&agent, &refresh).send().await).1, third);
    }

    async fn the_shape_is_checked_before_the_proof(world: World) {
        for body in ["", "{", "[]", "{}", r#"{"refreshToken":null}"#, r#"{"refreshToken":7}"#, r#"{"refreshToken":" "}"#,
            r#"{"refreshToken":"a","refreshToken":"b"}"#] {
            let answer = world.post(REFRESH).body(body.as_bytes().to_vec()).send().await;
            answer.is(400, "AGENT_AUTH_REFRESH_INVALID");
            assert_eq!(answer.text("/error/message"), "Refresh payload is invalid");
        }
        let answer = world.post(REFRESH).json(json!({})).await;
        assert_eq!(answer.body["error"]["details"]["fieldErrors"]["refreshToken"], json!(["refreshToken is required"]));
    }

    async fn identity_token_and_proof_are_checked_before_the_refresh_token(world: World) {
        let (human, _) = world.human().await;
        let agent = world.agent(&human, "alpha").await;
        let refused = async |call: common::Call<'_>| {
            call.send().await.is(401, "AGENT_AUTH_REFRESH_UNAUTHORIZED");
        };
        let good = || world.refresh(&agent, "no such token");
        for missing in ["authorization", "x-claw-timestamp", "x-claw-nonce", "x-claw-body-sha256", "x-claw-proof"] {
            refused(good().without(missing)).await;
        }
        for scheme in ["Bearer ", "claw ", "Claw", "ClawX "] {
            refused(good().instead("authorization", &format!("{scheme}{}", agent.ait))).await;
        }
        let mut twice = good();
        twice.headers.push(("x-claw-nonce".to_owned(), "other".to_owned()));
        refused(twice).await;
        refused(good().instead("x-claw-timestamp", "1700000001")).await;
        refused(good().instead("x-claw-timestamp", "+1700000000")).await;
        refused(good().instead("x-claw-proof", &"A".repeat(86))).await;
        refused(good().body(br#"{"refreshToken":"another"}"#.to_vec())).await;
        let mut elsewhere = good();
        elsewhere.path.push_str("?x=1");
        refused(elsewhere).await;

        let registry = common::signing_key();
        let tampered = forged(&agent, "AIT", &agent.key, |_| ());
        let typ = forged(&agent, "CRL", &registry, |_| ());
        let issuer = forged(&agent, "AIT", &registry, |claims| claims["iss"] = json!("https://other.example.test"));
        let unknown = forged(&agent, "AIT", &registry, |claims| claims["admin"] = json!(true));
        for token in [tampered, typ, issuer, unknown] {
            refused(good().instead("authorization", &format!("Claw {token}"))).await;
        }
        // with all in order it is the token's turn
        good().send().await.is(401, "AGENT_AUTH_REFRESH_INVALID");
        world.advance_secs(30 * 24 * 3600);
        refused(good()).await;
    }

    async fn the_clock_may_differ_by_five_minutes(world: World) {
        let (human, _) = world.human().await;
        let agent = world.agent(&human, "alpha").await;
        for (skew, status) in [(300, 200), (-300, 200), (301, 401), (-301, 401)] {
            world.advance_secs(skew);
            let call = world.refresh(&agent, &agent.refresh);
            world.advance_secs(-skew);
            let answer = call.send().await;
            assert_eq!(answer.status, status, "{skew}: {}", answer.body);
        }
    }

    async fn a_proof_works_once_even_when_it_was_refused(world: World) {
        let (human, _) = world.human().await;
        let agent = world.agent(&human, "alpha").await;
        let first = world.refresh(&agent, &agent.refresh);
        let again = world.post(REFRESH).body(first.body.clone());
        let again = first.headers.iter().fold(again, |call, (name, value)| call.header(name, value));
        first.send().await.ok(200);
        again.send().await.is(401, "AGENT_AUTH_REFRESH_UNAUTHORIZED");

        // refused for its token: the nonce is used up all the same, and stays so as long as the proof is fresh
        world.advance_secs(300);
        let refused = world.refresh(&agent, "clw_rft_wrong");
        world.advance_secs(-300);
        let (headers, body) = (refused.headers.clone(), refused.body.clone());
        refused.send().await.is(401, "AGENT_AUTH_REFRESH_INVALID");
        for _ in 0..3 {
            let again = headers.iter().fold(world.post(REFRESH), |call, (name, value)| call.header(name, value));
            again.body(body.clone()).send().await.is(401, "AGENT_AUTH_REFRESH_UNAUTHORIZED");
            world.advance_secs(200);
        }
    }

    async fn nonces_of_different_agents_do_not_meet(world: World) {
        let (human, _) = world.human().await;
        let (alpha, beta) = (world.agent(&human, "alpha").await, world.agent(&human, "beta").await);
        for agent in [&alpha, &beta] {
            let body = json!({"refreshToken": agent.refresh}).to_string();
            let rng = common::SeededRng::new(7);
            let proof = ProofHeaders::sign("POST", REFRESH, body.as_bytes(), world.now(), &rng, &agent.key);
            let call = world.post(REFRESH).header("authorization", &format!("Claw {}", agent.ait));
            let call = proof.pairs().into_iter().fold(call, |call, (name, value)| call.header(name, value));
            call.body(body.into_bytes()).send().await.ok(200);
        }
    }

    async fn an_expired_refresh_token_ends_the_session(world: World) {
        let (human, _) = world.human().await;
        let mut agent = world.agent(&human, "alpha").await;
        world.advance_secs(24 * 3600);
        world.refresh(&agent, &agent.refresh).send().await.ok(200);
        world.advance_secs(29 * 24 * 3600 - 1);
        let reissue = world.post(&format!("/v1/agents/{}/reissue", agent.id)).bearer(&human.key);
        world.advance_secs(1);
        let reissue = reissue.send().await;
        agent.ait = reissue.text("/ait");
        agent.jti = reissue.text("/agent/currentJti");
        world.refresh(&agent, &agent.refresh).send().await.is(401, "AGENT_AUTH_REFRESH_INVALID");

        let mut beta = world.agent(&human, "beta").await;
        world.advance_secs(30 * 24 * 3600);
        let reissue = world.post(&format!("/v1/agents/{}/reissue", beta.id)).bearer(&human.key).send().await;
        beta.ait = reissue.text("/ait");
        world.refresh(&beta, &beta.refresh).send().await.is(401, "AGENT_AUTH_REFRESH_EXPIRED");
        world.refresh(&beta, &beta.refresh).send().await.is(401, "AGENT_AUTH_REFRESH_REVOKED");
    }

    async fn a_session_that_ended_gives_no_successor(world: World) {
        let (human, _) = world.human().await;
        let agent = world.agent(&human, "alpha").await;
        world.refresh(&agent, &agent.refresh).send().await.ok(200);
        world.delete(&format!("/v1/agents/{}/auth/revoke", agent.id)).bearer(&human.key).send().await.ok(204);
        world.refresh(&agent, &agent.refresh).send().await.is(401, "AGENT_AUTH_REFRESH_REVOKED");
    }

    async fn a_message_signature_is_checked_when_it_is_there(world: World) {
        let (human, _) = world.human().await;
        let agent = world.agent(&human, "alpha").await;
        let signed = |authority: &str| {
            let call = world.refresh(&agent, &agent.refresh);
            let headers: Vec<_> = call.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let request =
                http_signature::Request { method: "POST", authority, path_and_query: REFRESH, headers: &headers };
            let (input, signature) = http_signature::sign(&request, world.now(), &agent.key);
            drop(headers);
            call.header("signature-input", &input).header("signature", &signature)
        };
        let refused = async |call: common::Call<'_>| {
            call.send().await.is(401, "AGENT_AUTH_REFRESH_UNAUTHORIZED");
        };
        refused(signed("other.example.test")).await;
        refused(signed("registry.example.test").without("signature")).await;
        refused(signed("registry.example.test").without("signature-input")).await;
        refused(signed("registry.example.test").header("x-claw-extra", "added on the way")).await;
        refused(signed("registry.example.test").header("idempotency-key", "added on the way")).await;
        refused(signed("registry.example.test").without("content-type").header("content-type", "text/plain")).await;
        signed("registry.example.test").send().await.ok(200);
    }

    async fn an_access_token_is_good_expired_or_nothing(world: World) {
        let (human, _) = world.human().await;
        let (agent, other) = (world.agent(&human, "alpha").await, world.agent(&human, "beta").await);
        let path = "/v1/agents/auth/validate";
        for body in ["{", "{}", r#"{"agentDid":"x","aitJti":"y"}"#] {
            world.post(path).body(body.as_bytes().to_vec()).send().await.is(400, "AGENT_AUTH_VALIDATE_INVALID");
        }
        let refused = async |call: common::Call<'_>| {
            call.send().await.is(401, "AGENT_AUTH_VALIDATE_UNAUTHORIZED");
        };
        refused(world.validate(&agent, &agent.access).without("x-claw-agent-access")).await;
        refused(world.validate(&agent, "clw_agt_bad")).await;
        refused(world.validate(&agent, &agent.refresh)).await;
        refused(world.validate(&agent, &other.access)).await;
        let body = |did: &str, jti: &str| json!({"agentDid": did, "aitJti": jti}).to_string().into_bytes();
        refused(world.validate(&agent, &agent.access).body(body(&agent.did, &other.jti))).await;
        let foreign = agent.did.replace("registry.example.test", "other.example.test");
        refused(world.validate(&agent, &agent.access).body(body(&foreign, &agent.jti))).await;
        world.validate(&agent, &agent.access).send().await.ok(204);
        world.advance_ms(15 * 60 * 1000 - 1);
        world.validate(&agent, &agent.access).send().await.ok(204);
        world.advance_ms(1);
        world.validate(&agent, &agent.access).send().await.is(401, "AGENT_AUTH_VALIDATE_EXPIRED");
    }
}
