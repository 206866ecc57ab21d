//! Every error has one shape.

#![allow(clippy::panic, reason = "a route panics here on purpose")]

mod common;

use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use chancery_base::{Category, ErrorCode};
use chancery_serve::request_id::RequestId;
use chancery_serve::{ApiError, RetryAfter};
use common::start;
use serde_json::{Value, json};

#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the key at /secret/path is broken")]
    Inside,
    #[error("no such agent")]
    Agent,
}

impl ErrorCode for Broken {
    fn code(&self) -> &'static str {
        match self {
            Self::Inside => "TEST_INSIDE",
            Self::Agent => "TEST_AGENT_NOT_FOUND",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Inside => Category::Internal,
            Self::Agent => Category::NotFound,
        }
    }
}

#[derive(serde::Deserialize)]
struct Body {
    #[allow(dead_code, reason = "only its presence counts")]
    name: String,
}

async fn panics() -> &'static str {
    panic!("a test panics in a route with a /secret/path")
}

fn router() -> Router {
    Router::new()
        .route("/ok", get(|id: RequestId| async move { id.0 }))
        .route("/panic", get(panics))
        .route("/body", post(|body: Bytes| async move { body.len().to_string() }))
        .route(
            "/large",
            post(|body: Bytes| async move { body.len().to_string() }).layer(DefaultBodyLimit::max(2 << 20)),
        )
        .route("/json", post(|Json(_): Json<Body>| async { "ok" }))
        .route("/inside", get(|| async { Err::<(), ApiError>(Broken::Inside.into()) }))
        .route("/agent", get(|| async { Err::<(), ApiError>(Broken::Agent.into()) }))
        .route("/limited", get(|| async { Err::<(), ApiError>(RetryAfter(7).into()) }))
        .route(
            "/details",
            get(|| async {
                let fields = json!({ "fieldErrors": { "name": ["too long"] } });
                ApiError::new(400, "TEST_INVALID", "Invalid.").with_details(fields)
            }),
        )
        .route(
            "/own",
            get(|| async { (StatusCode::NOT_FOUND, Json(json!({ "own": true }))) }),
        )
        .route("/bare", get(|| async { StatusCode::SERVICE_UNAVAILABLE }))
}

#[tokio::test]
async fn what_nobody_handles_has_the_envelope_too() {
    let server = start(router()).await;
    assert_eq!(server.get("/nowhere").await.error(), (404, "NOT_FOUND".into()));
    let refused = server.send("DELETE /ok", "", "").await;
    assert_eq!(refused.error(), (405, "METHOD_NOT_ALLOWED".into()));
    assert_eq!(refused.header("allow"), Some("GET,HEAD"));
    assert_eq!(
        server.get("/panic").await.error(),
        (500, "INTERNAL_SERVER_ERROR".into())
    );
    assert_eq!(server.get("/bare").await.error(), (503, "SERVICE_UNAVAILABLE".into()));
    // and the server goes on
    assert_eq!(server.get("/ok").await.status, 200);
}

#[tokio::test]
async fn bodies_that_cannot_be_taken_have_the_envelope_too() {
    let server = start(router()).await;
    let typed = "Content-Type: application/json\r\n";
    let large = "x".repeat((1 << 20) + 1);
    assert_eq!(
        server.send("POST /body", "", &large).await.error(),
        (413, "PAYLOAD_TOO_LARGE".into())
    );
    assert_eq!(
        server.send("POST /large", "", &large).await.body,
        large.len().to_string()
    );
    assert_eq!(
        server.send("POST /body", "", &large[1..]).await.body,
        (1 << 20).to_string()
    );
    assert_eq!(
        server.send("POST /json", typed, "{").await.error(),
        (400, "BAD_REQUEST".into())
    );
    assert_eq!(
        server.send("POST /json", typed, "{}").await.error(),
        (422, "UNPROCESSABLE_CONTENT".into())
    );
    assert_eq!(
        server.send("POST /json", "", "{}").await.error(),
        (415, "UNSUPPORTED_MEDIA_TYPE".into())
    );
}

#[tokio::test]
async fn an_error_code_becomes_an_envelope() {
    let server = start(router()).await;
    let answer = server.send("GET /agent", "X-Request-Id: request-0001\r\n", "").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(
        answer.body,
        r#"{"error":{"code":"TEST_AGENT_NOT_FOUND","message":"no such agent","requestId":"request-0001"}}"#
    );
    let limited = server.get("/limited").await;
    assert_eq!(limited.error(), (429, "RATE_LIMIT_EXCEEDED".into()));
    assert_eq!(limited.header("retry-after"), Some("7"));
}

#[tokio::test]
async fn what_happened_inside_stays_inside() {
    let server = start(router()).await;
    for path in ["/inside", "/panic"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, 500);
        assert_eq!(answer.json()["error"]["message"], "Internal server error");
        assert!(!answer.body.contains("secret") && !answer.headers.contains("secret"));
    }
    assert_eq!(server.get("/inside").await.error().1, "TEST_INSIDE");
}

#[tokio::test]
async fn details_are_added_and_own_formats_left_alone() {
    let server = start(router()).await;
    let error = server.get("/details").await.json();
    assert_eq!(
        error["error"]["details"],
        json!({ "fieldErrors": { "name": ["too long"] } })
    );
    let own = server.get("/own").await;
    assert_eq!((own.status, own.json()), (404, json!({ "own": true })));
}

#[tokio::test]
async fn a_request_has_one_id_everywhere() {
    let server = start(router()).await;
    let kept = server.send("GET /ok", "X-Request-Id: abc:DEF-1.2_3\r\n", "").await;
    assert_eq!(
        (kept.header("x-request-id"), kept.body.as_str()),
        (Some("abc:DEF-1.2_3"), "abc:DEF-1.2_3")
    );
    let replaced = server.send("GET /nowhere", "X-Request-Id: no spaces!\r\n", "").await;
    let id = replaced.header("x-request-id").unwrap();
    assert_eq!(id.len(), 36);
    assert_eq!(replaced.json()["error"]["requestId"], Value::from(id));
    assert_ne!(server.get("/ok").await.body, server.get("/ok").await.body);
}
