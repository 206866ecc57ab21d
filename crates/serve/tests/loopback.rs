//! The guard of local APIs.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

mod common;

use axum::Router;
use axum::routing::get;
use chancery_serve::loopback::Guard;
use common::{Server, start};

async fn serve(guard: Guard) -> Server {
    start(guard.protect(Router::new().route("/ok", get(|| async { "ok" })))).await
}

fn token() -> Guard {
    Guard::new(Some("s3cret-token".to_owned().into()))
}

#[tokio::test]
async fn browsers_are_refused() {
    let server = serve(Guard::new(None)).await;
    assert_eq!(server.get("/ok").await.body, "ok");
    for header in [
        "Origin: http://localhost:3000\r\n",
        "Sec-Fetch-Site: same-origin\r\n",
        "Origin: null\r\n",
    ] {
        let refused = server.send("GET /ok", header, "").await;
        assert_eq!(refused.error(), (403, "LOCAL_API_BROWSER_REFUSED".into()));
    }
    // also where there is no route
    let refused = server.send("GET /nowhere", "Origin: http://a\r\n", "").await;
    assert_eq!(refused.error(), (403, "LOCAL_API_BROWSER_REFUSED".into()));
}

#[tokio::test]
async fn the_host_must_be_loopback() {
    let server = serve(Guard::new(None)).await;
    for host in ["Host: 127.0.0.1:19400\r\n", "Host: [::1]\r\n", "Host: LOCALHOST\r\n"] {
        assert_eq!(server.send("GET /ok", host, "").await.status, 200, "{host}");
    }
    for host in [
        "Host: rebound.example\r\n",
        "Host: 127.0.0.1.nip.io:19400\r\n",
        "Host: localhost\r\nHost: evil\r\n",
    ] {
        assert_ne!(server.send("GET /ok", host, "").await.status, 200, "{host}");
    }
    let refused = server.send("GET /ok", "Host: rebound.example\r\n", "").await;
    assert_eq!(refused.error(), (403, "LOCAL_API_HOST_REFUSED".into()));
    let refused = server.send("GET http://rebound.example/ok", "", "").await;
    assert_eq!(refused.error(), (403, "LOCAL_API_HOST_REFUSED".into()));
}

#[tokio::test]
async fn a_process_of_our_own_user_needs_no_token() {
    let server = serve(token()).await;
    assert_eq!(server.get("/ok").await.body, "ok");
}

#[tokio::test]
async fn whoever_must_show_the_token_must_show_the_right_one() {
    let server = serve(token().require_token()).await;
    assert_eq!(
        server.get("/ok").await.error(),
        (401, "LOCAL_API_TOKEN_REQUIRED".into())
    );
    for wrong in ["Bearer s3cret-toke", "Bearer ", "Basic s3cret-token", "s3cret-token"] {
        let refused = server.send("GET /ok", &format!("Authorization: {wrong}\r\n"), "").await;
        assert_eq!(refused.error(), (401, "LOCAL_API_TOKEN_REQUIRED".into()), "{wrong}");
    }
    for right in ["Bearer s3cret-token", "bearer s3cret-token"] {
        assert_eq!(
            server
                .send("GET /ok", &format!("Authorization: {right}\r\n"), "")
                .await
                .body,
            "ok"
        );
    }
}

#[tokio::test]
async fn a_guard_that_asks_for_a_token_it_does_not_have_lets_nobody_in() {
    let server = serve(Guard::new(Some(String::new().into())).require_token()).await;
    let refused = server.send("GET /ok", "Authorization: Bearer \r\n", "").await;
    assert_eq!(refused.error(), (403, "LOCAL_API_PEER_REFUSED".into()));
}
