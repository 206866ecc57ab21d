//! The registry as an agent sees it: its session, and the keys of its peers.

use std::sync::{Arc, Mutex, PoisonError};

use chancery_base::Clock as _;
use chancery_connector::{Access, BoxFuture, CredentialError, Credentials, PeerKeyError, PeerKeys, Peers};
use chancery_identity::{AgentDid, VerifiedAit};

use super::registry::Registry;

/// An agent's session. It survives the connector, as its file would.
pub(super) struct Session {
    registry: Arc<Registry>,
    agent: usize,
    /// How far the agent's clock is off, milliseconds.
    skew: i64,
    current: Mutex<Option<Access>>,
}

impl Session {
    pub(super) fn new(registry: Arc<Registry>, agent: usize, skew: i64) -> Arc<Self> {
        Arc::new(Self {
            registry,
            agent,
            skew,
            current: Mutex::default(),
        })
    }

    /// The access token's text, or none.
    pub(super) fn token(&self) -> Option<String> {
        self.current().map(|access| access.token.expose().to_owned())
    }
}

impl Credentials for Session {
    fn current(&self) -> Option<Access> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn refresh(&self) -> BoxFuture<'_, Result<Access, CredentialError>> {
        Box::pin(async {
            let down = |_| CredentialError::Unavailable("the registry is down".to_owned());
            self.registry.travel().await.map_err(down)?;
            let issued = self.registry.issue_access(self.agent);
            let (text, until) = issued.ok_or_else(|| CredentialError::Revoked("the agent is revoked".to_owned()))?;
            let life = until.saturating_duration_since(tokio::time::Instant::now());
            let now = self.registry.stage.clock(self.skew).now();
            let access = Access {
                token: text.parse().expect("a token"),
                expires: now.plus(i64::try_from(life.as_millis()).unwrap_or(0)),
            };
            *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(access.clone());
            Ok(access)
        })
    }
}

/// Asks the registry for its keys each time.
pub(super) struct Keys(pub(super) Arc<Registry>);

impl PeerKeys for Keys {
    fn verify_ait<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<VerifiedAit, PeerKeyError>> {
        Box::pin(async move {
            let down = |_| PeerKeyError::Unavailable("the registry is down".to_owned());
            self.0.travel().await.map_err(down)?;
            self.0.verify(token).map_err(PeerKeyError::Invalid)
        })
    }
}

/// Nobody has a name here.
pub(super) struct NoNames;

impl Peers for NoNames {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Option<AgentDid>> {
        Box::pin(std::future::ready(None))
    }
}
