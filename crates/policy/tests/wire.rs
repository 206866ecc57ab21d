//! Permissions as JSON: one form, and everything else refused with its place.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use chancery_policy::{Capability, Permission, ProblemKind};
use serde_json::{Value, json};

fn problems(capability: Capability, constraints: &Value) -> Vec<(String, ProblemKind)> {
    let problems = Permission::from_request(capability, Some(constraints)).unwrap_err();
    problems
        .into_iter()
        .map(|problem| (problem.pointer, problem.kind))
        .collect()
}

#[test]
fn capabilities_are_the_eight_names_of_the_seed() {
    let names: Vec<_> = Capability::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(
        names,
        [
            "fs:read",
            "fs:write",
            "net:http",
            "net:https",
            "process:spawn",
            "env:read",
            "secret:read",
            "secret:write"
        ]
    );
    for name in &names {
        assert_eq!(name.parse::<Capability>().unwrap().to_string(), *name);
        assert_eq!(
            serde_json::from_value::<Capability>(json!(name)).unwrap().as_str(),
            name
        );
    }
    for name in ["", "fs", "fs:*", "FS:READ", "fs:read ", "root:everything", "net"] {
        assert!(name.parse::<Capability>().is_err(), "{name}");
    }
}

#[test]
fn a_permission_is_written_and_read_as_the_same() {
    for json in [
        json!({"capability": "fs:read"}),
        json!({"capability": "fs:write", "constraints": {"paths": ["/a", "/b"]}}),
        json!({"capability": "net:https", "constraints": {"hosts": ["*.example.com", "10.0.0.0/8", "a.example.com:8443"]}}),
        json!({"capability": "process:spawn", "constraints": {"executables": ["git"]}}),
        json!({"capability": "process:spawn", "constraints": {"executables": [
            {"asked": "git", "path": "/usr/bin/git", "sha256": "01".repeat(32)}]}}),
        json!({"capability": "secret:read", "constraints": {"names": ["github_token"]}}),
    ] {
        let permission: Permission = serde_json::from_value(json.clone()).unwrap();
        let written = serde_json::to_value(&permission).unwrap();
        assert_eq!(
            serde_json::from_value::<Permission>(written.clone()).unwrap(),
            permission
        );
        if json["constraints"]["hosts"].is_null() {
            assert_eq!(written, json);
        }
    }
}

#[test]
fn what_is_no_permission_is_refused() {
    for json in [
        json!({}),
        json!({"capability": "root:everything"}),
        json!({"capability": "fs:read", "constraints": null}),
        json!({"capability": "fs:read", "constraints": {}}),
        json!({"capability": "fs:read", "constraints": []}),
        json!({"capability": "fs:read", "constraints": {"paths": []}}),
        json!({"capability": "fs:read", "constraints": {"paths": "/a"}}),
        json!({"capability": "fs:read", "constraints": {"path": ["/a"]}}),
        json!({"capability": "fs:read", "constraints": {"paths": ["/a"], "hosts": []}}),
        json!({"capability": "fs:read", "constraint": {"paths": ["/a"]}}),
        json!({"capability": "process:spawn", "constraints": {"executables": [{"asked": "git"}]}}),
        json!({"capability": "process:spawn", "constraints": {"executables": [
            {"asked": "git", "path": "/usr/bin/git", "sha256": "0A".repeat(32)}]}}),
        json!({"capability": "process:spawn", "constraints": {"executables": [
            {"asked": "/bin/git", "path": "/usr/bin/git", "sha256": "01".repeat(32)}]}}),
    ] {
        assert!(serde_json::from_value::<Permission>(json.clone()).is_err(), "{json}");
    }
}

#[test]
fn every_problem_is_named_with_its_place() {
    let constraints = json!({"paths": ["/a", "b", 3, "/c/../d"], "hosts": ["x"], "pa/ths~": []});
    assert_eq!(
        problems(Capability::FsRead, &constraints),
        [
            ("/hosts".to_owned(), ProblemKind::Kind),
            ("/pa~1ths~0".to_owned(), ProblemKind::Kind),
            ("/paths/1".to_owned(), ProblemKind::Value),
            ("/paths/2".to_owned(), ProblemKind::Type),
            ("/paths/3".to_owned(), ProblemKind::Value),
        ]
    );
    assert_eq!(
        problems(Capability::EnvRead, &json!({"names": {}})),
        [("/names".to_owned(), ProblemKind::Type)]
    );
    assert_eq!(
        problems(Capability::EnvRead, &json!(7)),
        [(String::new(), ProblemKind::Type)]
    );
}

#[test]
fn a_manifest_cannot_ask_for_a_file_by_its_hash() {
    let pinned = json!({"executables": [{"asked": "git", "path": "/usr/bin/git", "sha256": "01".repeat(32)}]});
    assert_eq!(
        problems(Capability::ProcessSpawn, &pinned),
        [("/executables/0".to_owned(), ProblemKind::Type)]
    );
}
