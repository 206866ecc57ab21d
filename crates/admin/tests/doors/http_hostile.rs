//! What hostile programs and web pages send over HTTP (design decision 14).

use std::time::Duration;

use crate::common::{
    Desk,
    web::{bearer, by, raw, send},
};
use chancery_admin::Settings;
use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

const LIST: &str = "GET /v1/actions/operator/list";

#[tokio::test]
async fn a_foreign_host_is_refused_whatever_token_comes_with_it() {
    let desk = Desk::new().await;
    let address = desk.doors.http;
    let token = bearer(&desk.token());
    let port = address.port();
    for host in [
        "Host: evil.example\r\n".to_owned(),
        format!("Host: 127.0.0.1.evil.example:{port}\r\n"),
        "Host: 0.0.0.0\r\n".to_owned(),
        "Host: 192.168.0.7\r\n".to_owned(),
        "Host: localhost\r\nHost: localhost\r\n".to_owned(),
        "Host: localhost\r\nHost: evil.example\r\n".to_owned(),
        "Host: user@localhost\r\n".to_owned(),
    ] {
        for line in [LIST, "GET /v1/health"] {
            let answer = raw(
                address,
                format!("{line} HTTP/1.1\r\n{host}{token}Connection: close\r\n\r\n").as_bytes(),
            )
            .await;
            assert!(
                answer.starts_with("HTTP/1.1 403 ") || answer.starts_with("HTTP/1.1 400 "),
                "{host}{answer}"
            );
            assert!(!answer.contains("createdBy") && !answer.contains("running"));
        }
    }
    let absent = raw(
        address,
        format!("{LIST} HTTP/1.1\r\n{token}Connection: close\r\n\r\n").as_bytes(),
    )
    .await;
    assert!(
        absent.starts_with("HTTP/1.1 403 ") || absent.starts_with("HTTP/1.1 400 "),
        "{absent}"
    );
    // a target that names somebody else
    let line = "GET http://evil.example/v1/actions/operator/list";
    let (status, category, _) = send(address, line, &token, "").await.error();
    assert_eq!((status, &*category), (403, "permission"));
    for host in ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"] {
        send(address, LIST, &format!("Host: {host}:{port}\r\n{token}"), "")
            .await
            .data();
    }
}

#[tokio::test]
async fn no_web_page_gets_anything() {
    let desk = Desk::new().await;
    let token = bearer(&desk.token());
    for browser in [
        "Origin: https://evil.example\r\n",
        "Origin: http://localhost\r\n",
        "Origin: null\r\n",
        "Origin: \r\n",
        "Sec-Fetch-Site: same-origin\r\n",
        "Sec-Fetch-Site: none\r\n",
    ] {
        for line in [
            LIST,
            "GET /v1/health",
            "OPTIONS /v1/actions/operator/list",
            "POST /v1/admin/signet.stop",
        ] {
            let answer = send(desk.doors.http, line, &format!("{browser}{token}"), "").await;
            let (status, category, _) = answer.error();
            assert_eq!((status, &*category), (403, "permission"), "{browser}{line}");
            assert!(answer.header("access-control-allow-origin").is_none());
        }
    }
}

#[tokio::test]
async fn paths_are_what_they_are_and_not_what_they_could_mean() {
    let desk = Desk::new().await;
    let token = desk.token();
    for path in [
        "/v1/actions/operator/list/",
        "/v1/actions//operator/list",
        "//v1/actions/operator/list",
        "/v1/actions/./operator/list",
        "/v1/actions/policy/../operator/list",
        "/v1/actions/operator%2flist",
        "/v1/actions/operator/lis%74",
        "/v1/actions/operator.list",
        "/V1/actions/operator/list",
        "/v1/Actions/operator/list",
        "/v1/actions/operator/list;x",
        "/v1/admin/operator.list",
        "/v1/admin/../actions/operator/list",
        "/v1/events",
    ] {
        let answer = by(desk.doors.http, &token, &format!("GET {path}"), "").await;
        let (status, category, _) = answer.error();
        assert_eq!((status, &*category), (404, "not_found"), "{path}");
    }
    for path in [
        "/v1/admin/operator.list/",
        "/v1/admin//operator.list",
        "/v1/admin/operator%2elist",
        "/v1/admin/",
    ] {
        let (status, category, _) = by(desk.doors.http, &token, &format!("POST {path}"), "").await.error();
        assert_eq!((status, &*category), (404, "not_found"), "{path}");
    }
    for method in ["PUT", "DELETE", "PATCH", "HEAD", "TRACE", "get", "X"] {
        let text = raw(
            desk.doors.http,
            format!(
                "{method} /v1/actions/operator/list HTTP/1.1\r\nHost: localhost\r\n{}Connection: close\r\n\r\n",
                bearer(&token)
            )
            .as_bytes(),
        )
        .await;
        assert!(
            text.starts_with("HTTP/1.1 404 ") || text.starts_with("HTTP/1.1 400 "),
            "{method}: {text}"
        );
    }
}

#[tokio::test]
async fn of_what_could_be_two_requests_never_a_second_one_is_done() {
    let desk = Desk::new().await;
    let token = bearer(&desk.token());
    let inner = json!({"label": "smuggled", "role": "operator", "scopeMode": "shared"}).to_string();
    let smuggled = format!(
        "POST /v1/admin/operator.create HTTP/1.1\r\nHost: localhost\r\n{token}Content-Length: {}\r\n\r\n{inner}",
        inner.len()
    );
    let long = smuggled.len();
    let outer = |headers: &str| format!("POST /v1/admin/operator.list HTTP/1.1\r\nHost: localhost\r\n{headers}");
    for request in [
        // two lengths, in their various disguises
        outer(&format!(
            "Content-Length: 2\r\nContent-Length: {long}\r\n\r\n{{}}{smuggled}"
        )),
        outer(&format!("Content-Length: 2, {long}\r\n\r\n{{}}{smuggled}")),
        outer(&format!("Content-Length: +2\r\n\r\n{{}}{smuggled}")),
        outer(&format!("Content-Length : 2\r\n\r\n{{}}{smuggled}")),
        outer(&format!("Content-Length: 0x2\r\n\r\n{{}}{smuggled}")),
        outer(&format!(
            "Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{{}}{smuggled}"
        )),
        outer(&format!(
            "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{smuggled}"
        )),
        outer(&format!(
            "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n{smuggled}"
        )),
        outer(&format!(
            "X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{{}}{smuggled}"
        )),
        outer(&format!("\u{0}: y\r\nContent-Length: 2\r\n\r\n{{}}{smuggled}")),
    ] {
        // the outer request shows no token: what came after it may be read as one of its own only if the lengths agree
        let answers = raw(desk.doors.http, request.as_bytes()).await;
        assert!(answers.matches("HTTP/1.1 200").count() == 0, "{request}\n{answers}");
    }
    // where they agree these are two requests, and each is asked who it is
    let both = outer("Content-Length: 2\r\n\r\n{}") + &smuggled.replace(&token, "Connection: close\r\n");
    let answers = raw(desk.doors.http, both.as_bytes()).await;
    assert_eq!(answers.matches("HTTP/1.1 401").count(), 2, "{answers}");
    assert_eq!(desk.done("operator.list", json!({})).await, json!([]));
}

#[tokio::test]
async fn bodies_have_a_longest_length_however_they_come() {
    let desk = Desk::with(Settings {
        max_body_bytes: 2048,
        ..Settings::default()
    })
    .await;
    let (address, token) = (desk.doors.http, desk.token());
    let body = |bytes: usize| format!(r#"{{"label":"{}"}}"#, "x".repeat(bytes - r#"{"label":""}"#.len()));
    let line = "POST /v1/admin/operator.create";
    let field = |answer: &crate::common::web::Answer| answer.error().2["context"]["field"].clone();
    assert_ne!(field(&by(address, &token, line, &body(2048)).await), "body");
    assert_eq!(field(&by(address, &token, line, &body(2049)).await), "body");
    // in pieces that do not say how many they are
    let pieces = format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\n{}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
        bearer(&token)
    ) + &format!("400\r\n{}\r\n", "x".repeat(1024)).repeat(3)
        + "0\r\n\r\n";
    let answer = raw(address, pieces.as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 400 ") && answer.contains("at most 2048 bytes"),
        "{answer}"
    );
    // what only claims to be long is not waited for
    let claim = format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\n{}Connection: close\r\nContent-Length: 99999999999\r\n\r\n{{",
        bearer(&token)
    );
    assert!(raw(address, claim.as_bytes()).await.starts_with("HTTP/1.1 400 "));
    // a stranger's body is not read at all
    let claim = format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2000\r\n\r\n");
    assert!(raw(address, claim.as_bytes()).await.starts_with("HTTP/1.1 401 "));
}

#[tokio::test]
async fn inputs_that_are_none_are_refused_and_harm_nothing() {
    let desk = Desk::new().await;
    let (address, token) = (desk.doors.http, desk.token());
    let deep = format!("{}{}", r#"{"a":"#.repeat(50_000), "}".repeat(50_000));
    for body in [
        "[]",
        "null",
        "7",
        r#""operatorId""#,
        "{",
        "{} {}",
        r#"{"operatorId":null}"#,
        r#"{"operatorId":["a"]}"#,
        r#"{"operatorId":"a","operatorId":"b"}"#,
        r#"{"operatorId":"a","__proto__":{}}"#,
        &format!(r#"{{"operatorId":"{}"}}"#, "x".repeat(10_000)),
        &deep,
    ] {
        let (status, category, _) = by(address, &token, "POST /v1/admin/operator.info", body).await.error();
        assert_eq!(
            (status, &*category),
            (400, "validation"),
            "{}",
            body.chars().take(60).collect::<String>()
        );
    }
    let (status, _, error) = by(address, &token, "POST /v1/admin/operator.list?x=1", "{}")
        .await
        .error();
    assert_eq!((status, &error["context"]["field"]), (400, &json!("query")));
    let mut binary = format!(
        "POST /v1/admin/operator.info HTTP/1.1\r\nHost: localhost\r\n{}Connection: close\r\nContent-Length: 3\r\n\r\n",
        bearer(&token)
    )
    .into_bytes();
    binary.extend([0xff, 0xfe, 0x00]);
    assert!(raw(address, &binary).await.starts_with("HTTP/1.1 400 "));
    by(address, &token, LIST, "").await.data();
}

#[tokio::test]
async fn slow_clients_keep_nobody_waiting() {
    let desk = Desk::new().await;
    let mut slow = Vec::new();
    for beginning in ["", "GET /v1/he", "GET /v1/health HTTP/1.1\r\nHost: loc"] {
        for _ in 0..20 {
            let mut stream = TcpStream::connect(desk.doors.http).await.unwrap();
            stream.write_all(beginning.as_bytes()).await.unwrap();
            slow.push(stream);
        }
    }
    let claim = format!(
        "POST /v1/admin/operator.create HTTP/1.1\r\nHost: localhost\r\n{}Content-Length: 1000\r\n\r\n{{",
        bearer(&desk.token())
    );
    for _ in 0..20 {
        let mut stream = TcpStream::connect(desk.doors.http).await.unwrap();
        stream.write_all(claim.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let answered = tokio::time::timeout(Duration::from_secs(25), by(desk.doors.http, &desk.token(), LIST, "")).await;
    answered.unwrap().data();
    drop(slow);
}
