//! Arguments in a record.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

mod common;

use chancery_audit::redact::{
    MAX_DEPTH, MAX_ITEMS, MAX_PREVIEW_BYTES, MAX_TEXT_BYTES, OMITTED, REDACTED, Redactor, clip, names_secret,
};
use chancery_base::json;
use proptest::prelude::*;
use serde_json::{Value, json};
use zeroize::Zeroizing;

#[test]
fn members_that_are_named_like_secrets_are_replaced_whatever_they_hold() {
    let arguments = json!({
        "path": "/tmp/a", "apiKey": "k", "API_KEY": ["k"], "x-api-key": {"k": 1}, "password": 12, "Passwort": "not ours",
        "accessToken": null, "client_secret": "s", "key": "k", "keys": ["k"], "Authorization": "Bearer x",
        "nested": [{"private_key": "k", "size": 3}], "cookie": "c", "credentials": {}, "passphrase": "p", "otp": "123456",
    });
    let expected = json!({
        "path": "/tmp/a", "apiKey": REDACTED, "API_KEY": REDACTED, "x-api-key": REDACTED, "password": REDACTED,
        "Passwort": REDACTED, "accessToken": REDACTED, "client_secret": REDACTED, "key": REDACTED, "keys": REDACTED,
        "Authorization": REDACTED, "nested": [{"private_key": REDACTED, "size": 3}], "cookie": REDACTED,
        "credentials": REDACTED, "passphrase": REDACTED, "otp": REDACTED,
    });
    assert_eq!(Redactor::new().preview(&arguments), expected);
    for plain in ["path", "host", "keyboard", "author", "message", "pinned", "name"] {
        assert!(!names_secret(plain), "{plain}");
    }
}

#[test]
fn known_secrets_are_replaced_wherever_they_occur_the_longer_first() {
    let redactor = Redactor::new().knowing(["ghp_1", "ghp_12345", "", "4711"]);
    let arguments =
        json!({"url": "https://u:ghp_12345@host/ghp_1", "ghp_1 as a name": [4711, 47, 147_110], "plain": "x"});
    let expected = json!({
        "url": format!("https://u:{REDACTED}@host/{REDACTED}"),
        format!("{REDACTED} as a name"): [REDACTED, 47, REDACTED],
        "plain": "x",
    });
    assert_eq!(redactor.preview(&arguments), expected);
    assert_eq!(redactor.text("say ghp_12345!"), format!("say {REDACTED}!"));
}

#[test]
fn a_secret_across_the_cut_is_replaced_before_the_cut() {
    let secret = "S".repeat(40);
    let text = format!("{}{secret}", "x".repeat(MAX_TEXT_BYTES - 20));
    let shown = Redactor::new().knowing([secret.as_str()]).text(&text);
    assert!(!shown.contains('S'), "{shown}");
}

#[test]
fn long_texts_lists_and_trees_are_cut_and_say_so() {
    let redactor = Redactor::new();
    let shown = redactor.preview(&json!({"text": "ü".repeat(1000), "list": vec![1; 100]}));
    let text = shown["text"].as_str().unwrap();
    assert!(text.len() <= MAX_TEXT_BYTES && text.ends_with("[2000 bytes]"), "{text}");
    let list = shown["list"].as_array().unwrap();
    assert_eq!((list.len(), list.last().unwrap()), (MAX_ITEMS + 1, &json!(OMITTED)));
    let deep = (0..20).fold(json!("bottom"), |inner, _| json!([inner]));
    let text = redactor.preview(&deep).to_string();
    assert_eq!(
        text,
        format!("{}\"{OMITTED}\"{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH))
    );
    assert_eq!(clip("short", 5), "short");
}

#[test]
fn the_digest_is_of_all_arguments_and_a_key_makes_it_useless_for_guessing() {
    // RFC 8785 form {"a":1,"b":"x"}, hashed by another program: printf '{"a":1,"b":"x"}' | sha256sum
    let arguments = json!({"b": "x", "a": 1.0});
    let plain = Redactor::new().arguments(&arguments);
    assert_eq!(
        plain.digest,
        "sha256:ecf9e98ec0641e23113ff3ce8bdc78d0ddd249886517fd4a7f68cc83d4e65667"
    );
    // printf '{"a":1,"b":"x"}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:07..07
    let keyed = Redactor::new().keyed(Zeroizing::new([7; 32])).arguments(&arguments);
    assert_eq!(
        keyed.digest,
        "hmac-sha256:0ce9b45312a6a606d54eaa21633fdf8b3c8ad920a48b164dc6699677d3fe6efb"
    );
    assert_eq!(plain.preview, json!({"a": 1.0, "b": "x"}));
}

#[test]
fn no_debug_shows_a_secret() {
    let redactor = Redactor::new().knowing(["hunter2"]).keyed(Zeroizing::new([104; 32]));
    let shown = format!("{redactor:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("104"), "{shown}");
}

fn any_json(secret: &'static str) -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "\\PC{0,300}",
        Just(secret.to_owned()),
        "\\PC{0,250}".prop_map(move |text| format!("{text}{secret}{text}"))
    ];
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
        any::<bool>().prop_map(Value::from)
    ];
    leaf.prop_recursive(8, 200, 40, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..40).prop_map(Value::from),
            prop::collection::hash_map(text.clone(), inner, 0..40)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_preview_holds_a_known_secret_or_is_larger_than_it_may(value in any_json("s3cr3t-Value")) {
        let preview = Redactor::new().knowing(["s3cr3t-Value"]).preview(&value);
        let text = json::canonical(&preview).unwrap();
        prop_assert!(text.len() <= MAX_PREVIEW_BYTES);
        prop_assert!(!text.contains("s3cr3t-Value"));
    }
}
