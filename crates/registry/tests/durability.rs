//! A registry that is closed and opened again on its file knows everything that it acknowledged.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::path::Path;

use chancery_registry::Store;
use common::{BOOTSTRAP_SECRET, START, World, config};
use serde_json::json;

async fn open(path: &Path, now: i64) -> World {
    World::open_at(config(), Store::sqlite(path).unwrap(), now).await
}

#[tokio::test]
async fn everything_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    let world = open(&path, START).await;
    let (human, admin) = world.human().await;
    let unused = world.invite(&admin).await;
    let (agent, gone) = (world.agent(&human, "alpha").await, world.agent(&human, "gone").await);
    let pending = world
        .registration(&human, &chancery_base::ed25519::SecretKey::from_seed(&[9; 32]), "late")
        .await;
    world
        .delete(&format!("/v1/agents/{}", gone.id))
        .bearer(&human.key)
        .send()
        .await
        .ok(204);
    let proven = world.refresh(&agent, &agent.refresh);
    let (headers, body) = (proven.headers.clone(), proven.body.clone());
    let refreshed = proven.send().await;
    refreshed.ok(200);
    let list = world.get("/v1/agents").bearer(&human.key).send().await.body;
    world.registry.close().await;
    drop(world);

    let world = open(&path, START + 1000).await;
    let bootstrap = world
        .post("/v1/admin/bootstrap")
        .header("x-bootstrap-secret", BOOTSTRAP_SECRET);
    bootstrap
        .json(json!({}))
        .await
        .is(409, "ADMIN_BOOTSTRAP_ALREADY_COMPLETED");
    assert_eq!(world.get("/v1/agents").bearer(&human.key).send().await.body, list);
    // the nonce is remembered, and so is the successor of the previous token
    let again = headers
        .iter()
        .fold(world.post("/v1/agents/auth/refresh"), |call, (name, value)| {
            call.header(name, value)
        });
    again.body(body).send().await.is(401, "AGENT_AUTH_REFRESH_UNAUTHORIZED");
    let successor = world.refresh(&agent, &agent.refresh).send().await;
    assert_eq!((successor.status, successor.body), (200, refreshed.body.clone()));
    world
        .validate(&agent, &refreshed.text("/agentAuth/accessToken"))
        .send()
        .await
        .ok(204);
    world.post("/v1/agents").bearer(&human.key).json(pending).await.ok(201);
    world.redeem(&unused, "Bob").await;
    world
        .validate(&gone, &gone.access)
        .send()
        .await
        .is(401, "AGENT_AUTH_VALIDATE_UNAUTHORIZED");
    // the feed goes on where it was
    world
        .delete(&format!("/v1/agents/{}", agent.id))
        .bearer(&human.key)
        .send()
        .await
        .ok(204);
    let (status, body) = world.as_service("GET", "/internal/v1/revocations?after=0").open().await;
    assert_eq!(status, 200);
    let frame = http_body_util::BodyExt::frame(&mut { body })
        .await
        .unwrap()
        .unwrap()
        .into_data()
        .unwrap();
    let text = String::from_utf8(frame.to_vec()).unwrap();
    assert!(text.starts_with("id: 1\n") && text.contains("\nid: 2\n"), "{text}");
}

#[tokio::test]
async fn a_rotated_service_secret_outlives_the_configured_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    let world = open(&path, START).await;
    let admin = world.bootstrap().await;
    let rotate = world
        .post(&format!("/v1/admin/internal-services/{}/rotate", common::SERVICE_ID))
        .bearer(&admin);
    let secret = rotate.send().await.text("/internalService/secret");
    world.registry.close().await;
    drop(world);

    let world = open(&path, START + 1).await;
    let ask = || world.as_service("POST", "/internal/v1/identity/agent-ownership");
    ask().json(json!({})).await.is(401, "INTERNAL_SERVICE_UNAUTHORIZED");
    ask()
        .instead("x-claw-service-secret", &secret)
        .json(json!({}))
        .await
        .is(400, "AGENT_OWNERSHIP_INVALID");
}

#[tokio::test]
async fn another_service_id_in_the_configuration_is_another_service() {
    let store = Store::memory();
    let first = World::open(config(), store.clone()).await;
    let admin = first.bootstrap().await;
    let mut settings = config();
    settings.bootstrap_service.as_mut().unwrap().id = "relay-two".to_owned();
    let world = World::open_at(settings, store, START + 1).await;
    let list = world.get("/v1/admin/internal-services").bearer(&admin).send().await;
    let names: Vec<_> = list.body["internalServices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["proxy-pairing-relay-two", "proxy-pairing"]);
}

#[tokio::test]
async fn an_acknowledged_request_survives_without_a_close() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    let world = open(&path, START).await;
    let (human, _) = world.human().await;
    // as after a kill: the files as they are now
    let copy = folder.path().join("copy.db");
    for suffix in ["", "-wal"] {
        let from = format!("{}{suffix}", path.display());
        if Path::new(&from).exists() {
            std::fs::copy(from, format!("{}{suffix}", copy.display())).unwrap();
        }
    }
    let again = open(&copy, START + 1).await;
    again.get("/v1/me").bearer(&human.key).send().await.ok(200);
}
