//! Secrets appear in no Debug text, no log, and no file of the database.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::{
    io,
    sync::{Arc, Mutex},
};

use chancery_registry::Store;
use common::{BOOTSTRAP_SECRET, SERVICE_SECRET, START, World, config};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn secrets_stay_where_they_belong() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    let world = World::open_at(config(), Store::sqlite(&path).unwrap(), START).await;
    let admin = world.bootstrap().await;
    let code = world.invite(&admin).await;
    let human = world.redeem(&code, "Alice").await;
    let agent = world.agent(&human, "alpha").await;
    let refreshed = world.refresh(&agent, &agent.refresh).send().await;
    let rotated = world
        .post(&format!("/v1/admin/internal-services/{}/rotate", common::SERVICE_ID))
        .bearer(&admin);
    let rotated = rotated.send().await;
    // failures too
    world
        .get("/v1/me")
        .bearer(&format!("{}x", human.key))
        .send()
        .await
        .is(401, "API_KEY_INVALID");
    world
        .refresh(&agent, "clw_rft_wrong")
        .send()
        .await
        .is(401, "AGENT_AUTH_REFRESH_INVALID");

    let signing_seed = common::signing_key().to_b64();
    let secrets = [
        BOOTSTRAP_SECRET,
        SERVICE_SECRET,
        &admin,
        &code,
        &human.key,
        &agent.access,
        &agent.refresh,
        &refreshed.text("/agentAuth/accessToken"),
        &refreshed.text("/agentAuth/refreshToken"),
        &rotated.text("/internalService/secret"),
        &signing_seed,
    ];
    let debug = format!("{:?} {:?} {:?}", world.registry, config(), Store::memory());
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("request"), "the log is not read");
    let mut stored = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&entry.metadata().unwrap().permissions());
        assert_eq!(mode & 0o077, 0, "{:?}", entry.path());
        stored.extend(std::fs::read(entry.path()).unwrap());
    }
    let stored = String::from_utf8_lossy(&stored);
    assert!(stored.contains("Alice"), "the database is not read");
    for secret in secrets {
        assert!(!debug.contains(secret), "Debug tells {secret}");
        assert!(!log.contains(secret), "the log tells {secret}");
        assert!(!stored.contains(secret), "the database tells {secret}");
    }
}
