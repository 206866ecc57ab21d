//! Envelopes: who signed counts, what was signed is parsed, and nothing of it can be changed (safeclaw spec 15.1 to 15.3).
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::{num::NonZeroUsize, sync::LazyLock};

use chancery_base::{
    Millis, b64,
    ed25519::{PublicKey, SecretKey},
};
use chancery_manifest::{
    Envelope, EnvelopeError, KeyId, Manifest, RevocationList, RevokedSkill, Rotation, SignedDocument, json, pae,
};
use common::{full, k1, k2, k3, parse, read};
use proptest::prelude::*;
use serde_json::{Value, json};

fn one() -> NonZeroUsize {
    NonZeroUsize::MIN
}

fn manifest() -> &'static Manifest {
    static MANIFEST: LazyLock<Manifest> = LazyLock::new(|| parse(&full().to_string()).unwrap());
    &MANIFEST
}

fn signed(keys: &[&SecretKey]) -> Envelope {
    Envelope::sign(manifest(), keys).unwrap()
}

/// The envelope with one change to its JSON.
fn changed(envelope: &Envelope, change: impl FnOnce(&mut Value)) -> Result<Envelope, EnvelopeError> {
    let mut wire: Value = serde_json::from_str(&envelope.to_json()).unwrap();
    change(&mut wire);
    Envelope::parse(wire.to_string().as_bytes())
}

fn verify(envelope: &Envelope, keys: &[PublicKey], threshold: usize) -> Result<Vec<KeyId>, EnvelopeError> {
    let verified = envelope.verify(keys, threshold.try_into().unwrap())?;
    Ok(verified.signers().to_vec())
}

#[test]
fn the_signed_bytes_are_those_of_the_dsse_specification() {
    // the example of secure-systems-lab/dsse, protocol.md
    assert_eq!(
        pae("http://example.com/HelloWorld", b"hello world"),
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    );
    assert_eq!(pae("", b""), b"DSSEv1 0  0 ");
}

#[test]
fn an_envelope_is_written_and_read_as_the_same() {
    let envelope = signed(&[&k1(), &k2()]);
    assert_eq!(Envelope::parse(envelope.to_json().as_bytes()).unwrap(), envelope);
}

#[test]
fn the_manifest_that_comes_out_is_the_one_that_was_signed() {
    let verified = signed(&[&k1()]).verify(&[k1().public()], one()).unwrap();
    assert_eq!(verified.get().payload(), manifest().payload());
    assert_eq!(*verified.digest(), manifest().digest());
}

#[test]
fn a_key_that_nobody_trusts_counts_for_nothing() {
    let envelope = signed(&[&k1()]);
    let refused = verify(&envelope, &[k2().public()], 1).unwrap_err();
    assert!(matches!(refused, EnvelopeError::Threshold { signed: 0, needed: 1 }));
    assert!(matches!(
        verify(&envelope, &[], 1),
        Err(EnvelopeError::Threshold { .. })
    ));
    assert!(matches!(
        verify(&signed(&[]), &[k1().public()], 1),
        Err(EnvelopeError::Threshold { .. })
    ));
    // an unknown signer beside a trusted one hinders nothing
    assert_eq!(
        verify(&signed(&[&k1(), &k2()]), &[k1().public()], 1).unwrap(),
        [KeyId::of(&k1().public())]
    );
}

#[test]
fn a_threshold_counts_different_keys() {
    let keys = [k1().public(), k2().public(), k3().public()];
    assert!(verify(&signed(&[&k1(), &k2()]), &keys, 2).is_ok());
    assert!(verify(&signed(&[&k1(), &k2()]), &keys, 3).is_err());
    let twice = changed(&signed(&[&k1()]), |wire| {
        let signature = wire["signatures"][0].clone();
        wire["signatures"].as_array_mut().unwrap().push(signature);
    });
    let refused = verify(&twice.unwrap(), &keys, 2).unwrap_err();
    assert!(matches!(refused, EnvelopeError::Threshold { signed: 1, needed: 2 }));
    // and so does the list of those who are trusted
    assert!(verify(&signed(&[&k1()]), &[k1().public(), k1().public()], 2).is_err());
}

#[test]
fn a_signature_under_another_name_refuses_the_envelope() {
    let lie = changed(&signed(&[&k2(), &k1()]), |wire| {
        wire["signatures"][0]["keyid"] = KeyId::of(&k3().public()).to_string().into();
    });
    let refused = verify(&lie.unwrap(), &[k3().public(), k1().public()], 1).unwrap_err();
    assert!(matches!(refused, EnvelopeError::BadSignature(id) if id == KeyId::of(&k3().public())));
}

#[test]
fn bytes_signed_as_something_else_are_not_a_manifest() {
    let mut payload = changed(&signed(&[&k1()]), |wire| {
        wire["payloadType"] = Rotation::PAYLOAD_TYPE.into()
    })
    .unwrap();
    assert!(matches!(
        verify(&payload, &[k1().public()], 1),
        Err(EnvelopeError::PayloadType { .. })
    ));
    // and signing it anew as that does not make it one
    payload.add_signature(&k1());
    assert!(matches!(
        verify(&payload, &[k1().public()], 1),
        Err(EnvelopeError::PayloadType { .. })
    ));
    // the type is within the signed bytes
    let renamed = changed(&payload, |wire| wire["payloadType"] = Manifest::PAYLOAD_TYPE.into()).unwrap();
    assert!(matches!(
        verify(&renamed, &[k1().public()], 1),
        Err(EnvelopeError::BadSignature(_))
    ));
}

#[test]
fn what_is_no_envelope_is_refused() {
    let envelope = signed(&[&k1()]);
    for change in [
        |wire: &mut Value| *wire = json!([]),
        |wire: &mut Value| *wire = json!([wire["payloadType"], wire["payload"], wire["signatures"]]),
        |wire: &mut Value| wire["extra"] = json!(1),
        |wire: &mut Value| wire["signatures"][0]["cert"] = json!("x"),
        |wire: &mut Value| wire["signatures"][0]["keyid"] = json!("K1"),
        |wire: &mut Value| wire["signatures"][0]["sig"] = json!("AAAA"),
        |wire: &mut Value| wire["signatures"][0]["sig"] = json!("%"),
        |wire: &mut Value| wire["payload"] = json!("%"),
        |wire: &mut Value| wire["payload"] = json!("AAA"),
        |wire: &mut Value| wire["payload"] = json!(null),
        |wire: &mut Value| wire["signatures"] = json!({}),
        |wire: &mut Value| wire["signatures"] = vec![wire["signatures"][0].clone(); 17].into(),
    ] {
        assert!(matches!(changed(&envelope, change), Err(EnvelopeError::Format(_))));
    }
    let twice = envelope.to_json().replacen('{', "{\"payloadType\":\"x\",", 1);
    assert!(matches!(
        Envelope::parse(twice.as_bytes()),
        Err(EnvelopeError::Format(_))
    ));
    assert!(Envelope::parse(&vec![b' '; 1 << 20]).is_err());
}

#[test]
fn what_an_envelope_is_refused_for_is_shown_on_one_line() {
    let error =
        Envelope::parse(br#"{"payloadType":"","payload":"","signatures":[],"x\n\u001b[2Jgood":1}"#).unwrap_err();
    let shown = error.to_string();
    assert!(shown.contains("good"), "{shown}");
    assert!(!shown.contains(['\n', '\u{1b}']), "{shown:?}");
}

#[test]
fn base64_of_either_alphabet_is_read() {
    let envelope = signed(&[&k1()]);
    let mut spelt_otherwise = false;
    let url = changed(&envelope, |wire| {
        let text = wire["signatures"][0]["sig"].as_str().unwrap().to_owned();
        let url = text.replace('+', "-").replace('/', "_");
        spelt_otherwise = url != text;
        wire["signatures"][0]["sig"] = url.into();
    });
    assert!(spelt_otherwise, "this signature has none of the letters in question");
    assert_eq!(url.unwrap(), envelope);
}

/// An envelope of bytes that our writer would not sign.
fn signed_bytes(payload: &[u8], payload_type: &str, key: &SecretKey) -> Envelope {
    let sig = key.sign(&pae(payload_type, payload)).to_bytes();
    let wire = json!({
        "payloadType": payload_type,
        "payload": b64::encode_standard(payload),
        "signatures": [{"keyid": KeyId::of(&key.public()), "sig": b64::encode_standard(sig)}],
    });
    Envelope::parse(wire.to_string().as_bytes()).unwrap()
}

#[test]
fn a_well_signed_payload_must_still_be_a_manifest_in_its_one_form() {
    let good = manifest().payload();
    let spaced = good.replacen(':', ": ", 1);
    let twice = good.replacen('{', "{\"id\":\"x\",", 1);
    let with_signature = json::jcs(&read(&good.replacen(
        '{',
        &format!("{{\"signature\":\"{}\",", "0".repeat(128)),
        1,
    )))
    .unwrap();
    for payload in [
        "",
        "{}",
        "[]",
        &spaced,
        &twice,
        &with_signature,
        &good.replace("notes.search", "../x"),
    ] {
        let envelope = signed_bytes(payload.as_bytes(), Manifest::PAYLOAD_TYPE, &k1());
        let refused = envelope.verify(&[k1().public()], one());
        assert!(matches!(refused, Err(EnvelopeError::Payload(_))), "{payload}");
    }
    assert!(
        signed_bytes(good.as_bytes(), Manifest::PAYLOAD_TYPE, &k1())
            .verify(&[k1().public()], one())
            .is_ok()
    );
}

#[test]
fn the_key_that_a_manifest_brings_is_shown_only_where_it_signed() {
    let with_key = |key: &SecretKey| {
        let mut json = full();
        json["publicKey"] = chancery_manifest::key_text::public_key_to_hex(&key.public()).into();
        parse(&json.to_string()).unwrap()
    };
    let envelope = Envelope::sign(&with_key(&k1()), &[&k1()]).unwrap();
    assert_eq!(envelope.claimed_key(), Some(k1().public()));
    assert_eq!(Envelope::sign(&with_key(&k2()), &[&k1()]).unwrap().claimed_key(), None);
    assert_eq!(signed(&[&k1()]).claimed_key(), None);
    assert_eq!(envelope.unverified_manifest().unwrap().id().as_str(), "notes.search");
}

#[test]
fn a_key_hands_over_when_both_keys_say_so() {
    let rotation = Rotation {
        from: k1().public(),
        to: k2().public(),
        skills: vec!["notes.search".parse().unwrap()],
        issued: Millis::parse_rfc3339("2026-11-21T12:00:00Z").unwrap(),
        reason: Some("yearly".to_owned()),
    };
    let pinned = KeyId::of(&k1().public());
    let both = Envelope::sign(&rotation, &[&k1(), &k2()]).unwrap();
    let verified = both.verify_rotation(&pinned).unwrap();
    assert_eq!(verified.get(), &rotation);
    assert!(verified.get().covers(&"notes.search".parse().unwrap()));
    assert!(!verified.get().covers(&"other".parse().unwrap()));
    for alone in [[&k1()], [&k2()], [&k3()]] {
        let alone = Envelope::sign(&rotation, &alone).unwrap();
        assert!(matches!(
            alone.verify_rotation(&pinned),
            Err(EnvelopeError::Threshold { .. })
        ));
    }
    // somebody hands their own key over to themselves
    let refused = both.verify_rotation(&KeyId::of(&k3().public()));
    assert!(matches!(refused, Err(EnvelopeError::OtherKey(id)) if id == pinned));
}

#[test]
fn a_rotation_is_strictly_read() {
    let (from, to) = (
        chancery_manifest::key_text::public_key_to_hex(&k1().public()),
        chancery_manifest::key_text::public_key_to_hex(&k2().public()),
    );
    let good = json!({"from": from, "to": to, "issued": "2026-11-21T12:00:00.000Z"});
    let read = |json: &Value| Rotation::read(json::jcs(&read(&json.to_string())).unwrap().as_bytes());
    assert!(read(&good).is_ok());
    for (name, value) in [
        ("to", json!(from)),
        ("to", json!("00")),
        ("to", json!(format!("01{}", "0".repeat(62)))),
        ("skills", json!([])),
        ("skills", json!(["../x"])),
        ("skills", json!("*")),
        ("issued", json!(0)),
        ("issued", json!("now")),
        ("reason", json!("a\u{202e}")),
        ("until", json!("2027-01-01T00:00:00Z")),
    ] {
        let mut json = good.clone();
        json[name] = value;
        assert!(read(&json).is_err(), "{json}");
    }
}

fn revocations() -> RevocationList {
    RevocationList {
        sequence: 7,
        issued: Millis::parse_rfc3339("2026-11-21T12:00:00Z").unwrap(),
        expires: Millis::parse_rfc3339("2026-11-28T12:00:00Z").unwrap(),
        keys: vec![KeyId::of(&k2().public())],
        manifests: vec![manifest().digest()],
        skills: vec![RevokedSkill {
            id: "notes.search".parse().unwrap(),
            versions: "<1.3.0".parse().unwrap(),
        }],
    }
}

#[test]
fn a_revocation_list_says_what_is_revoked() {
    let envelope = Envelope::sign(&revocations(), &[&k3()]).unwrap();
    let verified = envelope.verify_as::<RevocationList>(&[k3().public()], one()).unwrap();
    assert_eq!(verified.get(), &revocations());
    let list = verified.into_inner();
    assert!(list.revokes_key(&KeyId::of(&k2().public())) && !list.revokes_key(&KeyId::of(&k1().public())));
    assert!(list.revokes_manifest(&manifest().digest()) && !list.revokes_manifest(&[0; 32]));
    let id = "notes.search".parse().unwrap();
    for (version, revoked) in [
        ("1.2.9", true),
        ("1.3.0-rc.1", true),
        ("1.3.0", false),
        ("2.0.0", false),
        ("0.0.1", true),
    ] {
        assert_eq!(
            list.revokes_version(&id, &version.parse().unwrap()),
            revoked,
            "{version}"
        );
    }
    assert!(!list.revokes_version(&"other".parse().unwrap(), &"1.0.0".parse().unwrap()));
    assert!(envelope.verify(&[k3().public()], one()).is_err(), "it is no manifest");
}

#[test]
fn a_revocation_list_is_strictly_read() {
    let good: Value = serde_json::from_str(&revocations().payload()).unwrap();
    let read = |json: &Value| RevocationList::read(json::jcs(&read(&json.to_string())).unwrap().as_bytes());
    assert!(read(&good).is_ok());
    for name in ["sequence", "issued", "expires", "keys", "manifests", "skills"] {
        let mut json = good.clone();
        json.as_object_mut().unwrap().remove(name);
        assert!(read(&json).is_err(), "{name}");
    }
    for (name, value) in [
        ("sequence", json!(-1)),
        ("sequence", json!(1.5)),
        ("sequence", json!(9_007_199_254_740_992_u64)),
        ("expires", json!("2026-11-21T12:00:00Z")),
        ("keys", json!(["x"])),
        ("manifests", json!(["00"])),
        ("skills", json!([{"id": "a"}])),
        ("skills", json!([{"id": "a", "versions": "1.x"}])),
        ("skills", json!([{"id": "a", "versions": "*", "why": "x"}])),
        ("skill", json!([])),
    ] {
        let mut json = good.clone();
        json[name] = value;
        assert!(read(&json).is_err(), "{json}");
    }
}

#[test]
fn ranges_of_versions_include_what_comes_before_a_release() {
    use chancery_manifest::VersionRange;
    let holds = |range: &str, version: &str| {
        range
            .parse::<VersionRange>()
            .unwrap()
            .contains(&version.parse().unwrap())
    };
    for (range, version, expected) in [
        ("*", "0.0.0-a", true),
        ("=1.2.3", "1.2.3", true),
        ("=1.2.3", "1.2.3+build", true),
        ("=1.2.3", "1.2.3-rc.1", false),
        (">=1.0.0, <2.0.0", "1.9.9", true),
        (">=1.0.0,<2.0.0", "2.0.0-rc.1", true),
        (">=1.0.0,<2.0.0", "2.0.0", false),
        (">1.0.0", "1.0.0", false),
        ("<=1.0.0", "1.0.0", true),
    ] {
        assert_eq!(holds(range, version), expected, "{range} {version}");
    }
    for text in [
        "",
        "1.2.3",
        "^1.0.0",
        "~1.0",
        "=1",
        ">=1.0.0,",
        "<",
        &["=1.0.0"; 9].join(","),
    ] {
        assert!(text.parse::<VersionRange>().is_err(), "{text}");
    }
    let range: VersionRange = ">=1.0.0,<2.0.0-rc.1".parse().unwrap();
    assert_eq!(range.to_string().parse::<VersionRange>().unwrap(), range);
}

/// Every place in a document.
fn places(value: &Value, at: String, into: &mut Vec<String>) {
    match value {
        Value::Array(items) => (0..)
            .zip(items)
            .for_each(|(index, item): (usize, _)| places(item, format!("{at}/{index}"), into)),
        Value::Object(members) => {
            for (name, value) in members {
                places(
                    value,
                    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")),
                    into,
                );
            }
        }
        _ => {}
    }
    into.push(at);
}

/// One change: of a value, a type, the length of an array, or a name.
fn mutate(document: &mut Value, place: &str, kind: u8, word: &str) {
    let Some((parent, name)) = place.rsplit_once('/') else {
        document[word] = json!(word);
        return;
    };
    let name = name.replace("~1", "/").replace("~0", "~");
    let target = document.pointer_mut(place).unwrap();
    match (kind, &mut *target) {
        (0, Value::String(text)) => text.push_str(word),
        (0, Value::Number(n)) => *target = json!(n.as_f64().unwrap() + 1.0),
        (0, Value::Bool(b)) => *b = !*b,
        (1, Value::Array(items)) => items.push(json!(word)),
        (2, Value::Array(items)) if !items.is_empty() => drop(items.pop()),
        (1, Value::Object(members)) => drop(members.insert(word.to_owned(), json!(word))),
        (2, Value::Object(members)) if !members.is_empty() => {
            let first = members.keys().next().unwrap().clone();
            members.remove(&first);
        }
        (3, _) => match document.pointer_mut(parent).unwrap() {
            Value::Object(members) => {
                let value = members.remove(&name).unwrap();
                members.insert(format!("{name}{word}"), value);
            }
            Value::Array(items) => drop(items.remove(name.parse().unwrap())),
            _ => unreachable!(),
        },
        _ => *target = if target.is_null() { json!(word) } else { Value::Null },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_single_change_of_a_signed_manifest_is_refused(at: prop::sample::Index, kind in 0..5_u8, word in "[a-z]{1,4}") {
        let honest: Value = serde_json::from_str(&manifest().payload()).unwrap();
        let mut all = Vec::new();
        places(&honest, String::new(), &mut all);
        let place = at.get(&all).clone();
        let mut tampered = honest.clone();
        mutate(&mut tampered, &place, kind, &word);
        prop_assert_ne!(&tampered, &honest);

        let payload = json::jcs(&read(&tampered.to_string())).unwrap();
        static SIGNED: LazyLock<Envelope> = LazyLock::new(|| signed(&[&k1(), &k2()]));
        let envelope = changed(&SIGNED, |wire| wire["payload"] = b64::encode_standard(payload).into()).unwrap();
        let refused = verify(&envelope, &[k1().public(), k2().public()], 1);
        prop_assert!(matches!(refused, Err(EnvelopeError::BadSignature(_))), "{} {:?}", place, refused);
    }

    #[test]
    fn any_single_bit_of_payload_type_payload_and_signature_counts(part in 0..3_u8, at: prop::sample::Index, bit in 0..8_u8) {
        let flip = |bytes: &mut Vec<u8>| {
            let place = at.index(bytes.len());
            bytes[place] ^= 1 << bit;
        };
        static SIGNED: LazyLock<Envelope> = LazyLock::new(|| signed(&[&k1()]));
        let envelope = changed(&SIGNED, |wire| {
            let text = match part {
                0 => &mut wire["payloadType"],
                1 => &mut wire["payload"],
                _ => &mut wire["signatures"][0]["sig"],
            };
            let old = text.as_str().unwrap().to_owned();
            *text = if part == 0 {
                let mut bytes = old.into_bytes();
                flip(&mut bytes);
                String::from_utf8_lossy(&bytes).into_owned().into()
            } else {
                let mut bytes = b64::decode_standard(&old).unwrap();
                flip(&mut bytes);
                b64::encode_standard(bytes).into()
            };
        });
        prop_assert!(verify(&envelope.unwrap(), &[k1().public()], 1).is_err());
    }
}
