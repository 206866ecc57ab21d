//! The stub that stands for an agent's platform: it takes every delivery and remembers it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use chancery_serve::{Bound, ServerConfig};
use chancery_terminal::Failure;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How long a message may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// A webhook on a free port.
pub(super) struct WebhookStub {
    address: SocketAddr,
    inbox: Arc<Inbox>,
    stop: CancellationToken,
}

/// One delivery.
#[derive(Debug, Clone)]
pub(super) struct Received {
    /// The text, without what the connector writes above it.
    pub(super) text: String,
    /// Whether the connector verified the sender's signature.
    pub(super) end_to_end: bool,
    /// More than 1 marks a repeat.
    pub(super) attempt: u64,
}

struct Inbox {
    received: Mutex<Vec<Received>>,
    count: watch::Sender<usize>,
}

impl WebhookStub {
    pub(super) async fn start() -> Result<Self, Failure> {
        let bound = Bound::bind(&ServerConfig::new(([127, 0, 0, 1], 0).into())).await?;
        let address = bound.local_addr();
        let inbox = Arc::new(Inbox {
            received: Mutex::default(),
            count: watch::Sender::new(0),
        });
        let stop = CancellationToken::new();
        let router = Router::new().fallback(take).with_state(Arc::clone(&inbox));
        tokio::spawn(bound.run(router, stop.clone()));
        Ok(Self { address, inbox, stop })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(super) fn count(&self) -> usize {
        *self.inbox.count.borrow()
    }

    /// Waits until there are `count` deliveries; returns all.
    pub(super) async fn wait_for(&self, count: usize) -> Result<Vec<Received>, Failure> {
        let mut counted = self.inbox.count.subscribe();
        let came = tokio::time::timeout(PATIENCE, counted.wait_for(|found| *found >= count)).await;
        if came.is_err() {
            let text = format!("{} of {count} messages came within {PATIENCE:?}", self.count());
            return Err(Failure::new("DEMO_FAILED", text));
        }
        Ok(self
            .inbox
            .received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone())
    }
}

impl Drop for WebhookStub {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn take(State(inbox): State<Arc<Inbox>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let received = Received {
        text: body["content"].as_str().unwrap_or_default().to_owned(),
        end_to_end: header("x-clawdentity-verified") == Some("true"),
        attempt: header("x-clawdentity-attempt")
            .and_then(|text| text.parse().ok())
            .unwrap_or(1),
    };
    inbox
        .received
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(received);
    inbox.count.send_modify(|count| *count += 1);
    StatusCode::OK
}
