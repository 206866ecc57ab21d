//! Request proofs (spec 3) and HTTP message signatures (RFC 9421): every part altered alone.

mod common;

use chancery_base::{Millis, Rng, b64};
use chancery_identity::{
    http_signature::{self, HttpSignatureError},
    proof::{self, MAX_NONCE_BYTES, ProofError, ProofHeaders, VerifiedProof},
};
use common::{NOW, agent_key, altered, other_key};
use proptest::prelude::*;

struct Fixed;

impl Rng for Fixed {
    fn fill(&self, out: &mut [u8]) {
        out.fill(7);
    }
}

const PATH: &str = "/hooks/agent?a=b";
const BODY: &[u8] = br#"{"message":"hi"}"#;

fn sign() -> ProofHeaders {
    ProofHeaders::sign("POST", PATH, BODY, NOW, &Fixed, &agent_key())
}

fn verify(headers: &ProofHeaders) -> Result<VerifiedProof, ProofError> {
    proof::verify(headers, "POST", PATH, BODY, NOW, &agent_key().public())
}

/// Headers that are well signed over any timestamp and nonce.
fn signed_over(timestamp: &str, nonce: &str) -> ProofHeaders {
    let honest = sign();
    let text = proof::canonical("POST", PATH, timestamp, nonce, &honest.body_sha256);
    let proof = agent_key().sign(text.as_bytes()).to_b64();
    ProofHeaders {
        timestamp: timestamp.to_owned(),
        nonce: nonce.to_owned(),
        proof,
        ..honest
    }
}

#[test]
fn a_proof_that_we_sign_verifies() {
    assert_eq!(verify(&sign()).map(|proof| proof.nonce), Ok(b64::encode([7; 16])));
}

#[test]
fn the_method_is_covered() {
    let result = proof::verify(&sign(), "PUT", PATH, BODY, NOW, &agent_key().public());
    assert_eq!(result, Err(ProofError::Proof));
}

#[test]
fn the_method_is_upper_case_in_the_text() {
    assert!(proof::verify(&sign(), "post", PATH, BODY, NOW, &agent_key().public()).is_ok());
}

#[test]
fn the_path_is_covered() {
    let result = proof::verify(&sign(), "POST", "/hooks/message?a=b", BODY, NOW, &agent_key().public());
    assert_eq!(result, Err(ProofError::Proof));
}

#[test]
fn the_query_is_covered() {
    for path in ["/hooks/agent", "/hooks/agent?a=c", "/hooks/agent?a=b&", "/hooks/agent?"] {
        let result = proof::verify(&sign(), "POST", path, BODY, NOW, &agent_key().public());
        assert_eq!(result, Err(ProofError::Proof), "{path}");
    }
}

#[test]
fn the_body_is_covered() {
    for body in [&b""[..], br#"{"message":"ho"}"#, br#"{"message":"hi"} "#] {
        let result = proof::verify(&sign(), "POST", PATH, body, NOW, &agent_key().public());
        assert_eq!(result, Err(ProofError::Proof));
    }
}

#[test]
fn the_body_hash_is_the_one_of_the_body() {
    let forged = ProofHeaders {
        body_sha256: chancery_base::digest::sha256_b64("other"),
        ..sign()
    };
    assert_eq!(verify(&forged), Err(ProofError::Proof));
}

#[test]
fn the_timestamp_is_covered() {
    assert_eq!(
        verify(&ProofHeaders {
            timestamp: "1700000001".to_owned(),
            ..sign()
        }),
        Err(ProofError::Proof)
    );
}

#[test]
fn the_nonce_is_covered() {
    assert_eq!(
        verify(&ProofHeaders {
            nonce: "another".to_owned(),
            ..sign()
        }),
        Err(ProofError::Proof)
    );
}

#[test]
fn the_key_is_the_agents() {
    let result = proof::verify(&sign(), "POST", PATH, BODY, NOW, &other_key().public());
    assert_eq!(result, Err(ProofError::Proof));
}

#[test]
fn the_clocks_may_differ_by_300_seconds() {
    for secs in [-300, 300] {
        let now = NOW.plus(secs * 1000);
        assert!(
            proof::verify(&sign(), "POST", PATH, BODY, now, &agent_key().public()).is_ok(),
            "{secs}"
        );
    }
}

#[test]
fn the_clocks_may_not_differ_by_301_seconds() {
    for secs in [-301, 301] {
        let result = proof::verify(
            &sign(),
            "POST",
            PATH,
            BODY,
            NOW.plus(secs * 1000),
            &agent_key().public(),
        );
        assert_eq!(result, Err(ProofError::Skew), "{secs}");
    }
}

#[test]
fn a_timestamp_has_only_digits() {
    for timestamp in [
        "",
        "+1700000000",
        "-1700000000",
        "1700000000.0",
        " 1700000000",
        "1e9",
        "١٧",
        "99999999999999999999",
    ] {
        assert_eq!(
            verify(&signed_over(timestamp, "n")),
            Err(ProofError::Timestamp),
            "{timestamp}"
        );
    }
}

#[test]
fn a_nonce_is_not_empty() {
    assert_eq!(verify(&signed_over("1700000000", "")), Err(ProofError::Nonce));
}

#[test]
fn a_nonce_is_not_longer_than_its_limit() {
    assert!(verify(&signed_over("1700000000", &"n".repeat(MAX_NONCE_BYTES))).is_ok());
    assert_eq!(
        verify(&signed_over("1700000000", &"n".repeat(MAX_NONCE_BYTES + 1))),
        Err(ProofError::Nonce)
    );
}

#[test]
fn a_nonce_is_visible() {
    for nonce in ["a b", "a\nb", "a\tb", "ä", "\u{7f}"] {
        assert_eq!(
            verify(&signed_over("1700000000", nonce)),
            Err(ProofError::Nonce),
            "{nonce:?}"
        );
    }
}

#[test]
fn a_nonce_is_remembered_longer_than_its_timestamp_is_accepted() {
    for ahead in [-300, 0, 300] {
        let timestamp = (NOW.secs() + ahead).to_string();
        let until = verify(&signed_over(&timestamp, "n"))
            .map(|proof| proof.remember_until)
            .unwrap_or_default();
        let again = proof::verify(
            &signed_over(&timestamp, "n"),
            "POST",
            PATH,
            BODY,
            until,
            &agent_key().public(),
        );
        assert_eq!(again, Err(ProofError::Skew));
    }
}

#[test]
fn a_proof_is_canonical_base64url() {
    let proof = sign().proof;
    for proof in [
        String::new(),
        format!("{proof}="),
        format!("{proof}A"),
        proof.replace(['-', '_'], "+") + "x",
    ] {
        assert_eq!(verify(&ProofHeaders { proof, ..sign() }), Err(ProofError::Proof));
    }
}

// HTTP message signatures

const HEADERS: &[(&str, &str)] = &[
    ("user-agent", "a"),
    ("x-claw-timestamp", "1700000000"),
    ("x-claw-nonce", "n"),
    ("idempotency-key", "order-1"),
    ("content-type", "application/json"),
    ("authorization", "Claw token"),
];

const REQUEST: http_signature::Request<'static> = http_signature::Request {
    method: "POST",
    authority: "relay.example.test",
    path_and_query: PATH,
    headers: HEADERS,
};

fn check(request: &http_signature::Request<'_>) -> Result<(), HttpSignatureError> {
    let (input, signature) = http_signature::sign(&REQUEST, NOW, &agent_key());
    check_as(request, &input, &signature, NOW)
}

fn check_as(
    request: &http_signature::Request<'_>,
    input: &str,
    signature: &str,
    now: Millis,
) -> Result<(), HttpSignatureError> {
    let authorities = ["other.example.test".to_owned(), "relay.example.test".to_owned()];
    http_signature::verify(request, input, signature, &authorities, now, &agent_key().public())
}

#[test]
fn a_request_that_we_sign_verifies() {
    assert_eq!(check(&REQUEST), Ok(()));
}

#[test]
fn the_input_is_the_one_of_rfc_9421() {
    let (input, signature) = http_signature::sign(&REQUEST, NOW, &agent_key());
    assert_eq!(
        input,
        "claw=(\"@method\" \"@authority\" \"@path\" \"@query\" \"authorization\" \"content-type\" \"idempotency-key\" \
         \"x-claw-nonce\" \"x-claw-timestamp\")\
         ;created=1700000000;alg=\"ed25519\";tag=\"chancery\""
    );
    let base = "\"@method\": POST\n\"@authority\": relay.example.test\n\"@path\": /hooks/agent\n\"@query\": ?a=b\n\
                \"authorization\": Claw token\n\"content-type\": application/json\n\"idempotency-key\": order-1\n\
                \"x-claw-nonce\": n\n\"x-claw-timestamp\": 1700000000\n\
                \"@signature-params\": "
        .to_owned()
        + input.trim_start_matches("claw=");
    let expected = b64::encode_standard(agent_key().sign(base.as_bytes()).to_bytes());
    assert_eq!(signature, format!("claw=:{expected}:"));
}

#[test]
fn method_path_and_query_are_signed() {
    use http_signature::Request;
    for request in [
        Request {
            method: "PUT",
            ..REQUEST
        },
        Request {
            path_and_query: "/hooks/message?a=b",
            ..REQUEST
        },
        Request {
            path_and_query: "/hooks/agent?a=c",
            ..REQUEST
        },
        Request {
            path_and_query: "/hooks/agent",
            ..REQUEST
        },
    ] {
        assert_eq!(check(&request), Err(HttpSignatureError::Signature), "{request:?}");
    }
}

#[test]
fn the_value_of_every_covered_header_is_signed() {
    for (at, (name, _)) in HEADERS.iter().enumerate().skip(1) {
        let mut headers = HEADERS.to_vec();
        headers[at].1 = "altered";
        let request = http_signature::Request {
            headers: &headers,
            ..REQUEST
        };
        assert_eq!(check(&request), Err(HttpSignatureError::Signature), "{name}");
    }
}

#[test]
fn a_covered_header_that_is_added_is_seen() {
    for added in [
        "x-claw-recipient-agent-did",
        "X-Claw-Conversation-Id",
        "x-claw-",
        "x-claw-nonce",
        "authorization",
        "Content-Type",
        "idempotency-key",
    ] {
        let mut headers = HEADERS.to_vec();
        headers.push((added, "n"));
        let request = http_signature::Request {
            headers: &headers,
            ..REQUEST
        };
        assert_eq!(check(&request), Err(HttpSignatureError::Components), "{added}");
    }
}

#[test]
fn a_covered_header_that_is_dropped_is_seen() {
    for (at, (name, _)) in HEADERS.iter().enumerate().skip(1) {
        let mut headers = HEADERS.to_vec();
        headers.remove(at);
        let request = http_signature::Request {
            headers: &headers,
            ..REQUEST
        };
        assert_eq!(check(&request), Err(HttpSignatureError::Components), "{name}");
    }
}

#[test]
fn a_covered_header_does_not_occur_twice_even_where_both_are_signed() {
    let mut headers = HEADERS.to_vec();
    headers.push(("x-claw-nonce", "m"));
    let request = http_signature::Request {
        headers: &headers,
        ..REQUEST
    };
    let (input, signature) = http_signature::sign(&request, NOW, &agent_key());
    assert_eq!(
        check_as(&request, &input, &signature, NOW),
        Err(HttpSignatureError::Components)
    );
}

#[test]
fn other_headers_and_the_order_of_headers_are_free() {
    let mut headers = HEADERS.to_vec();
    headers.reverse();
    headers.push(("via", "1.1 proxy"));
    assert_eq!(
        check(&http_signature::Request {
            headers: &headers,
            ..REQUEST
        }),
        Ok(())
    );
}

#[test]
fn a_signature_for_another_server_is_refused() {
    let (input, signature) = http_signature::sign(&REQUEST, NOW, &agent_key());
    let elsewhere = ["relay.example.test:8443".to_owned()];
    let result = http_signature::verify(&REQUEST, &input, &signature, &elsewhere, NOW, &agent_key().public());
    assert_eq!(result, Err(HttpSignatureError::Signature));
    let result = http_signature::verify(&REQUEST, &input, &signature, &[], NOW, &agent_key().public());
    assert_eq!(result, Err(HttpSignatureError::Signature));
}

#[test]
fn the_host_that_the_request_names_is_not_believed() {
    let request = http_signature::Request {
        authority: "evil.example.test",
        ..REQUEST
    };
    let (input, signature) = http_signature::sign(&request, NOW, &agent_key());
    assert_eq!(
        check_as(&request, &input, &signature, NOW),
        Err(HttpSignatureError::Signature)
    );
}

#[test]
fn a_signature_is_300_seconds_old_at_most() {
    let (input, signature) = http_signature::sign(&REQUEST, NOW, &agent_key());
    for (secs, expected) in [
        (300, Ok(())),
        (-300, Ok(())),
        (301, Err(HttpSignatureError::Skew)),
        (-301, Err(HttpSignatureError::Skew)),
    ] {
        assert_eq!(
            check_as(&REQUEST, &input, &signature, NOW.plus(secs * 1000)),
            expected,
            "{secs}"
        );
    }
}

#[test]
fn the_time_of_a_signature_is_signed() {
    let (input, signature) = http_signature::sign(&REQUEST, NOW, &agent_key());
    let later = input.replace("created=1700000000", "created=1700000001");
    assert_eq!(
        check_as(&REQUEST, &later, &signature, NOW),
        Err(HttpSignatureError::Signature)
    );
}

#[test]
fn a_signature_input_of_another_profile_is_refused() {
    let (input, signature) = http_signature::sign(&REQUEST, NOW, &agent_key());
    for input in [
        String::new(),
        input.replace("claw=", "sig1="),
        input.replace("\"@authority\" ", ""),
        input.replace("ed25519", "hmac-sha256"),
        input.replace("chancery", "other"),
        input.replace("created=", "created=+"),
        input.replace("created=1700000000;", ""),
        format!("{input};nonce=\"x\""),
        format!("{input}, other=();created=1"),
        format!(" {input}"),
    ] {
        assert_eq!(
            check_as(&REQUEST, &input, &signature, NOW),
            Err(HttpSignatureError::Components),
            "{input}"
        );
    }
}

#[test]
fn a_signature_is_one_byte_sequence() {
    let (input, signature) = http_signature::sign(&REQUEST, NOW, &agent_key());
    for signature in [
        String::new(),
        "claw=::".to_owned(),
        signature.replace("claw", "sig1"),
        signature.trim_end_matches(':').to_owned(),
        signature.replace("==", ""),
        format!("{signature}, other=:AA==:"),
    ] {
        assert_eq!(
            check_as(&REQUEST, &input, &signature, NOW),
            Err(HttpSignatureError::Signature),
            "{signature}"
        );
    }
}

proptest! {
    #[test]
    fn one_changed_byte_makes_a_proof_worthless(part in 0..4_usize, at: prop::sample::Index, to: u8) {
        let mut headers = sign();
        let text = match part {
            0 => &mut headers.timestamp,
            1 => &mut headers.nonce,
            2 => &mut headers.body_sha256,
            _ => &mut headers.proof,
        };
        if let Some(changed) = altered(text, at.index(text.len()), to) {
            *text = changed;
            prop_assert!(verify(&headers).is_err());
        }
    }

    #[test]
    fn a_proof_over_anything_verifies(method in "[A-Z]{1,9}", path in "/[!-~]{0,80}", body: Vec<u8>, secs in 0..4_000_000_000_i64) {
        let now = Millis::from_secs(secs);
        let headers = ProofHeaders::sign(&method, &path, &body, now, &Fixed, &agent_key());
        prop_assert!(proof::verify(&headers, &method, &path, &body, now, &agent_key().public()).is_ok());
    }

    #[test]
    fn proofs_are_read_without_panic(timestamp in "\\PC{0,30}", nonce in "\\PC{0,30}", body_sha256 in "\\PC{0,50}", proof in "\\PC{0,99}", now: i64) {
        let headers = ProofHeaders { timestamp, nonce, body_sha256, proof };
        prop_assert!(proof::verify(&headers, "POST", PATH, BODY, Millis(now), &agent_key().public()).is_err());
    }

    #[test]
    fn http_signatures_are_read_without_panic(input in "\\PC{0,99}", created in "(claw=)?\\PC{0,20}\\);created=[-+0-9]{0,22};?\\PC{0,9}", signature in "(claw=:)?\\PC{0,99}:?", now: i64) {
        for input in [&input, &created] {
            prop_assert!(check_as(&REQUEST, input, &signature, Millis(now)).is_err());
        }
    }

    #[test]
    fn one_changed_byte_makes_an_http_signature_worthless(of_input: bool, at: prop::sample::Index, to: u8) {
        let (mut input, mut signature) = http_signature::sign(&REQUEST, NOW, &agent_key());
        let text = if of_input { &mut input } else { &mut signature };
        if let Some(changed) = altered(text, at.index(text.len()), to) {
            *text = changed;
            prop_assert!(check_as(&REQUEST, &input, &signature, NOW).is_err());
        }
    }
}
