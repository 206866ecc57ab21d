//! A registry as a relay sees it, against a stub.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use chancery_base::Ulid;
use chancery_identity::{AgentDid, HumanDid, token::Token};
use chancery_networks::{HttpClient, RegistryClient, RegistryDirectory};
use chancery_relay::ports::{AccessError, Directory as _, OwnershipError, Revocations as _};
use chancery_relay_wire::registry::{FeedEvent, Status};
use futures_util::{StreamExt as _, future, stream};
use serde_json::{Value, json};

const SECRET: &str = "clw_srv_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const AGENT: &str = "did:cdi:127.0.0.1:agent:01HF7YAT00W6W7CM7N3W5FDXT4";
const HUMAN: &str = "did:cdi:127.0.0.1:human:01HF7YAT00W6W7CM7N3W5FDXT5";

#[derive(Default)]
struct Stub {
    key_requests: AtomicUsize,
    key_delay: Mutex<Duration>,
    /// What validate and ownership answer; 0 means that all is well.
    status: AtomicU16,
    /// Headers and bodies of validate and ownership.
    asked: Mutex<Vec<(HeaderMap, Value)>>,
    feed: Mutex<Vec<Vec<u8>>>,
    after: Mutex<Option<String>>,
}

type Shared = State<Arc<Stub>>;

impl Stub {
    fn refusal(&self) -> Option<Response> {
        let status = StatusCode::from_u16(self.status.load(Ordering::SeqCst)).ok()?;
        Some((status, Json(json!({ "error": { "code": "STUB", "message": "no" } }))).into_response())
    }

    fn note(&self, headers: HeaderMap, body: Value) {
        self.asked.lock().unwrap().push((headers, body));
    }
}

async fn start() -> (Arc<Stub>, SocketAddr) {
    let stub = Arc::new(Stub::default());
    let router = Router::new()
        .route(
            "/.well-known/claw-keys.json",
            get(|State(stub): Shared| async move {
                stub.key_requests.fetch_add(1, Ordering::SeqCst);
                let delay = *stub.key_delay.lock().unwrap();
                tokio::time::sleep(delay).await;
                stub.refusal()
                    .unwrap_or_else(|| Json(json!({ "keys": [] })).into_response())
            }),
        )
        .route(
            "/v1/agents/auth/validate",
            post(
                |State(stub): Shared, headers: HeaderMap, Json(body): Json<Value>| async move {
                    stub.note(headers, body);
                    stub.refusal().unwrap_or_else(|| StatusCode::NO_CONTENT.into_response())
                },
            ),
        )
        .route(
            "/internal/v1/identity/agent-ownership",
            post(
                |State(stub): Shared, headers: HeaderMap, Json(body): Json<Value>| async move {
                    stub.note(headers, body);
                    let found = Json(json!({ "ownsAgent": true, "agentStatus": "active" }));
                    stub.refusal().unwrap_or_else(|| found.into_response())
                },
            ),
        )
        .route(
            "/internal/v1/revocations",
            get(
                |State(stub): Shared, headers: HeaderMap, RawQuery(query): RawQuery| async move {
                    stub.note(headers, Value::Null);
                    *stub.after.lock().unwrap() = query;
                    let chunks = std::mem::take(&mut *stub.feed.lock().unwrap());
                    let chunks = stream::iter(chunks).then(|chunk| async {
                        // so that each arrives by itself
                        tokio::time::sleep(Duration::from_millis(5)).await;
                        Ok::<_, std::convert::Infallible>(chunk)
                    });
                    stub.refusal()
                        .unwrap_or_else(|| Body::from_stream(chunks).into_response())
                },
            ),
        )
        .with_state(Arc::clone(&stub));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (stub, address)
}

fn at(origin: &str) -> RegistryDirectory {
    let client = RegistryClient::new(HttpClient::new().unwrap(), origin.parse().unwrap());
    RegistryDirectory::new(client, "relay", SECRET.parse::<Token<_>>().unwrap())
}

async fn directory() -> (Arc<Stub>, RegistryDirectory) {
    let (stub, address) = start().await;
    (stub, at(&format!("http://{address}")))
}

fn agent() -> AgentDid {
    AGENT.parse().unwrap()
}

#[tokio::test]
async fn keys_are_asked_for_once_by_however_many() {
    let (stub, directory) = directory().await;
    *stub.key_delay.lock().unwrap() = Duration::from_millis(50);
    let all = future::join_all((0..20).map(|_| directory.keys(false))).await;
    assert!(all.iter().all(Result::is_ok));
    directory.keys(false).await.unwrap();
    assert_eq!(stub.key_requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn fresh_keys_are_fetched_at_most_once_a_second() {
    let (stub, directory) = directory().await;
    directory.keys(false).await.unwrap();
    for _ in 0..10 {
        directory.keys(true).await.unwrap();
    }
    assert_eq!(stub.key_requests.load(Ordering::SeqCst), 1);
    tokio::time::sleep(Duration::from_millis(1050)).await;
    for _ in 0..10 {
        directory.keys(true).await.unwrap();
    }
    assert_eq!(stub.key_requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_registry_that_fails_is_not_asked_for_each_request() {
    let (stub, directory) = directory().await;
    stub.status.store(500, Ordering::SeqCst);
    for _ in 0..10 {
        directory.keys(false).await.unwrap_err();
    }
    assert_eq!(stub.key_requests.load(Ordering::SeqCst), 1);
    tokio::time::sleep(Duration::from_millis(1050)).await;
    stub.status.store(0, Ordering::SeqCst);
    directory.keys(false).await.unwrap();
}

#[tokio::test]
async fn keys_at_hand_do_not_wait_for_a_fetch() {
    let (stub, directory) = directory().await;
    directory.keys(false).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1050)).await;
    *stub.key_delay.lock().unwrap() = Duration::from_secs(20);
    let slow = directory.keys(true);
    let quick = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        directory.keys(false).await.unwrap();
    };
    tokio::select! {
        _ = slow => panic!("the registry takes its time"),
        () = quick => {}
    }
}

#[tokio::test]
async fn an_access_token_is_shown_with_the_service_s_credentials() {
    let (stub, directory) = directory().await;
    let jti: Ulid = "01HF7YAT00W6W7CM7N3W5FDXT6".parse().unwrap();
    directory.validate(&agent(), jti, "clw_agt_x").await.unwrap();
    {
        let asked = stub.asked.lock().unwrap();
        let (headers, body) = &asked[0];
        assert_eq!(headers["x-claw-agent-access"], "clw_agt_x");
        assert_eq!(headers["x-claw-service-id"], "relay");
        assert_eq!(headers["x-claw-service-secret"], SECRET);
        assert_eq!(*body, json!({ "agentDid": AGENT, "aitJti": jti.to_string() }));
    }
    for (status, is_invalid) in [(401, true), (400, true), (500, false), (429, false), (404, false)] {
        stub.status.store(status, Ordering::SeqCst);
        let error = directory.validate(&agent(), jti, "clw_agt_x").await.unwrap_err();
        assert_eq!(matches!(error, AccessError::Invalid), is_invalid, "{status}");
    }
    let error = directory.validate(&agent(), jti, "no\nheader").await.unwrap_err();
    assert!(matches!(error, AccessError::Invalid));
}

#[tokio::test]
async fn ownership_tells_a_refused_service_from_an_absent_registry() {
    let (stub, directory) = directory().await;
    let owner: HumanDid = HUMAN.parse().unwrap();
    let found = directory.ownership(&owner, &agent()).await.unwrap();
    assert!(found.owns_agent);
    assert_eq!(found.agent_status, Some(Status::Active));
    assert_eq!(
        stub.asked.lock().unwrap()[0].1,
        json!({ "ownerDid": HUMAN, "agentDid": AGENT })
    );
    for (status, is_refused) in [(401, true), (403, true), (500, false), (400, false)] {
        stub.status.store(status, Ordering::SeqCst);
        let error = directory.ownership(&owner, &agent()).await.unwrap_err();
        assert_eq!(matches!(error, OwnershipError::Unauthorized), is_refused, "{status}");
    }
}

#[tokio::test]
async fn the_feed_is_followed_until_it_ends() {
    let (stub, directory) = directory().await;
    let text =
        "id: 8\ndata: {\"type\":\"entry\",\"token\":\"a.b.c\"}\n\nid: 8\ndata: {\"type\":\"heartbeat\",\"seq\":8}\n\n";
    *stub.feed.lock().unwrap() = text.as_bytes().chunks(11).map(<[u8]>::to_vec).collect();
    let events: Vec<_> = directory.follow(7).await.unwrap().collect().await;
    assert_eq!(
        events,
        [
            FeedEvent::Entry {
                token: "a.b.c".to_owned()
            },
            FeedEvent::Heartbeat { seq: 8 }
        ]
    );
    assert_eq!(stub.after.lock().unwrap().as_deref(), Some("after=7"));
    assert_eq!(stub.asked.lock().unwrap()[0].0["x-claw-service-secret"], SECRET);
}

#[tokio::test]
async fn a_feed_that_is_none_ends() {
    let (stub, directory) = directory().await;
    for none in [b"data: what?\n\n".to_vec(), vec![b'x'; 1 << 20]] {
        *stub.feed.lock().unwrap() = vec![none];
        let events: Vec<_> = directory.follow(0).await.unwrap().collect().await;
        assert_eq!(events, []);
    }
    stub.status.store(401, Ordering::SeqCst);
    assert!(directory.follow(0).await.is_err());
}

#[tokio::test]
async fn secrets_do_not_go_to_other_machines_in_the_clear() {
    let directory = at("http://registry.example");
    let error = directory.follow(0).await.err().unwrap();
    assert!(error.to_string().contains("refusing plain http"), "{error}");
    assert!(directory.keys(false).await.is_err());
    assert!(!format!("{directory:?}").contains(SECRET));
}
