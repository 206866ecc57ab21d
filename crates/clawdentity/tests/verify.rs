//! `verify` and `doctor`.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops there")]

mod common;

use chancery_base::ed25519::SecretKey;
use common::{Counter, Home, Stub};
use serde_json::{Value, json};
use std::sync::Mutex;

fn key() -> SecretKey {
    SecretKey::generate(&Counter(Mutex::new(99)))
}

/// What a failed verdict shows: JSON on stdout, exit code 1, nothing on stderr.
#[track_caller]
fn refused(run: common::Run) -> Value {
    assert_eq!((run.code, run.stderr.as_str()), (1, ""), "{}", run.stdout);
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn a_good_token_is_verified_and_what_was_fetched_is_remembered() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    let path = home.path("agents/alpha/ait.jwt");
    let shown = home.run(&["verify", path.to_str().unwrap(), "--json"]).json();
    assert_eq!(stub.lines(), ["GET /.well-known/claw-keys.json", "GET /v1/crl"]);
    let did = stub.did_of("alpha");
    assert_eq!(shown["passed"], true);
    assert_eq!(shown["reason"], format!("token verified ({did})"));
    assert_eq!(
        shown["claims"].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["exp", "iss", "jti", "ownerDid", "sub"]
    );
    assert!(shown.get("stale").is_none());
    for file in ["cache/registry-keys.json", "cache/crl-claims.json"] {
        assert_eq!(
            (home.json(file)["registryUrl"].as_str(), home.mode(file)),
            (Some(stub.url.as_str()), 0o600)
        );
    }
    stub.forget();
    let human = home.run(&["verify", &home.read("agents/alpha/ait.jwt")]).ok().stdout;
    let labels: Vec<_> = human.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(
        labels,
        [
            "token verified",
            "Reason",
            "Issuer",
            "Subject",
            "Owner DID",
            "JTI",
            "Expires At"
        ]
    );
    assert_eq!(stub.lines(), Vec::<String>::new());
}

#[test]
fn what_is_no_token_or_of_another_registry_is_refused_with_exit_code_1() {
    let (stub, other) = (Stub::start(), Stub::start());
    let home = Home::onboarded(&stub);
    let expected = json!({ "claims": null, "passed": false, "reason": "invalid input: invalid token" });
    assert_eq!(refused(home.run(&["verify", "not-a-token", "--json"])), expected);
    let run = home.run(&["verify", "not-a-token"]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (1, "invalid token\nReason: invalid input: invalid token\n")
    );
    assert_eq!(stub.lines(), Vec::<String>::new());
    let (_, token) = other.issue("x", &key(), 3600);
    assert_eq!(refused(home.run(&["verify", &token, "--json"]))["passed"], false);
    let (_, token) = stub.issue("x", &key(), 3600);
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts[1] = token.split('.').nth(1).unwrap().replace("ey", "ez");
    assert_eq!(
        refused(home.run(&["verify", &parts.join("."), "--json"]))["passed"],
        false
    );
}

#[test]
fn a_revoked_token_is_refused() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    stub.revoke("alpha");
    let shown = refused(home.run(&["verify", &home.read("agents/alpha/ait.jwt"), "--json"]));
    assert_eq!(
        (shown["passed"].as_bool(), shown["reason"].as_str()),
        (Some(false), Some("token revoked"))
    );
    assert_eq!(shown["claims"]["sub"], stub.did_of("alpha"));
}

#[test]
fn an_old_registry_without_a_list_has_revoked_nothing() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    stub.refuse("GET /v1/crl", 404, "CRL_NOT_FOUND", "CRL has no entries");
    assert_eq!(
        home.run(&["verify", &home.read("agents/alpha/ait.jwt"), "--json"])
            .json()["passed"],
        true
    );
}

#[test]
fn an_old_cache_serves_when_the_registry_is_away_and_says_so() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    let token = home.read("agents/alpha/ait.jwt");
    home.run(&["verify", &token]).ok();
    for file in ["cache/registry-keys.json", "cache/crl-claims.json"] {
        let mut cached = home.json(file);
        cached["fetchedAtMs"] = json!(cached["fetchedAtMs"].as_i64().unwrap() - 2 * 3_600_000);
        home.write(file, &cached.to_string());
    }
    for _ in 0..2 {
        stub.answer("GET /.well-known/claw-keys.json", 503, json!(null));
        stub.answer("GET /v1/crl", 503, json!(null));
    }
    let shown = home.run(&["verify", &token, "--json"]).json();
    assert_eq!(
        (shown["passed"].as_bool(), shown["stale"].as_bool()),
        (Some(true), Some(true))
    );
    assert!(
        shown["reason"].as_str().unwrap().contains("the registry is away"),
        "{shown}"
    );
    // with nothing remembered there is no verdict
    std::fs::remove_dir_all(home.path("cache")).unwrap();
    for _ in 0..2 {
        stub.answer("GET /.well-known/claw-keys.json", 503, json!(null));
    }
    assert_eq!(
        home.run(&["verify", &token, "--json"]).failure().0,
        "CLI_VERIFY_UNAVAILABLE"
    );
}

// --- doctor ---------------------------------------------------------------------------------------------------------

fn check<'a>(report: &'a Value, id: &str) -> &'a Value {
    report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["id"] == id)
        .unwrap()
}

#[test]
fn doctor_tells_what_is_wrong_and_exits_with_1() {
    use std::os::unix::fs::PermissionsExt as _;
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    std::fs::set_permissions(
        home.path("agents/alpha/secret.key"),
        std::fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    home.write("agents/alpha/registry-auth.json", "");
    stub.refuse("GET /v1/me", 401, "API_KEY_REVOKED", "API key has been revoked");
    let report = refused(home.run(&["doctor", "--json"]));
    assert_eq!(report["status"], "unhealthy");
    assert!(
        check(&report, "state.modes")["message"]
            .as_str()
            .unwrap()
            .contains("secret.key")
    );
    assert_eq!(check(&report, "agent.registryAuth")["status"], "fail");
    assert!(
        check(&report, "registry.apiKey")["message"]
            .as_str()
            .unwrap()
            .contains("API key has been revoked")
    );
    assert_eq!(check(&report, "relay.reachable")["status"], "pass");
    let run = home.run(&["doctor"]);
    assert_eq!(run.code, 1);
    assert!(
        run.stdout.starts_with("Doctor: unhealthy\n") && run.stdout.contains("  fix: chmod go-rwx"),
        "{}",
        run.stdout
    );
}

#[test]
fn doctor_finds_a_revoked_agent_although_an_older_list_is_remembered() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    home.run(&["verify", home.path("agents/alpha/ait.jwt").to_str().unwrap()])
        .ok();
    // not healthy, because the stub's clock stands still
    let before = refused(home.run(&["doctor", "--json"]));
    assert_eq!(check(&before, "agent")["status"], "pass");
    stub.revoke("alpha");
    let report = refused(home.run(&["doctor", "--json"]));
    assert_eq!(check(&report, "agent.revoked")["status"], "fail");
}

#[test]
fn no_advice_leads_back_to_the_command_that_gave_it() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    for broken in ["{", ""] {
        home.write("agents/alpha/registry-auth.json", broken);
        for command in [&["agent", "auth", "refresh"][..], &["connector", "start"]] {
            let run = home.run(&[command, &["alpha", "--json"]].concat());
            let hint = run.error(1)["hint"].as_str().unwrap().to_owned();
            assert!(
                !hint.contains("auth refresh") && hint.contains("agent create"),
                "{hint}"
            );
        }
    }
}

#[test]
fn a_file_that_is_not_there_is_no_invalid_token() {
    let stub = Stub::start();
    let run = Home::onboarded(&stub).run(&["verify", "ait-of-alpha"]);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (1, "ait-of-alpha is no token, and there is no such file\n")
    );
}

#[test]
fn doctor_says_that_the_registry_is_away() {
    let home = Home::new().with("CLAWDENTITY_REGISTRY_URL", "http://127.0.0.1:1");
    let report = refused(home.run(&["doctor", "--json"]));
    assert_eq!(check(&report, "registry.reachable")["status"], "fail");
    assert_eq!(check(&report, "config.file")["status"], "warn");
}

#[test]
fn doctor_compares_the_clocks() {
    // the stub's clock stands still
    let stub = Stub::start();
    let report: Value = serde_json::from_str(&Home::onboarded(&stub).run(&["doctor", "--json"]).stdout).unwrap();
    let skew = check(&report, "clock");
    assert!(skew["message"].as_str().unwrap().contains("seconds"), "{skew}");
}
