//! Requests to a connector.

use chancery_tests::{Webhook, http};
use serde_json::json;

use crate::world::{TOO_LONG, World, no_objects, no_values};

#[test]
fn requests_to_a_connector() {
    let world = World::start();
    let (hook, quiet) = (Webhook::start(), Webhook::start());
    let _receiver = world.beta.connector(&hook);
    let sender = world.alpha.connector(&quiet);
    let address = sender.port().address();
    let json = ("content-type", "application/json");
    let send = |target: &str, headers: &[(&str, &str)], body: &[u8]| {
        http::send(address, "POST", target, headers, body)
            .expect("an answer")
            .error()
    };
    for (what, body) in no_objects() {
        let answer = send("/v1/outbound", &[json], &body);
        assert_eq!(answer, (400, "CONNECTOR_OUTBOUND_INVALID_JSON".to_owned()), "{what}");
    }
    for target in [
        "/v1/inbound/dead-letter/replay",
        "/v1/inbound/dead-letter/purge",
        "/v1/inbound/held/release",
    ] {
        for (what, body) in no_objects() {
            assert_eq!(send(target, &[json], &body).0, 400, "{target}: {what}");
        }
        for ids in [json!("x"), json!(["x"]), json!([1]), json!({}), json!([[]])] {
            let body = json!({ "requestIds": ids }).to_string();
            assert_eq!(send(target, &[json], body.as_bytes()).0, 400, "{target}: {body}");
        }
    }
    let good = json!({ "toAgentDid": world.beta.did(), "payload": 1, "conversationId": "c", "messageId": null,
                       "contentType": "text/plain", "replyTo": "https://example.com/" });
    for (member, code) in [
        ("toAgentDid", "INVALID_TO_AGENT_DID"),
        ("conversationId", "CONNECTOR_OUTBOUND_INVALID_REQUEST"),
        ("messageId", "CONNECTOR_OUTBOUND_INVALID_REQUEST"),
        ("contentType", "CONNECTOR_OUTBOUND_INVALID_REQUEST"),
        ("replyTo", "CONNECTOR_OUTBOUND_INVALID_REQUEST"),
    ] {
        for value in no_values() {
            let mut body = good.clone();
            body[member] = value.clone();
            let (status, found) = send("/v1/outbound", &[json], body.to_string().as_bytes());
            // a member of another type is no message at all
            let expected = if value.is_string() {
                code
            } else {
                "CONNECTOR_OUTBOUND_INVALID_JSON"
            };
            let value: String = value.to_string().chars().take(40).collect();
            assert_eq!((status, found.as_str()), (400, expected), "{member} = {value}");
        }
    }
    let body = good.to_string();
    let long = vec![b' '; 2 * TOO_LONG];
    for (headers, body, status) in [
        (&[][..], body.as_bytes(), 415),
        (&[("content-type", "text/plain")][..], body.as_bytes(), 415),
        (&[json, ("origin", "https://evil.example")][..], body.as_bytes(), 403),
        (&[json, ("sec-fetch-site", "none")][..], body.as_bytes(), 403),
        (&[json, ("host", "evil.example")][..], body.as_bytes(), 403),
        (&[json][..], &long[..], 413),
    ] {
        assert_eq!(send("/v1/outbound", headers, body).0, status, "{headers:?}");
    }
    for target in [
        "/v1/outbound/x",
        "/v1/outbound/01HF7YAT00W6W7CM7N3W5FDXTD",
        "/v1/nothing",
    ] {
        assert_eq!(http::get(address, target).unwrap().status, 404, "{target}");
    }
    assert_eq!(http::get(address, "/v1/inbound/held?limit=x").unwrap().status, 400);
    assert_eq!(sender.status()["outbound"]["queue"]["pendingCount"], 0);
    sender.send(world.beta.did(), &json!({ "message": "good" }));
    hook.wait_for(1);
    assert_eq!(hook.count(), 1, "nothing else came");
}
