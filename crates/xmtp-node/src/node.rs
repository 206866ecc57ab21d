//! The node: opening it, its router, running it on a port.

use std::{fmt, net::SocketAddr, sync::Arc};

use axum::{Router, body::Body, middleware::from_fn_with_state, routing::post};
use chancery_base::Clock;
use chancery_serve::Bound;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{
    api::{IdentityApiServer, MlsApiServer},
    engine::Engine,
    error::{NodeError, Refusal},
    gate::gate,
    identity::Identity,
    limits::MAX_GRPC_MESSAGE,
    mls::Mls,
    settings::Settings,
    store::Store,
    stream::{subscribe_group_messages, subscribe_welcome_messages},
};

/// The node. Clones share everything.
#[derive(Clone)]
pub struct Node {
    engine: Arc<Engine>,
}

impl Node {
    /// A node on `store`.
    #[must_use]
    pub fn new(settings: Settings, store: Store, clock: Arc<dyn Clock>) -> Self {
        Self {
            engine: Arc::new(Engine::new(settings, store, clock)),
        }
    }

    /// Both services. To be served over HTTP/2, by a [`chancery_serve::Bound`] whose configuration says so.
    pub fn router(&self) -> Router {
        let mls = Mls {
            engine: Arc::clone(&self.engine),
        };
        let identity = Identity::new(Arc::clone(&self.engine));
        let mls = MlsApiServer::new(mls)
            .max_decoding_message_size(MAX_GRPC_MESSAGE)
            .max_encoding_message_size(MAX_GRPC_MESSAGE);
        let identity = IdentityApiServer::new(identity)
            .max_decoding_message_size(MAX_GRPC_MESSAGE)
            .max_encoding_message_size(MAX_GRPC_MESSAGE);
        Router::new()
            .route_service("/xmtp.mls.api.v1.MlsApi/{method}", mls)
            .route_service("/xmtp.identity.api.v1.IdentityApi/{method}", identity)
            .route(
                "/xmtp.mls.api.v1.MlsApi/SubscribeGroupMessages",
                post(subscribe_group_messages),
            )
            .route(
                "/xmtp.mls.api.v1.MlsApi/SubscribeWelcomeMessages",
                post(subscribe_welcome_messages),
            )
            .fallback(|| async { Status::from(Refusal::NotServed).into_http::<Body>() })
            .layer(from_fn_with_state(Arc::clone(&self.engine.gate), gate))
            .with_state(Arc::clone(&self.engine))
    }

    /// Streams that are open.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.engine.seats.streams()
    }

    /// Bytes of messages that wait for the readers of streams, each message counted once.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.engine.groups.waiting()
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.engine.store
    }

    /// Ends the streams, which would outlast every drain; clients are told that the service is shutting down.
    pub fn end_streams(&self) {
        self.engine.end_streams();
    }

    /// Ends the streams and closes the store. Requests that are being answered may fail from then on.
    pub async fn close(&self) {
        self.end_streams();
        self.engine.store.close().await;
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("settings", &self.engine.settings)
            .field("streams", &self.open_streams())
            .finish_non_exhaustive()
    }
}

/// A node on its port.
#[derive(Debug)]
pub struct Running {
    node: Node,
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<Result<(), chancery_serve::ServeError>>,
}

impl Running {
    /// Answers on `bound`.
    #[must_use]
    pub fn start(bound: Bound, node: Node) -> Self {
        let stop = CancellationToken::new();
        let address = bound.local_addr();
        let task = tokio::spawn(bound.run(node.router(), stop.clone()));
        Self {
            node,
            address,
            stop,
            task,
        }
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The node.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Waits until `asked` to stop, then [`stop`](Self::stop)s.
    ///
    /// # Errors
    /// As [`stop`](Self::stop).
    pub async fn run_until(self, asked: CancellationToken) -> Result<(), NodeError> {
        asked.cancelled().await;
        self.stop().await
    }

    /// Takes no more requests, ends the streams, lets requests end, and closes the store.
    ///
    /// # Errors
    /// The server's.
    pub async fn stop(self) -> Result<(), NodeError> {
        self.stop.cancel();
        self.node.end_streams();
        let ended = self.task.await;
        self.node.close().await;
        ended.map_err(NodeError::Ended)??;
        Ok(())
    }
}
