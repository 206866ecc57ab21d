//! `xs agent doctor`: what is wrong, and whether limits hold for a harness.

#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops there")]

mod common;

use std::{fs::Permissions, os::unix::fs::PermissionsExt as _};

use common::{
    Home,
    double::{Answer, Double},
};
use serde_json::{Value, json};

/// A user that this test does not run as.
const STRANGER: &str = "54321";

/// How the check `id` came out.
fn check<'a>(findings: &'a Value, id: &str) -> (&'a str, &'a str) {
    let checks = findings["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["id"] == id).unwrap();
    (check["status"].as_str().unwrap(), check["message"].as_str().unwrap())
}

fn findings(home: &Home, arguments: &[&str], code: i32) -> Value {
    let all = [&["agent", "doctor", "--json"], arguments].concat();
    let run = home.run(&all);
    assert_eq!(run.code, code, "{}{}", run.stdout, run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

/// A daemon in this state, in which everything else is as it should be.
fn daemon(home: &Home, state: &'static str) -> Double {
    Double::listen(home, move |method, _| {
        Answer::Data(match method {
            "signet.status" => json!({"state": state, "pid": 1, "networkState": "connected", "identityCount": 1,
                "xmtpEnv": "local"}),
            "admin.verify-keys" => json!({"rootKey": {"status": "ok"}, "adminKey": {"status": "ok"},
                "operationalKeys": [{"status": "ok", "identityId": "default"}]}),
            _ => json!({"ok": true, "entries": 12}),
        })
    })
}

#[test]
fn for_a_harness_of_the_daemons_user_limits_are_advisory() {
    let home = Home::new().initialized();
    let _daemon = daemon(&home, "running");
    let findings = findings(&home, &[], 1);
    let (status, message) = check(&findings, "isolation");
    assert_eq!(status, "fail");
    assert!(message.contains("limits are advisory for a harness"), "{message}");
    // and nothing else is wrong
    for id in ["configuration", "vault", "daemon", "network", "keys", "audit"] {
        assert_eq!(check(&findings, id).0, "pass", "{id}");
    }
}

#[test]
fn for_a_harness_of_another_user_they_hold() {
    let home = Home::new().initialized();
    let _daemon = daemon(&home, "running");
    let healthy = findings(&home, &["--uid", STRANGER], 0);
    assert_eq!(
        (&healthy["healthy"], check(&healthy, "isolation").0),
        (&json!(true), "pass")
    );
    // but not for one that may do everything
    let root = findings(&home, &["--uid", "0"], 1);
    assert_eq!(check(&root, "isolation").0, "fail");
}

#[test]
fn what_is_wrong_is_named_with_what_to_do() {
    let home = Home::new().initialized();
    let stopped = findings(&home, &["--uid", STRANGER], 1);
    assert_eq!(check(&stopped, "daemon"), ("fail", "it does not run"));
    let people = home.run(&["agent", "doctor", "--uid", STRANGER]);
    assert!(people.stdout.contains("xs daemon start"), "{}", people.stdout);
    {
        let _daemon = daemon(&home, "locked");
        let locked = findings(&home, &["--uid", STRANGER], 1);
        assert_eq!(check(&locked, "daemon"), ("fail", "its keys are locked"));
    }
    std::fs::set_permissions(home.data("vault.json"), Permissions::from_mode(0o644)).unwrap();
    assert_eq!(check(&findings(&home, &["--uid", STRANGER], 1), "vault").0, "fail");
}

#[test]
fn a_harness_that_is_named_is_not_there_yet() {
    let home = Home::new();
    let error = home.run(&["agent", "doctor", "openclaw", "--json"]).refused(2);
    assert_eq!(error["category"], "not_found");
}
