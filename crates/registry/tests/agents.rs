//! Registration, listing, revoking, reissuing, resolving, ownership (spec 4.6, 4.8).
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use chancery_base::{Millis, ed25519::SecretKey};
use chancery_identity::Ait;
use common::{World, issuer};
use serde_json::{Value, json};

scenarios! {
    async fn an_agent_gets_an_identity_token_and_a_session(world: World) {
        let (human, _) = world.human().await;
        let key = SecretKey::generate(&*world.rng);
        let challenge = world.post("/v1/agents/challenge").bearer(&human.key);
        let challenge = challenge.json(json!({"publicKey": key.public().to_b64()})).await;
        challenge.ok(201);
        assert_eq!(challenge.body["algorithm"], "Ed25519");
        assert_eq!(challenge.body["expiresAt"], "2023-11-14T22:18:20.000Z");
        assert_eq!(challenge.text("/ownerDid"), human.did);
        assert_eq!(challenge.text("/nonce").len(), 32);
        assert_eq!(challenge.text("/messageTemplate"), "clawdentity.register.v1\nchallengeId:{challengeId}\n\
            nonce:{nonce}\nownerDid:{ownerDid}\npublicKey:{publicKey}\nname:{name}\nframework:{framework}\n\
            ttlDays:{ttlDays}");

        let text = format!("clawdentity.register.v1\nchallengeId:{}\nnonce:{}\nownerDid:{}\npublicKey:{}\n\
            name:my agent\nframework:langchain\nttlDays:7", challenge.text("/challengeId"), challenge.text("/nonce"),
            human.did, key.public().to_b64());
        let body = json!({
            "challengeId": challenge.text("/challengeId"), "challengeSignature": key.sign(text.as_bytes()).to_b64(),
            "framework": "langchain", "name": "my agent", "publicKey": key.public().to_b64(), "ttlDays": 7,
        });
        let answer = world.post("/v1/agents").bearer(&human.key).json(body.clone()).await;
        answer.ok(201);
        let agent = &answer.body["agent"];
        assert_eq!(agent["ownerDid"], json!(human.did));
        assert_eq!(agent["ttlDays"], 7);
        assert_eq!(agent["status"], "active");
        assert_eq!(agent["expiresAt"], "2023-11-21T22:13:20.000Z");
        let auth = &answer.body["agentAuth"];
        assert_eq!(auth["tokenType"], "Bearer");
        assert!(auth["accessToken"].as_str().unwrap().starts_with("clw_agt_"));
        assert!(auth["refreshToken"].as_str().unwrap().starts_with("clw_rft_"));
        assert_eq!(auth["accessExpiresAt"], "2023-11-14T22:28:20.000Z");
        assert_eq!(auth["refreshExpiresAt"], "2023-12-14T22:13:20.000Z");

        let ait = Ait::verify(&answer.text("/ait"), &world.registry.key_set(), &issuer(), world.now()).unwrap();
        let claims = ait.claims();
        assert_eq!(claims.exp - claims.iat, 7 * 24 * 3600);
        assert_eq!((claims.iat, claims.nbf), (1_700_000_000, 1_700_000_000));
        assert_eq!(claims.jti.to_string(), agent["currentJti"].as_str().unwrap());
        assert_eq!(claims.sub.as_str(), agent["did"].as_str().unwrap());
        assert_eq!(claims.owner_did.as_str(), human.did);
        assert_eq!((claims.name.as_str(), claims.framework.as_str()), ("my agent", "langchain"));
        assert_eq!(*ait.key(), key.public());
        assert_eq!(claims.description, None);

        world.post("/v1/agents").bearer(&human.key).json(body).await.is(400, "AGENT_REGISTRATION_CHALLENGE_REPLAYED");
    }

    async fn absent_members_are_empty_in_the_proof_and_have_defaults(world: World) {
        let (human, _) = world.human().await;
        let agent = world.agent(&human, "alpha").await;
        let claims = Ait::verify(&agent.ait, &world.registry.key_set(), &issuer(), world.now()).unwrap();
        assert_eq!(claims.claims().framework.as_str(), "openclaw");
        assert_eq!(claims.expires(), Millis::from_secs(1_700_000_000 + 30 * 24 * 3600));
        // null is absent
        let key = SecretKey::generate(&*world.rng);
        let mut body = world.registration(&human, &key, "beta").await;
        body["framework"] = Value::Null;
        body["ttlDays"] = Value::Null;
        world.post("/v1/agents").bearer(&human.key).json(body).await.ok(201);
    }

    async fn a_registration_is_checked_in_order(world: World) {
        let (human, admin) = world.human().await;
        let other = world.another_human(&admin).await;
        let key = SecretKey::generate(&*world.rng);
        let create = |body: Value| world.post("/v1/agents").bearer(&human.key).json(body);
        let good = world.registration(&human, &key, "alpha").await;
        let with = |name: &str, value: Value| {
            let mut body = good.clone();
            body[name] = value;
            body
        };
        let answer = create(json!({})).await;
        answer.is(400, "AGENT_REGISTRATION_INVALID");
        assert_eq!(answer.body["error"]["details"]["fieldErrors"], json!({
            "name": ["name is required"], "publicKey": ["publicKey is required"],
            "challengeId": ["challengeId is required"], "challengeSignature": ["challengeSignature is required"],
        }));
        for (name, value) in [
            ("name", json!("a/b")), ("name", json!("")), ("name", json!("x".repeat(65))), ("framework", json!("   ")),
            ("framework", json!("x".repeat(33))), ("ttlDays", json!(0)), ("ttlDays", json!(91)), ("ttlDays", json!(1.5)),
            ("ttlDays", json!("7")), ("publicKey", json!("short")), ("challengeId", json!("x")),
            ("challengeSignature", json!("x")),
            // a key of small order
            ("publicKey", json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        ] {
            create(with(name, value)).await.is(400, "AGENT_REGISTRATION_INVALID");
        }
        create(with("challengeId", json!("00000000000000000000000000"))).await
            .is(400, "AGENT_REGISTRATION_CHALLENGE_NOT_FOUND");
        world.post("/v1/agents").bearer(&other.key).json(good.clone()).await
            .is(400, "AGENT_REGISTRATION_CHALLENGE_NOT_FOUND");
        let stranger = SecretKey::generate(&*world.rng);
        create(with("publicKey", json!(stranger.public().to_b64()))).await.is(400, "AGENT_REGISTRATION_PROOF_MISMATCH");
        create(with("name", json!("gamma"))).await.is(400, "AGENT_REGISTRATION_PROOF_INVALID");
        create(with("ttlDays", json!(30))).await.is(400, "AGENT_REGISTRATION_PROOF_INVALID");
        world.advance_secs(300);
        create(good.clone()).await.is(400, "AGENT_REGISTRATION_CHALLENGE_EXPIRED");
        world.advance_ms(-1);
        create(good).await.ok(201);
    }

    async fn a_challenge_needs_a_key(world: World) {
        let (human, _) = world.human().await;
        let answer = world.post("/v1/agents/challenge").bearer(&human.key).json(json!({})).await;
        answer.is(400, "AGENT_REGISTRATION_CHALLENGE_INVALID");
        assert_eq!(answer.body["error"]["details"], json!({
            "fieldErrors": {"publicKey": ["publicKey is required"]}, "formErrors": [],
        }));
    }

    async fn names_of_an_owner_and_keys_of_all_are_unique_while_active(world: World) {
        let (human, admin) = world.human().await;
        let other = world.another_human(&admin).await;
        let alpha = world.agent(&human, "alpha").await;
        let key = SecretKey::generate(&*world.rng);
        let body = world.registration(&human, &key, "alpha").await;
        world.post("/v1/agents").bearer(&human.key).json(body.clone()).await.is(409, "AGENT_REGISTRATION_NAME_TAKEN");
        world.agent(&other, "alpha").await;
        let stolen = world.registration(&human, &alpha.key, "beta").await;
        world.post("/v1/agents").bearer(&human.key).json(stolen.clone()).await.is(409, "AGENT_REGISTRATION_KEY_TAKEN");
        // what was refused used up nothing
        world.delete(&format!("/v1/agents/{}", alpha.id)).bearer(&human.key).send().await.ok(204);
        world.post("/v1/agents").bearer(&human.key).json(body).await.ok(201);
        world.post("/v1/agents").bearer(&human.key).json(stolen).await.ok(201);
    }

    async fn agents_are_listed_newest_first_in_pages(world: World) {
        let (human, admin) = world.human().await;
        let other = world.another_human(&admin).await;
        world.agent(&other, "foreign").await;
        let mut ids = Vec::new();
        for n in 0..5 {
            world.advance_ms(1);
            ids.push(world.agent(&human, &format!("a{n}")).await.id);
        }
        ids.reverse();
        let list = |query: &str| world.get(&format!("/v1/agents{query}")).bearer(&human.key).send();
        let all = list("").await;
        let listed = |answer: &common::Answer| -> Vec<String> {
            answer.body["agents"].as_array().unwrap().iter().map(|a| a["id"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(listed(&all), ids);
        assert_eq!(all.body["pagination"], json!({"limit": 20, "nextCursor": null}));
        assert_eq!(all.body["agents"][0]["expires"], "2023-12-14T22:13:20.000Z");
        let first = list("?limit=2").await;
        assert_eq!(listed(&first), ids[..2]);
        assert_eq!(first.body["pagination"]["nextCursor"], json!(ids[1]));
        let last = list(&format!("?limit=3&cursor={}", ids[1])).await;
        assert_eq!(listed(&last), ids[2..]);
        assert_eq!(last.body["pagination"]["nextCursor"], Value::Null);

        world.delete(&format!("/v1/agents/{}", ids[0])).bearer(&human.key).send().await.ok(204);
        assert_eq!(listed(&list("?status=revoked").await), ids[..1]);
        assert_eq!(listed(&list("?status=active&framework=openclaw").await), ids[1..]);
        assert_eq!(listed(&list("?framework=other").await), [""; 0]);
        for query in ["?limit=0", "?limit=101", "?limit=x", "?status=gone", "?cursor=x", "?limit=1&limit=2", "?status="] {
            list(query).await.is(400, "AGENT_LIST_INVALID_QUERY");
        }
    }

    async fn revoking_an_agent_is_final_and_idempotent(world: World) {
        let (human, admin) = world.human().await;
        let other = world.another_human(&admin).await;
        let agent = world.agent(&human, "alpha").await;
        let path = format!("/v1/agents/{}", agent.id);
        for foreign in [&other.key, &admin] {
            world.delete(&path).bearer(foreign).send().await.is(404, "AGENT_NOT_FOUND");
        }
        world.delete("/v1/agents/x").bearer(&human.key).send().await.is(400, "AGENT_REVOKE_INVALID_PATH");
        world.delete("/v1/agents/00000000000000000000000000").bearer(&human.key).send().await.is(404, "AGENT_NOT_FOUND");
        world.validate(&agent, &agent.access).send().await.ok(204);
        world.delete(&path).bearer(&human.key).send().await.ok(204);
        world.delete(&path).bearer(&human.key).send().await.ok(204);
        world.validate(&agent, &agent.access).send().await.is(401, "AGENT_AUTH_VALIDATE_UNAUTHORIZED");
        world.refresh(&agent, &agent.refresh).send().await.is(401, "AGENT_AUTH_REFRESH_INVALID");
        let reissue = world.post(&format!("{path}/reissue")).bearer(&human.key).send().await;
        reissue.is(409, "AGENT_REISSUE_INVALID_STATE");
    }

    async fn a_reissued_token_replaces_the_old_one_and_keeps_its_expiry(world: World) {
        let (human, admin) = world.human().await;
        let other = world.another_human(&admin).await;
        let mut agent = world.agent(&human, "alpha").await;
        let path = format!("/v1/agents/{}/reissue", agent.id);
        world.post(&path).bearer(&other.key).send().await.is(404, "AGENT_NOT_FOUND");
        world.post("/v1/agents/x/reissue").bearer(&human.key).send().await.is(400, "AGENT_REVOKE_INVALID_PATH");
        world.advance_secs(60);
        let answer = world.post(&path).bearer(&human.key).send().await;
        answer.ok(200);
        assert_eq!(answer.body["agent"]["expiresAt"], "2023-12-14T22:13:20.000Z");
        assert_eq!(answer.body["agent"]["updatedAt"], "2023-11-14T22:14:20.000Z");
        assert!(answer.body.get("agentAuth").is_none());
        let ait = Ait::verify(&answer.text("/ait"), &world.registry.key_set(), &issuer(), world.now()).unwrap();
        assert_eq!(ait.claims().iat, 1_700_000_060);

        // the session lives on under the new token only
        world.refresh(&agent, &agent.refresh).send().await.is(401, "AGENT_AUTH_REFRESH_INVALID");
        world.validate(&agent, &agent.access).send().await.is(401, "AGENT_AUTH_VALIDATE_UNAUTHORIZED");
        agent.ait = answer.text("/ait");
        agent.jti = answer.text("/agent/currentJti");
        world.validate(&agent, &agent.access).send().await.ok(204);
        world.refresh(&agent, &agent.refresh).send().await.ok(200);

        // an expiry that has passed is set anew
        world.advance_secs(31 * 24 * 3600);
        let answer = world.post(&path).bearer(&human.key).send().await;
        assert_eq!(answer.body["agent"]["expiresAt"], "2024-01-14T22:14:20.000Z");
        Ait::verify(&answer.text("/ait"), &world.registry.key_set(), &issuer(), world.now()).unwrap();
    }

    async fn ending_a_session_leaves_the_identity_token(world: World) {
        let (human, admin) = world.human().await;
        let other = world.another_human(&admin).await;
        let agent = world.agent(&human, "alpha").await;
        let path = format!("/v1/agents/{}/auth/revoke", agent.id);
        world.delete(&path).bearer(&other.key).send().await.is(404, "AGENT_NOT_FOUND");
        world.delete(&path).bearer(&human.key).send().await.ok(204);
        world.delete(&path).bearer(&human.key).send().await.ok(204);
        world.validate(&agent, &agent.access).send().await.is(401, "AGENT_AUTH_VALIDATE_UNAUTHORIZED");
        world.refresh(&agent, &agent.refresh).send().await.is(401, "AGENT_AUTH_REFRESH_REVOKED");
        let resolved = world.get(&format!("/v1/resolve/{}", agent.id)).send().await;
        assert_eq!(resolved.body["status"], "active");
    }

    async fn anybody_may_resolve_an_agent(world: World) {
        let (human, _) = world.human().await;
        let agent = world.agent(&human, "alpha").await;
        let answer = world.get(&format!("/v1/resolve/{}", agent.id)).send().await;
        assert_eq!(answer.body, json!({
            "did": agent.did, "name": "alpha", "framework": "openclaw", "status": "active", "ownerDid": human.did,
        }));
        world.get("/v1/resolve/00000000000000000000000000").send().await.is(404, "AGENT_NOT_FOUND");
        world.get("/v1/resolve/nope").send().await.is(400, "AGENT_RESOLVE_INVALID_PATH");
        world.get("/v1/resolve/%ff").send().await.is(400, "AGENT_RESOLVE_INVALID_PATH");
    }

    async fn ownership_is_told_to_people_and_to_services(world: World) {
        let (human, admin) = world.human().await;
        let other = world.another_human(&admin).await;
        let agent = world.agent(&human, "alpha").await;
        let owns = async |key: &str| {
            world.get(&format!("/v1/agents/{}/ownership", agent.id)).bearer(key).send().await.body
        };
        assert_eq!(owns(&human.key).await, json!({"ownsAgent": true}));
        assert_eq!(owns(&other.key).await, json!({"ownsAgent": false}));
        world.get("/v1/agents/x/ownership").bearer(&human.key).send().await.is(400, "AGENT_OWNERSHIP_INVALID_PATH");

        let path = "/internal/v1/identity/agent-ownership";
        let ask = async |owner: &str, agent: &str| {
            let answer = world.as_service("POST", path).json(json!({"ownerDid": owner, "agentDid": agent})).await;
            answer.ok(200);
            answer.body
        };
        assert_eq!(ask(&human.did, &agent.did).await, json!({"ownsAgent": true, "agentStatus": "active"}));
        assert_eq!(ask(&other.did, &agent.did).await, json!({"ownsAgent": false, "agentStatus": "active"}));
        // the same ULID at another registry is another agent
        let foreign = agent.did.replace("registry.example.test", "other.example.test");
        assert_eq!(ask(&human.did, &foreign).await, json!({"ownsAgent": false, "agentStatus": null}));
        world.delete(&format!("/v1/agents/{}", agent.id)).bearer(&human.key).send().await.ok(204);
        assert_eq!(ask(&human.did, &agent.did).await, json!({"ownsAgent": true, "agentStatus": "revoked"}));
        world.as_service("POST", path).json(json!({"ownerDid": agent.did, "agentDid": agent.did})).await
            .is(400, "AGENT_OWNERSHIP_INVALID");
    }
}
