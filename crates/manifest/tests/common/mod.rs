//! What the tests share.
#![allow(dead_code, reason = "each test takes some of it")]
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::sync::LazyLock;

use chancery_base::ed25519::SecretKey;
use chancery_manifest::{
    Limits, Manifest, Options, Problems, Severity,
    json::{self, Value},
    key_text,
};

static VECTORS: LazyLock<serde_json::Value> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/safeclaw.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
});

pub(crate) fn legacy_vectors() -> &'static [serde_json::Value] {
    VECTORS["legacy"].as_array().unwrap()
}

pub(crate) fn v2_vectors() -> &'static [serde_json::Value] {
    VECTORS["proposedV2"].as_array().unwrap()
}

/// The legacy vector whose name begins so, such as `V2-`.
pub(crate) fn vector(prefix: &str) -> &'static serde_json::Value {
    let found = legacy_vectors()
        .iter()
        .find(|vector| vector["name"].as_str().unwrap().starts_with(prefix));
    found.unwrap()
}

pub(crate) fn text<'a>(vector: &'a serde_json::Value, member: &str) -> &'a str {
    vector[member].as_str().unwrap()
}

/// Key K1, K2 or K3 of the spec.
pub(crate) fn key(vector: &serde_json::Value) -> SecretKey {
    key_text::private_key_from_hex(text(vector, "privateKeyPkcs8DerHex")).unwrap()
}

pub(crate) fn k1() -> SecretKey {
    key(vector("V1-"))
}

pub(crate) fn k2() -> SecretKey {
    key(vector("V2-"))
}

pub(crate) fn k3() -> SecretKey {
    key(vector("V4-"))
}

pub(crate) fn read(text: &str) -> Value {
    json::read(text.as_bytes(), &Limits::default()).unwrap()
}

pub(crate) fn parse(text: &str) -> Result<Manifest, Problems> {
    Manifest::parse(text.as_bytes(), &Options::default())
}

/// The errors of `text`, as `E_CODE /pointer`.
pub(crate) fn problems(text: &str) -> Vec<String> {
    listed(parse(text).map(|_| ()))
}

pub(crate) fn listed(result: Result<(), Problems>) -> Vec<String> {
    let problems = result.unwrap_err();
    let errors = problems
        .as_slice()
        .iter()
        .filter(|problem| problem.severity == Severity::Error);
    errors
        .map(|problem| format!("{} {}", problem.code, problem.pointer))
        .collect()
}

/// A manifest of version 2 that uses everything.
pub(crate) fn full() -> serde_json::Value {
    serde_json::json!({
        "schemaVersion": 2,
        "id": "notes.search",
        "version": "1.2.0",
        "name": "Search my notes",
        "description": "Finds notes and fetches what they link to",
        "publisher": "Example Press",
        "expires": "2027-01-31T00:00:00Z",
        "minHostVersion": "0.1.0",
        "requiredCapabilities": [
            {"capability": "fs:read", "constraints": {"paths": ["/home/user/notes"]}, "reason": "Read the notes"},
            {"capability": "net:https", "constraints": {"hosts": ["api.example.com", "*.example.org:8443"]}, "reason": "Fetch links"},
            {"capability": "process:spawn", "constraints": {"executables": ["git"]}, "reason": "Look into the history"},
            {"capability": "secret:read", "constraints": {"names": ["notes_token"]}, "reason": "Sign in"}
        ],
        "tools": [
            {
                "name": "search",
                "description": "Search the notes",
                "parameters": {
                    "type": "object",
                    "properties": {"query": {"type": "string"}, "folder": {"type": "string"}, "limit": {"type": "integer", "minimum": 1}},
                    "required": ["query"]
                },
                "requires": [0],
                "effects": {"folder": "fs:read"},
                "annotations": {"readOnly": true, "openWorld": false}
            },
            {
                "name": "fetch",
                "description": "Fetch links",
                "parameters": {"type": "object", "properties": {"urls": {"type": "array", "items": {"type": "string"}}}},
                "requires": [1, 3],
                "effects": {"urls": ["net:https"]}
            }
        ],
        "files": [
            {"path": "bin/notes", "sha256": "91ae26ee5ee84967dc90c86db807b6a29cc4c3d88a54d9b599b5077ccfaf93ae", "size": 1234, "mode": "0755"},
            {"path": "README.md", "sha256": "44e6c37db10acc660af18ee03ba1aff2342118082cd07cb0d15c84e2e7a5e003", "size": 10, "mode": "0644"}
        ],
        "entrypoint": {"kind": "process", "path": "bin/notes", "args": ["--serve"], "protocol": "jsonl"}
    })
}

/// `full` with the value at `pointer` replaced, or added to the object around it.
pub(crate) fn with(pointer: &str, value: serde_json::Value) -> String {
    let mut manifest = full();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match manifest.pointer_mut(parent).unwrap() {
        serde_json::Value::Object(object) => {
            object.insert(name.replace("~1", "/"), value);
        }
        serde_json::Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        _ => unreachable!(),
    }
    manifest.to_string()
}

/// `full` without the member at `pointer`.
pub(crate) fn without(pointer: &str) -> String {
    let mut manifest = full();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    manifest
        .pointer_mut(parent)
        .unwrap()
        .as_object_mut()
        .unwrap()
        .remove(name)
        .unwrap();
    manifest.to_string()
}
