//! The relay as a whole.

use std::sync::Arc;

use axum::Router;
use chancery_base::{Clock, Rng};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    auth::{AccessCache, Caller},
    config::Config,
    error::RelayError,
    feed::{self, Feed, FeedState},
    hub::{Admitted, Hub},
    ports::{Directory, Revocations},
    routes,
    session::CloseReason,
    store::{Refusal, Store},
    sweep,
};

/// What every part of the relay needs.
pub struct Shared {
    pub(crate) config: Arc<Config>,
    pub(crate) authorities: Vec<String>,
    pub(crate) store: Store,
    pub(crate) hub: Hub,
    pub(crate) feed: Feed,
    pub(crate) access: AccessCache,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) revocations: Arc<dyn Revocations>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
}

impl Shared {
    /// Admits a connector that was [authenticated](crate::auth::authenticate), in a commit with its nonce.
    /// `negotiated` is whether it asked for signed messages and receipts.
    ///
    /// # Errors
    /// [`RelayError::Replay`], [`RelayError::Revoked`], or the store's failure.
    pub async fn admit(&self, caller: &Caller, negotiated: bool) -> Result<Admitted, RelayError> {
        let (agent, token) = (caller.agent(), Arc::clone(&caller.token));
        let expires = caller.ait.expires();
        let admitted = self
            .hub
            .connect(agent.clone(), token, expires, negotiated, caller.nonce())
            .await?;
        // a revocation that came between the check and the admission has no session to close yet
        if self.feed.is_revoked(agent, caller.ait.jti()) || self.access.may_have_ended(caller) {
            self.hub.cut(agent, CloseReason::Revoked);
        }
        Ok(admitted)
    }
}

/// A running relay. Clones share it. When the last one is dropped its tasks end where they stand, as in a crash;
/// [`shutdown`](Self::shutdown) lets them finish.
#[derive(Clone)]
pub struct Relay {
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: Arc<tokio::sync::Mutex<JoinSet<()>>>,
}

impl Relay {
    /// Starts a relay over `store`: it loads what is revoked, then follows the feed and sweeps, as tasks of the current
    /// runtime. Until the feed was heard of, it accepts and delivers nothing.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn start(
        config: Config,
        store: Store,
        directory: Arc<dyn Directory>,
        revocations: Arc<dyn Revocations>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<Self, Refusal> {
        let config = Arc::new(config);
        let shared = Arc::new(Shared {
            authorities: config.authorities(),
            hub: Hub::new(Arc::clone(&config), store.clone(), Arc::clone(&clock), Arc::clone(&rng)),
            feed: Feed::new(config.feed),
            access: AccessCache::new(),
            config,
            store,
            directory,
            revocations,
            clock,
            rng,
        });
        let cursor = feed::load(&shared).await?;
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(feed::follow(Arc::clone(&shared), cursor, stop.clone()));
        tasks.spawn(feed::watch(Arc::clone(&shared), stop.clone()));
        tasks.spawn(sweep::run(Arc::clone(&shared), stop.clone()));
        Ok(Self {
            shared,
            stop,
            tasks: Arc::new(tokio::sync::Mutex::new(tasks)),
        })
    }

    /// Its routes. Request ids, addresses and limits on bodies come from `chancery-serve`.
    pub fn router(&self) -> Router {
        routes::router(Arc::clone(&self.shared))
    }

    /// What every part shares, for callers that bring their own connections (the simulation, the one-process mode).
    #[must_use]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Who is connected.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.shared.hub
    }

    /// How fresh its knowledge of revocations is.
    #[must_use]
    pub fn feed_state(&self) -> FeedState {
        self.shared.feed.state()
    }

    /// Closes all sessions, ends its tasks, and lets the store become durable.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.shared.hub.stop();
        let mut tasks = self.tasks.lock().await;
        while tasks.join_next().await.is_some() {}
        self.shared.store.close().await;
    }
}
