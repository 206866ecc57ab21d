//! Every value of `vectors/safeclaw.json`, byte for byte, and the vectors that the spec describes in words (18.1).
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use chancery_base::{digest, ed25519::Signature};
use chancery_manifest::{
    Code, Envelope, EnvelopeError, KeyId, Limits, Manifest, SignedDocument, json, key_text,
    legacy::{self, Document, Reason, Verdict},
    pae, sign_manifest, verify_manifest_signature,
};
use common::{k1, k2, k3, key, legacy_vectors, listed, parse, read, text, v2_vectors, vector};

/// The signature layer's word for a document, as the vectors have it.
fn layer(document: &str) -> &'static str {
    match legacy::verdict(&read(document)) {
        Verdict::Accept { .. } => "accept",
        Verdict::Partial { .. } => "partial",
        Verdict::Unsigned | Verdict::Reject(_) => "reject",
    }
}

#[test]
fn the_canonical_text_and_its_hash_are_the_originals() {
    for vector in legacy_vectors() {
        let canonical = legacy::canonical(&read(text(vector, "manifestJson")));
        assert_eq!(canonical, text(vector, "legacyCanonical"), "{}", vector["name"]);
        assert_eq!(
            digest::sha256_hex(&canonical),
            text(vector, "legacyCanonicalSha256"),
            "{}",
            vector["name"]
        );
    }
}

#[test]
fn signing_again_gives_the_same_signature() {
    let mut signed = 0;
    for vector in legacy_vectors() {
        // V3, V13, V14 and V7 carry the signature of another text; V9 has no private key
        if !["V1-", "V2-", "V4-", "V5-"]
            .iter()
            .any(|name| text(vector, "name").starts_with(name))
        {
            continue;
        }
        let again = sign_manifest(text(vector, "legacyCanonical"), text(vector, "privateKeyPkcs8DerHex")).unwrap();
        assert_eq!(again, text(vector, "signatureHex"), "{}", vector["name"]);
        let whole = legacy::sign(&read(text(vector, "manifestJson")), &key(vector)).unwrap();
        assert_eq!(
            whole.as_object().unwrap().get("signature").unwrap().as_str(),
            vector["signatureHex"].as_str()
        );
        signed += 1;
    }
    assert_eq!(signed, 4);
}

#[test]
fn the_original_accepts_what_it_accepted() {
    for vector in legacy_vectors() {
        let document = Document::load(text(vector, "manifestJson").as_bytes()).unwrap();
        assert_eq!(
            Some(legacy::accepts(document.value())),
            vector["originalAccepts"].as_bool(),
            "{}",
            vector["name"]
        );
    }
}

#[test]
fn the_strict_verdict_is_the_one_wanted() {
    for vector in legacy_vectors() {
        assert_eq!(
            layer(text(vector, "manifestJson")),
            text(vector, "signatureLayerStrict"),
            "{}",
            vector["name"]
        );
    }
}

#[test]
fn coverage_is_what_the_vectors_say() {
    for vector in legacy_vectors() {
        let uncovered = legacy::uncovered(&read(text(vector, "manifestJson")));
        assert_eq!(
            Some(uncovered.is_none()),
            vector["legacyFullyCovers"].as_bool(),
            "{}",
            vector["name"]
        );
    }
}

#[test]
fn a_partial_verdict_names_the_first_member_that_is_not_covered() {
    let pointer = |name| match legacy::verdict(&read(text(vector(name), "manifestJson"))) {
        Verdict::Partial { pointer, .. } => pointer,
        other => panic!("{other:?}"),
    };
    assert_eq!(pointer("V2-"), "/requiredCapabilities/0/capability");
    assert_eq!(pointer("V14-"), "/requiredCapabilities/0/constraints/hosts");
}

#[test]
fn the_honest_and_the_tampered_sample_have_one_canonical_text() {
    let canonical = |name| legacy::canonical(&read(text(vector(name), "manifestJson")));
    assert_eq!(canonical("V2-"), canonical("V3-"));
}

#[test]
fn a_lone_surrogate_v4b_is_signed_by_the_original_and_refused_when_read() {
    // made of its description: K3, an unpaired surrogate in a string
    let json = r#"{"id":"u-1","version":"1.0.0","name":"a\ud800b","publicKey":"KEY"}"#;
    let json = json.replace("KEY", &key_text::public_key_to_hex(&k3().public()));
    let document = Document::load(json.as_bytes()).unwrap();
    let canonical = legacy::canonical(document.value());
    assert!(canonical.contains(r#""name":"a\ud800b""#), "{canonical}");
    let signature = sign_manifest(&canonical, text(vector("V4-"), "privateKeyPkcs8DerHex")).unwrap();
    let signed = json.replacen('{', &format!(r#"{{"signature":"{signature}","#), 1);
    assert!(legacy::accepts(Document::load(signed.as_bytes()).unwrap().value()));
    assert_eq!(
        listed(json::read(signed.as_bytes(), &Limits::default()).map(|_| ())),
        ["E_SURROGATE /name"]
    );
}

#[test]
fn a_signature_with_something_behind_it_v10_is_accepted_by_the_original_and_refused() {
    let vector = vector("V1-");
    for behind in ["zz!", "0"] {
        let json = text(vector, "manifestJson").replace(
            text(vector, "signatureHex"),
            &format!("{}{behind}", text(vector, "signatureHex")),
        );
        assert!(legacy::accepts(Document::load(json.as_bytes()).unwrap().value()));
        assert_eq!(
            legacy::verdict(&read(&json)),
            Verdict::Reject(Reason::SignatureEncoding)
        );
        assert_eq!(common::problems(&json), ["E_SIG_ENC /signature"]);
    }
}

/// The order of the group of Ed25519, 2^252 + 27742317777372353535851937790883648493 (RFC 8032 5.1), little endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

#[test]
fn a_second_spelling_of_a_signature_v12_is_refused_by_both() {
    let vector = vector("V1-");
    let document = read(text(vector, "manifestJson"));
    let mut signature = k1().sign(legacy::canonical(&document).as_bytes()).to_bytes();
    let mut carry = 0_u16;
    for (byte, add) in signature[32..].iter_mut().zip(ORDER) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    let canonical = legacy::canonical(&document);
    let key = k1().public();
    assert!(
        key.verify(canonical.as_bytes(), &Signature::from_bytes(signature))
            .is_err()
    );
    let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    let json = text(vector, "manifestJson").replace(text(vector, "signatureHex"), &hex);
    assert!(!legacy::accepts(Document::load(json.as_bytes()).unwrap().value()));
    assert_eq!(legacy::verdict(&read(&json)), Verdict::Reject(Reason::Mismatch));
}

#[test]
fn a_weak_key_v9_is_refused_although_the_original_takes_any_text_with_it() {
    let vector = vector("V9-");
    let document = read(text(vector, "manifestJson"));
    assert!(legacy::accepts(&document));
    assert_eq!(legacy::verdict(&document), Verdict::Reject(Reason::WeakKey));
    let changed = text(vector, "manifestJson").replace("1.0.0", "6.6.6");
    assert!(legacy::accepts(&read(&changed)));
    let check = verify_manifest_signature("anything", text(vector, "signatureHex"), text(vector, "publicKeyHex"));
    assert!(!check.valid);
}

#[test]
fn only_an_absent_signature_is_none() {
    // F-08d: the original takes each of these for "unsigned"
    for none in [r#""""#, "null", "0", "false"] {
        let json = format!(r#"{{"id":"a","version":"1.0.0","name":"a","signature":{none}}}"#);
        assert_eq!(
            legacy::verdict(&read(&json)),
            Verdict::Reject(Reason::SignatureEncoding),
            "{none}"
        );
        assert!(parse(&json).is_err(), "{none}");
    }
    assert_eq!(
        legacy::verdict(&read(r#"{"id":"a","version":"1.0.0","name":"a"}"#)),
        Verdict::Unsigned
    );
}

#[test]
fn names_are_sorted_by_utf16_units_as_in_v6() {
    // its order, out of the spec's words; the values of the vector are not in the spec
    let json = r#"{"\ud83d\ude00":1,"\ufb33":2,"a":{"2":1,"10":2,"\ud83d\ude00":3,"q":4},"Z":0,"10":0,"2":0,"":0,
        "id":"a","version":"1","name":"n","publicKey":"k"}"#;
    assert_eq!(
        legacy::canonical(&read(json)),
        "{\"\":0,\"10\":0,\"2\":0,\"Z\":0,\"a\":{\"10\":2,\"2\":1,\"\u{1f600}\":3},\"id\":\"a\",\"name\":\"n\",\
         \"publicKey\":\"k\",\"version\":\"1\",\"\u{1f600}\":1,\"\u{fb33}\":2}"
    );
    assert_eq!(legacy::uncovered(&read(json)).as_deref(), Some("/a/q"));
}

#[test]
fn the_keys_of_the_spec_come_from_their_text_and_go_back() {
    for (key, public) in [
        (k1(), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
        (k2(), "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"),
        (k3(), "b4fc2968c3dc75a2f543bc9e29504823500a267b9b7a94792ca1ead0264cd1b0"),
    ] {
        assert_eq!(key_text::public_key_to_hex(&key.public()), public);
        let hex = key_text::private_key_to_hex(&key);
        assert!(hex.starts_with("302e020100300506032b657004220420"));
        assert_eq!(key_text::private_key_from_hex(&hex).unwrap().public(), key.public());
    }
}

#[test]
fn scheme_2_signs_the_bytes_of_the_vectors() {
    for vector in v2_vectors() {
        let jcs = json::jcs(&read(text(vector, "jcs"))).unwrap();
        assert_eq!(jcs, text(vector, "jcs"));
        assert_eq!(digest::sha256_hex(&jcs), text(vector, "jcsSha256"));
        assert_eq!(text(vector, "payloadType"), Manifest::PAYLOAD_TYPE);
        let signed = pae(Manifest::PAYLOAD_TYPE, jcs.as_bytes());
        assert_eq!(digest::sha256_hex(&signed), text(vector, "paeSha256"));
        let signature = key(vector).sign(&signed);
        let hex: String = signature.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, text(vector, "signatureHex"));
    }
}

/// An envelope around a vector, with the signature of the vector.
fn envelope(vector: &serde_json::Value) -> Envelope {
    use chancery_base::b64::encode_standard;
    let keyid = KeyId::of(&key(vector).public());
    let hex = text(vector, "signatureHex").as_bytes();
    let sig: Vec<u8> = hex
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    let json = serde_json::json!({
        "payloadType": text(vector, "payloadType"),
        "payload": encode_standard(text(vector, "jcs")),
        "signatures": [{"keyid": keyid, "sig": encode_standard(sig)}],
    });
    Envelope::parse(json.to_string().as_bytes()).unwrap()
}

#[test]
fn an_envelope_of_j1_is_verified_into_its_manifest() {
    let vector = &v2_vectors()[0];
    let public = key_text::public_key_from_hex(text(vector, "publicKeyHex")).unwrap();
    let envelope = envelope(vector);
    let verified = envelope.verify(&[public], 1.try_into().unwrap()).unwrap();
    assert_eq!(verified.get().payload(), text(vector, "jcs"));
    assert_eq!(verified.digest(), &digest::sha256(text(vector, "jcs")));
    assert_eq!(verified.signers(), [KeyId::of(&public)]);
    assert_eq!(envelope.claimed_key(), Some(public));
    let again = Envelope::sign(verified.get(), &[&key(vector)]).unwrap();
    assert_eq!(again, envelope);
}

#[test]
fn j2_is_well_signed_and_refused_for_a_name_that_cannot_be_shown() {
    let vector = &v2_vectors()[1];
    let refused = envelope(vector).verify(&[key(vector).public()], 1.try_into().unwrap());
    let EnvelopeError::Payload(problems) = refused.unwrap_err() else {
        panic!("the signature is good")
    };
    assert_eq!(listed(Err(problems)), ["E_NAME /name"]);
}

#[test]
fn jcs_of_v2_is_j1() {
    let manifest = parse(text(vector("V2-"), "manifestJson")).unwrap();
    assert_eq!(manifest.payload(), text(&v2_vectors()[0], "jcs"));
}

const K1_ID: &str = "SHA256:If4x36FUomFia_hUBG_SJxt77UtqvkWqWId-9H-XIbk";
const K2_ID: &str = "SHA256:Vkdap1RjR0wChd9dvyvKtz2mUTWIOem3dIGy6rEHcIw";
const K3_ID: &str = "SHA256:6e8PImoA54gqRXPzaZu6uCUI3Ja0kCxg1dR9NcJZ8HA";

#[test]
fn a_key_is_called_after_its_hash() {
    // second source: python3 -c "import base64,hashlib;print(base64.urlsafe_b64encode(hashlib.sha256(bytes.fromhex(K)).digest()))"
    for (key, id) in [(k1(), K1_ID), (k2(), K2_ID), (k3(), K3_ID)] {
        assert_eq!(KeyId::of(&key.public()).to_string(), id);
        assert_eq!(id.parse(), Ok(KeyId::of(&key.public())));
    }
    for wrong in [
        "",
        "SHA256:",
        "sha256:IfMVVQ",
        &K1_ID[..49],
        &format!("{K1_ID}="),
        &K1_ID[7..],
    ] {
        assert!(wrong.parse::<KeyId>().is_err(), "{wrong}");
    }
}

#[test]
fn a_code_has_one_text() {
    let mut texts: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let count = texts.len();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), count);
    assert!(texts.iter().all(|text| text.starts_with("E_")));
}
