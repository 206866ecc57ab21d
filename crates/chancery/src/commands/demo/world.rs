//! The servers of the demo, on free ports and temporary files.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chancery_identity::Origin;
use chancery_networks::{HttpClient, RegistryClient, RegistryDirectory};
use chancery_registry::variable;
use chancery_relay::feed::FeedState;
use chancery_serve::{
    Bound, ServerConfig,
    system::{OsRng, SystemClock},
};
use chancery_terminal::Failure;

use super::{
    agent::{Agent, Person, failed, wait_until},
    folder,
};
use crate::{
    secrets::{BOOTSTRAP_SECRET, INTERNAL_SERVICE, RegistrySecrets, ServiceCredentials},
    servers::{RegistryServer, RelayServer},
};

/// How long requests may go on at the end.
const DRAIN: Duration = Duration::from_secs(1);

/// Everything that the demo has started.
pub(super) struct World {
    dir: PathBuf,
    registry: Option<(RegistryServer, Origin)>,
    /// Bound before the registry starts, because the registry tells clients where the relay is.
    relay_port: Option<Bound>,
    relay: Option<(RelayServer, Origin)>,
    pub(super) people: Vec<Person>,
    pub(super) agents: Vec<Agent>,
}

impl World {
    pub(super) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            registry: None,
            relay_port: None,
            relay: None,
            people: Vec::new(),
            agents: Vec::new(),
        }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts the registry, with secrets as `chancery registry` makes them.
    pub(super) async fn start_registry(&mut self) -> Result<Origin, Failure> {
        let dir = folder(self.dir.join("registry"))?;
        let store = chancery_registry::Store::sqlite(dir.join("registry.sqlite3"))?;
        let secrets = RegistrySecrets::open(&dir, |_| None, &SystemClock, &OsRng)?;
        let (bound, own) = port().await?;
        let (relay_port, relay) = port().await?;
        let get = |name: &str| match name {
            variable::REGISTRY_ISSUER_URL => Some(own.to_string()),
            variable::PROXY_URL => Some(relay.to_string()),
            name => secrets.get(name),
        };
        let (config, _) = chancery_registry::Config::from_env(get, &OsRng)?;
        let server = RegistryServer::start(bound, config, store).await?;
        self.registry = Some((server, own.clone()));
        self.relay_port = Some(relay_port);
        Ok(own)
    }

    /// Starts the relay and waits until it has heard of the registry's revocations.
    pub(super) async fn start_relay(&mut self) -> Result<Origin, Failure> {
        let registry = self.registry_client()?;
        let bound = self.relay_port.take().ok_or_else(|| failed("the relay has no port"))?;
        let own = origin(&bound)?;
        let path = self.dir.join("registry").join(INTERNAL_SERVICE);
        let service = ServiceCredentials::read(&path)?;
        let secret = service.token(&path.display().to_string())?;
        let directory = RegistryDirectory::new(registry, service.id.clone(), secret);
        let dir = folder(self.dir.join("relay"))?;
        let store = chancery_relay::Store::sqlite(&dir.join("relay.sqlite3"))?;
        let config = chancery_relay::Config::new(own.clone());
        let server = RelayServer::start(bound, config, store, Arc::new(directory)).await?;
        let fresh = wait_until("the revocation feed", || server.feed_state() == FeedState::Fresh).await;
        self.relay = Some((server, own.clone()));
        fresh.map(|()| own)
    }

    /// The file with the bootstrap secret.
    pub(super) fn bootstrap_file(&self) -> PathBuf {
        self.dir.join("registry").join(BOOTSTRAP_SECRET)
    }

    /// Somebody new, with a home directory.
    pub(super) fn person(&self, name: &'static str) -> Result<Person, Failure> {
        Person::new(name, &self.dir.join("home"))
    }

    pub(super) fn registry_client(&self) -> Result<RegistryClient, Failure> {
        let (_, origin) = self.registry.as_ref().ok_or_else(|| failed("there is no registry"))?;
        Ok(RegistryClient::new(HttpClient::new()?, origin.clone()))
    }

    pub(super) fn relay_origin(&self) -> Result<Origin, Failure> {
        let (_, origin) = self.relay.as_ref().ok_or_else(|| failed("there is no relay"))?;
        Ok(origin.clone())
    }

    pub(super) fn registry_url(&self) -> String {
        self.registry
            .as_ref()
            .map(|(_, origin)| origin.to_string())
            .unwrap_or_default()
    }

    pub(super) fn relay_url(&self) -> String {
        self.relay
            .as_ref()
            .map(|(_, origin)| origin.to_string())
            .unwrap_or_default()
    }

    /// Both agents.
    pub(super) fn pair(&mut self) -> Result<(&mut Agent, &mut Agent), Failure> {
        match self.agents.as_mut_slice() {
            [alpha, beta] => Ok((alpha, beta)),
            _ => Err(failed("there are no two agents")),
        }
    }

    /// Stops everything, in the order in which it stands on one another.
    pub(super) async fn stop(&mut self) {
        for agent in &mut self.agents {
            agent.disconnect().await;
        }
        if let Some((relay, _)) = self.relay.take()
            && let Err(error) = relay.stop().await
        {
            tracing::warn!(%error, "the relay did not end well");
        }
        if let Some((registry, _)) = self.registry.take()
            && let Err(error) = registry.stop().await
        {
            tracing::warn!(%error, "the registry did not end well");
        }
    }
}

async fn port() -> Result<(Bound, Origin), Failure> {
    let mut config = ServerConfig::new(([127, 0, 0, 1], 0).into());
    config.drain = DRAIN;
    let bound = Bound::bind(&config).await?;
    let origin = origin(&bound)?;
    Ok((bound, origin))
}

fn origin(bound: &Bound) -> Result<Origin, Failure> {
    format!("http://{}", bound.local_addr())
        .parse()
        .map_err(|_| failed("the port has no origin"))
}
