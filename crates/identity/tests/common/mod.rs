//! The keys, tokens and requests that the tests start from: those of `vectors/clawdentity.json`.
#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

use chancery_base::{
    Millis, Ulid,
    ed25519::SecretKey,
    jws::{self},
};
use chancery_identity::{
    AgentDid, Authority, Origin, ait, crl,
    key_set::{KeySet, KeyStatus, RegistryKey},
};
use serde_json::Value;

pub(crate) const KID: &str = "reg-key-1";
pub(crate) const NOW: Millis = Millis(1_700_000_000_000);

pub(crate) fn vectors() -> Value {
    read("clawdentity.json")
}

pub(crate) fn read(file: &str) -> Value {
    let path = format!("{}/../../vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The text at `pointer` (RFC 6901).
pub(crate) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no text at {pointer}"))
}

pub(crate) fn registry_key() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

pub(crate) fn agent_key() -> SecretKey {
    SecretKey::from_seed(&[2; 32])
}

pub(crate) fn other_key() -> SecretKey {
    SecretKey::from_seed(&[9; 32])
}

pub(crate) fn keys(status: KeyStatus) -> KeySet {
    KeySet {
        keys: vec![RegistryKey::new(KID, registry_key().public(), status)],
    }
}

pub(crate) fn issuer() -> Origin {
    "https://registry.example.test".parse().unwrap()
}

pub(crate) fn agent(n: u8) -> AgentDid {
    let authority: Authority = "registry.example.test".parse().unwrap();
    AgentDid::new(&authority, Ulid::from_bytes([n; 16]))
}

pub(crate) fn ait_claims() -> ait::Claims {
    serde_json::from_value(vectors()["ait"]["claims"].clone()).unwrap()
}

pub(crate) fn crl_claims() -> crl::Claims {
    serde_json::from_value(vectors()["crl"]["claims"].clone()).unwrap()
}

/// A token over any claims, well signed by the registry.
pub(crate) fn signed(typ: &str, claims: &Value) -> String {
    jws::sign(typ, KID, claims, &registry_key()).unwrap()
}

/// `text` with the byte at `at` replaced by `to`; `None` when that changes nothing or is no longer text.
pub(crate) fn altered(text: &str, at: usize, to: u8) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    let byte = bytes.get_mut(at)?;
    if *byte == to {
        return None;
    }
    *byte = to;
    String::from_utf8(bytes).ok()
}
