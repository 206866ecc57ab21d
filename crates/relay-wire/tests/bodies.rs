//! HTTP bodies: what the published client sends is read, what may be absent may be absent, and secrets are not printed.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use chancery_relay_wire::{
    header::{FEATURE_MESSAGES, offers},
    media,
    registry::{BootstrapRequest, FeedEvent, InviteCreateRequest, RedeemRequest, RefreshRequest},
    relay::{DeliveryState, PairConfirmRequest, PairStartRequest, PairStatusRequest, ReceiptRequest},
};
use serde_json::{Value, json};

fn recorded(path: &str) -> String {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/clawdentity-cli-0.1.7.json");
    let recorded: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let request = recorded["requests"]
        .as_array()
        .unwrap()
        .iter()
        .find(|request| request["pathWithQuery"] == path);
    request.unwrap()["body"].as_str().unwrap().to_owned()
}

#[test]
fn the_bodies_of_the_published_client_are_read() {
    let start: PairStartRequest = serde_json::from_str(&recorded("/pair/start")).unwrap();
    assert_eq!(start.initiator_profile.agent_name.as_str(), "alpha");
    assert_eq!(
        start.initiator_profile.proxy_origin.unwrap().as_str(),
        "http://127.0.0.1:48171"
    );
    let confirm: PairConfirmRequest = serde_json::from_str(&recorded("/pair/confirm")).unwrap();
    assert!(confirm.ticket.starts_with("clwpair1_"));
    assert!(serde_json::from_str::<PairStatusRequest>(&recorded("/pair/status")).is_ok());
    assert!(serde_json::from_str::<RefreshRequest>(&recorded("/v1/agents/auth/refresh")).is_ok());
}

#[test]
fn optional_members_of_requests_may_be_null() {
    let bootstrap: BootstrapRequest = serde_json::from_str(r#"{"apiKeyName":null,"displayName":null}"#).unwrap();
    assert!(bootstrap.api_key_name.is_none() && bootstrap.display_name.is_none());
    assert!(
        serde_json::from_str::<InviteCreateRequest>(r#"{"expiresAt":null}"#)
            .unwrap()
            .expires_at
            .is_none()
    );
    assert!(serde_json::from_str::<RedeemRequest>(r#"{"code":"x","apiKeyName":null}"#).is_ok());
}

#[test]
fn the_proxy_origin_of_a_profile_equals_its_origin() {
    let body = |origin: &str| {
        json!({"initiatorProfile": {"agentName": " a ", "humanName": "h", "proxyOrigin": origin}}).to_string()
    };
    let read = serde_json::from_str::<PairStartRequest>(&body("https://relay.example")).unwrap();
    assert_eq!(read.initiator_profile.agent_name.as_str(), "a");
    for origin in ["https://relay.example/", "https://relay.example/x", "relay.example"] {
        assert!(
            serde_json::from_str::<PairStartRequest>(&body(origin)).is_err(),
            "{origin}"
        );
    }
}

#[test]
fn secrets_are_not_printed() {
    let code = RedeemRequest {
        code: "clw_inv_secret".to_owned(),
        ..RedeemRequest::default()
    };
    assert!(!format!("{code:?}").contains("secret"));
    let confirm: PairConfirmRequest = serde_json::from_str(&recorded("/pair/confirm")).unwrap();
    assert!(!format!("{confirm:?}").contains("clwpair1_"));
    let status: PairStatusRequest = serde_json::from_str(&recorded("/pair/status")).unwrap();
    assert!(!format!("{status:?}").contains("clwpair1_"));
}

#[test]
fn receipts_come_in_three_vocabularies() {
    let did = "did:cdi:a.example:agent:01HF7YAT00W6W7CM7N3W5FDXTB";
    for (word, ours) in [
        ("processed_by_openclaw", "delivered_to_webhook"),
        ("delivered_to_webhook", "delivered_to_webhook"),
        ("dead_lettered", "dead_lettered"),
    ] {
        let body = json!({"requestId": "r", "senderAgentDid": did, "recipientAgentDid": did, "status": word});
        let receipt: ReceiptRequest = serde_json::from_value(body).unwrap();
        assert_eq!(receipt.status.as_str(), ours);
    }
    let state = |word: &str| serde_json::from_value::<DeliveryState>(word.into());
    assert_eq!(
        state("delivered_to_webhook").unwrap(),
        DeliveryState::ProcessedByOpenclaw
    );
    assert_eq!(json!(state("processed_by_openclaw").unwrap()), "processed_by_openclaw");
}

#[test]
fn features_are_a_list() {
    assert!(offers(FEATURE_MESSAGES, FEATURE_MESSAGES));
    assert!(offers("other , chancery-msg-v1", FEATURE_MESSAGES));
    for value in ["", "chancery-msg-v10", "chancery-msg", "chancery-msg-v1;q=0"] {
        assert!(!offers(value, FEATURE_MESSAGES), "{value}");
    }
}

#[test]
fn reserved_media_types_are_known_in_any_spelling() {
    assert!(media::is_reserved("Application/vnd.Chancery.sealed+JSON ; a=b"));
    assert!(media::is_reserved(media::BLOB));
    assert!(!media::is_reserved(media::JSON));
    assert!(!media::is_reserved("application/vnd.chancery.sealed+json2"));
}

#[test]
fn events_of_the_feed_are_told_apart_by_their_type() {
    for (event, text) in [
        (
            FeedEvent::Entry {
                token: "a.b.c".to_owned(),
            },
            r#"{"type":"entry","token":"a.b.c"}"#,
        ),
        (FeedEvent::Heartbeat { seq: 7 }, r#"{"type":"heartbeat","seq":7}"#),
        (FeedEvent::Reset { seq: 7 }, r#"{"type":"reset","seq":7}"#),
    ] {
        assert_eq!(serde_json::to_string(&event).unwrap(), text);
        assert_eq!(serde_json::from_str::<FeedEvent>(text).unwrap(), event);
    }
}
