//! Internal services (spec 4.8, 4.9).
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use common::{SERVICE_ID, World};
use serde_json::{Value, json};

const SERVICES: &str = "/v1/admin/internal-services";
const OWNERSHIP: &str = "/internal/v1/identity/agent-ownership";

scenarios! {
    async fn an_administrator_makes_lists_and_rotates_services(world: World) {
        let (human, admin) = world.human().await;
        world.advance_ms(5);
        let body = json!({"name": "svc1", "scopes": ["identity.read"]});
        let made = world.post(SERVICES).bearer(&admin).json(body.clone()).await;
        made.ok(201);
        let service = &made.body["internalService"];
        assert_eq!((&service["name"], &service["scopes"], &service["status"]), (&json!("svc1"), &json!(["identity.read"]), &json!("active")));
        assert_eq!((&service["rotatedAt"], &service["lastUsedAt"]), (&Value::Null, &Value::Null));
        let (id, secret) = (made.text("/internalService/id"), made.text("/internalService/secret"));
        assert!(secret.starts_with("clw_srv_"));
        world.post(SERVICES).bearer(&admin).json(body).await.is(409, "INTERNAL_SERVICE_ALREADY_EXISTS");
        world.post(SERVICES).bearer(&admin).json(json!({"name": "SVC1", "scopes": ["identity.read"]})).await
            .is(409, "INTERNAL_SERVICE_ALREADY_EXISTS");

        let call = |secret: &str| {
            let call = world.post(OWNERSHIP).header("x-claw-service-id", &id).header("x-claw-service-secret", secret);
            call.json(json!({"ownerDid": human.did, "agentDid": human.did.replace("human", "agent")}))
        };
        call(&secret).await.ok(200);
        world.advance_ms(5);
        let list = world.get(SERVICES).bearer(&admin).send().await;
        let shown = list.body["internalServices"].as_array().unwrap();
        assert_eq!(shown.iter().map(|s| s["name"].as_str().unwrap()).collect::<Vec<_>>(), ["svc1", "proxy-pairing"]);
        assert_eq!(shown[0]["lastUsedAt"], "2023-11-14T22:13:20.005Z");
        assert_eq!((&shown[1]["id"], &shown[1]["scopes"]), (&json!(SERVICE_ID), &json!(["identity.read", "revocations.read"])));
        assert!(shown.iter().all(|service| service.get("secret").is_none()));

        let rotated = world.post(&format!("{SERVICES}/{id}/rotate")).bearer(&admin).json(json!({})).await;
        rotated.ok(200);
        assert_eq!(rotated.body["internalService"]["rotatedAt"], "2023-11-14T22:13:20.010Z");
        call(&secret).await.is(401, "INTERNAL_SERVICE_UNAUTHORIZED");
        call(&rotated.text("/internalService/secret")).await.ok(200);
    }

    async fn a_service_with_an_id_of_its_own_can_be_rotated(world: World) {
        let admin = world.bootstrap().await;
        let rotate = |id: &str| world.post(&format!("{SERVICES}/{id}/rotate")).bearer(&admin).send();
        rotate(SERVICE_ID).await.ok(200);
        rotate("unknown").await.is(404, "INTERNAL_SERVICE_NOT_FOUND");
        rotate("00000000000000000000000000").await.is(404, "INTERNAL_SERVICE_NOT_FOUND");
        rotate("a%20b").await.is(400, "INTERNAL_SERVICE_INVALID_PATH");
        rotate(&"x".repeat(129)).await.is(400, "INTERNAL_SERVICE_INVALID_PATH");
    }

    async fn only_administrators_may(world: World) {
        let (human, _) = world.human().await;
        let body = json!({"name": "svc1", "scopes": ["identity.read"]});
        world.post(SERVICES).bearer(&human.key).json(body).await.is(403, "INTERNAL_SERVICE_CREATE_FORBIDDEN");
        world.get(SERVICES).bearer(&human.key).send().await.is(403, "INTERNAL_SERVICE_LIST_FORBIDDEN");
        world.post(&format!("{SERVICES}/{SERVICE_ID}/rotate")).bearer(&human.key).send().await
            .is(403, "INTERNAL_SERVICE_ROTATE_FORBIDDEN");
    }

    async fn names_and_scopes_have_rules(world: World) {
        let admin = world.bootstrap().await;
        for (name, scopes) in [
            (json!("a"), json!(["identity.read"])), (json!("-ab"), json!(["identity.read"])),
            (json!("a b"), json!(["identity.read"])), (json!("x".repeat(65)), json!(["identity.read"])),
            (Value::Null, json!(["identity.read"])), (json!("svc"), json!([])), (json!("svc"), json!("identity.read")),
            (json!("svc"), json!([1])), (json!("svc"), json!(["everything"])), (json!("svc"), Value::Null),
        ] {
            let answer = world.post(SERVICES).bearer(&admin).json(json!({"name": name, "scopes": scopes})).await;
            answer.is(400, "INTERNAL_SERVICE_INVALID");
        }
        world.post(SERVICES).bearer(&admin).json(json!({"name": "A_b-9", "scopes": ["groups.read", "groups.read"]})).await.ok(201);
    }

    async fn the_configured_service_works_before_there_is_an_administrator(world: World) {
        let body = json!({"ownerDid": "did:cdi:registry.example.test:human:00000000000000000000000000",
            "agentDid": "did:cdi:registry.example.test:agent:00000000000000000000000000"});
        let answer = world.as_service("POST", OWNERSHIP).json(body).await;
        assert_eq!(answer.body, json!({"ownsAgent": false, "agentStatus": null}));
        world.bootstrap().await;
    }
}
