//! The strict reader: what it refuses and where, and that it otherwise reads what other readers read.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use chancery_manifest::{
    Limits, Problems,
    json::{self, Value},
};
use common::{listed, read};
use proptest::prelude::*;

fn refused(bytes: &[u8]) -> Vec<String> {
    listed(json::read(bytes, &Limits::default()).map(|_| ()))
}

#[test]
fn bytes_that_are_not_utf8_are_refused() {
    assert_eq!(refused(b"{\"a\":\"\xff\"}"), ["E_UTF8 "]);
}

#[test]
fn a_byte_order_mark_is_refused() {
    assert_eq!(refused("\u{feff}{}".as_bytes()), ["E_UTF8 "]);
}

#[test]
fn more_than_256_kib_are_refused() {
    let json = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    assert!(json::read(json(256 * 1024).as_bytes(), &Limits::default()).is_ok());
    assert_eq!(refused(json(256 * 1024 + 1).as_bytes()), ["E_SIZE "]);
}

#[test]
fn more_than_32_levels_are_refused() {
    let json = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(json::read(json(32).as_bytes(), &Limits::default()).is_ok());
    assert_eq!(refused(json(33).as_bytes()), [format!("E_SIZE {}", "/0".repeat(32))]);
    assert_eq!(refused("[".repeat(200_000).as_bytes()).len(), 1);
}

#[test]
fn every_name_that_occurs_twice_is_pointed_at() {
    let json = r#"{"a":1,"b":{"c":1,"c":2},"a":2,"x/y~":[{"d":0,"\u0064":1}]}"#;
    assert_eq!(
        refused(json.as_bytes()),
        ["E_DUPKEY /b/c", "E_DUPKEY /a", "E_DUPKEY /x~1y~0/0/d"]
    );
}

#[test]
fn a_name_that_occurs_twice_is_found_among_many() {
    for count in [15, 16, 17, 18, 40, 2000] {
        for twice in [0, 14, 16, 17, count - 1] {
            let names = (0..count).map(|n| format!("\"n{n}\":0")).collect::<Vec<_>>().join(",");
            let json = format!("{{{names},\"n{twice}\":1}}");
            let expected = if twice < count {
                vec![format!("E_DUPKEY /n{twice}")]
            } else {
                vec![]
            };
            let found = json::read(json.as_bytes(), &Limits::default());
            assert_eq!(found.err().map_or(vec![], |problems| listed(Err(problems))), expected);
        }
    }
}

#[test]
fn unpaired_surrogates_are_refused_wherever_they_are() {
    for text in [
        r"\ud800",
        r"\udc00",
        r"\ud800x",
        r"\ud800\u0041",
        r"\udc00\ud800",
        r"\ud800\ud800\udc00",
    ] {
        assert_eq!(
            refused(format!("[\"{text}\"]").as_bytes()).first().unwrap(),
            "E_SURROGATE /0",
            "{text}"
        );
        assert!(
            refused(format!("{{\"{text}\":1}}").as_bytes())
                .first()
                .unwrap()
                .starts_with("E_SURROGATE")
        );
    }
    assert_eq!(read(r#""\ud83d\ude00""#), Value::from("\u{1f600}"));
}

#[test]
fn names_that_are_more_than_names_are_refused_at_every_depth() {
    for name in ["__proto__", "constructor", "prototype"] {
        assert_eq!(
            refused(format!("{{\"{name}\":1}}").as_bytes()),
            [format!("E_RESERVED /{name}")]
        );
        assert_eq!(
            refused(format!("{{\"a\":[{{\"{name}\":{{}}}}]}}").as_bytes()),
            [format!("E_RESERVED /a/0/{name}")]
        );
    }
    assert_eq!(refused(br#"{"\u005f_proto__":1}"#), ["E_RESERVED /__proto__"]);
}

#[test]
fn problems_end_at_64() {
    let json = format!("{{{}}}", vec!["\"a\":0"; 5000].join(","));
    assert_eq!(refused(json.as_bytes()).len(), Problems::MAX);
}

#[test]
fn text_that_is_not_json_is_refused_with_its_place() {
    for (json, place) in [
        ("", ""),
        ("{", ""),
        ("{\"a\"}", "/a"),
        ("{\"a\":}", "/a"),
        ("{\"a\":1,}", ""),
        ("[1,]", "/1"),
        ("[1 2]", ""),
        ("{} {}", ""),
        ("{\"a\":[0,nul]}", "/a/1"),
        ("{'a':1}", ""),
        ("[\"\t\"]", "/0"),
        ("[\"\\x\"]", "/0"),
        ("[\"\\u12g4\"]", "/0"),
        ("[\"\\u+123\"]", "/0"),
        ("[\"", "/0"),
        ("[01]", ""),
        ("[1.]", "/0"),
        ("[.5]", "/0"),
        ("[+1]", "/0"),
        ("[1e]", "/0"),
        ("[-]", "/0"),
        ("[1e999]", "/0"),
        ("[NaN]", "/0"),
        ("[\u{a0}1]", "/0"),
    ] {
        assert_eq!(refused(json.as_bytes()), [format!("E_JSON {place}")], "{json}");
    }
}

#[test]
fn what_is_shown_of_a_place_moves_no_cursor() {
    let json = "{\"a\\u001b[2J\":1,\"a\\u001b[2J\":2}";
    let problems = json::read(json.as_bytes(), &Limits::default()).unwrap_err();
    assert!(!problems.to_string().contains('\u{1b}'));
}

/// Random JSON text, much of it broken.
fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<f64>()
            .prop_filter("JSON has no others", |n| n.is_finite())
            .prop_map(|n| format!("{n:e}")),
        any::<i64>().prop_map(|n| n.to_string()),
        "-?[0-9]{1,3}(\\.[0-9]{0,3})?([eE][+-]?[0-9]{0,3})?",
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        "\"(\\\\[bfnrt\"/x]|\\\\u[0-9a-fA-F]{3,4}|[a-z\\x00-\\x20]){0,6}\"",
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(" , "))),
            prop::collection::vec((0..9_u8, inner), 0..5).prop_map(|members| {
                let members: Vec<_> = members
                    .iter()
                    .map(|(name, value)| format!("\"{name}\" :{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// `value` with every number as a double, as this reader has them.
fn doubles(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Number(n) => json!(n.as_f64().unwrap()),
        serde_json::Value::Array(items) => items.into_iter().map(doubles).collect(),
        serde_json::Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, doubles(value)))
            .collect(),
        other => other,
    }
}

use serde_json::json;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn it_reads_what_another_reader_reads(text in any_json()) {
        let ours = json::read(text.as_bytes(), &Limits::default());
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => {
                prop_assert_eq!(doubles(ours.to_serde().unwrap()), doubles(theirs.clone()));
                prop_assert_eq!(doubles(serde_json::to_value(&ours).unwrap()), doubles(theirs));
            }
            (Ok(_), Err(error)) => prop_assert!(false, "only we read it: {error}"),
            (Err(problems), Ok(_)) => {
                // strictness, not syntax
                let syntax = problems.as_slice().iter().find(|problem| problem.code.as_str() == "E_JSON");
                prop_assert!(syntax.is_none(), "only they read it: {problems}");
            }
            (Err(_), Err(_)) => {}
        }
    }

    #[test]
    fn what_is_written_canonically_is_read_as_the_same(text in any_json()) {
        if let Ok(value) = json::read(text.as_bytes(), &Limits::default()) {
            let form = json::jcs(&value).unwrap();
            let again = read(&form);
            prop_assert_eq!(json::jcs(&again).unwrap(), form);
        }
    }
}
