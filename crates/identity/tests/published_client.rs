//! What clawdentity-cli 0.1.7 really sent (`vectors/clawdentity-cli-0.1.7.json`) is what we take it for.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use chancery_base::Millis;
use chancery_identity::{
    Ait,
    proof::{self, ProofHeaders},
    ticket::Ticket,
    token::{AgentAccess, AgentRefresh, Token},
};
use common::{read, text};
use serde_json::Value;

fn each_request(check: impl Fn(&Value)) {
    let recorded = read("clawdentity-cli-0.1.7.json");
    let requests = recorded["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 5);
    requests.iter().for_each(check);
}

#[test]
fn its_request_proofs_verify_with_the_key_of_its_identity_token() {
    each_request(|request| {
        let header = |name: &str| text(request, &format!("/headers/{name}")).to_owned();
        let authorization = header("authorization");
        let (_, claims) = Ait::inspect(authorization.strip_prefix("Claw ").unwrap()).unwrap();
        let headers = ProofHeaders {
            timestamp: header("x-claw-timestamp"),
            nonce: header("x-claw-nonce"),
            body_sha256: header("x-claw-body-sha256"),
            proof: header("x-claw-proof"),
        };
        let now = Millis::from_secs(headers.timestamp.parse().unwrap());
        let (method, path) = (text(request, "/method"), text(request, "/pathWithQuery"));
        let body = text(request, "/body").as_bytes();
        proof::verify(&headers, method, path, body, now, &claims.cnf.jwk.x).unwrap();
    });
}

#[test]
fn its_tickets_are_read() {
    each_request(|request| {
        let body: Value = serde_json::from_str(text(request, "/body")).unwrap_or_default();
        if let Some(ticket) = body["ticket"].as_str() {
            assert_eq!(Ticket::parse(ticket).unwrap().iss.as_str(), "http://127.0.0.1:48171");
        }
    });
}

#[test]
fn its_session_tokens_are_of_their_kinds() {
    each_request(|request| {
        let body: Value = serde_json::from_str(text(request, "/body")).unwrap_or_default();
        if let Some(token) = body["refreshToken"].as_str() {
            assert!(token.parse::<Token<AgentRefresh>>().is_ok());
        }
        if let Some(token) = request["headers"]["x-claw-agent-access"].as_str() {
            assert!(token.parse::<Token<AgentAccess>>().is_ok());
        }
    });
}
