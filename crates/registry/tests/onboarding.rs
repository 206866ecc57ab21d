//! Bootstrap (spec 4.4), invites (4.5), the calling person and their keys (4.7).
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use chancery_base::Ulid;
use chancery_relay_wire::registry::HumanStatus;
use common::{BOOTSTRAP_SECRET, ISSUER, PROXY, SERVICE_ID, World, config};
use serde_json::{Value, json};

scenarios! {
    async fn bootstrap_makes_one_administrator_with_a_key_and_the_service(world: World) {
        let bootstrap = || world.post("/v1/admin/bootstrap").header("x-bootstrap-secret", BOOTSTRAP_SECRET);
        // what the published client sends when no flag is given
        let answer = bootstrap().json(json!({"apiKeyName": null, "displayName": null})).await;
        answer.ok(201);
        assert_eq!(answer.body["human"], json!({
            "id": "00000000000000000000000000",
            "did": "did:cdi:registry.example.test:human:00000000000000000000000000",
            "displayName": "Admin", "role": "admin", "status": "active",
        }));
        assert_eq!(answer.body["apiKey"]["name"], "bootstrap-admin");
        assert!(answer.text("/apiKey/token").starts_with("clw_pat_"));
        assert!(answer.text("/apiKey/id").parse::<Ulid>().is_ok());
        assert_eq!(answer.body["internalService"], json!({"id": SERVICE_ID, "name": "proxy-pairing"}));
        assert_eq!(answer.headers["cache-control"], "no-store");
        bootstrap().json(json!({})).await.is(409, "ADMIN_BOOTSTRAP_ALREADY_COMPLETED");
    }

    async fn bootstrap_takes_names(world: World) {
        let call = world.post("/v1/admin/bootstrap").header("x-bootstrap-secret", BOOTSTRAP_SECRET);
        let answer = call.json(json!({"apiKeyName": "laptop", "displayName": "Ada"})).await;
        assert_eq!((answer.body["human"]["displayName"].as_str(), answer.body["apiKey"]["name"].as_str()),
            (Some("Ada"), Some("laptop")));
    }

    async fn bootstrap_asks_for_the_secret_before_it_looks_at_the_body(world: World) {
        let path = "/v1/admin/bootstrap";
        world.post(path).body(b"{".to_vec()).send().await.is(401, "ADMIN_BOOTSTRAP_UNAUTHORIZED");
        let wrong = world.post(path).header("x-bootstrap-secret", "open sesam");
        wrong.json(json!({})).await.is(401, "ADMIN_BOOTSTRAP_UNAUTHORIZED");
        let right = || world.post(path).header("x-bootstrap-secret", BOOTSTRAP_SECRET);
        right().body(b"{".to_vec()).send().await.is(400, "ADMIN_BOOTSTRAP_INVALID");
        let answer = right().json(json!({"displayName": 7, "apiKeyName": ""})).await;
        answer.is(400, "ADMIN_BOOTSTRAP_INVALID");
        assert_eq!(answer.body["error"]["details"]["fieldErrors"]["displayName"], json!(["displayName must be a string"]));
        assert!(answer.body["error"]["details"]["fieldErrors"]["apiKeyName"].is_array());
        assert_eq!(answer.body["error"]["details"]["formErrors"], json!([]));
    }

    async fn an_invite_becomes_one_person(world: World) {
        let admin = world.bootstrap().await;
        let invite = world.post("/v1/invites").bearer(&admin).json(json!({"expiresAt": null})).await;
        invite.ok(201);
        assert_eq!(invite.body["invite"]["expiresAt"], Value::Null);
        assert_eq!(invite.body["invite"]["createdBy"], "00000000000000000000000000");
        assert_eq!(invite.body["invite"]["createdAt"], "2023-11-14T22:13:20.000Z");
        let code = invite.text("/invite/code");
        assert!(code.starts_with("clw_inv_"));

        let body = json!({"code": format!("  {code} "), "displayName": null, "apiKeyName": null});
        let answer = world.post("/v1/invites/redeem").json(body).await;
        answer.ok(201);
        assert_eq!(answer.body["human"]["displayName"], "User");
        assert_eq!(answer.body["human"]["role"], "user");
        assert_eq!(answer.body["human"]["status"], "active");
        assert_eq!(answer.text("/human/did"), format!("did:cdi:registry.example.test:human:{}", answer.text("/human/id")));
        assert_eq!(answer.body["apiKey"]["name"], "invite");
        assert_eq!(answer.body["proxyUrl"], PROXY);
        let again = world.post("/v1/invites/redeem").json(json!({"code": code})).await;
        again.is(409, "INVITE_REDEEM_ALREADY_USED");
    }

    async fn invites_are_refused_as_the_table_says(world: World) {
        let (human, admin) = world.human().await;
        let redeem = |body: Value| world.post("/v1/invites/redeem").json(body);
        for shape in [json!({}), json!({"code": null}), json!({"code": 5}), json!({"code": "  "}), json!([]),
            json!({"code": "x".repeat(129)}), json!({"code": "x", "displayName": "\u{7}"})] {
            redeem(shape).await.is(400, "INVITE_REDEEM_INVALID");
        }
        // any text may be a code
        redeem(json!({"code": "not-ours"})).await.is(400, "INVITE_REDEEM_CODE_INVALID");
        redeem(json!({"code": "é".repeat(128)})).await.is(400, "INVITE_REDEEM_CODE_INVALID");

        let invite = |at: Value| world.post("/v1/invites").bearer(&admin).json(json!({"expiresAt": at}));
        invite(json!("yesterday")).await.is(400, "INVITE_CREATE_INVALID");
        invite(json!(17)).await.is(400, "INVITE_CREATE_INVALID");
        invite(json!("2023-11-14T22:13:20Z")).await.is(400, "INVITE_CREATE_INVALID");
        let soon = invite(json!("2023-11-14T22:13:21Z")).await;
        assert_eq!(soon.body["invite"]["expiresAt"], "2023-11-14T22:13:21.000Z");
        world.advance_ms(999);
        let body = json!({"code": soon.text("/invite/code")});
        world.advance_ms(1);
        redeem(body).await.is(400, "INVITE_REDEEM_EXPIRED");

        world.post("/v1/invites").bearer(&human.key).json(json!({})).await.is(403, "INVITE_CREATE_FORBIDDEN");
    }

    async fn an_api_key_is_missing_invalid_or_revoked(world: World) {
        let (human, _) = world.human().await;
        let me = || world.get("/v1/me");
        me().send().await.is(401, "API_KEY_MISSING");
        for header in ["", "Bearer", "Bearer ", "Basic abc", "Claw abc"] {
            me().header("authorization", header).send().await.is(401, "API_KEY_MISSING");
        }
        for token in ["clw_pat_nope", "clw_agt_aaaaaaaaaaaaa", &human.key[..20], &format!("{}x", human.key)] {
            me().bearer(token).send().await.is(401, "API_KEY_INVALID");
        }
        let answer = me().bearer(&human.key).send().await;
        answer.ok(200);
        assert_eq!(answer.body["human"]["id"], json!(human.id));
        assert_eq!(answer.body["human"]["displayName"], "Alice");
        assert_eq!(answer.body["human"]["role"], "user");
        assert_eq!(answer.body["human"]["apiKey"]["name"], "invite");

        // a key may revoke itself
        let id = answer.text("/human/apiKey/id");
        world.delete(&format!("/v1/me/api-keys/{id}")).bearer(&human.key).send().await.ok(204);
        me().bearer(&human.key).send().await.is(401, "API_KEY_REVOKED");
    }

    async fn the_keys_of_a_suspended_person_are_invalid(world: World) {
        let (human, _) = world.human().await;
        let agent = world.agent(&human, "alpha").await;
        let id: Ulid = human.id.parse().unwrap();
        world.registry.set_human_status(id, HumanStatus::Suspended).await.unwrap();
        world.get("/v1/me").bearer(&human.key).send().await.is(401, "API_KEY_INVALID");
        world.validate(&agent, &agent.access).send().await.is(401, "AGENT_AUTH_VALIDATE_UNAUTHORIZED");
        world.refresh(&agent, &agent.refresh).send().await.is(401, "AGENT_AUTH_REFRESH_INVALID");
        world.registry.set_human_status(id, HumanStatus::Active).await.unwrap();
        world.get("/v1/me").bearer(&human.key).send().await.ok(200);
        world.refresh(&agent, &agent.refresh).send().await.ok(200);
        assert!(world.registry.set_human_status("7ZZZZZZZZZZZZZZZZZZZZZZZZZ".parse().unwrap(), HumanStatus::Active).await.is_err());
    }

    async fn api_keys_are_made_listed_and_revoked(world: World) {
        let (human, _) = world.human().await;
        world.advance_ms(10);
        let made = world.post("/v1/me/api-keys").bearer(&human.key).json(json!({"name": null})).await;
        made.ok(201);
        assert_eq!(made.body["apiKey"]["name"], "api-key");
        assert_eq!(made.body["apiKey"]["status"], "active");
        assert_eq!(made.body["apiKey"]["lastUsedAt"], Value::Null);
        let (id, token) = (made.text("/apiKey/id"), made.text("/apiKey/token"));
        world.get("/v1/me").bearer(&token).send().await.ok(200);

        let list = world.get("/v1/me/api-keys").bearer(&human.key).send().await;
        let keys = list.body["apiKeys"].as_array().unwrap();
        assert_eq!(keys.iter().map(|key| key["name"].as_str().unwrap()).collect::<Vec<_>>(), ["api-key", "invite"]);
        assert!(keys.iter().all(|key| key.get("token").is_none() && key["lastUsedAt"].is_string()));

        let revoke = || world.delete(&format!("/v1/me/api-keys/{id}")).bearer(&human.key);
        revoke().send().await.ok(204);
        revoke().send().await.ok(204);
        world.get("/v1/me").bearer(&token).send().await.is(401, "API_KEY_REVOKED");
        let list = world.get("/v1/me/api-keys").bearer(&human.key).send().await;
        assert_eq!(list.body["apiKeys"][0]["status"], "revoked");
        let unknown = world.delete("/v1/me/api-keys/00000000000000000000000000").bearer(&human.key).send().await;
        unknown.is(404, "API_KEY_NOT_FOUND");
        world.delete("/v1/me/api-keys/x").bearer(&human.key).send().await.is(400, "API_KEY_REVOKE_INVALID_PATH");
        world.post("/v1/me/api-keys").bearer(&human.key).json(json!({"name": "a\nb"})).await
            .is(400, "API_KEY_CREATE_INVALID");
    }

    async fn the_last_use_of_a_key_is_kept(world: World) {
        let (human, _) = world.human().await;
        world.advance_secs(90);
        let list = world.get("/v1/me/api-keys").bearer(&human.key).send().await;
        assert_eq!(list.body["apiKeys"][0]["lastUsedAt"], "2023-11-14T22:14:50.000Z");
    }

    async fn metadata_names_the_configured_origins_whatever_host_is_asked(world: World) {
        let answer = world.get("/v1/metadata").header("host", "evil.example").send().await;
        assert_eq!(answer.body, json!({
            "status": "ok", "environment": "local", "version": env!("CARGO_PKG_VERSION"),
            "registryUrl": ISSUER, "proxyUrl": PROXY,
        }));
        let health = world.get("/health").send().await;
        assert_eq!((health.body["status"].as_str(), health.body["ready"].as_bool()), (Some("ok"), Some(true)));
        assert!(health.body["readiness"].as_object().unwrap().values().all(Value::is_boolean));
    }
}

#[tokio::test]
async fn bootstrap_is_off_without_a_secret_and_broken_without_a_service() {
    let mut settings = config();
    settings.bootstrap_secret = None;
    let world = World::open(settings, chancery_registry::Store::memory()).await;
    world
        .post("/v1/admin/bootstrap")
        .json(json!({}))
        .await
        .is(503, "ADMIN_BOOTSTRAP_DISABLED");

    let mut settings = config();
    settings.bootstrap_service = None;
    let world = World::open(settings, chancery_registry::Store::memory()).await;
    let call = world
        .post("/v1/admin/bootstrap")
        .header("x-bootstrap-secret", BOOTSTRAP_SECRET);
    call.json(json!({})).await.is(500, "INTERNAL_SERVICE_CONFIG_INVALID");
}
