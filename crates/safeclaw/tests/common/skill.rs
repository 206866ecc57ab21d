//! Skills as a publisher writes them.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::common::{Home, Run};

/// A request for reading below `paths`.
pub fn reads(paths: &[&str]) -> Value {
    json!({ "capability": "fs:read", "constraints": { "paths": paths }, "reason": "Find notes by word" })
}

/// A manifest of version 2 of the skill `id`. Where it asks for something it has one tool, which uses the first request on
/// what its argument names, for reading.
pub fn manifest(id: &str, version: &str, requests: &[Value]) -> Value {
    let tool = json!({
        "name": "read_note",
        "description": "Read one note.",
        "parameters": {
            "type": "object",
            "properties": { "path": { "type": "string" } },
            "required": ["path"],
        },
        "requires": [0],
        "effects": { "path": "fs:read" },
    });
    json!({
        "schemaVersion": 2,
        "id": id,
        "version": version,
        "name": "Notes",
        "requiredCapabilities": requests,
        "tools": if requests.is_empty() { json!([]) } else { json!([tool]) },
    })
}

/// Writes a folder with this manifest and one file beside it; its path.
pub fn folder(home: &Home, name: &str, manifest: &Value) -> PathBuf {
    let folder = home.dir.path().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    std::fs::write(folder.join("help.txt"), "Ask for a note.\n").unwrap();
    folder
}

/// The same, signed with the key of that label.
pub fn signed(home: &Home, name: &str, manifest: &Value, key: &str) -> PathBuf {
    let folder = folder(home, name, manifest);
    home.open(&["skill", "sign", text(&folder), "--key", key]).ok();
    folder
}

/// The folder as somebody else gets it.
pub fn fetched(home: &Home, folder: &Path) -> PathBuf {
    let target = home.dir.path().join(folder.file_name().unwrap());
    std::fs::create_dir_all(&target).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, target.join(path.file_name().unwrap())).unwrap();
    }
    target
}

/// Rewrites a file of `folder`.
pub fn change(folder: &Path, name: &str, change: impl FnOnce(String) -> String) {
    let path = folder.join(name);
    let before = std::fs::read_to_string(&path).unwrap();
    let after = change(before.clone());
    assert_ne!(before, after, "nothing was changed");
    std::fs::write(&path, after).unwrap();
}

/// Fingerprint of the signing key of that label.
pub fn fingerprint(home: &Home, label: &str) -> String {
    let key = home.open(&["--json", "key", "export", label]).json();
    key["keyid"].as_str().unwrap().to_owned()
}

/// A home with vault and keys.
pub fn onboarded() -> Home {
    let home = Home::new();
    home.open(&["onboard", "--yes"]).ok();
    home
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Installs with further options, as JSON.
pub fn install(home: &Home, folder: &Path, options: &[&str]) -> Run {
    let mut arguments = vec!["--json", "skill", "install", text(folder)];
    arguments.extend(options);
    home.open(&arguments)
}

/// Versions of the installed skills by their ids, and how they stand.
pub fn installed(home: &Home) -> Vec<(String, String, String)> {
    let listed = home.run(&["--json", "skill", "list"]).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let skill = |skill: &Value| (text(&skill["id"]), text(&skill["version"]), text(&skill["standing"]));
    listed["skills"].as_array().unwrap().iter().map(skill).collect()
}

/// What of `calls` the grants of `id` allow.
pub fn allowed(home: &Home, id: &str, calls: &[Value]) -> Vec<bool> {
    let calls: Vec<Value> = calls
        .iter()
        .map(|call| {
            let mut call = call.clone();
            call["expect"] = "allowed".into();
            call
        })
        .collect();
    let file = home.file("calls.json", &json!({ "calls": calls }).to_string());
    let run = home.run(&["--json", "skill", "test", id, text(&file)]);
    let answers: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"));
    let answers: Vec<bool> = answers["calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| answer["allowed"].as_bool().unwrap())
        .collect();
    assert_eq!(run.code, i32::from(answers.contains(&false)), "{run:?}");
    answers
}

pub fn reading(path: &str) -> Value {
    json!({ "tool": "read_note", "arguments": { "path": path } })
}

/// Exit code and name of the failure.
pub fn failed(exit: i32, code: &str) -> (i32, String) {
    (exit, code.to_owned())
}
