//! Strict JSON, Ed25519 and compact JWS.

use std::collections::BTreeMap;

use chancery_base::{
    b64,
    ed25519::{KeyError, PublicKey, SecretKey, Signature},
    json,
    jws::{self, JwsError, Unverified},
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Claims {
    a: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    b: Option<String>,
}

fn key() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

/// A token over exactly this header and these claims, well signed.
fn token(header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", b64::encode(header), b64::encode(claims));
    format!("{signed}.{}", key().sign(signed.as_bytes()).to_b64())
}

const HEADER: &str = r#"{"alg":"EdDSA","typ":"AIT","kid":"k"}"#;

fn read(token: &str) -> Result<Claims, JwsError> {
    Unverified::parse(token, "AIT")?.verify_exact(&key().public())
}

// JSON

#[test]
fn a_key_that_occurs_twice_is_refused_at_any_depth() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"[{"x":{"a":1,"b":2,"a":3}}]"#,
        r#"{"a":1,"\u0061":2}"#,
    ] {
        assert!(json::from_slice_strict::<Value>(text.as_bytes()).is_err(), "{text}");
    }
    assert!(json::from_slice_strict::<Value>(br#"{"a":{"a":1},"b":{"a":1}}"#).is_ok());
}

#[test]
fn text_after_the_value_is_refused() {
    assert!(json::from_slice_strict::<Value>(b"{} {}").is_err());
    assert!(json::from_slice_strict::<Value>(b"{} ").is_ok());
}

#[test]
fn an_array_does_not_pass_for_an_object() {
    assert!(json::from_object_strict::<Claims>(br#"{"a":1}"#).is_ok());
    assert!(json::from_object_strict::<Claims>(br#"[1,null]"#).is_err());
    assert!(json::from_slice_exact::<Claims>(br#"[1,"x"]"#).is_err());
}

#[test]
fn exact_json_has_no_null_for_what_is_left_out() {
    assert!(json::from_slice_exact::<Claims>(br#"{"a":1,"b":null}"#).is_err());
    assert!(json::from_slice_exact::<Claims>(br#"{ "b":"x", "a":1 }"#).is_ok());
}

#[test]
fn exact_json_has_no_member_that_is_not_read() {
    assert!(json::from_slice_exact::<Claims>(br#"{"a":1,"c":1}"#).is_err());
}

#[test]
fn deep_json_is_an_error_and_no_crash() {
    let deep = "[".repeat(1 << 20);
    assert!(json::from_slice_strict::<Value>(deep.as_bytes()).is_err());
    assert!(!json::is_portable(&deep));
}

#[test]
fn json_that_stops_other_readers_is_not_portable() {
    for text in [
        "1e400",
        r#""\ud800""#,
        &format!("{}{}", "[".repeat(200), "]".repeat(200)),
        "{}x",
        "",
    ] {
        assert!(!json::is_portable(text), "{text}");
    }
    for text in [
        "null",
        "0.10",
        "123456789012345678901234567890",
        r#"{"a":1,"a":2}"#,
        r#""😀""#,
    ] {
        assert!(json::is_portable(text), "{text}");
    }
}

#[test]
fn canonical_json_sorts_its_keys_and_has_no_space() {
    let value = json!({"b": [1, 2.50], "a": "€\n", "": {}});
    assert_eq!(json::canonical(&value).unwrap(), r#"{"":{},"a":"€\n","b":[1,2.5]}"#);
}

// Ed25519

#[test]
fn rfc_8032_test_1_is_reproduced() {
    let seed = [
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49,
        0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
    ];
    let key = SecretKey::from_seed(&seed);
    assert_eq!(key.public().to_b64(), "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    let signature = key.sign(b"").to_b64();
    assert_eq!(
        signature,
        "5VZDAMNgrHKQhuLMgG6CioSHfx645dl02HPgZSJJAVVfuIIVkKM7rMYeOXAc-bRr0lv18FlbviRlUUFDjnoQCw"
    );
    assert!(
        key.public()
            .verify(b"", &Signature::from_b64(&signature).unwrap())
            .is_ok()
    );
}

#[test]
fn a_weak_key_is_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    assert_eq!(PublicKey::from_bytes(&identity), Err(KeyError::Weak));
    assert_eq!(PublicKey::from_bytes(&[0; 32]), Err(KeyError::Weak));
}

#[test]
fn a_key_that_is_no_point_is_refused() {
    let mut bytes = [0; 32];
    bytes[0] = 2;
    assert_eq!(PublicKey::from_bytes(&bytes), Err(KeyError::NotAPoint));
}

#[test]
fn a_key_has_one_encoding() {
    // y = 2^255 - 19 + k for small k stands for the same point as y = k
    let second_spellings = (0xed..=0xff_u8).flat_map(|low| {
        let mut bytes = [0xff; 32];
        bytes[0] = low;
        let mut positive = bytes;
        positive[31] = 0x7f;
        [bytes, positive]
    });
    for bytes in second_spellings {
        assert_eq!(PublicKey::from_bytes(&bytes), Err(KeyError::NotAPoint), "{bytes:x?}");
    }
}

#[test]
fn a_secret_key_does_not_print_itself() {
    assert_eq!(format!("{:?}", key()), "SecretKey(..)");
}

#[test]
fn a_signature_whose_scalar_is_not_reduced_is_refused() {
    // s + L verifies under sloppy rules, and would be a second signature for the same message
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut bytes = key().sign(b"m").to_bytes();
    let mut carry = 0;
    for (byte, add) in bytes[32..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(
        key().public().verify(b"m", &Signature::from_bytes(bytes)),
        Err(KeyError::BadSignature)
    );
}

// JWS

#[test]
fn a_token_that_we_sign_is_read_back() {
    let claims = Claims {
        a: 1,
        b: Some("x".to_owned()),
    };
    assert_eq!(read(&jws::sign("AIT", "k", &claims, &key()).unwrap()).unwrap(), claims);
}

#[test]
fn a_token_whose_claims_name_the_key_has_no_kid() {
    let claims = Claims { a: 1, b: None };
    let token = jws::sign_unnamed("JWT", &claims, &key()).unwrap();
    let read = Unverified::parse_unnamed(&token, "JWT").unwrap();
    assert_eq!(read.kid(), "");
    assert_eq!(read.verify::<Claims>(&key().public()).unwrap(), claims);
    // neither kind passes for the other
    assert!(matches!(Unverified::parse(&token, "JWT"), Err(JwsError::Header)));
    let named = jws::sign("JWT", "k", &claims, &key()).unwrap();
    assert!(matches!(
        Unverified::parse_unnamed(&named, "JWT"),
        Err(JwsError::Header)
    ));
}

#[test]
fn a_header_has_exactly_its_three_members() {
    assert!(read(&token(HEADER, r#"{"a":1}"#)).is_ok());
    for header in [
        r#"{"alg":"none","typ":"AIT","kid":"k"}"#,
        r#"{"alg":"HS256","typ":"AIT","kid":"k"}"#,
        r#"{"alg":"eddsa","typ":"AIT","kid":"k"}"#,
        r#"{"alg":"EdDSA","typ":"CRL","kid":"k"}"#,
        r#"{"alg":"EdDSA","typ":"AIT","kid":""}"#,
        r#"{"alg":"EdDSA","typ":"AIT"}"#,
        r#"{"alg":"EdDSA","typ":"AIT","kid":null}"#,
        r#"{"alg":"EdDSA","kid":"k"}"#,
        r#"{"typ":"AIT","kid":"k"}"#,
        r#"{"alg":"EdDSA","typ":"AIT","kid":"k","crit":[]}"#,
        r#"{"alg":"EdDSA","typ":"AIT","kid":"k","jwk":{}}"#,
        r#"{"alg":"EdDSA","typ":"AIT","kid":"k","kid":"k"}"#,
        r#"["EdDSA","AIT","k"]"#,
    ] {
        assert!(
            matches!(read(&token(header, r#"{"a":1}"#)), Err(JwsError::Header)),
            "{header}"
        );
    }
}

#[test]
fn a_key_name_is_not_longer_than_its_limit() {
    let with = |kid: usize| {
        token(
            &format!(r#"{{"alg":"EdDSA","typ":"AIT","kid":"{}"}}"#, "k".repeat(kid)),
            r#"{"a":1}"#,
        )
    };
    assert!(read(&with(jws::MAX_KID_BYTES)).is_ok());
    assert!(matches!(read(&with(jws::MAX_KID_BYTES + 1)), Err(JwsError::Header)));
}

#[test]
fn a_token_has_three_parts() {
    let whole = token(HEADER, r#"{"a":1}"#);
    let mut parts = whole.split('.');
    let (h, c, s) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    for text in [
        String::new(),
        h.to_owned(),
        format!("{h}.{c}"),
        format!("{h}.{c}.{s}.{s}"),
        format!("{h}.{c}."),
    ] {
        assert!(matches!(read(&text), Err(JwsError::Format)), "{text}");
    }
}

#[test]
fn a_token_of_more_than_16_kib_is_refused() {
    let with = |n: usize| token(HEADER, &format!(r#"{{"a":1,"b":"{}"}}"#, "x".repeat(n)));
    assert!(with(12_000).len() < jws::MAX_TOKEN_BYTES);
    assert!(read(&with(12_000)).is_ok());
    assert!(matches!(read(&with(13_000)), Err(JwsError::Format)));
}

#[test]
fn claims_of_another_key_are_not_read() {
    let other = SecretKey::from_seed(&[2; 32]).public();
    let token = token(HEADER, r#"{"a":1}"#);
    let parsed = Unverified::parse(&token, "AIT").unwrap();
    assert!(matches!(
        parsed.verify_exact::<Claims>(&other),
        Err(JwsError::Signature)
    ));
    assert!(matches!(parsed.verify::<Claims>(&other), Err(JwsError::Signature)));
}

#[test]
fn claims_that_name_a_key_twice_are_refused() {
    assert!(matches!(
        read(&token(HEADER, r#"{"a":1,"a":1}"#)),
        Err(JwsError::Claims(_))
    ));
}

proptest! {
    #[test]
    fn reading_never_panics(bytes: Vec<u8>, text in "\\PC*", dots in "[A-Za-z0-9_-]{0,20}\\.[A-Za-z0-9_-]{0,20}\\.[A-Za-z0-9_-]{0,90}") {
        let _ = json::from_slice_strict::<Value>(&bytes);
        let _ = json::from_slice_exact::<Claims>(&bytes);
        let _ = json::is_portable(&text);
        for token in [&text, &dots] {
            let _ = read(token);
            let _ = PublicKey::from_b64(token);
            let _ = SecretKey::from_b64(token);
            let _ = Signature::from_b64(token);
        }
        let _ = <[u8; 32]>::try_from(bytes.as_slice()).map(|bytes| PublicKey::from_bytes(&bytes));
    }

    #[test]
    fn one_changed_byte_makes_a_token_worthless(at: prop::sample::Index, to: u8) {
        let whole = token(HEADER, r#"{"a":1}"#);
        let mut bytes = whole.clone().into_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != to);
        bytes[at] = to;
        if let Ok(text) = String::from_utf8(bytes) {
            prop_assert!(read(&text).is_err(), "{}", text);
        }
    }

    #[test]
    fn canonical_json_means_the_same(map in prop::collection::btree_map("\\PC{0,8}", any::<i32>(), 0..8)) {
        let text = json::canonical(&map).unwrap();
        let back: BTreeMap<String, i32> = json::from_slice_strict(text.as_bytes()).unwrap();
        prop_assert_eq!(json::canonical(&back).unwrap(), text);
        prop_assert_eq!(back, map);
    }
}
