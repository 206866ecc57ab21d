//! A node, and clients of it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use chancery_base::{Clock, Millis};
use chancery_serve::{Bound, Protocol, ServerConfig};
use chancery_xmtp_node::{
    Node, Running, Settings, Store,
    client::{IdentityApiClient, MlsApiClient},
};
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// 2025-01-01.
pub(crate) const BEGIN_MS: i64 = 1_735_689_600_000;

/// A clock that only tests move.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl Clock for TestClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Relaxed))
    }
}

pub(crate) struct TestNode {
    pub(crate) running: Running,
    clock: TestClock,
}

impl TestNode {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A node in memory with these limits.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::on(Store::memory(), change).await
    }

    pub(crate) async fn on(store: Store, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        change(&mut settings);
        let server = ServerConfig {
            protocol: Protocol::Http2(settings.http2.clone()),
            drain: Duration::from_secs(5),
            ..ServerConfig::new(([127, 0, 0, 1], 0).into())
        };
        let bound = Bound::bind(&server).await.unwrap();
        let clock = TestClock(Arc::new(AtomicI64::new(BEGIN_MS)));
        let node = Node::new(settings, store, Arc::new(clock.clone()));
        Self {
            running: Running::start(bound, node),
            clock,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.running.address()
    }

    pub(crate) fn wait(&self, by: Duration) {
        self.clock.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Relaxed);
    }

    /// A connection of its own.
    pub(crate) async fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address())).unwrap();
        endpoint.connect().await.unwrap()
    }

    pub(crate) async fn mls(&self) -> MlsApiClient<Channel> {
        let client = MlsApiClient::new(self.channel().await);
        client
            .max_decoding_message_size(64 << 20)
            .max_encoding_message_size(64 << 20)
    }

    pub(crate) async fn identity(&self) -> IdentityApiClient<Channel> {
        IdentityApiClient::new(self.channel().await)
    }

    pub(crate) async fn stop(self) {
        self.running.stop().await.unwrap();
    }
}

/// The code that a status carries.
pub(crate) fn code(status: &Status) -> &str {
    let code = status.metadata().get("chancery-code");
    code.map_or("none", |code| code.to_str().unwrap())
}

/// Asserts that a request was refused so.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, Status>, grpc: Code, ours: &str) {
    let status = result.unwrap_err();
    assert_eq!((status.code(), code(&status)), (grpc, ours), "{status}");
}

/// Waits until `ready` says so.
pub(crate) async fn until(what: &str, ready: impl AsyncFn() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !ready().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "waited in vain for {what}");
}

/// What `future` comes to, in time.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let result = tokio::time::timeout(PATIENCE, future).await;
    result.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
