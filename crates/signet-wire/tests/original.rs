//! Beside the original: its 65 actions with their places and inputs, as `vectors/xs-actions.json` has them. Each difference
//! is meant, and named here.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
#![allow(clippy::panic, reason = "a test stops at what it did not expect")]

mod common;

use std::collections::BTreeSet;

use chancery_signet_wire::action::{Call, Registry, table};
use common::vector;
use serde_json::{Map, Value, json};

/// Actions that the original's registry does not have.
const NEW: [(&str, &str); 16] = [
    ("action.approve", "the owner decides on held actions, not the harness"),
    ("action.deny", "the same"),
    ("action.list", "the same"),
    ("action.show", "the same"),
    ("admin.export-state", "in the original's code, and not registered"),
    ("admin.logs-verify", "the log is chained"),
    (
        "admin.token",
        "an admin of another user, or over HTTP, needs one, and xs opens no vault",
    ),
    ("admin.verify-keys", "in the original's code, and not registered"),
    ("chat.revoke-invite", "nothing takes a link back there"),
    ("chat.sync", "a stub there"),
    ("config.show", "only a function there"),
    ("events.poll", "tools have no push"),
    ("reveal.approve", "the owner grants reveals, not the harness"),
    ("reveal.deny", "the same"),
    ("wallet.provider-list", "a stub there"),
    ("wallet.provider-set", "a stub there"),
];

/// Where an action is described in another way: id, member, why.
const OTHER: [(&str, &str, &str); 4] = [
    ("signet.status", "intent", "it changes nothing"),
    ("signet.status", "idempotent", "it changes nothing"),
    ("chat.rm", "intent", "what it takes away does not come back"),
    ("chat.rm", "mcp", "what it takes away does not come back"),
];

/// Members of inputs that the original does not have.
const MORE: [(&str, &[&str], &str); 15] = [
    ("chat.create", &["operatorId"], "--op is honoured"),
    ("chat.list", &["operatorId"], "--op is honoured"),
    (
        "chat.invite",
        &["description", "expiresInSeconds", "singleUse"],
        "lost in the recording; links end",
    ),
    ("chat.update", &["description"], "lost in the recording"),
    (
        "credential.issue",
        &["contentTypes", "harnessKey", "harnessUid"],
        "the third tier; tokens are bound",
    ),
    ("credential.list", &["all"], "--all"),
    ("credential.updateScopes", &["policyId"], "--policy is honoured"),
    ("keys.rotate", &["operatorId"], "--operator"),
    (
        "message.info",
        &["dangerouslyAllowMessageRead"],
        "passed beside the schema there",
    ),
    (
        "message.list",
        &["dangerouslyAllowMessageRead"],
        "passed beside the schema there",
    ),
    ("message.react", &["idempotencyKey"], "sent again is sent once"),
    ("message.reply", &["idempotencyKey"], "sent again is sent once"),
    (
        "message.send",
        &["asOwner", "idempotencyKey", "operatorId"],
        "the guarded path, and the owner's own",
    ),
    ("policy.create", &["confirm"], "scopes that need the owner's word"),
    (
        "search.messages",
        &["dangerouslyAllowMessageRead"],
        "passed beside the schema there",
    ),
];

/// The same below the root of an input.
const MORE_INSIDE: [(&str, &[&str]); 1] = [("policy.update.changes", &["confirm"])];

/// Members that may be absent here and not there.
const OPTIONAL: [(&str, &str, &str); 7] = [
    ("credential.updateScopes", "scopes", "a policy alone may change"),
    ("credential.updateScopes.scopes", "allow", "a list that is absent stays"),
    ("credential.updateScopes.scopes", "deny", "a list that is absent stays"),
    ("keys.export-public", "keyId", "the first key is meant"),
    ("message.info", "chatId", "a message that is known is in one chat"),
    ("reveal.list", "credentialId", "the owner sees all"),
    ("reveal.request", "requestedBy", "who asks is who calls"),
];

/// Members of another type here.
const RETYPED: [(&str, &str, &str); 2] = [
    ("message.list", "limit", "half a message cannot be listed"),
    ("chat.join", "timeoutSeconds", "whole seconds"),
];

fn ours() -> Map<String, Value> {
    let registry = Registry::new(table().iter().copied()).unwrap();
    let map: Value = serde_json::from_str(registry.surface_map().unwrap().as_str()).unwrap();
    map["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["id"].as_str().unwrap().to_owned(), entry.clone()))
        .collect()
}

fn theirs() -> Vec<Value> {
    vector("xs-actions.json")["map"]["entries"].as_array().unwrap().clone()
}

#[test]
fn every_action_of_the_original_is_here_and_what_is_new_is_named() {
    let theirs: BTreeSet<String> = theirs().iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(theirs.len(), 65);
    let new: BTreeSet<String> = ours().keys().filter(|id| !theirs.contains(*id)).cloned().collect();
    assert_eq!(new, NEW.iter().map(|(id, _)| (*id).to_owned()).collect());
    for id in theirs {
        assert!(ours().contains_key(&id), "{id}");
    }
}

#[test]
fn each_is_in_the_same_places() {
    let ours = ours();
    for theirs in theirs() {
        let id = theirs["id"].as_str().unwrap();
        let mut ours = ours[id].clone();
        // what the original does not say
        for member in ["credentialScopes", "input", "output"] {
            ours.as_object_mut().unwrap().remove(member);
        }
        if let Some(mcp) = ours.get_mut("mcp") {
            mcp.as_object_mut().unwrap().remove("alias");
            // its own words
            mcp["annotations"].as_object_mut().unwrap().remove("title");
        }
        let members: BTreeSet<&String> = ours
            .as_object()
            .unwrap()
            .keys()
            .chain(theirs.as_object().unwrap().keys())
            .collect();
        for member in members {
            let is_named = OTHER
                .iter()
                .any(|(action, other, _)| (*action, *other) == (id, member.as_str()));
            assert_eq!(ours.get(member) != theirs.get(member), is_named, "{id}: {member}");
        }
    }
}

#[test]
fn each_input_has_the_same_members() {
    let ours = ours();
    let theirs = vector("xs-actions.json")["inputs"].clone();
    for (id, theirs) in theirs.as_object().unwrap() {
        compare(id, &ours[id]["input"], theirs);
    }
}

/// Holds the object `ours` to the object `theirs`; `place` is the action, and the member that they are the schemas of.
fn compare(place: &str, ours: &Value, theirs: &Value) {
    assert_eq!(ours["additionalProperties"], json!(false), "{place}");
    let empty = Map::new();
    let members = |schema: &Value| {
        schema
            .get("properties")
            .and_then(Value::as_object)
            .unwrap_or(&empty)
            .clone()
    };
    let required = |schema: &Value| -> BTreeSet<String> {
        let names = schema
            .get("required")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        names.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let more: BTreeSet<String> = members(ours)
        .keys()
        .filter(|name| !members(theirs).contains_key(*name))
        .cloned()
        .collect();
    let named = MORE
        .iter()
        .map(|(action, names, _)| (*action, *names))
        .chain(MORE_INSIDE)
        .find(|(action, _)| *action == place);
    assert_eq!(
        more,
        named.map_or(BTreeSet::new(), |(_, names)| names
            .iter()
            .map(|n| (*n).to_owned())
            .collect()),
        "{place}"
    );
    for name in &more {
        assert!(!required(ours).contains(name), "{place}: {name}");
    }
    for (name, theirs_member) in members(theirs) {
        let place_of = format!("{place}.{name}");
        let ours_members = members(ours);
        let ours_member = ours_members.get(&name).unwrap_or_else(|| panic!("{place_of}"));
        let is_named = OPTIONAL
            .iter()
            .any(|(action, member, _)| (*action, *member) == (place, name.as_str()));
        assert_eq!(
            required(ours).contains(&name) != required(theirs).contains(&name),
            is_named,
            "{place_of}"
        );
        let is_named = RETYPED
            .iter()
            .any(|(action, member, _)| (*action, *member) == (place, name.as_str()));
        assert_eq!(
            kind(ours_member) != kind(&theirs_member),
            is_named,
            "{place_of}: {ours_member} {theirs_member}"
        );
        if theirs_member.get("properties").is_some() {
            compare(&place_of, ours_member, &theirs_member);
        }
    }
}

/// What a schema takes, without the bounds of it: ours has them, the original does not.
fn kind(schema: &Value) -> Value {
    if let Some(either) = schema.get("anyOf").and_then(Value::as_array) {
        let types: BTreeSet<String> = either.iter().map(|s| s["type"].as_str().unwrap().to_owned()).collect();
        return json!(types);
    }
    let words: Option<BTreeSet<String>> = schema
        .get("enum")
        .and_then(Value::as_array)
        .map(|words| words.iter().map(ToString::to_string).collect());
    json!([schema["type"], words, schema.get("items").map(kind)])
}

/// An input that `schema` takes: with all that is optional, or without.
fn sample(schema: &Value, full: bool) -> Value {
    if let Some(word) = schema.pointer("/enum/0") {
        return word.clone();
    }
    if let Some(first) = schema.pointer("/anyOf/0") {
        return sample(first, full);
    }
    match schema["type"].as_str().unwrap() {
        "string" if schema["format"] == "date-time" => json!("2026-01-01T00:00:00.000Z"),
        "string" => json!("op_a7f30c2e91d4b856"),
        "integer" | "number" => json!(3),
        "boolean" => json!(true),
        "array" => json!([sample(&schema["items"], full)]),
        _ => {
            let empty = Map::new();
            let required = schema
                .get("required")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            let members = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
            members
                .iter()
                .filter(|(name, _)| full || required.contains(&json!(name)))
                .map(|(name, schema)| (name.clone(), sample(schema, full)))
                .collect()
        }
    }
}

#[test]
fn every_input_of_the_original_is_taken() {
    let theirs = vector("xs-actions.json")["inputs"].clone();
    for (id, schema) in theirs.as_object().unwrap() {
        for full in [false, true] {
            let mut input = sample(schema, full);
            // a time is a time here, as the original's command has it
            if input.get("since").is_some() {
                input["since"] = json!("2026-01-01T00:00:00Z");
            }
            let call = Call::from_value(id, input.clone());
            assert!(
                matches!(&call, Ok(Some(call)) if call.id() == id),
                "{id} {input}: {call:?}"
            );
        }
    }
}
