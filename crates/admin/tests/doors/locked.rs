//! While the vault is locked: health, status and the end, and nothing else (design decision 12).

use crate::common::{
    actions,
    client::Client,
    locked,
    web::{by, send},
};
use chancery_admin::Settings;
use serde_json::json;

#[tokio::test]
async fn status_and_the_end_are_served_to_whom_the_kernel_vouches_for() {
    for peer_credentials in [true, false] {
        let (_folder, doors) = locked(Settings {
            peer_credentials,
            ..Settings::default()
        })
        .await;
        let mut admin = Client::let_in(&doors.socket, None).await;
        let status = admin.ok("signet.status", json!({})).await;
        assert_eq!(
            (&status["state"], &status["coreState"]),
            (&json!("locked"), &json!("uninitialized"))
        );
        assert_eq!(status["pid"], std::process::id());
        assert!(status["warnings"][0].as_str().unwrap().contains("passphrase"));
        let ending = doors.admin.clone();
        let stopped = tokio::spawn(async move { ending.stop_requested().await });
        assert_eq!(admin.ok("signet.stop", json!({})).await, json!({"stopped": true}));
        assert!(
            !tokio::time::timeout(crate::common::PATIENCE, stopped)
                .await
                .unwrap()
                .unwrap()
        );
    }
}

#[tokio::test]
async fn everything_else_is_refused_as_locked() {
    let (_folder, doors) = locked(Settings::default()).await;
    let mut admin = Client::let_in(&doors.socket, None).await;
    for entry in actions().entries() {
        if matches!(entry.id(), "signet.status" | "signet.stop") {
            continue;
        }
        let error = admin.err(entry.id(), json!({})).await;
        // what is no input is told before anything is tried
        match error["code"].as_i64().unwrap() {
            -32602 => {}
            code => assert_eq!(
                (code, &error["message"]),
                (-32000, &json!("The signet is locked")),
                "{}",
                entry.id()
            ),
        }
    }
    for method in ["operator.list", "events.subscribe", "admin.token", "keys.list"] {
        let error = admin.err(method, json!({})).await;
        assert_eq!(
            (&error["code"], &error["message"]),
            (&json!(-32000), &json!("The signet is locked")),
            "{method}"
        );
    }
    let settle = json!({"request": "00000000000000000000000000000000", "signature": "00".repeat(64)});
    assert!(admin.err("approval.settle", settle).await["code"].is_i64());
    // no token can be judged
    let mut other = Client::connect(&doors.socket).await;
    assert_eq!(
        other.login(Some("a.b.c")).await["error"]["message"],
        "The signet is locked"
    );
}

#[tokio::test]
async fn over_http_it_lives_and_no_token_opens_anything() {
    let (_folder, doors) = locked(Settings::default()).await;
    let health = send(doors.http, "GET /v1/health", "", "").await;
    assert_eq!(health.data(), json!({"ok": false, "state": "locked"}));
    for line in [
        "GET /v1/health",
        "POST /v1/admin/signet.status",
        "POST /v1/admin/signet.stop",
        "GET /v1/actions/operator/list",
        "POST /v1/credential/info",
        "GET /v1/actions/reveal/list",
    ] {
        let (status, category, error) = by(doors.http, "a.b.c", line, "").await.error();
        assert_eq!((status, &*category), (401, "auth"), "{line}");
        assert_eq!(error["message"], "The signet is locked", "{line}");
    }
}
