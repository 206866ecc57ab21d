//! The scenarios "permission-escalation" of the original's security tests, one to one (safeclaw spec 13).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

mod common;

use chancery_manifest::{generate_signing_key_pair, sign_manifest, verify_manifest_signature};
use chancery_policy::{Capability, Context};
use common::{House, READ, SeededRng, executable, host, manifest, path, signed};
use serde_json::{Value, json};

/// An engine in which `test` is installed with all that it asks for.
fn with(requests: &[(&str, Value)]) -> House {
    let house = House::in_memory();
    house.trust(1);
    house
        .install(&signed(&manifest("test", "1.0.0", requests), &common::key(1)))
        .unwrap();
    house
}

fn paths(paths: &[&str]) -> Value {
    json!({ "paths": paths })
}

#[test]
fn a_skill_without_grants_is_denied() {
    let house = with(&[]);
    let denial = house.enforcer().check("test", READ, &path("/tmp/x")).unwrap_err();
    assert_eq!(
        denial.detail(),
        "Capability denied: skill \"test\" requires \"fs:read\" \u{2014} no grant found"
    );
}

#[test]
fn a_grant_for_another_capability_does_not_help() {
    let house = with(&[("fs:read", paths(&["/tmp"]))]);
    house
        .enforcer()
        .check("test", Capability::FsWrite, &path("/tmp/x"))
        .unwrap_err();
}

#[test]
fn a_matching_grant_allows() {
    let house = with(&[("env:read", Value::Null)]);
    house
        .enforcer()
        .check("test", Capability::EnvRead, &Context::default())
        .unwrap();
}

#[test]
fn a_path_inside_is_allowed() {
    let house = with(&[("fs:read", paths(&["/tmp/safe"]))]);
    house
        .enforcer()
        .check("test", READ, &path("/tmp/safe/file.txt"))
        .unwrap();
}

#[test]
fn a_path_outside_is_denied() {
    let house = with(&[("fs:read", paths(&["/tmp/safe"]))]);
    let denial = house.enforcer().check("test", READ, &path("/etc/passwd")).unwrap_err();
    assert_eq!(
        denial.detail(),
        "Capability denied: skill \"test\" requires \"fs:read\" \u{2014} path \"/etc/passwd\" not in allowed paths"
    );
}

#[test]
fn a_traversal_is_denied() {
    let house = with(&[("fs:read", paths(&["/tmp/safe"]))]);
    house
        .enforcer()
        .check("test", READ, &path("/tmp/safe/../../etc/passwd"))
        .unwrap_err();
}

#[test]
fn the_granted_host_is_allowed() {
    let house = with(&[("net:https", json!({ "hosts": ["api.example.com"] }))]);
    house
        .enforcer()
        .check("test", Capability::NetHttps, &host("api.example.com"))
        .unwrap();
}

#[test]
fn another_host_is_denied() {
    let house = with(&[("net:https", json!({ "hosts": ["api.example.com"] }))]);
    let denial = house
        .enforcer()
        .check("test", Capability::NetHttps, &host("evil.example.com"))
        .unwrap_err();
    assert!(
        denial
            .detail()
            .ends_with("host \"evil.example.com\" not in allowed hosts")
    );
}

#[test]
fn the_granted_executable_is_allowed() {
    let house = with(&[("process:spawn", json!({ "executables": ["true"] }))]);
    house
        .enforcer()
        .check("test", Capability::ProcessSpawn, &executable("true"))
        .unwrap();
}

#[test]
fn another_executable_is_denied() {
    let house = with(&[("process:spawn", json!({ "executables": ["true"] }))]);
    let denial = house
        .enforcer()
        .check("test", Capability::ProcessSpawn, &executable("rm"))
        .unwrap_err();
    assert!(
        denial
            .detail()
            .ends_with("executable \"rm\" not in allowed executables")
    );
}

#[test]
fn check_all_is_denied_when_one_is_missing() {
    let house = with(&[("env:read", Value::Null)]);
    let all = [Capability::EnvRead, Capability::SecretRead].map(|capability| (capability, Context::default()));
    let denial = house.enforcer().check_all("test", all).unwrap_err();
    assert_eq!(denial.capability, Capability::SecretRead);
}

#[test]
fn check_all_allows_when_all_are_there() {
    let house = with(&[("env:read", Value::Null), ("fs:read", paths(&["/tmp"]))]);
    let all = [(Capability::EnvRead, Context::default()), (READ, path("/tmp/x"))];
    house.enforcer().check_all("test", all).unwrap();
}

#[test]
fn what_is_revoked_is_denied() {
    let house = with(&[("env:read", Value::Null)]);
    let enforcer = house.enforcer();
    enforcer
        .check("test", Capability::EnvRead, &Context::default())
        .unwrap();
    let all = chancery_skills::GrantsOf::Skill("test".to_owned());
    assert_eq!(house.skills.revoke_grants(&all).unwrap(), 1);
    enforcer
        .check("test", Capability::EnvRead, &Context::default())
        .unwrap_err();
}

#[test]
fn a_valid_signature_verifies() {
    let pair = generate_signing_key_pair(&SeededRng::new(1));
    let signature = sign_manifest("content", &pair.private_key).unwrap();
    assert!(verify_manifest_signature("content", &signature, &pair.public_key).valid);
}

#[test]
fn a_signature_of_other_content_does_not() {
    let pair = generate_signing_key_pair(&SeededRng::new(1));
    let signature = sign_manifest("content", &pair.private_key).unwrap();
    assert!(!verify_manifest_signature("changed", &signature, &pair.public_key).valid);
}

#[test]
fn a_signature_by_another_key_does_not() {
    let rng = SeededRng::new(1);
    let (pair, other) = (generate_signing_key_pair(&rng), generate_signing_key_pair(&rng));
    let signature = sign_manifest("content", &pair.private_key).unwrap();
    assert!(!verify_manifest_signature("content", &signature, &other.public_key).valid);
}

#[test]
fn a_malformed_signature_does_not() {
    let pair = generate_signing_key_pair(&SeededRng::new(1));
    assert!(!verify_manifest_signature("content", "not-hex", &pair.public_key).valid);
}

#[test]
fn a_short_key_says_so() {
    let pair = generate_signing_key_pair(&SeededRng::new(1));
    let signature = sign_manifest("content", &pair.private_key).unwrap();
    let check = verify_manifest_signature("content", &signature, "abcd");
    assert!(!check.valid);
    assert_eq!(check.error.as_deref(), Some("Invalid public key length"));
}
