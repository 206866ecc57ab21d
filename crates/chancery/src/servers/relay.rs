//! A relay that answers.

use std::sync::Arc;

use chancery_networks::RegistryDirectory;
use chancery_relay::{Config, Relay, Store, feed::FeedState, store::Refusal};
use chancery_serve::{
    Bound, ServeError,
    system::{OsRng, SystemClock},
};
use chancery_terminal::Failure;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A relay on its port.
pub struct RelayServer {
    relay: Relay,
    stop: CancellationToken,
    task: JoinHandle<Result<(), ServeError>>,
}

impl RelayServer {
    /// Starts the relay and answers on `bound`. Until it has heard of the registry's revocations it accepts nothing.
    ///
    /// # Errors
    /// The store's.
    pub async fn start(
        bound: Bound,
        config: Config,
        store: Store,
        registry: Arc<RegistryDirectory>,
    ) -> Result<Self, Failure> {
        let (directory, revocations) = (Arc::clone(&registry), registry);
        let relay = Relay::start(
            config,
            store,
            directory,
            revocations,
            Arc::new(SystemClock),
            Arc::new(OsRng),
        );
        let relay = relay.await.map_err(|refusal| match refusal {
            Refusal::Store(error) => error.into(),
            refusal => Failure::new("RUNTIME_FAILED", refusal.to_string()),
        })?;
        let stop = CancellationToken::new();
        let task = tokio::spawn(bound.run(relay.router(), stop.clone()));
        Ok(Self { relay, stop, task })
    }

    /// How fresh its knowledge of revocations is.
    #[must_use]
    pub fn feed_state(&self) -> FeedState {
        self.relay.feed_state()
    }

    /// Waits until `asked` to stop, closes the sessions, lets requests end, and closes the store.
    ///
    /// # Errors
    /// The server's.
    pub async fn run_until(self, asked: CancellationToken) -> Result<(), Failure> {
        asked.cancelled().await;
        self.stop().await
    }

    /// Closes the sessions, lets requests end, and closes the store.
    ///
    /// # Errors
    /// The server's.
    pub async fn stop(self) -> Result<(), Failure> {
        self.relay.hub().stop();
        self.stop.cancel();
        let ended = self.task.await;
        self.relay.shutdown().await;
        match ended {
            Ok(ended) => Ok(ended?),
            Err(error) => Err(Failure::new("RUNTIME_FAILED", error.to_string())),
        }
    }
}

impl std::fmt::Debug for RelayServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RelayServer")
            .field("feed", &self.feed_state())
            .finish_non_exhaustive()
    }
}
