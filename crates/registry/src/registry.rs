//! The engine: what it is made of, opening it, and its router.

use std::{collections::BTreeMap, fmt, sync::Arc};

use axum::Router;
use chancery_base::{Clock, Rng, Ulid};
use chancery_identity::key_set::KeySet;
use chancery_relay_wire::registry::HumanStatus;

use crate::{
    config::{Config, ConfigError, variable},
    crl::SignedList,
    engine::{Engine, Rates},
    error::RegistryError,
    feed::Feed,
    routes,
    store::{
        Failure, Store,
        commands::{EnsureService, NotFound, SetHumanStatus},
        queries::LastSeq,
    },
};

/// The registry. Clones share everything.
#[derive(Clone)]
pub struct Registry {
    engine: Arc<Engine>,
}

impl Registry {
    /// Opens the registry on `store`. The service of the configuration exists from then on, so that a relay can connect
    /// before there is an administrator.
    ///
    /// # Errors
    /// [`RegistryError::Config`] when the issuer's host cannot be the authority of DIDs; [`RegistryError::Store`].
    pub async fn open(
        config: Config,
        store: Store,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<Self, RegistryError> {
        let Some(authority) = config.authority() else {
            let what = "must name a host that DIDs can bear: localhost, an IPv4 address or a DNS name";
            let problems = BTreeMap::from([(variable::REGISTRY_ISSUER_URL, what.to_owned())]);
            return Err(ConfigError { problems }.into());
        };
        if let Some(service) = routes::bootstrap::service_row(&config, clock.now()) {
            store.apply(EnsureService { service }).await?;
        }
        let last = store.find(LastSeq {}).await?;
        let engine = Engine {
            authority,
            authorities: config.authorities(),
            store,
            clock,
            rng,
            rates: Rates::new(&config.limits),
            feed: Feed::new(last, config.limits.feed_readers),
            crl: SignedList::default(),
            config,
        };
        Ok(Self {
            engine: Arc::new(engine),
        })
    }

    /// All routes. To be served behind [`chancery_serve::Edge`], which [`chancery_serve::Bound::run`] does by itself.
    pub fn router(&self) -> Router {
        routes::router(&self.engine)
    }

    /// The published keys, with retired ones shown as such.
    #[must_use]
    pub fn key_set(&self) -> KeySet {
        self.engine.config.signing_keys.set().clone()
    }

    /// Suspends a person or lets them act again. The keys of a suspended person are refused, and so are the sessions of
    /// their agents.
    ///
    /// # Errors
    /// [`RegistryError::NoSuchHuman`]; [`RegistryError::Store`].
    pub async fn set_human_status(&self, human: Ulid, status: HumanStatus) -> Result<(), RegistryError> {
        match self
            .engine
            .store
            .run(SetHumanStatus {
                human,
                status,
                now: self.engine.now(),
            })
            .await
        {
            Ok(()) => Ok(()),
            Err(Failure::Refused(NotFound)) => Err(RegistryError::NoSuchHuman),
            Err(Failure::Store(error)) => Err(error.into()),
        }
    }

    /// Ends the revocation feeds, which would outlast every drain, and closes the store. To be called when the server is
    /// asked to stop; requests that are being answered may fail from then on.
    pub async fn close(&self) {
        self.end_feeds();
        self.engine.store.close().await;
    }

    /// Ends the revocation feeds. To be called when the server begins to drain, so that it need not cut them.
    pub fn end_feeds(&self) {
        self.engine.feed.close();
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("config", &self.engine.config)
            .finish_non_exhaustive()
    }
}
