//! A registry that answers.

use std::sync::Arc;

use chancery_registry::{Config, Registry, Store};
use chancery_serve::{
    Bound,
    system::{OsRng, SystemClock},
};
use chancery_terminal::Failure;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A registry on its port.
#[derive(Debug)]
pub struct RegistryServer {
    registry: Registry,
    stop: CancellationToken,
    task: JoinHandle<Result<(), chancery_serve::ServeError>>,
}

impl RegistryServer {
    /// Opens the registry and answers on `bound`.
    ///
    /// # Errors
    /// The registry's, when it cannot be opened.
    pub async fn start(bound: Bound, config: Config, store: Store) -> Result<Self, Failure> {
        let registry = Registry::open(config, store, Arc::new(SystemClock), Arc::new(OsRng)).await?;
        let stop = CancellationToken::new();
        let task = tokio::spawn(bound.run(registry.router(), stop.clone()));
        Ok(Self { registry, stop, task })
    }

    /// Waits until `asked` to stop, lets requests end, and closes the store.
    ///
    /// # Errors
    /// The server's.
    pub async fn run_until(self, asked: CancellationToken) -> Result<(), Failure> {
        asked.cancelled().await;
        self.stop().await
    }

    /// Lets requests end, and closes the store.
    ///
    /// # Errors
    /// The server's.
    pub async fn stop(self) -> Result<(), Failure> {
        self.registry.end_feeds();
        self.stop.cancel();
        let ended = self.task.await;
        self.registry.close().await;
        match ended {
            Ok(ended) => Ok(ended?),
            Err(error) => Err(Failure::new("RUNTIME_FAILED", error.to_string())),
        }
    }
}
