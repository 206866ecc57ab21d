//! The local HTTP API.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use chancery_connector::DialError;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::support::*;

async fn call(world: &World, method: &str, path: &str, body: &str) -> (StatusCode, Value) {
    call_as(world, method, path, body, "application/json").await
}

async fn call_as(world: &World, method: &str, path: &str, body: &str, media: &str) -> (StatusCode, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", media);
    let response = world
        .connector()
        .router()
        .oneshot(request.body(Body::from(body.to_owned())).unwrap())
        .await
        .unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

#[tokio::test(start_paused = true)]
async fn every_known_body_of_outbound_is_taken() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let did = agent(2).did;
    for body in [
        json!({ "toAgentDid": did, "payload": { "message": "hi" } }),
        json!({ "peerDid": did, "payload": "text", "conversationId": "c9", "replyTo": "http://127.0.0.1/x" }),
        json!({ "peer": "beta", "peerDid": did, "peerProxyUrl": "https://x.example/hooks/agent", "payload": {} }),
        json!({ "peer": "beta", "payload": null }),
        json!({ "toAgentDid": did, "payload": 1, "unknown": true, "conversationId": null }),
    ] {
        let (status, answer) = call(&world, "POST", "/v1/outbound", &body.to_string()).await;
        assert_eq!(
            (status.as_u16(), &answer["accepted"]),
            (202, &true.into()),
            "{body}: {answer}"
        );
        let frame = session.hear().await;
        assert_eq!(frame["id"], answer["frameId"]);
        session.ack_enqueue(&frame).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_payload_is_sent_byte_for_byte() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let payload = r#"{ "z":1.0, "a" : "\u00e4é",  "n":12345678901234567890123 }"#;
    let body = format!(r#"{{"toAgentDid":"{}","payload":{payload}}}"#, agent(2).did);
    call(&world, "POST", "/v1/outbound", &body).await;
    loop {
        let text = session.rx.recv().await.unwrap();
        if text.contains("\"enqueue\"") {
            assert!(text.contains(&format!("\"payload\":{payload}")), "{text}");
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_revoked_agent_is_told_so_and_what_waits_for_the_relay_is_given_up() {
    let revoked = DialError::Refused {
        status: 401,
        code: Some("PROXY_AUTH_REVOKED".to_owned()),
        message: "the agent's identity was revoked".to_owned(),
        retry_after: None,
    };
    let mut world = World::new(Setup {
        refusals: vec![DialError::Unreachable("not yet".to_owned()), revoked],
        ..Setup::default()
    });
    let body = json!({ "toAgentDid": agent(2).did, "payload": 1 }).to_string();
    let (status, answer) = call(&world, "POST", "/v1/outbound", &body).await;
    assert_eq!(status.as_u16(), 202);
    assert_eq!(world.status().await["status"], "ok");
    let waiting = format!("/v1/outbound/{}", answer["frameId"].as_str().unwrap());
    tokio::time::sleep(Duration::from_secs(1)).await;

    let (status, answer) = call(&world, "POST", "/v1/outbound", &body).await;
    assert_eq!(
        (status.as_u16(), &answer["error"]["code"]),
        (403, &"CONNECTOR_AGENT_REVOKED".into())
    );
    let (_, given_up) = call(&world, "GET", &waiting, "").await;
    assert_eq!(given_up["state"], "dead_lettered");
    let reason = given_up["reason"].as_str().unwrap();
    assert!(reason.contains("PROXY_AUTH_REVOKED"), "{reason}");
    let status = world.status().await;
    assert_eq!(
        (&status["status"], &status["outboundDetail"]["deadLetterCount"]),
        (&"revoked".into(), &1.into())
    );
    assert_eq!(status["outbound"]["queue"]["pendingCount"], 0);

    // its owner has given it another identity token, and a relay takes it
    let mut session = world.session().await;
    assert_eq!(world.status().await["status"], "ok");
    let (status, answer) = call(&world, "POST", "/v1/outbound", &body).await;
    assert_eq!(status.as_u16(), 202);
    assert_eq!(session.hear().await["id"], answer["frameId"]);
    session.hears_nothing(Duration::from_secs(10)).await;
}

#[tokio::test(start_paused = true)]
async fn bad_requests_get_the_code_of_the_specification_and_change_nothing() {
    let world = World::new(Setup::default());
    let did = agent(2).did.to_string();
    let with = |member: &str, value: Value| {
        let mut body = json!({ "toAgentDid": did, "payload": 1 });
        body[member] = value;
        body.to_string()
    };
    let big = with("payload", "x".repeat(1_047_000).into());
    let bigger = with("payload", "x".repeat(2_000_000).into());
    for (body, status, code) in [
        ("{", 400, "CONNECTOR_OUTBOUND_INVALID_JSON"),
        ("[]", 400, "CONNECTOR_OUTBOUND_INVALID_JSON"),
        (r#"{"payload":1}"#, 400, "INVALID_TO_AGENT_DID"),
        (
            &with(
                "toAgentDid",
                "did:cdi:localhost:human:01ARZ3NDEKTSV4RRFFQ69G5FAV".into(),
            ),
            400,
            "INVALID_TO_AGENT_DID",
        ),
        (&with("toAgentDid", "nobody".into()), 400, "INVALID_TO_AGENT_DID"),
        (
            &format!(r#"{{"toAgentDid":"{did}"}}"#),
            400,
            "CONNECTOR_OUTBOUND_INVALID_REQUEST",
        ),
        (
            &format!(r#"{{"toAgentDid":"{did}","payload":{{"a":1,"a":2}}}}"#),
            400,
            "CONNECTOR_OUTBOUND_INVALID_JSON",
        ),
        (
            &format!(r#"{{"toAgentDid":"{did}","toAgentDid":"{did}","payload":1}}"#),
            400,
            "CONNECTOR_OUTBOUND_INVALID_JSON",
        ),
        (
            &with("conversationId", " ".into()),
            400,
            "CONNECTOR_OUTBOUND_INVALID_REQUEST",
        ),
        (
            &with("replyTo", "not a url".into()),
            400,
            "CONNECTOR_OUTBOUND_INVALID_REQUEST",
        ),
        (
            &with("messageId", "not a ulid".into()),
            400,
            "CONNECTOR_OUTBOUND_INVALID_REQUEST",
        ),
        (
            &with("contentType", "application/vnd.chancery.sealed+json".into()),
            400,
            "CONNECTOR_OUTBOUND_RESERVED_CONTENT_TYPE",
        ),
        (
            r#"{"peer":"gamma","payload":1}"#,
            409,
            "CONNECTOR_OUTBOUND_UNKNOWN_PEER",
        ),
        (&big, 413, "CONNECTOR_OUTBOUND_TOO_LARGE"),
        (&bigger, 413, "CONNECTOR_OUTBOUND_TOO_LARGE"),
    ] {
        let (found, answer) = call(&world, "POST", "/v1/outbound", body).await;
        let short: String = body.chars().take(80).collect();
        assert_eq!(
            (found.as_u16(), answer["error"]["code"].as_str()),
            (status, Some(code)),
            "{short}: {answer}"
        );
    }
    let (status, answer) = call_as(&world, "POST", "/v1/outbound", &with("payload", 1.into()), "text/plain").await;
    assert_eq!(
        (status.as_u16(), &answer["error"]["code"]),
        (415, &"CONNECTOR_OUTBOUND_UNSUPPORTED_MEDIA_TYPE".into())
    );
    assert_eq!(world.status().await["outbound"]["queue"]["pendingCount"], 0);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_peer_is_answered_with_what_to_do() {
    let world = World::new(Setup::default());
    let (_, answer) = call(&world, "POST", "/v1/outbound", r#"{"peer":"gamma","payload":1}"#).await;
    let hint = answer["error"]["details"]["hint"].as_str().unwrap();
    assert!(hint.contains("pair with that agent"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_full_outbox_is_507() {
    let world = World::new(Setup {
        change: |config| config.limits.outbox_messages = 0,
        ..Setup::default()
    });
    let body = json!({ "toAgentDid": agent(2).did, "payload": 1 }).to_string();
    let (status, answer) = call(&world, "POST", "/v1/outbound", &body).await;
    assert_eq!(
        (status.as_u16(), &answer["error"]["code"]),
        (507, &"CONNECTOR_OUTBOUND_QUEUE_FULL".into())
    );
}

#[tokio::test(start_paused = true)]
async fn the_status_has_numbers_where_the_original_has_them() {
    let mut world = World::new(Setup::default());
    let _session = world.session().await;
    settle().await;
    let (status, answer) = call(&world, "GET", "/v1/status", "").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["status"], "ok");
    assert_eq!(answer["websocket"]["connected"], true);
    for name in ["reconnect_attempts", "heartbeat_sent", "heartbeat_ack_timeouts"] {
        assert!(answer["websocket"]["metrics"][name].is_u64(), "{name}");
    }
    assert_eq!(answer["websocket"]["metrics"]["connected"], true);
    assert_eq!(answer["outbound"], json!({ "queue": { "pendingCount": 0 } }));
    assert_eq!(answer["inbound"]["pending"], 0);
    assert_eq!(answer["inbound"]["deadLetter"], 0);
    for name in ["inboundDetail", "outboundDetail", "openclawGateway", "openclawHook"] {
        assert!(answer[name].is_object(), "{name}");
    }
    assert_eq!(answer["openclawHook"]["url"], "http://127.0.0.1:18789/hooks/agent");
}

#[tokio::test(start_paused = true)]
async fn dead_letters_are_listed_replayed_and_purged() {
    let mut world = World::new(Setup {
        change: |config| config.limits.refusals = 1,
        ..Setup::default()
    });
    let mut session = world.session().await;
    let incoming = Incoming::new("1");
    session.deliver(&incoming).await;
    world.attempt().await.fail(false);
    settle().await;
    let (_, list) = call(&world, "GET", "/v1/inbound/dead-letter", "").await;
    assert_eq!((&list["status"], &list["count"]), (&"ok".into(), &1.into()));
    let item = &list["items"][0];
    assert_eq!(item["request_id"], incoming.id.to_string());
    assert_eq!(item["from_agent_did"], agent(2).did.as_str());

    let other = json!({ "requestIds": [fresh_id()] }).to_string();
    let (_, answer) = call(&world, "POST", "/v1/inbound/dead-letter/replay", &other).await;
    assert_eq!(answer, json!({ "status": "ok", "replayedCount": 0 }));
    let (_, answer) = call(&world, "POST", "/v1/inbound/dead-letter/replay", "{}").await;
    assert_eq!(answer, json!({ "status": "ok", "replayedCount": 1 }));
    world.attempt().await.fail(false);
    settle().await;
    let this = json!({ "requestIds": [incoming.id] }).to_string();
    let (_, answer) = call(&world, "POST", "/v1/inbound/dead-letter/purge", &this).await;
    assert_eq!(answer, json!({ "status": "ok", "purgedCount": 1 }));
    for bad in ["[]", r#"{"requestIds":["x"]}"#, r#"{"requestIds":1}"#, "x"] {
        let (status, answer) = call(&world, "POST", "/v1/inbound/dead-letter/purge", bad).await;
        assert_eq!(
            (status.as_u16(), &answer["error"]["code"]),
            (400, &"CONNECTOR_INVALID_REQUEST".into()),
            "{bad}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn held_messages_are_listed_and_released() {
    let mut world = World::new(Setup {
        deduplicates: false,
        ..Setup::default()
    });
    let mut session = world.session().await;
    let incoming = Incoming::new("1");
    session.deliver(&incoming).await;
    let _unanswered = world.attempt().await;
    world.crash();
    world.start();
    settle().await;
    let (_, list) = call(&world, "GET", "/v1/inbound/held", "").await;
    assert_eq!(
        (&list["count"], &list["items"][0]["request_id"]),
        (&1.into(), &incoming.id.to_string().into())
    );
    let body = json!({ "requestIds": [incoming.id] }).to_string();
    let (_, answer) = call(&world, "POST", "/v1/inbound/held/release", &body).await;
    assert_eq!(answer, json!({ "status": "ok", "releasedCount": 1 }));
    assert_eq!(world.attempt().await.delivery.attempt, 2);
}

#[tokio::test(start_paused = true)]
async fn an_outbound_message_can_be_followed() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let body = json!({ "toAgentDid": agent(2).did, "payload": 1 }).to_string();
    let (_, answer) = call(&world, "POST", "/v1/outbound", &body).await;
    let path = format!("/v1/outbound/{}", answer["frameId"].as_str().unwrap());
    assert_eq!(call(&world, "GET", &path, "").await.1["state"], "queued");
    let frame = session.hear().await;
    session
        .enqueue_ack(id_of(&frame), false, Some("PROXY_AUTH_FORBIDDEN"), Some(false))
        .await;
    settle().await;
    let (_, view) = call(&world, "GET", &path, "").await;
    assert_eq!(
        (&view["state"], &view["reason"]),
        (&"dead_lettered".into(), &"PROXY_AUTH_FORBIDDEN: said the relay".into())
    );
    assert_eq!(call(&world, "GET", "/v1/outbound/dead-letter", "").await.1["count"], 1);
    for path in ["/v1/outbound/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/v1/outbound/x"] {
        let (status, answer) = call(&world, "GET", path, "").await;
        assert_eq!(
            (status.as_u16(), &answer["error"]["code"]),
            (404, &"CONNECTOR_MESSAGE_NOT_FOUND".into())
        );
    }
}
