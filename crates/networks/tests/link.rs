//! The connector's WebSocket against a relay that does what the test says.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chancery_base::{Clock, Millis, Rng, ed25519::SecretKey};
use chancery_connector::{Access, BoxFuture, CredentialError, Credentials, Dial as _, DialError, Link, LinkEvent};
use chancery_identity::{http_signature, proof};
use chancery_networks::{
    AgentSigner, HttpError,
    link::{RelayLink, relay_url},
};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

const NOW: Millis = Millis(1_795_243_401_000);

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Millis {
        NOW
    }
}

struct Counting(Mutex<u8>);

impl Rng for Counting {
    fn fill(&self, out: &mut [u8]) {
        let mut next = self.0.lock().unwrap();
        out.fill(*next);
        *next += 1;
    }
}

struct Tokens(Mutex<Option<&'static str>>);

impl Credentials for Tokens {
    fn current(&self) -> Option<Access> {
        let token = (*self.0.lock().unwrap())?;
        Some(Access {
            token: token.parse().unwrap(),
            expires: NOW.plus(900_000),
        })
    }

    fn refresh(&self) -> BoxFuture<'_, Result<Access, CredentialError>> {
        Box::pin(async { Err(CredentialError::Unavailable("not here".to_owned())) })
    }
}

fn key() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

struct World {
    listener: TcpListener,
    tokens: Arc<Tokens>,
    link: RelayLink,
}

impl World {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let signer = AgentSigner::new("the.ai.t", key(), Arc::new(Fixed), Arc::new(Counting(Mutex::new(0))));
        let tokens = Arc::new(Tokens(Mutex::new(Some("clw_agt_first"))));
        let link = RelayLink::new(&url, signer, tokens.clone()).unwrap();
        Self { listener, tokens, link }
    }

    fn host(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    /// Dials, and accepts with `features` in the answer; returns both ends and what was asked.
    async fn connect(&self, features: Option<&'static str>) -> (Link, WebSocketStream<TcpStream>, Request) {
        let accept = async {
            let (stream, _) = self.listener.accept().await.unwrap();
            let asked = Arc::new(Mutex::new(None));
            let kept = Arc::clone(&asked);
            #[allow(clippy::result_large_err, reason = "the library's signature")]
            let answer = move |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
                *kept.lock().unwrap() = Some(request.clone());
                if let Some(features) = features {
                    let value = features.parse().unwrap();
                    response.headers_mut().insert("x-claw-connector-features", value);
                }
                Ok(response)
            };
            let socket = accept_hdr_async(stream, answer).await.unwrap();
            let asked = asked.lock().unwrap().take().unwrap();
            (socket, asked)
        };
        let (link, (socket, asked)) = tokio::join!(self.link.dial(), accept);
        (link.unwrap(), socket, asked)
    }

    /// Dials, and answers with this text instead of a handshake.
    async fn refuse(&self, answer: &str) -> DialError {
        let refuse = async {
            let (mut stream, _) = self.listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            stream
        };
        let (link, _stream) = tokio::join!(self.link.dial(), refuse);
        link.unwrap_err()
    }
}

async fn next(link: &mut Link) -> LinkEvent {
    timeout(Duration::from_secs(5), link.rx.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn every_attempt_is_signed_anew_and_carries_the_token_of_that_moment() {
    let world = World::new().await;
    let mut nonces = Vec::new();
    for token in ["clw_agt_first", "clw_agt_second"] {
        *world.tokens.0.lock().unwrap() = Some(token);
        let (_link, _socket, asked) = world.connect(None).await;
        assert_eq!(asked.uri().path(), "/v1/relay/connect");
        let header = |name: &str| asked.headers().get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(header("x-claw-agent-access"), token);
        assert_eq!(header("x-claw-connector-features"), "chancery-msg-v1");
        assert_eq!(header("authorization"), "Claw the.ai.t");
        let proof = proof::ProofHeaders {
            timestamp: header("x-claw-timestamp"),
            nonce: header("x-claw-nonce"),
            body_sha256: header("x-claw-body-sha256"),
            proof: header("x-claw-proof"),
        };
        nonces.push(proof.nonce.clone());
        proof::verify(&proof, "GET", "/v1/relay/connect", b"", NOW, &key().public()).unwrap();
        let headers: Vec<_> = asked
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        let request = http_signature::Request {
            method: "GET",
            authority: "",
            path_and_query: "/v1/relay/connect",
            headers: &headers,
        };
        let (input, signature) = (header("signature-input"), header("signature"));
        http_signature::verify(&request, &input, &signature, &[world.host()], NOW, &key().public()).unwrap();
    }
    assert_ne!(nonces[0], nonces[1]);
}

#[tokio::test]
async fn what_the_relay_agrees_to_is_read() {
    let world = World::new().await;
    for (features, negotiated) in [
        (None, false),
        (Some("other"), false),
        (Some("chancery-msg-v1"), true),
        (Some("a, chancery-msg-v1"), true),
    ] {
        let (link, ..) = world.connect(features).await;
        assert_eq!(link.negotiated, negotiated, "{features:?}");
    }
}

#[tokio::test]
async fn frames_go_both_ways_in_order() {
    let world = World::new().await;
    let (mut link, mut socket, _) = world.connect(None).await;
    for n in 0..200 {
        link.tx.send(n.to_string()).await.unwrap();
        socket.send(Message::text(n.to_string())).await.unwrap();
        assert_eq!(next(&mut link).await, LinkEvent::Text(n.to_string()));
    }
    for n in 0..200 {
        let text = socket.next().await.unwrap().unwrap().into_text().unwrap();
        assert_eq!(text.as_str(), n.to_string());
    }
    socket.send(Message::binary(vec![1])).await.unwrap();
    socket.send(Message::text("after")).await.unwrap();
    assert_eq!(next(&mut link).await, LinkEvent::Text("after".to_owned()));
}

#[tokio::test]
async fn a_close_comes_with_its_code() {
    let world = World::new().await;
    let (mut link, mut socket, _) = world.connect(None).await;
    let frame = CloseFrame {
        code: CloseCode::from(4401),
        reason: "token expired".into(),
    };
    socket.send(Message::text("last")).await.unwrap();
    socket.close(Some(frame)).await.unwrap();
    assert_eq!(next(&mut link).await, LinkEvent::Text("last".to_owned()));
    let closed = LinkEvent::Closed {
        code: Some(4401),
        reason: "token expired".to_owned(),
    };
    assert_eq!(next(&mut link).await, closed);
    assert_eq!(link.rx.recv().await, None);
}

#[tokio::test]
async fn a_connection_that_breaks_is_closed_without_a_code() {
    let world = World::new().await;
    let (mut link, socket, _) = world.connect(None).await;
    drop(socket);
    assert!(matches!(next(&mut link).await, LinkEvent::Closed { code: None, .. }));
}

#[tokio::test]
async fn a_frame_over_the_limit_ends_the_connection() {
    let world = World::new().await;
    let (mut link, mut socket, _) = world.connect(None).await;
    // longer than what a connector may send: the relay adds to it
    let longest = 1024 * 1024 + 256 * 1024;
    socket.send(Message::text("x".repeat(longest))).await.unwrap();
    assert!(matches!(next(&mut link).await, LinkEvent::Text(text) if text.len() == longest));
    let _ = socket.send(Message::text("x".repeat(longest + 1))).await;
    assert!(matches!(next(&mut link).await, LinkEvent::Closed { code: None, .. }));
}

#[tokio::test]
async fn letting_go_sends_what_waits_and_closes() {
    let world = World::new().await;
    let (link, mut socket, _) = world.connect(None).await;
    link.tx.send("last".to_owned()).await.unwrap();
    drop(link);
    let received = timeout(Duration::from_secs(5), socket.next()).await.unwrap();
    assert_eq!(received.unwrap().unwrap(), Message::text("last"));
    let closed = timeout(Duration::from_secs(5), socket.next()).await.unwrap();
    assert!(matches!(closed, Some(Ok(Message::Close(_)))));
}

#[tokio::test]
async fn a_refusal_comes_with_status_code_and_wait() {
    let world = World::new().await;
    let body = r#"{"error":{"code":"PROXY_AUTH_REPLAY","message":"used\nbefore","requestId":"r"}}"#;
    let length = body.len();
    let head = format!("content-type: application/json\r\nretry-after: 7\r\ncontent-length: {length}");
    let answer = format!("HTTP/1.1 401 Unauthorized\r\n{head}\r\n\r\n{body}");
    let DialError::Refused {
        status,
        code,
        message,
        retry_after,
    } = world.refuse(&answer).await
    else {
        panic!("not a refusal");
    };
    assert_eq!((status, code.as_deref()), (401, Some("PROXY_AUTH_REPLAY")));
    assert_eq!(
        (message.as_str(), retry_after),
        ("usedbefore", Some(Duration::from_secs(7)))
    );
    for answer in [
        "HTTP/1.1 503 Service Unavailable\r\n\r\n",
        "HTTP/1.1 503 X\r\ncontent-length: 3\r\n\r\n<x>",
    ] {
        let error = world.refuse(answer).await;
        assert!(
            matches!(
                error,
                DialError::Refused {
                    status: 503,
                    code: None,
                    ..
                }
            ),
            "{error:?}"
        );
    }
    let error = world.refuse("HTTP/1.1 200 OK\r\n\r\n").await;
    assert!(matches!(error, DialError::Refused { status: 200, .. }), "{error:?}");
    assert!(matches!(world.refuse("nonsense").await, DialError::Unreachable(_)));
}

#[tokio::test]
async fn without_a_token_or_a_relay_there_is_no_connection() {
    let world = World::new().await;
    *world.tokens.0.lock().unwrap() = None;
    assert!(matches!(
        world.link.dial().await,
        Err(DialError::Refused { status: 401, .. })
    ));
    *world.tokens.0.lock().unwrap() = Some("clw_agt_first");
    drop(world.listener);
    assert!(matches!(world.link.dial().await, Err(DialError::Unreachable(_))));
}

#[test]
fn a_relay_is_named_by_any_of_its_urls_and_never_in_the_clear_elsewhere() {
    for (given, url) in [
        ("http://127.0.0.1:4000", "ws://127.0.0.1:4000/v1/relay/connect"),
        ("ws://localhost:4000/", "ws://localhost:4000/v1/relay/connect"),
        ("https://relay.example", "wss://relay.example/v1/relay/connect"),
        (
            "wss://relay.example:8443/other?a=b#c",
            "wss://relay.example:8443/other?a=b",
        ),
        ("http://[::1]:4000", "ws://[::1]:4000/v1/relay/connect"),
    ] {
        assert_eq!(relay_url(given).unwrap().as_str(), url);
    }
    for insecure in ["http://relay.example", "ws://10.0.0.1/", "WS://localhost.example"] {
        assert!(
            matches!(relay_url(insecure), Err(HttpError::Insecure { .. })),
            "{insecure}"
        );
    }
    for bad in ["", "relay.example", "ftp://x", "wss://user@relay.example", "wss://"] {
        assert!(matches!(relay_url(bad), Err(HttpError::Url(_))), "{bad}");
    }
}
