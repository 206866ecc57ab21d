//! Identity tokens (spec 2.1), registry keys (2.2), revocation lists (2.3), revocation entries: each rule broken alone.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use chancery_base::{Millis, Ulid, b64, ed25519::PublicKey, jws::JwsError};
use chancery_identity::{
    Ait,
    ait::AitError,
    crl::{self, CrlError},
    key_set::{KeySet, KeyStatus, RegistryKey},
    revocation::{self, Entry, EntryError, Scope},
};
use common::{KID, NOW, ait_claims, altered, crl_claims, issuer, keys, other_key, registry_key, signed, text, vectors};
use proptest::prelude::*;
use serde_json::{Value, json};

fn verify(token: &str) -> Result<(), AitError> {
    Ait::verify(token, &keys(KeyStatus::Active), &issuer(), NOW).map(drop)
}

fn good_token() -> String {
    Ait::sign(&ait_claims(), KID, &registry_key()).unwrap()
}

/// A token whose claims were changed before the registry signed them.
fn with(change: impl FnOnce(&mut Value)) -> String {
    let mut claims = vectors()["ait"]["claims"].clone();
    change(&mut claims);
    signed("AIT", &claims)
}

fn with_header(header: &str) -> String {
    let token = good_token();
    let claims = token.split('.').nth(1).unwrap();
    let signed = format!("{}.{claims}", b64::encode(header));
    format!("{signed}.{}", registry_key().sign(signed.as_bytes()).to_b64())
}

macro_rules! refused {
    ($token:expr, $error:pat) => {
        let result = verify(&$token);
        assert!(matches!(result, Err($error)), "{result:?}");
    };
}

// identity tokens

#[test]
fn the_type_must_be_ait() {
    refused!(
        with_header(r#"{"alg":"EdDSA","typ":"JWT","kid":"reg-key-1"}"#),
        AitError::Jws(JwsError::Header)
    );
    refused!(
        signed("CRL", &vectors()["ait"]["claims"]),
        AitError::Jws(JwsError::Header)
    );
}

#[test]
fn the_algorithm_must_be_eddsa() {
    refused!(
        with_header(r#"{"alg":"none","typ":"AIT","kid":"reg-key-1"}"#),
        AitError::Jws(JwsError::Header)
    );
    refused!(
        with_header(r#"{"alg":"Ed25519","typ":"AIT","kid":"reg-key-1"}"#),
        AitError::Jws(JwsError::Header)
    );
}

#[test]
fn the_header_has_no_other_member() {
    let header = r#"{"alg":"EdDSA","typ":"AIT","kid":"reg-key-1","x":1}"#;
    refused!(with_header(header), AitError::Jws(JwsError::Header));
}

#[test]
fn the_claims_have_no_other_member() {
    refused!(with(|c| c["role"] = json!("admin")), AitError::Jws(JwsError::Claims(_)));
    refused!(
        with(|c| c["cnf"]["kid"] = json!("x")),
        AitError::Jws(JwsError::Claims(_))
    );
    refused!(
        with(|c| c["cnf"]["jwk"]["d"] = json!("x")),
        AitError::Jws(JwsError::Claims(_))
    );
}

#[test]
fn no_claim_may_be_missing() {
    for claim in [
        "iss",
        "sub",
        "ownerDid",
        "name",
        "framework",
        "cnf",
        "iat",
        "nbf",
        "exp",
        "jti",
    ] {
        refused!(
            with(|c| drop(c.as_object_mut().unwrap().remove(claim))),
            AitError::Jws(JwsError::Claims(_))
        );
    }
}

#[test]
fn no_claim_is_named_twice() {
    let claims = serde_json::to_string(&ait_claims())
        .unwrap()
        .replacen('{', r#"{"name":"beta","#, 1);
    let signed = format!("{}.{}", good_token().split('.').next().unwrap(), b64::encode(claims));
    let token = format!("{signed}.{}", registry_key().sign(signed.as_bytes()).to_b64());
    refused!(token, AitError::Jws(JwsError::Claims(_)));
}

#[test]
fn an_object_is_not_written_as_an_array() {
    let x = vectors()["agentKey"]["x"].clone();
    refused!(
        with(|c| c["cnf"] = json!([["OKP", "Ed25519", x]])),
        AitError::Jws(JwsError::Claims(_))
    );
}

#[test]
fn what_is_left_out_is_not_null() {
    refused!(
        with(|c| c["description"] = Value::Null),
        AitError::Jws(JwsError::Claims(_))
    );
}

#[test]
fn a_description_has_at_most_280_characters() {
    assert!(verify(&with(|c| c["description"] = json!("ä".repeat(280)))).is_ok());
    refused!(
        with(|c| c["description"] = json!("ä".repeat(281))),
        AitError::Inconsistent(_)
    );
}

#[test]
fn a_token_is_not_valid_before_its_time() {
    assert!(verify(&with(|c| c["nbf"] = json!(1_700_000_000))).is_ok());
    refused!(with(|c| c["nbf"] = json!(1_700_000_001)), AitError::NotYetValid);
}

#[test]
fn a_token_is_not_valid_from_its_expiry_on() {
    let at = |ms| Ait::verify(&good_token(), &keys(KeyStatus::Active), &issuer(), Millis(ms)).map(drop);
    assert!(at(1_702_591_999_999).is_ok());
    assert!(matches!(at(1_702_592_000_000), Err(AitError::Expired)));
}

#[test]
fn a_token_expires_after_it_was_issued_and_after_it_begins() {
    refused!(with(|c| c["iat"] = json!(1_702_592_000)), AitError::Inconsistent(_));
    let later = Millis::from_secs(1_700_000_500);
    let token = with(|c| {
        c["nbf"] = json!(1_700_000_500);
        c["exp"] = json!(1_700_000_500);
    });
    assert!(Ait::verify(&token, &keys(KeyStatus::Active), &issuer(), later).is_err());
}

#[test]
fn a_contradiction_is_not_signed() {
    let mut claims = ait_claims();
    claims.exp = claims.iat;
    assert!(matches!(
        Ait::sign(&claims, KID, &registry_key()),
        Err(AitError::Inconsistent(_))
    ));
}

#[test]
fn times_are_whole_seconds_from_zero() {
    for time in [json!(-1), json!(1.5), json!("1700000000"), json!(1e10), Value::Null] {
        refused!(with(|c| c["iat"] = time), AitError::Jws(JwsError::Claims(_)));
    }
}

#[test]
fn the_agent_belongs_to_the_issuer() {
    let foreign = json!("did:cdi:evil.example.test:agent:01HF7YAT00W6W7CM7N3W5FDXTB");
    refused!(with(|c| c["sub"] = foreign), AitError::Inconsistent(_));
}

#[test]
fn the_owner_belongs_to_the_issuer() {
    let foreign = json!("did:cdi:evil.example.test:human:01HF7YAT00W6W7CM7N3W5FDXTA");
    refused!(with(|c| c["ownerDid"] = foreign), AitError::Inconsistent(_));
}

#[test]
fn the_agent_is_no_human_and_the_owner_no_agent() {
    let claims = vectors()["ait"]["claims"].clone();
    refused!(
        with(|c| c["sub"] = claims["ownerDid"].clone()),
        AitError::Jws(JwsError::Claims(_))
    );
    refused!(
        with(|c| c["ownerDid"] = claims["sub"].clone()),
        AitError::Jws(JwsError::Claims(_))
    );
}

#[test]
fn the_issuer_is_the_expected_one() {
    refused!(
        with(|c| c["iss"] = json!("http://registry.example.test")),
        AitError::Issuer(_)
    );
    refused!(
        with(|c| c["iss"] = json!("https://registry.example.test:8443")),
        AitError::Issuer(_)
    );
}

#[test]
fn the_issuer_has_one_spelling() {
    for iss in [
        "https://registry.example.test/",
        "HTTPS://registry.example.test",
        "https://Registry.example.test",
        "https://registry.example.test:443",
        "https://registry.example.test/v1",
        "https://u@registry.example.test",
        " https://registry.example.test",
    ] {
        refused!(with(|c| c["iss"] = json!(iss)), AitError::Jws(JwsError::Claims(_)));
    }
}

#[test]
fn names_follow_their_rules() {
    for (claim, value) in [
        ("name", json!("")),
        ("name", json!("a/b")),
        ("name", json!("é")),
        ("name", json!("a".repeat(65))),
        ("framework", json!("")),
        ("framework", json!("a\u{7}b")),
        ("framework", json!("a".repeat(33))),
        ("jti", json!("01hf7yat00w6w7cm7n3w5fdxtc")),
    ] {
        refused!(with(|c| c[claim] = value), AitError::Jws(JwsError::Claims(_)));
    }
}

#[test]
fn the_confirmed_key_is_an_ed25519_key() {
    for (member, value) in [
        ("kty", "EC"),
        ("crv", "X25519"),
        ("crv", "ed25519"),
        ("x", "AQ"),
        ("x", "not base64url"),
    ] {
        refused!(
            with(|c| c["cnf"]["jwk"][member] = json!(value)),
            AitError::Jws(JwsError::Claims(_))
        );
    }
}

#[test]
fn the_confirmed_key_is_not_weak() {
    let mut identity = [0; 32];
    identity[0] = 1;
    for weak in [identity, [0; 32]] {
        refused!(
            with(|c| c["cnf"]["jwk"]["x"] = json!(b64::encode(weak))),
            AitError::Jws(JwsError::Claims(_))
        );
    }
}

#[test]
fn the_key_must_be_known() {
    let token = Ait::sign(&ait_claims(), "reg-key-2", &registry_key()).unwrap();
    let result = verify(&token);
    assert!(
        matches!(&result, Err(AitError::UnknownKey(kid)) if kid == "reg-key-2"),
        "{result:?}"
    );
}

#[test]
fn a_revoked_key_verifies_nothing() {
    let result = Ait::verify(&good_token(), &keys(KeyStatus::Revoked), &issuer(), NOW);
    assert!(matches!(result, Err(AitError::UnknownKey(_))));
}

#[test]
fn a_retired_key_verifies_what_it_signed() {
    assert!(Ait::verify(&good_token(), &keys(KeyStatus::Retired), &issuer(), NOW).is_ok());
}

#[test]
fn another_key_of_the_same_name_does_not_verify() {
    let token = Ait::sign(&ait_claims(), KID, &other_key()).unwrap();
    refused!(token, AitError::Jws(JwsError::Signature));
}

#[test]
fn a_changed_payload_does_not_verify() {
    let whole = good_token();
    let parts: Vec<_> = whole.split('.').collect();
    let mut claims = ait_claims();
    claims.name = "mallory".parse().unwrap();
    let claims = b64::encode(serde_json::to_vec(&claims).unwrap());
    refused!(
        format!("{}.{claims}.{}", parts[0], parts[2]),
        AitError::Jws(JwsError::Signature)
    );
}

#[test]
fn base64_must_be_canonical() {
    let token = good_token();
    // the last character carries 2 bits of the signature and 4 that must be zero
    let last = token.pop_last();
    for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_="
        .chars()
        .filter(|c| *c != last.1)
    {
        refused!(format!("{}{other}", last.0), AitError::Jws(_));
    }
    refused!(format!("{token}="), AitError::Jws(JwsError::Format));
    refused!(format!("{token} "), AitError::Jws(JwsError::Format));
    refused!(token.replacen('.', "=.", 1), AitError::Jws(JwsError::Format));
}

trait PopLast {
    fn pop_last(&self) -> (String, char);
}

impl PopLast for String {
    fn pop_last(&self) -> (String, char) {
        let mut rest = self.clone();
        let last = rest.pop().unwrap();
        (rest, last)
    }
}

#[test]
fn a_token_that_was_cut_is_refused() {
    let token = good_token();
    for end in 0..token.len() {
        assert!(verify(&token[..end]).is_err(), "{end}");
    }
}

#[test]
fn a_token_of_more_than_16_kib_is_refused() {
    refused!(
        with(|c| c["description"] = json!("x".repeat(16 * 1024))),
        AitError::Jws(JwsError::Format)
    );
}

#[test]
fn an_inspected_token_shows_its_claims_unverified() {
    let token = Ait::sign(&ait_claims(), "somebody", &other_key()).unwrap();
    assert_eq!(Ait::inspect(&token).unwrap(), ("somebody".to_owned(), ait_claims()));
}

// registry keys

#[test]
fn a_key_set_of_another_server_is_read_with_members_that_we_do_not_know() {
    let text = r#"{"keys":[{"kid":"a","alg":"EdDSA","crv":"Ed25519","x":"iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w","status":"active","use":"sig"}],"next":null}"#;
    assert!(serde_json::from_str::<KeySet>(text).unwrap().verifying("a").is_some());
}

#[test]
fn a_key_of_an_unknown_form_is_left_out_and_the_others_stay() {
    let text = r#"{"keys":[{"kid":"p","alg":"ES256","crv":"P-256","x":"AA","status":"active"},
        {"kid":"n","alg":"EdDSA","crv":"Ed25519","x":"iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w","status":"paused"},
        {"kid":"a","alg":"EdDSA","crv":"Ed25519","x":"iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w","status":"active"}]}"#;
    let set: KeySet = serde_json::from_str(text).unwrap();
    assert!(set.verifying("a").is_some());
    assert_eq!(set.verifying("p"), None);
    assert_eq!(set.verifying("n"), None);
}

#[test]
fn a_key_of_another_algorithm_verifies_nothing() {
    let key = RegistryKey {
        alg: "ES256".to_owned(),
        ..RegistryKey::new("a", registry_key().public(), KeyStatus::Active)
    };
    assert_eq!(KeySet { keys: vec![key] }.verifying("a"), None);
}

#[test]
fn a_name_that_stands_for_two_keys_stands_for_none() {
    let entry = |key: PublicKey, status| RegistryKey::new("a", key, status);
    for status in [KeyStatus::Revoked, KeyStatus::Active] {
        let keys = vec![
            entry(registry_key().public(), KeyStatus::Active),
            entry(other_key().public(), status),
        ];
        assert_eq!(KeySet { keys }.verifying("a"), None);
    }
}

#[test]
fn old_readers_see_a_retired_key_as_active_and_a_revoked_one_as_revoked() {
    let entry = |kid, status| RegistryKey::new(kid, registry_key().public(), status);
    let keys = vec![
        entry("a", KeyStatus::Active),
        entry("b", KeyStatus::Retired),
        entry("c", KeyStatus::Revoked),
    ];
    let shown = serde_json::to_value(KeySet { keys }.for_old_readers()).unwrap();
    assert_eq!(
        [
            text(&shown, "/keys/0/status"),
            text(&shown, "/keys/1/status"),
            text(&shown, "/keys/2/status")
        ],
        ["active", "active", "revoked"]
    );
}

// revocation lists

fn verify_list(token: &str) -> Result<crl::Claims, CrlError> {
    crl::verify(token, &keys(KeyStatus::Active), &issuer(), NOW)
}

fn list_with(change: impl FnOnce(&mut Value)) -> String {
    let mut claims = vectors()["crl"]["claims"].clone();
    change(&mut claims);
    signed("CRL", &claims)
}

#[test]
fn an_empty_list_is_a_list() {
    assert_eq!(
        verify_list(&list_with(|c| c["revocations"] = json!([])))
            .unwrap()
            .revocations,
        []
    );
}

#[test]
fn a_sentinel_revokes_nobody_that_exists() {
    let mut claims = crl_claims();
    claims.revocations[0].reason = Some(crl::SENTINEL_REASON.to_owned());
    let list = verify_list(&crl::sign(&claims, KID, &registry_key()).unwrap()).unwrap();
    assert!(!list.revokes(ait_claims().jti));
}

#[test]
fn a_list_is_no_identity_token() {
    assert!(matches!(
        verify_list(&good_token()),
        Err(CrlError::Jws(JwsError::Header))
    ));
}

#[test]
fn a_list_of_another_registry_is_refused() {
    let token = list_with(|c| {
        c["iss"] = json!("https://other.example.test");
        c["revocations"] = json!([]);
    });
    assert!(matches!(verify_list(&token), Err(CrlError::Issuer(_))));
}

#[test]
fn a_list_speaks_of_its_own_agents() {
    let foreign = json!("did:cdi:evil.example.test:agent:01HF7YAT00W6W7CM7N3W5FDXTB");
    let token = list_with(|c| c["revocations"][0]["agentDid"] = foreign);
    assert!(matches!(verify_list(&token), Err(CrlError::Inconsistent(_))));
}

#[test]
fn a_list_expires() {
    let at = |secs| {
        let token = text(&vectors(), "/crl/token").to_owned();
        crl::verify(&token, &keys(KeyStatus::Active), &issuer(), Millis::from_secs(secs)).map(drop)
    };
    assert!(at(1_700_000_389).is_ok());
    assert!(matches!(at(1_700_000_390), Err(CrlError::Expired)));
}

#[test]
fn a_list_expires_after_it_was_issued() {
    let token = list_with(|c| c["iat"] = json!(1_700_000_390));
    assert!(matches!(verify_list(&token), Err(CrlError::Inconsistent(_))));
}

#[test]
fn a_list_is_strict() {
    for change in [
        (|c| c["extra"] = json!(1)) as fn(&mut Value),
        |c| c["revocations"][0]["extra"] = json!(1),
        |c| c["revocations"][0]["reason"] = Value::Null,
        |c| c["revocations"][0]["jti"] = json!("x"),
        |c| c["revocations"] = Value::Null,
        |c| drop(c.as_object_mut().unwrap().remove("jti")),
    ] {
        assert!(matches!(
            verify_list(&list_with(change)),
            Err(CrlError::Jws(JwsError::Claims(_)))
        ));
    }
}

#[test]
fn a_reason_has_at_most_280_characters() {
    assert!(verify_list(&list_with(|c| c["revocations"][0]["reason"] = json!("ä".repeat(280)))).is_ok());
    let token = list_with(|c| c["revocations"][0]["reason"] = json!("ä".repeat(281)));
    assert!(matches!(verify_list(&token), Err(CrlError::Inconsistent(_))));
}

#[test]
fn a_list_may_be_longer_than_a_token() {
    let mut claims = crl_claims();
    claims.revocations = vec![claims.revocations[0].clone(); 500];
    assert!(verify_list(&crl::sign(&claims, KID, &registry_key()).unwrap()).is_ok());
}

#[test]
fn a_list_signed_by_a_revoked_or_unknown_key_is_refused() {
    let token = text(&vectors(), "/crl/token").to_owned();
    let revoked = crl::verify(&token, &keys(KeyStatus::Revoked), &issuer(), NOW);
    assert!(matches!(revoked, Err(CrlError::UnknownKey(_))));
    assert!(matches!(
        crl::verify(&token, &KeySet::default(), &issuer(), NOW),
        Err(CrlError::UnknownKey(_))
    ));
}

// entries of the feed

fn entry() -> Entry {
    Entry {
        iss: issuer(),
        seq: 1,
        agent_did: ait_claims().sub,
        jti: ait_claims().jti,
        scope: Scope::Agent,
        reason: None,
        revoked_at: 1_700_000_000,
    }
}

fn verify_entry(token: &str) -> Result<Entry, EntryError> {
    revocation::verify(token, &keys(KeyStatus::Active), &issuer())
}

#[test]
fn an_entry_is_read_as_it_was_signed() {
    for scope in [Scope::Agent, Scope::Token, Scope::Session] {
        let entry = Entry {
            scope,
            reason: Some("why".to_owned()),
            ..entry()
        };
        assert_eq!(
            verify_entry(&revocation::sign(&entry, KID, &registry_key()).unwrap()).unwrap(),
            entry
        );
    }
}

#[test]
fn an_entry_is_of_the_expected_registry() {
    let other = Entry {
        iss: "https://other.example.test".parse().unwrap(),
        ..entry()
    };
    let token = revocation::sign(&other, KID, &registry_key()).unwrap();
    assert!(matches!(verify_entry(&token), Err(EntryError::Issuer)));
}

#[test]
fn an_entry_is_about_an_agent_of_its_registry() {
    let agent_did = "did:cdi:evil.example.test:agent:01HF7YAT00W6W7CM7N3W5FDXTB"
        .parse()
        .unwrap();
    let token = revocation::sign(&Entry { agent_did, ..entry() }, KID, &registry_key()).unwrap();
    assert!(matches!(verify_entry(&token), Err(EntryError::Issuer)));
}

#[test]
fn positions_begin_with_1_and_reasons_end_at_280() {
    for bad in [
        Entry { seq: 0, ..entry() },
        Entry {
            reason: Some("x".repeat(281)),
            ..entry()
        },
    ] {
        assert!(matches!(
            revocation::sign(&bad, KID, &registry_key()),
            Err(EntryError::Inconsistent(_))
        ));
        let token = signed("REV", &serde_json::to_value(&bad).unwrap());
        assert!(matches!(verify_entry(&token), Err(EntryError::Inconsistent(_))));
    }
}

#[test]
fn an_entry_of_an_unknown_scope_or_with_another_member_is_refused() {
    for (member, value) in [
        ("scope", json!("everything")),
        ("extra", json!(1)),
        ("reason", Value::Null),
    ] {
        let mut claims = serde_json::to_value(entry()).unwrap();
        claims[member] = value;
        assert!(matches!(
            verify_entry(&signed("REV", &claims)),
            Err(EntryError::Jws(JwsError::Claims(_)))
        ));
    }
}

#[test]
fn an_entry_signed_by_another_key_is_refused() {
    let token = revocation::sign(&entry(), KID, &other_key()).unwrap();
    assert!(matches!(
        verify_entry(&token),
        Err(EntryError::Jws(JwsError::Signature))
    ));
    let token = revocation::sign(&entry(), "other", &registry_key()).unwrap();
    assert!(matches!(verify_entry(&token), Err(EntryError::UnknownKey(_))));
}

proptest! {
    #[test]
    fn one_changed_byte_makes_anything_signed_worthless(at: prop::sample::Index, to in prop_oneof![any::<u8>(), 32..127_u8]) {
        let token = good_token();
        if let Some(token) = altered(&token, at.index(token.len()), to) {
            prop_assert!(verify(&token).is_err(), "{}", token);
        }
        let list = text(&vectors(), "/crl/token").to_owned();
        if let Some(list) = altered(&list, at.index(list.len()), to) {
            prop_assert!(verify_list(&list).is_err(), "{}", list);
        }
        let entry = revocation::sign(&entry(), KID, &registry_key()).unwrap();
        if let Some(entry) = altered(&entry, at.index(entry.len()), to) {
            prop_assert!(verify_entry(&entry).is_err(), "{}", entry);
        }
    }

    #[test]
    fn tokens_are_read_without_panic(text in "\\PC{0,200}", dots in "[A-Za-z0-9_-]{0,99}\\.[A-Za-z0-9_-]{0,99}\\.[A-Za-z0-9_-]{86}") {
        for token in [&text, &dots] {
            let _ = (verify(token).is_ok(), verify_list(token).is_ok(), verify_entry(token).is_ok());
            let _ = Ait::inspect(token);
        }
        let _ = serde_json::from_str::<KeySet>(&text);
    }

    #[test]
    fn what_is_signed_verifies_to_itself(iat in 0..1_700_000_000_u32, life in 1..u32::MAX / 4, jti: [u8; 16], about in prop::option::of("\\PC{0,280}")) {
        let mut claims = ait_claims();
        claims.iat = iat;
        claims.nbf = iat;
        claims.exp = iat + life;
        claims.jti = Ulid::from_bytes(jti);
        claims.description = about;
        let token = Ait::sign(&claims, KID, &registry_key()).unwrap();
        let now = Millis::from_secs(i64::from(iat));
        let verified = Ait::verify(&token, &keys(KeyStatus::Active), &issuer(), now).unwrap();
        prop_assert_eq!(verified.claims(), &claims);
    }
}
