//! A webhook that remembers what it was sent.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::wait;

/// A webhook on a free port of this machine, on threads of its own.
pub struct Webhook {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

#[derive(Default)]
struct Shared {
    received: Mutex<Vec<Received>>,
    answer: Mutex<Behaviour>,
}

#[derive(Debug, Clone, Copy)]
struct Behaviour {
    status: u16,
    delay: Duration,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            status: 200,
            delay: Duration::ZERO,
        }
    }
}

/// One request.
#[derive(Debug, Clone)]
pub struct Received {
    /// `Idempotency-Key`, else `requestId` of the body: the published connector says it only there.
    pub key: Option<String>,
    /// `X-Clawdentity-Attempt`; 1 when it is absent.
    pub attempt: u32,
    /// `X-Clawdentity-Agent-Did`: the sender.
    pub from: Option<String>,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body; `null` when it is no JSON.
    pub body: Value,
    /// The status that it was answered with.
    pub status: u16,
    /// When it came.
    pub at: Instant,
}

impl Received {
    /// The first header `name` (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Webhook {
    /// Starts one that answers 200 at once.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime");
        let shared = Arc::new(Shared::default());
        let router = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self {
            address,
            shared,
            runtime: Some(runtime),
        }
    }

    /// Where deliveries go: `http://127.0.0.1:<port>/hook`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// The address, for what adds a path of its own.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers with `status` from now on.
    pub fn answer(&self, status: u16) {
        lock(&self.shared.answer).status = status;
    }

    /// Takes `delay` for each answer from now on.
    pub fn delay(&self, delay: Duration) {
        lock(&self.shared.answer).delay = delay;
    }

    /// All requests, in the order they came, repeats and refused ones too.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        lock(&self.shared.received).clone()
    }

    /// How many requests there were.
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.shared.received).len()
    }

    /// What a receiver that deduplicates would have: the first accepted request of each key, in order.
    #[must_use]
    pub fn distinct(&self) -> Vec<Received> {
        let mut seen = BTreeMap::new();
        let mut distinct = Vec::new();
        for request in self.received().into_iter().filter(|request| request.status < 300) {
            let key = request
                .key
                .clone()
                .unwrap_or_else(|| format!("(none) {}", distinct.len()));
            if seen.insert(key, ()).is_none() {
                distinct.push(request);
            }
        }
        distinct
    }

    /// Waits until [`distinct`](Self::distinct) has `count` entries, and returns them.
    ///
    /// # Panics
    /// When they do not come.
    pub fn wait_for(&self, count: usize) -> Vec<Received> {
        self.wait_within(wait::PATIENCE, count)
    }

    /// The same with another limit.
    ///
    /// # Panics
    /// When they do not come.
    pub fn wait_within(&self, limit: Duration, count: usize) -> Vec<Received> {
        wait::within(limit, &format!("{count} deliveries to {}", self.url()), || {
            Some(self.distinct()).filter(|distinct| distinct.len() >= count)
        })
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // a test may run inside a runtime of its own, where waiting for another one is not allowed
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

async fn receive(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let Behaviour { status, delay } = *lock(&shared.answer);
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let request = Received {
        key: text("idempotency-key").or_else(|| body["requestId"].as_str().map(str::to_owned)),
        attempt: text("x-clawdentity-attempt")
            .and_then(|text| text.parse().ok())
            .unwrap_or(1),
        from: text("x-clawdentity-agent-did"),
        headers: headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body,
        status,
        at: Instant::now(),
    };
    lock(&shared.received).push(request);
    tokio::time::sleep(delay).await;
    StatusCode::from_u16(status).unwrap_or(StatusCode::OK)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
