//! The client against servers that behave, that do not, and that are not there.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex, mpsc},
    thread,
};

use chancery_base::{Category, Clock, ErrorCode as _, Millis, Rng, Ulid, ed25519::SecretKey};
use chancery_identity::{AgentDid, Origin, http_signature, proof};
use chancery_networks::{
    AgentSigner, HttpClient, HttpError, RegistryClient, RelayClient,
    feed::FeedItem,
    http::{Auth, Request},
    registry::ServiceCredential,
    relay::HookMessage,
};
use chancery_relay_wire::registry::FeedEvent;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Millis {
        Millis::from_secs(1_795_243_402)
    }
}

struct Counter(Mutex<u8>);

impl Rng for Counter {
    fn fill(&self, out: &mut [u8]) {
        for byte in out {
            let mut next = self.0.lock().unwrap();
            *next = next.wrapping_add(1);
            *byte = *next;
        }
    }
}

fn signer() -> (AgentSigner, SecretKey) {
    let rng = Arc::new(Counter(Mutex::new(0)));
    let key = SecretKey::generate(&rng);
    (AgentSigner::new("an.ait.token", key.clone(), Arc::new(Fixed), rng), key)
}

type Head = Vec<String>;

/// A server that answers every request with `answer`, and passes on the heads and bodies it gets.
fn server(answer: &'static str) -> (Origin, mpsc::Receiver<(Head, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let (tx, got) = mpsc::channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (Vec::new(), 0);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                    break;
                }
                if let Some(text) = line.strip_prefix("content-length: ") {
                    length = text.trim().parse().unwrap();
                }
                head.push(line.trim_end().to_owned());
            }
            let mut body = vec![0; length];
            let _ = reader.read_exact(&mut body);
            let _ = tx.send((head, String::from_utf8(body).unwrap()));
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (origin, got)
}

const EMPTY: &str = "HTTP/1.1 204 No Content\r\n\r\n";

fn header<'a>(head: &'a Head, name: &str) -> &'a str {
    head.iter()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        .unwrap_or_default()
}

async fn get(origin: &Origin) -> Result<serde_json::Value, HttpError> {
    let client = HttpClient::new().unwrap();
    client.send(origin, Request::get("/x", Auth::None)).await?.json()
}

#[tokio::test]
async fn plain_http_leaves_this_machine_under_no_name() {
    for url in [
        "http://registry.example",
        "http://192.0.2.1:8788",
        "http://localhost.example",
        "http://0.0.0.0",
    ] {
        let error = get(&url.parse().unwrap()).await.unwrap_err();
        assert!(matches!(error, HttpError::Insecure { .. }), "{url}: {error}");
        assert_eq!(error.category(), Category::Input);
    }
}

#[tokio::test]
async fn a_refusal_is_typed_and_its_words_are_safe_to_show() {
    let (origin, _got) = server(
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\nconnection: close\r\n\r\n\
         {\"error\":{\"code\":\"RATE_LIMIT_EXCEEDED\",\"message\":\"slow\\u001b[2J\\ndown\",\"requestId\":\"req-12345678\",\"details\":{\"a\":1}}}",
    );
    let error = get(&origin).await.unwrap_err();
    let remote = error.remote().unwrap();
    assert_eq!((remote.status, remote.code.as_str()), (429, "RATE_LIMIT_EXCEEDED"));
    assert_eq!(remote.message, "slow[2J down");
    assert_eq!(remote.request_id.as_deref(), Some("req-12345678"));
    assert_eq!(error.retry_after_secs(), Some(7));
    assert_eq!(error.category(), Category::Limited);
    let text = "unexpected http status 429: slow[2J down (RATE_LIMIT_EXCEEDED)";
    assert_eq!(error.to_string(), text);
}

#[tokio::test]
async fn a_page_of_somebody_in_between_is_not_quoted() {
    let (origin, _got) = server("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 19\r\n\r\n<html>nginx</html>\n");
    let error = get(&origin).await.unwrap_err();
    let remote = error.remote().unwrap();
    assert_eq!(
        (remote.code.as_str(), remote.message.as_str()),
        ("HTTP_ERROR", "Bad Gateway")
    );
    let (origin, _got) = server("HTTP/1.1 500 X\r\ncontent-length: 5\r\n\r\nboom\n");
    assert_eq!(get(&origin).await.unwrap_err().remote().unwrap().message, "boom");
}

#[tokio::test]
async fn a_redirect_is_a_refusal() {
    let (other, visits) = server(EMPTY);
    let answer = format!("HTTP/1.1 302 Found\r\nlocation: {other}/\r\ncontent-length: 0\r\n\r\n");
    let (origin, _got) = server(answer.leak());
    assert_eq!(get(&origin).await.unwrap_err().remote_status(), Some(302));
    assert!(visits.try_recv().is_err(), "the other server was asked");
}

#[tokio::test]
async fn an_answer_has_a_limit() {
    let (origin, _got) = server("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n0123456789");
    let client = HttpClient::new().unwrap();
    let request = Request::get("/x", Auth::None).limit(9);
    let error = client.send(&origin, request).await.unwrap_err();
    assert!(matches!(error, HttpError::TooLarge { limit: 9, .. }), "{error}");
}

#[tokio::test]
async fn what_is_not_there_or_answers_nonsense_is_told_apart() {
    let error = get(&"http://127.0.0.1:1".parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, HttpError::Unreachable { .. }), "{error}");
    assert!(
        error.to_string().starts_with("cannot reach http://127.0.0.1:1: "),
        "{error}"
    );
    let (origin, _got) = server("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n???");
    let error = get(&origin).await.unwrap_err();
    assert!(matches!(error, HttpError::Unexpected { .. }), "{error}");
    let (origin, _got) = server("nonsense");
    let error = get(&origin).await.unwrap_err();
    assert!(matches!(error, HttpError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_secret_with_a_line_break_is_not_sent() {
    let (origin, visits) = server(EMPTY);
    let client = RegistryClient::new(HttpClient::new().unwrap(), origin);
    let error = client.api_key_revoke("clw_pat_a\r\nx: y", Ulid::NIL).await.unwrap_err();
    assert!(matches!(error, HttpError::Header(_)), "{error}");
    assert!(!error.to_string().contains("clw_pat_a"));
    assert!(visits.try_recv().is_err());
}

#[tokio::test]
async fn an_agents_request_is_signed_for_this_server_and_every_claw_header() {
    let (origin, got) = server(EMPTY);
    let (signer, key) = signer();
    let relay = RelayClient::new(HttpClient::new().unwrap(), origin.clone());
    let peer: AgentDid = "did:cdi:127.0.0.1:agent:01HF7YAT00W6W7CM7N3W5FDXTD".parse().unwrap();
    relay.pair_remove(&signer, &peer).await.unwrap();
    let (head, body) = got.recv().unwrap();
    let target = "/pair?agentDid=did%3Acdi%3A127.0.0.1%3Aagent%3A01HF7YAT00W6W7CM7N3W5FDXTD";
    assert_eq!(head[0], format!("DELETE {target} HTTP/1.1"));
    assert_eq!(header(&head, "authorization"), "Claw an.ait.token");
    assert_eq!(header(&head, "host"), origin.host_and_port());
    let headers = proof::ProofHeaders {
        timestamp: header(&head, "x-claw-timestamp").to_owned(),
        nonce: header(&head, "x-claw-nonce").to_owned(),
        body_sha256: header(&head, "x-claw-body-sha256").to_owned(),
        proof: header(&head, "x-claw-proof").to_owned(),
    };
    proof::verify(&headers, "DELETE", target, body.as_bytes(), Fixed.now(), &key.public()).unwrap();

    let all: Vec<(&str, &str)> = head[1..].iter().filter_map(|line| line.split_once(": ")).collect();
    let request = http_signature::Request {
        method: "DELETE",
        authority: origin.host_and_port(),
        path_and_query: target,
        headers: &all,
    };
    let (input, signature) = (header(&head, "signature-input"), header(&head, "signature"));
    let verify = |authority: &str| {
        let authorities = [authority.to_owned()];
        http_signature::verify(&request, input, signature, &authorities, Fixed.now(), &key.public())
    };
    verify(origin.host_and_port()).unwrap();
    assert!(verify("relay.example").is_err());
}

#[tokio::test]
async fn a_message_over_http_is_signed_with_its_media_type_and_its_key() {
    let answer = r#"{"accepted":true,"deliveryId":"01HF7YAT00W6W7CM7N3W5FDXTD","state":"queued","delivered":false,"queued":true,"queueDepth":1,"connectedSockets":0}"#;
    let answer: &'static str = Box::leak(
        format!(
            "HTTP/1.1 202 Accepted\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
            answer.len()
        )
        .into_boxed_str(),
    );
    let (origin, got) = server(answer);
    let (signer, key) = signer();
    let relay = RelayClient::new(HttpClient::new().unwrap(), origin.clone());
    let recipient: AgentDid = "did:cdi:127.0.0.1:agent:01HF7YAT00W6W7CM7N3W5FDXTD".parse().unwrap();
    let message = HookMessage {
        recipient: &recipient,
        body: "{}".into(),
        conversation_id: None,
        receipt_url: None,
        message_id: Some("order-1"),
    };
    relay.hook(&signer, "clw_agt_1", message).await.unwrap();
    let (head, _) = got.recv().unwrap();
    // once, and as it was signed
    assert_eq!(head.iter().filter(|line| line.starts_with("content-type: ")).count(), 1);
    let verify = |change: fn(&mut (&str, &str))| {
        let mut headers: Vec<(&str, &str)> = head[1..].iter().filter_map(|line| line.split_once(": ")).collect();
        headers.iter_mut().for_each(change);
        let request = http_signature::Request {
            method: "POST",
            authority: origin.host_and_port(),
            path_and_query: "/hooks/agent",
            headers: &headers,
        };
        let authorities = [origin.host_and_port().to_owned()];
        let (input, signature) = (header(&head, "signature-input"), header(&head, "signature"));
        http_signature::verify(&request, input, signature, &authorities, Fixed.now(), &key.public()).is_ok()
    };
    assert!(verify(|_| {}));
    assert!(!verify(|(name, value)| if *name == "content-type" {
        *value = "text/plain"
    }));
    assert!(!verify(|(name, value)| if *name == "idempotency-key" {
        *value = "order-2"
    }));
}

#[test]
fn each_attempt_has_its_own_nonce() {
    let (signer, _) = signer();
    let url = "wss://relay.example/v1/relay/connect".parse().unwrap();
    let nonce = || {
        let headers = signer.headers("GET", &url, b"", &[]);
        headers
            .into_iter()
            .find(|(name, _)| name == proof::header::NONCE)
            .unwrap()
            .1
    };
    assert_ne!(nonce(), nonce());
    assert!(!format!("{signer:?}").contains("an.ait.token"));
}

#[tokio::test]
async fn a_list_that_does_not_exist_yet_is_none() {
    let (origin, _got) = server(
        "HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n{\"error\":{\"code\":\"CRL_NOT_FOUND\",\"message\":\"no crl\"}}\n",
    );
    let client = RegistryClient::new(HttpClient::new().unwrap(), origin);
    assert!(client.crl().await.unwrap().is_none());
    assert!(client.keys().await.is_err());
}

#[tokio::test]
async fn the_feed_is_read_until_the_registry_ends_it() {
    let (origin, got) = server(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n\
         id: 5\ndata: {\"type\":\"entry\",\"token\":\"a.b.c\"}\n\ndata: {\"type\":\"reset\",\"seq\":2}\n\n",
    );
    let client = RegistryClient::new(HttpClient::new().unwrap(), origin);
    let service = ServiceCredential {
        id: "svc",
        secret: "clw_srv_x",
    };
    let mut feed = client.revocations(service, 4).await.unwrap();
    let (head, _) = got.recv().unwrap();
    assert_eq!(head[0], "GET /internal/v1/revocations?after=4 HTTP/1.1");
    assert_eq!(header(&head, "x-claw-service-secret"), "clw_srv_x");
    let entry = FeedItem {
        id: Some(5),
        event: FeedEvent::Entry {
            token: "a.b.c".to_owned(),
        },
    };
    assert_eq!(feed.next().await.unwrap(), Some(entry));
    assert_eq!(feed.next().await.unwrap().unwrap().event, FeedEvent::Reset { seq: 2 });
    assert_eq!(feed.next().await.unwrap(), None);
    // a refusal is one
    let (origin, _got) = server("HTTP/1.1 401 X\r\ncontent-length: 0\r\n\r\n");
    let client = RegistryClient::new(HttpClient::new().unwrap(), origin);
    assert_eq!(
        client.revocations(service, 0).await.unwrap_err().remote_status(),
        Some(401)
    );
}
