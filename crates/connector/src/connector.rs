//! The handle of a running connector.

use std::sync::Arc;

use axum::Router;
use chancery_base::{Clock, Rng, Ulid};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    config::ConnectorConfig,
    core::Core,
    credentials, delivery,
    error::{ConnectorError, SendError},
    inbox, local_api,
    outbox::{self, OutboundRequest},
    ports::Ports,
    session,
    status::{self, Status},
    store::{InboundState, InboundView, OutboundState, OutboundView, Store},
    upkeep,
};

/// A running connector. Dropping it ends its tasks where they stand, as a crash would; [`shutdown`](Self::shutdown) lets
/// them finish.
pub struct Connector {
    core: Arc<Core>,
    tasks: Vec<JoinHandle<()>>,
}

impl Connector {
    /// Starts a connector on the current runtime. `store` is this agent's own; all that must survive is in it, so a
    /// connector that ended in any way is continued by starting another one on the same store.
    ///
    /// # Panics
    /// Outside of a tokio runtime, as [`tokio::spawn`] does.
    #[must_use]
    pub fn start(
        config: ConnectorConfig,
        ports: Ports,
        store: Store,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Self {
        let (inbox, arrivals) = mpsc::channel(inbox::QUEUE);
        let core = Arc::new(Core::new(config, ports, store, clock, rng, inbox));
        let booting = Arc::clone(&core);
        let tasks = vec![
            tokio::spawn(async move { booting.boot().await }),
            tokio::spawn(session::run(Arc::clone(&core))),
            tokio::spawn(inbox::run(Arc::clone(&core), arrivals)),
            tokio::spawn(delivery::run(Arc::clone(&core))),
            tokio::spawn(credentials::run(Arc::clone(&core))),
            tokio::spawn(upkeep::run(Arc::clone(&core))),
        ];
        Self { core, tasks }
    }

    /// The local API. It has no guard of its own: put `chancery_serve::loopback::Guard` in front of it.
    pub fn router(&self) -> Router {
        local_api::router(Arc::clone(&self.core))
    }

    /// Signs and stores a message, and returns its id once it is durable. From then on it is sent until the relay has
    /// taken it or refused it for good.
    ///
    /// # Errors
    /// [`SendError`]; nothing was stored then.
    pub async fn send(&self, request: OutboundRequest) -> Result<Ulid, SendError> {
        outbox::send(&self.core, request).await
    }

    /// The state as `GET /v1/status` reports it.
    ///
    /// # Errors
    /// [`ConnectorError::Store`].
    pub async fn status(&self) -> Result<Status, ConnectorError> {
        status::report(&self.core).await
    }

    /// Whether there is a connection to the relay now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.core.gauges().connected
    }

    /// Where a message is that was sent.
    ///
    /// # Errors
    /// [`ConnectorError::NotFound`] when it is unknown or forgotten, [`ConnectorError::Store`].
    pub async fn outbound(&self, id: Ulid) -> Result<OutboundView, ConnectorError> {
        self.core.store.outbound_view(id).await?.ok_or(ConnectorError::NotFound)
    }

    /// The oldest `limit` outbound messages in `state`, and how many there are.
    ///
    /// # Errors
    /// [`ConnectorError::Store`].
    pub async fn list_outbound(
        &self,
        state: OutboundState,
        limit: u32,
    ) -> Result<(u64, Vec<OutboundView>), ConnectorError> {
        Ok(self.core.store.list_outbound(state, limit).await?)
    }

    /// The oldest `limit` inbound messages in `state`, and how many there are.
    ///
    /// # Errors
    /// [`ConnectorError::Store`].
    pub async fn list_inbound(
        &self,
        state: InboundState,
        limit: u32,
    ) -> Result<(u64, Vec<InboundView>), ConnectorError> {
        Ok(self.core.store.list_inbound(state, limit).await?)
    }

    /// Delivers held messages after all: those of `ids`, or every one. Returns how many.
    ///
    /// # Errors
    /// [`ConnectorError::Store`].
    pub async fn release_held(&self, ids: Option<Vec<Ulid>>) -> Result<u64, ConnectorError> {
        delivery::release_held(&self.core, ids).await
    }

    /// Delivers dead letters again: those of `ids`, or every one. Returns how many.
    ///
    /// # Errors
    /// [`ConnectorError::Store`].
    pub async fn replay_dead_letters(&self, ids: Option<Vec<Ulid>>) -> Result<u64, ConnectorError> {
        delivery::replay_dead(&self.core, ids).await
    }

    /// Forgets dead letters: those of `ids`, or every one. Returns how many.
    ///
    /// # Errors
    /// [`ConnectorError::Store`].
    pub async fn purge_dead_letters(&self, ids: Option<Vec<Ulid>>) -> Result<u64, ConnectorError> {
        Ok(self.core.store.purge_dead(ids, self.core.now()).await?)
    }

    /// Closes the connection, lets deliveries in progress end (at most
    /// [`stop_grace`](crate::Timing::stop_grace)), and ends all tasks. The store stays open.
    pub async fn shutdown(mut self) {
        self.core.stop.cancel();
        let grace = tokio::time::Instant::now() + self.core.config.timing.stop_grace;
        for task in &mut self.tasks {
            // what has not ended by then is aborted by the drop
            let _ = tokio::time::timeout_at(grace, task).await;
        }
    }
}

impl Drop for Connector {
    fn drop(&mut self) {
        self.core.stop.cancel();
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector")
            .field("agent", &self.core.config.agent)
            .finish_non_exhaustive()
    }
}
