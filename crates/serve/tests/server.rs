//! Listening and draining.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::routing::get;
use chancery_base::ErrorCode as _;
use chancery_serve::{Bound, ClientAddr, Peer, ServeError, ServerConfig};
use common::{config, read_answer, start, start_with};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite;

const SOON: Duration = Duration::from_secs(5);

fn router() -> Router {
    Router::new()
        .route("/ok", get(|| async { "ok" }))
        .route(
            "/slow",
            get(|| async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                "finished"
            }),
        )
        .route(
            "/never",
            get(|| async {
                std::future::pending::<()>().await;
                "never"
            }),
        )
        .route(
            "/who",
            get(
                |ConnectInfo(peer): ConnectInfo<SocketAddr>, client: ClientAddr, ends: Option<Peer>| async move {
                    let local = ends.map(|ends| ends.local().to_string()).unwrap_or_default();
                    format!("{} {} {local}", peer.ip(), client.0)
                },
            ),
        )
        .route(
            "/echo",
            get(|upgrade: WebSocketUpgrade| async move {
                // less than the longer messages, more than the shorter ones
                upgrade.read_buffer_size(100).on_upgrade(|mut socket| async move {
                    while let Some(Ok(message)) = socket.recv().await {
                        if let Message::Text(_) | Message::Binary(_) = message
                            && socket.send(message).await.is_err()
                        {
                            break;
                        }
                    }
                })
            }),
        )
}

#[tokio::test]
async fn plain_http_is_for_loopback_unless_asked_for() {
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let config = ServerConfig::new(listen.parse().unwrap());
        let error = Bound::bind(&config).await.unwrap_err();
        assert_eq!(error.code(), "SERVE_PLAIN_HTTP_OFF_LOOPBACK");
        let hint = error.hint().unwrap();
        assert!(
            ["--tls-cert", "--tls-key", "--insecure"]
                .iter()
                .all(|flag| hint.contains(flag))
        );
    }
    let insecure = ServerConfig {
        insecure: true,
        ..ServerConfig::new("0.0.0.0:0".parse().unwrap())
    };
    Bound::bind(&insecure).await.unwrap();
}

#[tokio::test]
async fn a_taken_port_names_its_holder() {
    let server = start(router()).await;
    let error = Bound::bind(&ServerConfig::new(server.address)).await.unwrap_err();
    let ServeError::AddressInUse {
        holder: Some(holder), ..
    } = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!(holder.pid, std::process::id());
    assert!(error.to_string().contains(&format!("(process {})", std::process::id())));
}

#[tokio::test]
async fn handlers_know_both_ends() {
    let server = start(router()).await;
    let who = server.send("GET /who", "X-Forwarded-For: 203.0.113.9\r\n", "").await;
    assert_eq!(who.body, format!("127.0.0.1 127.0.0.1 {}", server.address));
    let behind_proxy = ServerConfig {
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        ..config()
    };
    let server = start_with(router(), &behind_proxy).await;
    let who = server
        .send("GET /who", "X-Forwarded-For: 6.6.6.6, 203.0.113.9\r\n", "")
        .await;
    assert_eq!(who.body, format!("127.0.0.1 203.0.113.9 {}", server.address));
}

#[tokio::test]
async fn a_request_in_flight_ends_before_the_server_does() {
    let server = start(router()).await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut head = [0; 15];
    idle.read_exact(&mut head).await.unwrap();
    let (shutdown, address) = (server.shutdown.clone(), server.address);
    let stop = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        shutdown.cancel();
        tokio::time::sleep(Duration::from_millis(50)).await;
        tokio::net::TcpStream::connect(address).await
    };
    let (answer, late) = tokio::join!(server.get("/slow"), stop);
    assert_eq!(answer.body, "finished");
    assert!(late.is_err(), "it still accepts");
    timeout(SOON, server.ended).await.unwrap().unwrap().unwrap();
    let mut rest = Vec::new();
    timeout(SOON, idle.read_to_end(&mut rest)).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_does_not_end_is_cut_after_the_drain() {
    let quick = ServerConfig {
        drain: Duration::from_millis(200),
        ..config()
    };
    let server = start_with(router(), &quick).await;
    let mut waiting = server.connect().await;
    waiting
        .write_all(b"GET /never HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let url = format!("ws://{}/echo", server.address);
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    socket.send(tungstenite::Message::text("before")).await.unwrap();
    socket.next().await.unwrap().unwrap();
    server.shutdown.cancel();
    timeout(SOON, server.ended).await.unwrap().unwrap().unwrap();
    assert_eq!(timeout(SOON, read_answer(&mut waiting)).await.unwrap().status, 0);
    let end = timeout(SOON, socket.next()).await.unwrap();
    assert!(!matches!(end, Some(Ok(_))), "{end:?}");
}

#[tokio::test]
async fn web_sockets_are_upgraded() {
    let server = start(router()).await;
    let url = format!("ws://{}/echo", server.address);
    let (mut socket, response) = tokio_tungstenite::connect_async(url).await.unwrap();
    assert!(response.headers().contains_key("x-request-id"));
    let large = "x".repeat(300_000);
    for text in ["hello", &large] {
        socket.send(tungstenite::Message::text(text)).await.unwrap();
        assert_eq!(
            socket.next().await.unwrap().unwrap().into_text().unwrap().as_str(),
            text
        );
    }
    assert_eq!(server.get("/echo").await.status, 400);
}

#[tokio::test]
async fn what_comes_at_once_is_read_in_order_however_little_is_asked_for() {
    let server = start(router()).await;
    let url = format!("ws://{}/echo", server.address);
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let texts: Vec<String> = [0, 1, 90, 99, 100, 101, 5000, 16_383, 16_384, 20_000, 3]
        .iter()
        .cycle()
        .take(60)
        .enumerate()
        .map(|(n, len)| format!("{n}:{}", "x".repeat(*len)))
        .collect();
    for text in &texts {
        socket.feed(tungstenite::Message::text(text.as_str())).await.unwrap();
    }
    socket.flush().await.unwrap();
    for text in &texts {
        let echo = timeout(SOON, socket.next()).await.unwrap().unwrap().unwrap();
        assert!(echo.into_text().unwrap().as_str() == text, "{}", text.len());
    }
}

#[tokio::test]
async fn a_web_socket_keeps_its_seat() {
    let narrow = ServerConfig {
        max_connections: 1,
        ..config()
    };
    let server = start_with(router(), &narrow).await;
    let url = format!("ws://{}/echo", server.address);
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let mut answer = std::pin::pin!(server.get("/ok"));
    assert!(timeout(Duration::from_millis(200), answer.as_mut()).await.is_err());
    socket.close(None).await.unwrap();
    while socket.next().await.is_some() {}
    drop(socket);
    assert_eq!(timeout(SOON, answer).await.unwrap().body, "ok");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_dribbles_its_headers_is_cut() {
    let server = start(router()).await;
    let started = tokio::time::Instant::now();
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET /ok HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        .await
        .unwrap();
    // the clock stands still while anything can move, and jumps to the next timer when nothing can
    assert_ne!(read_answer(&mut stream).await.status, 200);
    let waited = started.elapsed();
    assert!(
        waited >= Duration::from_secs(9) && waited < Duration::from_secs(12),
        "{waited:?}"
    );
}

#[tokio::test]
async fn headers_are_limited() {
    let server = start(router()).await;
    let huge = format!("X-Huge: {}\r\n", "x".repeat(200_000));
    let mut stream = server.connect().await;
    let _ = stream
        .write_all(format!("GET /ok HTTP/1.1\r\nHost: a\r\n{huge}\r\n").as_bytes())
        .await;
    assert_ne!(timeout(SOON, read_answer(&mut stream)).await.unwrap().status, 200);
    assert_eq!(server.get("/ok").await.status, 200);
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let server = start(router()).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        stream.write_all(b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\nok") {
            let mut byte = [0];
            stream.read_exact(&mut byte).await.unwrap();
            seen.extend(byte);
        }
    }
}

/// A stranger who announces a body and never sends it must not keep a seat.
#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_not_waited_for_forever() {
    let read = |body: axum::body::Bytes| async move { body.len().to_string() };
    let server = start(Router::new().route("/take", axum::routing::post(read))).await;
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(b"POST /take HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        .await
        .unwrap();
    let begun = tokio::time::Instant::now();
    let mut answer = Vec::new();
    let read = timeout(Duration::from_secs(60), stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the connection is still open after {:?}", begun.elapsed());
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("REQUEST_TIMEOUT"), "{answer}");
}
