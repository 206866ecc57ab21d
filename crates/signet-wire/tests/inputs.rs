//! Inputs: the types and their schemas agree, judged by another implementation of JSON Schema; and queries become inputs.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
#![allow(clippy::panic, reason = "a test stops at what it did not expect")]

mod common;

use chancery_signet_wire::{
    Flag, Reference, Text,
    action::{Call, Entry, Registry, input, table},
    record::{chat::EntityType, credential::RevocationReason, operator::Provider},
    schema,
};
use common::{other_types, places, replaced, with_strangers, without};
use proptest::prelude::*;
use serde_json::{Value, json};

fn registry() -> Registry {
    Registry::new(table().iter().copied()).unwrap()
}

/// An input that `schema` takes, with all that is optional.
fn sample(schema: &Value) -> Value {
    if let Some(word) = schema.pointer("/enum/0") {
        return word.clone();
    }
    if let Some(first) = schema.pointer("/anyOf/0") {
        return sample(first);
    }
    if let Some(pattern) = schema["pattern"].as_str()
        && schema.get("maxLength").is_none()
    {
        return json!(match pattern {
            "Z$" => "2026-01-01T00:00:00.000Z",
            p if p.starts_with("^[0-9a-f]{8}") => "c56a4180-65aa-42ec-a945-5fd21dec0538",
            p if p.starts_with("^[a-z0-9.-]+/") => "xmtp.org/text:1.0",
            // RFC 8032, test 1
            p if p.ends_with("{43}$") => "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            other => panic!("{other}"),
        });
    }
    match schema["type"].as_str().unwrap() {
        "string" => json!("op_a7f30c2e91d4b856"),
        "integer" => json!(3),
        "boolean" => json!(true),
        "array" => json!([sample(&schema["items"])]),
        "object" => schema
            .get("properties")
            .and_then(Value::as_object)
            .map(|members| {
                members
                    .iter()
                    .map(|(name, schema)| (name.clone(), sample(schema)))
                    .collect()
            })
            .unwrap_or_else(|| json!({})),
        other => panic!("{other}"),
    }
}

/// Whether type and schema give the same verdict, and which.
fn verdict(entry: &Entry, validator: &jsonschema::Validator, input: &Value) -> bool {
    let ours = entry.check(input.clone());
    assert_eq!(
        ours.is_ok(),
        validator.is_valid(input),
        "{} {input}: {ours:?}",
        entry.id()
    );
    ours.is_ok()
}

#[test]
fn each_type_and_its_schema_agree_on_every_small_change() {
    for entry in registry().entries() {
        let validator = jsonschema::validator_for(entry.schema()).unwrap();
        let full = sample(entry.schema());
        assert!(verdict(entry, &validator, &full), "{} {full}", entry.id());
        for path in places(&full) {
            verdict(entry, &validator, &without(&full, &path));
            let old = common::at(&mut full.clone(), &path).clone();
            for other in other_types(&old) {
                verdict(entry, &validator, &replaced(&full, &path, other));
            }
            for other in [
                json!(""),
                json!(0),
                json!(-1),
                json!([]),
                json!({}),
                json!("x\u{7}"),
                json!("x".repeat(300)),
            ] {
                verdict(entry, &validator, &replaced(&full, &path, other));
            }
        }
        for (_, spoilt) in with_strangers(&full) {
            assert!(!verdict(entry, &validator, &spoilt), "{} {spoilt}", entry.id());
        }
        for whole in [json!(null), json!([]), json!("x"), json!(7)] {
            assert!(!verdict(entry, &validator, &whole), "{} {whole}", entry.id());
        }
    }
}

#[test]
fn an_optional_member_is_never_null_and_a_nullable_one_never_absent() {
    let call = |id: &str, input: Value| Call::from_value(id, input);
    assert!(call("credential.list", json!({})).is_ok());
    assert_eq!(
        call("credential.list", json!({"operatorId": null})).unwrap_err().field,
        "operatorId"
    );
    let reveal = |expires: Option<Value>| {
        let mut input = json!({"credentialId": "c", "chatId": "d", "scope": "sender", "targetId": "e"});
        if let Some(expires) = expires {
            input["expiresAt"] = expires;
        }
        call("reveal.request", input)
    };
    assert!(reveal(Some(json!(null))).is_ok());
    assert!(reveal(Some(json!("2026-01-01T00:00:00.000Z"))).is_ok());
    assert!(reveal(None).unwrap_err().reason.contains("expiresAt"));
}

#[test]
fn a_refusal_names_the_deepest_place() {
    for (id, input, field) in [
        (
            "operator.create",
            json!({"label": "x", "role": "king", "scopeMode": "shared"}),
            "role",
        ),
        (
            "operator.update",
            json!({"operatorId": "x", "changes": {"operatorDisclosures": {"hostingMode": "moon"}}}),
            "changes.operatorDisclosures.hostingMode",
        ),
        (
            "credential.issue",
            json!({"operatorId": "x", "chatIds": ["a", "", "b"]}),
            "chatIds[1]",
        ),
        ("credential.issue", json!({"operatorId": "x", "chatIds": []}), "chatIds"),
        (
            "credential.issue",
            json!({"operatorId": "x", "chatIds": ["a"], "ttlSeconds": 0}),
            "ttlSeconds",
        ),
        (
            "policy.create",
            json!({"label": "x", "allow": ["send", "fly"], "deny": []}),
            "allow[1]",
        ),
        ("policy.create", json!({"label": "", "allow": [], "deny": []}), "label"),
    ] {
        assert_eq!(Call::from_value(id, input).unwrap_err().field, field, "{id}");
    }
}

#[test]
fn a_wrong_word_is_told_the_right_ones_and_not_repeated() {
    let refusal = Call::from_value(
        "operator.create",
        json!({"label": "x", "role": "secret-role", "scopeMode": "shared"}),
    );
    let reason = refusal.unwrap_err().reason;
    assert!(
        reason.contains("operator, admin, superadmin") && !reason.contains("secret-role"),
        "{reason}"
    );
}

#[test]
fn numbers_end_where_every_reader_of_json_ends() {
    let ttl = |ttl: Value| {
        Call::from_value(
            "credential.issue",
            json!({"operatorId": "x", "chatIds": ["a"], "ttlSeconds": ttl}),
        )
    };
    assert!(ttl(json!(9_007_199_254_740_991_u64)).is_ok());
    for bad in [
        json!(9_007_199_254_740_992_u64),
        json!(u64::MAX),
        json!(-1),
        json!(1.5),
        json!("3600"),
    ] {
        assert!(ttl(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn defaults_are_those_of_the_original() {
    let vectors = common::vector("xs-actions.json");
    let default = |id: &str, member: &str| vectors["inputs"][id]["properties"][member]["default"].clone();
    let revoke: input::CredentialRevoke = serde_json::from_value(json!({"credentialId": "x"})).unwrap();
    assert_eq!(json!(revoke.reason()), default("credential.revoke", "reason"));
    assert_eq!(revoke.reason(), RevocationReason::OwnerInitiated);
    let consent: input::ConsentOf = serde_json::from_value(json!({"entity": "x"})).unwrap();
    assert_eq!(json!(consent.entity_type()), default("consent.check", "entityType"));
    assert_eq!(consent.entity_type(), EntityType::InboxId);
    let create: input::OperatorCreate =
        serde_json::from_value(json!({"label": "x", "role": "operator", "scopeMode": "per-chat"})).unwrap();
    assert_eq!(json!(create.provider()), default("operator.create", "provider"));
    assert_eq!(create.provider(), Provider::Internal);
}

#[test]
fn a_reveal_names_a_target_of_its_scope() {
    let reveal = |scope: &str, target: &str| -> input::RevealRequest {
        serde_json::from_value(
            json!({"credentialId": "c", "chatId": "d", "scope": scope, "targetId": target, "expiresAt": null}),
        )
        .unwrap()
    };
    for (scope, target) in [
        ("message", "msg_0000000000000001"),
        ("thread", "msg_0000000000000001"),
        ("sender", "ab"),
        ("content-type", "xmtp.org/text:1.0"),
        ("time-window", "2026-01-01T00:00:00.000Z|2026-01-02T00:00:00.000Z"),
    ] {
        assert_eq!(reveal(scope, target).target().unwrap().scope().as_str(), scope);
    }
    for (scope, target) in [("content-type", "text"), ("time-window", "yesterday")] {
        assert_eq!(reveal(scope, target).target().unwrap_err().field, "targetId");
    }
}

#[test]
fn a_query_becomes_an_input_by_the_schema() {
    let registry = registry();
    let read = |id: &str, query: &str| {
        let value = schema::from_query(registry.get(id).unwrap().schema(), query);
        Call::from_value(id, value.clone()).map(|_| value)
    };
    assert_eq!(
        read(
            "message.list",
            "chatId=conv_1&limit=20&dangerouslyAllowMessageRead=true"
        )
        .unwrap(),
        json!({"chatId": "conv_1", "limit": 20, "dangerouslyAllowMessageRead": "true"})
    );
    assert_eq!(read("credential.list", "all=true").unwrap(), json!({"all": true}));
    assert_eq!(
        read("search.resources", "query=a%20b+c&type=policy&limit=1").unwrap()["query"],
        "a b c"
    );
    assert_eq!(read("lookup.resolve", "query=20").unwrap(), json!({"query": "20"}));
    assert_eq!(read("operator.list", "").unwrap(), json!({}));
    for (id, query) in [
        ("message.list", "chatId=a&limit=x"),
        ("message.list", "chatId=a&limit=020"),
        ("message.list", "chatId=a&limit=1.5"),
        ("message.list", "chatId=a&chatId=b"),
        ("message.list", "limit=1"),
        ("message.list", "chatId=a&stranger=1"),
        ("credential.list", "all=yes"),
        ("operator.info", "operatorId="),
    ] {
        assert!(read(id, query).is_err(), "{id}?{query}");
    }
}

#[test]
fn a_key_that_comes_again_is_a_list_where_a_list_is_wanted() {
    let issue = schema::of::<input::CredentialIssue>();
    assert_eq!(
        schema::from_query(&issue, "operatorId=o&chatIds=a&chatIds=b&allow=send&ttlSeconds=60"),
        json!({"operatorId": "o", "chatIds": ["a", "b"], "allow": ["send"], "ttlSeconds": 60})
    );
    assert_eq!(schema::from_query(&issue, "chatIds=a"), json!({"chatIds": ["a"]}));
}

#[test]
fn a_flag_is_a_truth_value_or_its_name() {
    for (value, flag) in [
        (json!(true), true),
        (json!("true"), true),
        (json!(false), false),
        (json!("false"), false),
    ] {
        assert_eq!(serde_json::from_value::<Flag>(value).unwrap(), Flag(flag));
    }
    for value in [json!(1), json!("yes"), json!("True"), json!(null), json!([])] {
        assert!(serde_json::from_value::<Flag>(value).is_err());
    }
}

#[test]
fn texts_end_somewhere() {
    assert!("x".repeat(256).parse::<Reference>().is_ok());
    assert!("x".repeat(257).parse::<Reference>().is_err());
    assert!("é".repeat(256).parse::<Reference>().is_ok());
    assert!("".parse::<Reference>().is_err());
    assert!("a\nb".parse::<Reference>().is_err());
    assert!("a\nb".parse::<Text>().is_ok());
}

#[test]
fn no_schema_needs_another_document() {
    for entry in registry().entries() {
        let text = entry.schema().to_string();
        for word in ["$ref", "$schema", "$defs", "null\""] {
            let is_nullable = word == "null\"" && entry.id() == "reveal.request";
            assert!(is_nullable || !text.contains(word), "{}: {word}: {text}", entry.id());
        }
        assert_eq!(entry.schema()["type"], "object");
        assert_eq!(entry.schema()["additionalProperties"], false);
    }
}

proptest! {
    #[test]
    fn any_text_and_any_query_are_answered(id in prop::sample::select(table().iter().map(|d| {
        Registry::new([*d]).unwrap().entries().next().unwrap().id()
    }).collect::<Vec<_>>()), text in "\\PC*", json in "[\\[\\]{}\",:0-9a-z\\\\. -]{0,60}") {
        for text in [&text, &json] {
            let _ = Call::parse(id, text);
            let _ = schema::from_query(&schema::of::<input::CredentialIssue>(), text);
        }
    }
}
