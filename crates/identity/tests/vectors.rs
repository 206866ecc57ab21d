//! Every value of `vectors/clawdentity.json`, byte for byte, written and read.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use chancery_base::{
    Millis, Ulid, digest,
    ed25519::{PublicKey, SecretKey, Signature},
};
use chancery_identity::{
    Ait, Origin, alias,
    block::{self, Identity},
    crl,
    key_set::KeyStatus,
    proof::{self, ProofHeaders},
    registration::{RegistrationProof, TEMPLATE},
    ticket::Ticket,
    token::{ApiKey, Token},
};
use common::{NOW, ait_claims, crl_claims, issuer, keys, registry_key, text, vectors};
use serde_json::Value;

fn ulid(value: &Value, pointer: &str) -> Ulid {
    text(value, pointer).parse().unwrap()
}

#[test]
fn keys_come_from_their_seeds() {
    for name in ["registryKey", "agentKey", "ticketKey"] {
        let entry = &vectors()[name];
        let key = SecretKey::from_b64(text(entry, "/seed")).unwrap();
        assert_eq!(key.to_b64().as_str(), text(entry, "/seed"));
        assert_eq!(key.public().to_b64(), text(entry, "/x"));
        assert_eq!(PublicKey::from_b64(text(entry, "/x")).unwrap(), key.public());
    }
}

#[test]
fn the_identity_token_is_signed_from_its_claims() {
    let token = Ait::sign(&ait_claims(), common::KID, &registry_key()).unwrap();
    assert_eq!(token, text(&vectors(), "/ait/token"));
}

#[test]
fn the_identity_token_verifies_to_its_claims() {
    let verified = Ait::verify(text(&vectors(), "/ait/token"), &keys(KeyStatus::Active), &issuer(), NOW).unwrap();
    assert_eq!(verified.claims(), &ait_claims());
    assert_eq!(
        serde_json::to_value(verified.claims()).unwrap(),
        vectors()["ait"]["claims"]
    );
    assert_eq!(verified.key().to_b64(), text(&vectors(), "/agentKey/x"));
    assert_eq!(verified.expires(), Millis(1_702_592_000_000));
}

#[test]
fn the_revocation_list_is_signed_from_its_claims() {
    let token = crl::sign(&crl_claims(), common::KID, &registry_key()).unwrap();
    assert_eq!(token, text(&vectors(), "/crl/token"));
}

#[test]
fn the_revocation_list_verifies_to_its_claims() {
    let claims = crl::verify(text(&vectors(), "/crl/token"), &keys(KeyStatus::Active), &issuer(), NOW).unwrap();
    assert_eq!(serde_json::to_value(&claims).unwrap(), vectors()["crl"]["claims"]);
    assert!(claims.revokes(ulid(&vectors(), "/crl/claims/revocations/0/jti")));
    assert!(!claims.revokes(ulid(&vectors(), "/ait/claims/jti")));
}

#[test]
fn request_proofs_have_the_given_text_hash_and_signature() {
    let key = common::agent_key();
    for entry in vectors()["proofs"].as_array().unwrap() {
        let at = |name: &str| text(entry, name);
        let hash = digest::sha256_b64(at("/body"));
        assert_eq!(hash, at("/bodySha256"));
        let canonical = proof::canonical(
            at("/method"),
            at("/pathWithQuery"),
            at("/timestamp"),
            at("/nonce"),
            at("/bodySha256"),
        );
        assert_eq!(canonical, at("/canonical"));
        assert_eq!(key.sign(canonical.as_bytes()).to_b64(), at("/proof"));
    }
}

#[test]
fn request_proofs_verify() {
    for entry in vectors()["proofs"].as_array().unwrap() {
        let at = |name: &str| text(entry, name).to_owned();
        let headers = ProofHeaders {
            timestamp: at("/timestamp"),
            nonce: at("/nonce"),
            body_sha256: at("/bodySha256"),
            proof: at("/proof"),
        };
        let verified = proof::verify(
            &headers,
            &at("/method"),
            &at("/pathWithQuery"),
            at("/body").as_bytes(),
            NOW,
            &common::agent_key().public(),
        );
        assert_eq!(verified.unwrap().nonce, at("/nonce"));
    }
}

#[test]
fn the_ticket_is_signed_and_written_from_its_parts() {
    let vectors = vectors();
    let at = |pointer: &str| text(&vectors, pointer);
    let key = SecretKey::from_b64(at("/ticketKey/seed")).unwrap();
    let iss: Origin = at("/pairingTicket/payload/iss").parse().unwrap();
    let (ticket, public) = Ticket::sign(
        &iss,
        ulid(&vectors, "/pairingTicket/payload/kid"),
        at("/pairingTicket/payload/nonce").to_owned(),
        1_700_000_300,
        ulid(&vectors, "/pairingTicket/payload/pkid"),
        &key,
    );
    assert_eq!(public.to_b64(), at("/ticketKey/x"));
    assert_eq!(ticket.sig.to_b64(), at("/pairingTicket/payload/sig"));
    assert_eq!(ticket.sig, key.sign(at("/pairingTicket/signedJson").as_bytes()));
    assert_eq!(ticket.encode(), at("/pairingTicket/ticket"));
}

#[test]
fn the_ticket_is_read_and_verifies() {
    let vectors = vectors();
    let whole = text(&vectors, "/pairingTicket/ticket");
    let ticket = Ticket::parse(whole).unwrap();
    ticket
        .verify(&PublicKey::from_b64(text(&vectors, "/ticketKey/x")).unwrap())
        .unwrap();
    assert_eq!(ticket.iss.as_str(), text(&vectors, "/pairingTicket/payload/iss"));
    assert_eq!(ticket.kid.to_string(), text(&vectors, "/pairingTicket/payload/kid"));
    assert_eq!(ticket.nonce, text(&vectors, "/pairingTicket/payload/nonce"));
    assert_eq!(ticket.exp, 1_700_000_300);
    assert_eq!(ticket.pkid.to_string(), text(&vectors, "/pairingTicket/payload/pkid"));
    assert_eq!(ticket.encode(), whole);
}

#[test]
fn registration_proofs_have_the_given_text_and_signature() {
    let vectors = vectors();
    let key = common::agent_key();
    let (owner, public) = (ait_claims().owner_did, key.public());
    let of = |framework, ttl_days| RegistrationProof {
        challenge_id: "01HF7YAT00W6W7CM7N3W5FDXTJ".parse().unwrap(),
        nonce: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
        owner: &owner,
        public_key: &public,
        name: "alpha",
        framework,
        ttl_days,
    };
    for (n, text_to_sign) in [of(Some("openclaw"), Some(7)).canonical(), of(None, None).canonical()]
        .iter()
        .enumerate()
    {
        let entry = &vectors["registrationProofs"][n];
        assert_eq!(text_to_sign, text(entry, "/text"));
        assert_eq!(
            key.sign(text_to_sign.as_bytes()).to_b64(),
            text(entry, "/challengeSignature")
        );
        let signature = Signature::from_b64(text(entry, "/challengeSignature")).unwrap();
        key.public().verify(text_to_sign.as_bytes(), &signature).unwrap();
    }
}

#[test]
fn the_registration_template_becomes_the_text_when_its_blanks_are_filled() {
    let vectors = vectors();
    let filled = TEMPLATE
        .replace("{challengeId}", "01HF7YAT00W6W7CM7N3W5FDXTJ")
        .replace("{nonce}", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX")
        .replace("{ownerDid}", text(&vectors, "/ait/claims/ownerDid"))
        .replace("{publicKey}", text(&vectors, "/agentKey/x"))
        .replace("{name}", "alpha")
        .replace("{framework}", "openclaw")
        .replace("{ttlDays}", "7");
    assert_eq!(filled, text(&vectors, "/registrationProofs/0/text"));
}

#[test]
fn a_stored_token_is_its_prefix_and_hash() {
    let vectors = vectors();
    let token: Token<ApiKey> = text(&vectors, "/storedToken/token").parse().unwrap();
    assert_eq!(token.stored().prefix, text(&vectors, "/storedToken/lookupPrefix"));
    assert_eq!(token.stored().hash, text(&vectors, "/storedToken/sha256Hex"));
    assert!(token.matches(text(&vectors, "/storedToken/sha256Hex")));
}

#[test]
fn the_identity_block_stands_above_the_message() {
    let claims = ait_claims();
    let vectors = vectors();
    let message = block::prepend(&Identity::from(&claims), text(&vectors, "/identityBlock/input/message"));
    assert_eq!(message, text(&vectors, "/identityBlock/output/message"));
}

#[test]
fn aliases_are_derived_from_dids() {
    for (did, expected) in vectors()["aliases"].as_object().unwrap() {
        assert_eq!(
            &alias::derive(&did.parse().unwrap(), |_| false),
            expected.as_str().unwrap()
        );
    }
}
