//! The strict rules for tools, code by code (safeclaw spec 3.2, 15.1): names, schemas, effects, arguments.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use chancery_manifest::{Manifest, Options};
use chancery_policy::{Capability, Request, Resource};
use common::{full, parse, problems, with, without};
use serde_json::json;

#[test]
fn tool_names_are_those_that_every_model_takes() {
    for name in ["1a", "_a", "a b", "a.b", "\u{e9}", &"a".repeat(65)] {
        assert_eq!(
            problems(&with("/tools/1/name", json!(name))),
            ["E_TOOL_NAME /tools/1/name"],
            "{name}"
        );
    }
    assert_eq!(problems(&without("/tools/1/name")), ["E_MISSING /tools/1"]);
}

#[test]
fn tool_names_are_unique_also_when_case_is_ignored() {
    assert_eq!(
        problems(&with("/tools/1/name", json!("Search"))),
        ["E_TOOL_DUP /tools/1/name"]
    );
}

#[test]
fn builtin_names_are_taken() {
    for name in [
        "read",
        "write",
        "edit",
        "bash",
        "web_fetch",
        "web_search",
        "process",
        "apply_patch",
        "Bash",
    ] {
        let json = with("/tools/1/name", json!(name));
        assert_eq!(problems(&json), ["E_TOOL_SHADOW /tools/1/name"]);
        let options = Options {
            builtin: true,
            ..Options::default()
        };
        assert!(Manifest::parse(json.as_bytes(), &options).is_ok());
    }
}

#[test]
fn tool_descriptions_hide_nothing() {
    for description in [
        "",
        "a\u{200b}b",
        "a\u{202e}b",
        "a\u{1b}b",
        "a\u{e0041}b",
        &"x".repeat(1025),
    ] {
        let json = with("/tools/1/description", json!(description));
        assert_eq!(problems(&json), ["E_TOOL_DESC /tools/1/description"], "{description:?}");
    }
    let json = with("/tools/0/parameters/properties/query/description", json!("a\u{200b}b"));
    assert_eq!(
        problems(&json)[0],
        "E_TOOL_DESC /tools/0/parameters/properties/query/description"
    );
    let json = with("/tools/0/parameters/properties/query/enum", json!(["a\u{200b}b"]));
    assert_eq!(
        problems(&json)[0],
        "E_TOOL_DESC /tools/0/parameters/properties/query/enum/0"
    );
}

#[test]
fn parameters_must_be_a_schema_that_compiles() {
    for (parameters, place) in [
        (json!(5), ""),
        (json!([]), ""),
        (json!({"type": "string"}), ""),
        (json!({"type": "object", "properties": 5}), ""),
        (json!({"type": "object", "properties": {"a": {"type": "strnig"}}}), ""),
        (json!({"type": "object", "required": "a"}), ""),
        (json!({"type": "object", "properties": {"a": {"pattern": "("}}}), ""),
        (json!({"type": "object", "properties": {"a": {"pattern": "(?=x)"}}}), ""),
        (
            json!({"type": "object", "properties": {"a": {"pattern": "(x{1000}){1000}"}}}),
            "",
        ),
        (
            json!({"type": "object", "$schema": "http://json-schema.org/draft-07/schema#"}),
            "/$schema",
        ),
        (
            json!({"type": "object", "properties": {"a": {"$ref": "https://evil.example/schema"}}}),
            "/properties/a/$ref",
        ),
        (
            json!({"type": "object", "properties": {"a": {"$ref": "file:///etc/passwd"}}}),
            "/properties/a/$ref",
        ),
        (
            json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/none"}}}),
            "/properties/a/$ref",
        ),
        (
            json!({"type": "object", "properties": {"a": {"$ref": "#/properties/b"}, "b": {}}}),
            "/properties/a/$ref",
        ),
        (json!({"type": "object", "allOf": [{"$ref": "#"}]}), "/allOf/0/$ref"),
        (
            json!({"type": "object", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}}),
            "/$defs/a/allOf/0/$ref",
        ),
        (json!({"type": "object", "$id": "https://a.example/"}), "/$id"),
        (
            json!({"type": "object", "properties": {"a": {"$dynamicRef": "#x"}}}),
            "/properties/a/$dynamicRef",
        ),
    ] {
        let found = problems(&with("/tools/0/parameters", parameters.clone()));
        assert_eq!(
            found[0],
            format!("E_TOOL_SCHEMA /tools/0/parameters{place}"),
            "{parameters}"
        );
    }
    assert_eq!(problems(&without("/tools/1/parameters"))[0], "E_TOOL_SCHEMA /tools/1");
}

#[test]
fn a_schema_that_explodes_is_refused() {
    // each definition twice the one before: 2^20 schemas when written out
    let mut definitions = serde_json::Map::new();
    definitions.insert("d0".to_owned(), json!({"type": "string"}));
    for n in 1..20 {
        let reference = json!({"$ref": format!("#/$defs/d{}", n - 1)});
        definitions.insert(format!("d{n}"), json!({"allOf": [reference, reference]}));
    }
    let parameters = json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/d19"}}, "$defs": definitions});
    assert!(problems(&with("/tools/0/parameters", parameters))[0].starts_with("E_TOOL_SCHEMA"));
}

/// A manifest with `tools` that take `parameters`.
fn taking(tools: usize, parameters: &serde_json::Value) -> String {
    let tools: Vec<_> = (0..tools)
        .map(|n| json!({"name": format!("t{n}"), "description": "d", "parameters": parameters}))
        .collect();
    json!({"id": "s", "version": "1.0.0", "name": "s", "tools": tools}).to_string()
}

#[test]
fn patterns_that_would_fill_the_memory_are_refused() {
    // each takes a quarter of a megabyte, in forty bytes
    let parameters = |count: usize| {
        let properties: serde_json::Map<_, _> = (0..count)
            .map(|n| (format!("p{n}"), json!({"pattern": format!("(\\w{{40}}){{20}}{n}")})))
            .collect();
        json!({"type": "object", "properties": properties})
    };
    assert_eq!(
        problems(&taking(1, &parameters(257))),
        ["E_TOOL_SCHEMA /tools/0/parameters"]
    );
    // nor in many tools, nor as names of properties, nor behind references
    assert_eq!(
        problems(&taking(3, &parameters(100))),
        ["E_TOOL_SCHEMA /tools/2/parameters"]
    );
    let names: serde_json::Map<_, _> = (0..257).map(|n| (format!("^p{n}$"), json!({}))).collect();
    let named = json!({"type": "object", "patternProperties": names});
    assert_eq!(problems(&taking(1, &named)), ["E_TOOL_SCHEMA /tools/0/parameters"]);
    let references: serde_json::Map<_, _> = (0..257)
        .map(|n| (format!("p{n}"), json!({"$ref": "#/$defs/p"})))
        .collect();
    let referring = json!({"type": "object", "properties": references, "$defs": {"p": {"pattern": "^a+$"}}});
    assert_eq!(problems(&taking(1, &referring)), ["E_TOOL_SCHEMA /tools/0/parameters"]);
    // a property that is called so is none
    let called: serde_json::Map<_, _> = (0..300).map(|n| (format!("p{n}"), json!({"type": "string"}))).collect();
    let called = json!({"type": "object", "properties": {"pattern": {"type": "object", "properties": called}}});
    assert!(parse(&taking(1, &called)).is_ok());
}

#[test]
fn schemas_within_schemas_end() {
    let nested = |chain: usize, inner: usize| {
        let mut definitions = serde_json::Map::new();
        for n in 0..chain {
            let mut schema = match n + 1 {
                next if next == chain => json!({"type": "object"}),
                next => json!({"$ref": format!("#/$defs/d{next}")}),
            };
            for _ in 0..inner {
                schema = json!({"allOf": [schema], "unevaluatedProperties": {"type": "string"}});
            }
            definitions.insert(format!("d{n}"), schema);
        }
        json!({"type": "object", "allOf": [{"$ref": "#/$defs/d0"}], "$defs": definitions})
    };
    assert!(parse(&taking(1, &nested(6, 6))).is_ok());
    assert!(problems(&taking(1, &nested(15, 10)))[0].starts_with("E_TOOL_SCHEMA"));
}

#[test]
fn all_tools_together_have_an_end() {
    let properties: serde_json::Map<_, _> = (0..1000).map(|n| (format!("p{n}"), json!(true))).collect();
    let parameters = json!({"type": "object", "properties": properties});
    assert!(parse(&taking(10, &parameters)).is_ok());
    assert!(problems(&taking(17, &parameters))[0].starts_with("E_TOOL_SCHEMA /tools/16"));
}

#[test]
fn a_long_chain_of_references_is_refused() {
    // named so that the first link is looked at first, or last
    let chain = |length: usize, from_its_end: bool| {
        let name = |n: usize| format!("d{:05}", if from_its_end { length - n } else { n });
        let link = |n: usize| {
            (
                name(n),
                json!({"allOf": [{"$ref": format!("#/$defs/{}", name(n + 1))}]}),
            )
        };
        let mut definitions: serde_json::Map<_, _> = (0..length).map(link).collect();
        definitions.insert(name(length), json!({"type": "string"}));
        let first = json!({"$ref": format!("#/$defs/{}", name(0))});
        let parameters = json!({"type": "object", "properties": {"query": first, "folder": {}}, "$defs": definitions});
        with("/tools/0/parameters", parameters)
    };
    for from_its_end in [false, true] {
        assert!(parse(&chain(15, from_its_end)).is_ok());
        for length in [16, 3000] {
            assert!(
                problems(&chain(length, from_its_end))[0].starts_with("E_TOOL_SCHEMA"),
                "{length}"
            );
        }
    }
}

#[test]
fn references_within_a_schema_are_followed() {
    let parameters = json!({
        "type": "object",
        "properties": {"query": {"$ref": "#/$defs/text"}, "folder": {}},
        "$defs": {"text": {"type": "string", "maxLength": 3}}
    });
    let manifest = parse(&with("/tools/0/parameters", parameters)).unwrap();
    let tool = manifest.tool("search").unwrap();
    assert!(tool.check_arguments(&json!({"query": "abc"})).is_ok());
    assert!(tool.check_arguments(&json!({"query": "abcd"})).is_err());
}

#[test]
fn the_flat_shape_of_the_original_becomes_a_schema() {
    let parameters = json!({
        "path": {"type": "string", "required": true, "description": "File"},
        "type": {"type": "string", "required": false},
        "limit": {"type": "integer"}
    });
    let json = json!({"id": "a", "version": "1.0.0", "name": "a", "tools": [{"name": "t", "description": "d", "parameters": parameters}]});
    let manifest = parse(&json.to_string()).unwrap();
    let tool = &manifest.tools()[0];
    assert_eq!(
        *tool.schema().json(),
        json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "File"}, "type": {"type": "string"}, "limit": {"type": "integer"}
            },
            "required": ["path"]
        })
    );
    assert!(tool.check_arguments(&json!({"path": "/x", "limit": 3})).is_ok());
    assert!(tool.check_arguments(&json!({"limit": 3})).is_err());
}

#[test]
fn f12_arguments_that_the_schema_does_not_declare_are_refused() {
    let manifest = parse(&full().to_string()).unwrap();
    let tool = manifest.tool("search").unwrap();
    assert!(tool.check_arguments(&json!({"query": "x", "limit": 2})).is_ok());
    for (arguments, pointer) in [
        (json!({"query": "x", "allowedPaths": ["/"]}), ""),
        (json!({}), ""),
        (json!({"query": 7}), "/query"),
        (json!({"query": "x", "limit": 0}), "/limit"),
        (json!([]), ""),
        (json!(null), ""),
    ] {
        let problems = tool.check_arguments(&arguments).unwrap_err();
        assert_eq!(problems[0].pointer, pointer, "{arguments}");
    }
    let secret = tool
        .check_arguments(&json!({"query": 7, "limit": "hunter2"}))
        .unwrap_err();
    assert!(
        secret.iter().all(|problem| !problem.message.contains("hunter2")),
        "{secret:?}"
    );
}

#[test]
fn a_tool_requires_requests_that_are_there() {
    for requires in [json!([9]), json!([-1]), json!([0.5]), json!(["0"]), json!([0, 0])] {
        let found = problems(&with("/tools/0/requires", requires.clone()));
        assert!(
            found[0].starts_with("E_TOOL_REQUIRES /tools/0/requires/"),
            "{requires} {found:?}"
        );
    }
}

#[test]
fn effects_are_of_declared_parameters_and_required_capabilities() {
    for (effects, place) in [
        (json!({"nothing": "fs:read"}), "/tools/0/effects/nothing"),
        (json!({"folder": "fs:write"}), "/tools/0/effects/folder"),
        (json!({"folder": "net:https"}), "/tools/0/effects/folder"),
        (json!({"folder": "everything"}), "/tools/0/effects/folder"),
        (json!({"folder": []}), "/tools/0/effects/folder"),
        (json!({"folder": 5}), "/tools/0/effects/folder"),
    ] {
        assert_eq!(
            problems(&with("/tools/0/effects", effects)),
            [format!("E_TOOL_EFFECTS {place}")]
        );
    }
}

#[test]
fn what_a_call_uses_follows_from_its_arguments() {
    let manifest = parse(&full().to_string()).unwrap();
    let search = manifest.tool("search").unwrap();
    let read = |path| Request::new(Capability::FsRead, Resource::parse(Capability::FsRead, path).unwrap());
    assert_eq!(search.effects_of(&json!({"query": "x"})), Ok(vec![]));
    assert_eq!(
        search.effects_of(&json!({"folder": "/home/user/notes/../x"})),
        Ok(vec![read("/home/user/x")])
    );
    let fetch = manifest.tool("fetch").unwrap();
    let requests = fetch
        .effects_of(&json!({"urls": ["https://api.example.com/a", "https://evil.example/"]}))
        .unwrap();
    let permission = &manifest.requests()[1].permission;
    let covered: Vec<_> = requests
        .iter()
        .map(|request| permission.covers(request).is_ok())
        .collect();
    assert_eq!(covered, [true, false]);
    for arguments in [
        json!({"folder": ""}),
        json!({"folder": "relative"}),
        json!({"folder": 7}),
        json!({"folder": null}),
        json!({"folder": [["/x"]]}),
    ] {
        assert!(search.effects_of(&arguments).is_err(), "{arguments}");
    }
}

#[test]
fn annotations_are_flags() {
    assert_eq!(
        problems(&with("/tools/0/annotations", json!({"readOnly": "yes"}))),
        ["E_TYPE /tools/0/annotations/readOnly"]
    );
    assert_eq!(
        problems(&with("/tools/0/annotations", json!({"safe": true}))),
        ["E_UNKNOWN /tools/0/annotations/safe"]
    );
}

#[test]
fn an_unknown_member_of_a_tool_is_refused() {
    assert_eq!(
        problems(&with("/tools/0/command", json!("rm -rf /"))),
        ["E_UNKNOWN /tools/0/command"]
    );
}
