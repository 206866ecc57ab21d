//! What the routes work with: the settings, the store, the clock, and running steps on them.

use std::sync::Arc;

use chancery_base::{Clock, Millis, Rng, Ulid};
use chancery_identity::Authority;
use chancery_serve::{ApiError, RateLimit};

use crate::{
    config::Config,
    crl::SignedList,
    error::store_failure,
    feed::Feed,
    limits::{Limits, MAX_KEYS, PerMinute, WINDOW},
    store::{
        Failure, Store,
        commands::{Never, Step},
        memory::{FindInMemory, OnMemory},
        queries::Query,
        sqlite::{FindInSqlite, OnSqlite},
    },
};

/// The state of the router.
pub(crate) type Shared = Arc<Engine>;

/// What all routes share.
pub(crate) struct Engine {
    pub(crate) config: Config,
    pub(crate) authority: Authority,
    pub(crate) authorities: Vec<String>,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) rates: Rates,
    pub(crate) feed: Feed,
    pub(crate) crl: SignedList,
}

/// One counter a limited route.
#[derive(Debug)]
pub(crate) struct Rates {
    pub(crate) resolve: RateLimit,
    pub(crate) crl: RateLimit,
    pub(crate) refresh: RateLimit,
    pub(crate) validate: RateLimit,
    pub(crate) bootstrap: RateLimit,
    pub(crate) redeem: RateLimit,
    pub(crate) challenge: RateLimit,
    pub(crate) create: RateLimit,
}

impl Rates {
    pub(crate) fn new(limits: &Limits) -> Self {
        let rate = |limit: PerMinute| RateLimit::fixed_window(limit.0, WINDOW, MAX_KEYS);
        Self {
            resolve: rate(limits.resolve),
            crl: rate(limits.crl),
            refresh: rate(limits.refresh),
            validate: rate(limits.validate),
            bootstrap: rate(limits.bootstrap),
            redeem: rate(limits.redeem),
            challenge: rate(limits.challenge),
            create: rate(limits.create),
        }
    }
}

impl Engine {
    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    pub(crate) fn ulid(&self, now: Millis) -> Ulid {
        Ulid::generate(now, &self.rng)
    }

    /// Runs a step; a refusal becomes what `refusal` makes of it.
    pub(crate) async fn run<S: OnMemory + OnSqlite, E: Into<ApiError>>(
        &self,
        step: S,
        refusal: impl FnOnce(S::Refusal) -> E,
    ) -> Result<S::Done, ApiError> {
        self.store.run(step).await.map_err(|failure| match failure {
            Failure::Refused(why) => refusal(why).into(),
            Failure::Store(error) => store_failure(error),
        })
    }

    /// Runs a step that refuses nothing.
    pub(crate) async fn apply<S>(&self, step: S) -> Result<S::Done, ApiError>
    where
        S: OnMemory + OnSqlite + Step<Refusal = Never>,
    {
        self.store.apply(step).await.map_err(store_failure)
    }

    /// Does `work` to its end even when the client leaves meanwhile and its request is dropped: what follows a commit, such
    /// as waking the readers of the feed, must not be lost.
    pub(crate) async fn to_the_end<T: Send + 'static>(
        work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
    ) -> Result<T, ApiError> {
        let done = tokio::spawn(work).await;
        done.unwrap_or_else(|error| Err(ApiError::internal(format!("a task ended: {error}"))))
    }

    pub(crate) async fn find<Q: Query + FindInMemory + FindInSqlite>(&self, query: Q) -> Result<Q::Found, ApiError> {
        self.store.find(query).await.map_err(store_failure)
    }
}
