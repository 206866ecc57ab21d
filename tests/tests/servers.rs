//! The servers as processes: how they start, stop, and what they refuse.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

use std::{os::unix::fs::PermissionsExt as _, path::Path};

use chancery_tests::{Command, Port, Site, Webhook, binary, http, wait};
use serde_json::json;

fn chancery(dir: &Path) -> Command {
    Command::new(&binary::chancery())
        .env("HOME", dir)
        .env("XDG_DATA_HOME", dir.join("data"))
}

#[test]
fn both_answer_and_end_with_0_when_asked() {
    let mut site = Site::start();
    let listening: serde_json::Value = serde_json::from_str(&site.registry.stdout()).unwrap();
    assert_eq!(listening["listening"], site.registry_port().url());
    assert_eq!(listening["proxyUrl"], site.relay_port().url());
    let metadata = http::get(site.registry_port().address(), "/v1/metadata").unwrap();
    assert_eq!(metadata.json()["proxyUrl"], site.relay_port().url());
    assert!(site.relay.stop().success());
    assert!(site.registry.stop().success());
}

#[test]
fn secrets_are_made_once_and_for_their_owner_alone() {
    let mut site = Site::start();
    let dir = site.dir().join("registry");
    let read = |name: &str| {
        let path = dir.join(name);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        std::fs::read_to_string(path).unwrap()
    };
    let all = || ["signing.key", "bootstrap-secret", "internal-service.json"].map(read);
    let before = all();
    site.registry.restart();
    assert_eq!(all(), before);
    for secret in [&before[0], &before[1]] {
        assert!(!site.registry.log().contains(secret.as_str()));
        assert!(!site.registry.stdout().contains(secret.as_str()));
    }
    assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn the_bootstrap_secret_is_shown_when_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let port = Port::free();
    let data = dir.path().join("registry");
    let address = port.address();
    let arguments = [
        "registry",
        "--json",
        "--print-bootstrap-secret",
        "--listen",
        &address.to_string(),
        "--data-dir",
    ];
    let arguments = arguments
        .iter()
        .map(std::ffi::OsString::from)
        .chain([data.clone().into_os_string()]);
    let ready = move || http::get(address, "/health").is_some();
    let mut registry = chancery_tests::Process::new("registry", dir.path(), &binary::chancery(), arguments, ready);
    registry.start();
    // it may answer before it has said so
    let shown: serde_json::Value = wait::until("the line on stdout", || serde_json::from_str(&registry.stdout()).ok());
    let secret = std::fs::read_to_string(data.join("bootstrap-secret")).unwrap();
    assert_eq!(shown["bootstrapSecret"], secret);
}

#[test]
fn a_second_process_on_the_same_directory_is_refused() {
    let site = Site::start();
    for (command, part) in [("registry", "registry"), ("proxy", "relay")] {
        let port = Port::free();
        let credentials = site.dir().join("registry/internal-service.json");
        let second = chancery(site.dir()).args([command, "--json", "--listen", &port.address().to_string()]);
        let second = second.arg("--data-dir").arg(site.dir().join(part));
        let second = if command == "proxy" {
            second.arg("--service-credentials").arg(credentials)
        } else {
            second
        };
        assert_eq!(second.run().failure(), (1, "STORE_LOCKED".to_owned()), "{command}");
    }
}

#[test]
fn a_taken_port_names_its_holder() {
    let site = Site::start();
    let dir = tempfile::tempdir().unwrap();
    let address = site.relay_port().address().to_string();
    let refused = chancery(dir.path())
        .args(["registry", "--json", "--listen", &address])
        .run();
    assert_eq!(refused.failure(), (1, "SERVE_ADDRESS_IN_USE".to_owned()));
    let holder = format!("chancery (process {})", site.relay.id().unwrap());
    assert!(refused.stderr.contains(&holder), "{}", refused.stderr);
}

#[test]
fn a_relay_without_credentials_says_what_to_give() {
    let dir = tempfile::tempdir().unwrap();
    let refused = chancery(dir.path())
        .args(["proxy", "--json", "--listen", "127.0.0.1:0"])
        .run();
    assert_eq!(refused.failure(), (1, "PROXY_SERVICE_CREDENTIALS_MISSING".to_owned()));
    assert!(refused.stderr.contains("--service-credentials"), "{}", refused.stderr);

    let file = dir.path().join("credentials.json");
    std::fs::write(&file, r#"{"id":"x","secret":"hunter2"}"#).unwrap();
    let refused = chancery(dir.path()).args(["proxy", "--json", "--listen", "127.0.0.1:0"]);
    let refused = refused.arg("--service-credentials").arg(&file).run();
    assert_eq!(refused.failure(), (1, "PROXY_SERVICE_CREDENTIALS_INVALID".to_owned()));
    assert!(!refused.stderr.contains("hunter2"), "{}", refused.stderr);
}

#[test]
fn a_wrong_variable_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let refused = chancery(dir.path())
        .env("ENVIRONMENT", "production")
        .args(["registry", "--json"])
        .run();
    assert_eq!(refused.failure(), (1, "CONFIG_VALIDATION_FAILED".to_owned()));
    for name in ["BOOTSTRAP_SECRET", "PROXY_URL", "REGISTRY_SIGNING_KEY"] {
        assert!(refused.stderr.contains(name), "{}", refused.stderr);
    }
    let relay = chancery(dir.path()).env("RELAY_QUEUE_TTL_SECONDS", "soon");
    let relay = relay.env("BOOTSTRAP_INTERNAL_SERVICE_ID", "relay");
    let relay = relay.env(
        "BOOTSTRAP_INTERNAL_SERVICE_SECRET",
        format!("clw_srv_{}", "A".repeat(43)),
    );
    let refused = relay.args(["proxy", "--json", "--listen", "127.0.0.1:0"]).run();
    assert_eq!(refused.failure(), (1, "CONFIG_VALIDATION_FAILED".to_owned()));
    assert!(refused.stderr.contains("RELAY_QUEUE_TTL_SECONDS"), "{}", refused.stderr);
}

#[test]
fn plain_http_stays_on_this_machine() {
    let dir = tempfile::tempdir().unwrap();
    let refused = chancery(dir.path()).args(["registry", "--json", "--listen", "0.0.0.0:0"]);
    let refused = refused.args(["--issuer-url", "https://registry.example"]).run();
    assert_eq!(refused.failure(), (1, "SERVE_PLAIN_HTTP_OFF_LOOPBACK".to_owned()));
}

#[test]
fn two_agents_talk_and_survive_a_kill_of_everything() {
    let mut site = Site::start();
    let admin = site.admin();
    let (alice, bob) = (admin.invite("Alice"), admin.invite("Bob"));
    let (alpha, beta) = (alice.agent("alpha"), bob.agent("beta"));
    alpha.pair_with(&beta);
    let (hook, quiet) = (Webhook::start(), Webhook::start());
    let mut receiver = beta.connector(&hook);
    let mut sender = alpha.connector(&quiet);

    sender.send(beta.did(), &json!({ "message": "one" }));
    let first = &hook.wait_for(1)[0];
    assert_eq!(first.from.as_deref(), Some(alpha.did()));
    assert_eq!(first.attempt, 1);

    receiver.kill();
    let id = sender.send(beta.did(), &json!({ "message": "two" }));
    sender.wait_taken(&id);
    for process in [&mut site.relay, &mut site.registry, &mut sender.process] {
        process.kill();
    }
    site.registry.start();
    site.relay.start();
    sender.start();
    receiver.start();
    let all = hook.wait_for(2);
    assert!(
        all[1].body["message"].as_str().unwrap().ends_with("two"),
        "{:?}",
        all[1].body
    );

    alpha.revoke(site.registry_port().address());
    chancery_tests::wait::until("the sender's socket to close", || {
        (sender.status()["websocket"]["connected"] == false).then_some(())
    });
}
