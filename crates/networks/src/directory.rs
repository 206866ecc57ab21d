//! A registry as a relay sees it, over HTTP: the relay's ports [`Directory`] and [`Revocations`].

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use chancery_base::Ulid;
use chancery_identity::{
    AgentDid, HumanDid, Origin,
    key_set::KeySet,
    token::{ServiceSecret, Token},
};
use chancery_relay::ports::{AccessError, Directory, Ownership, OwnershipError, Revocations, Unavailable};
use chancery_relay_wire::registry::{FeedEvent, InternalOwnershipRequest, ValidateRequest};
use futures_util::{
    future::BoxFuture,
    stream::{self, BoxStream, StreamExt as _},
};
use tokio::{sync::Mutex, time::Instant};

use crate::{
    error::HttpError,
    registry::{RegistryClient, ServiceCredential},
};

/// How long keys are believed without asking again: the original's.
const KEYS_TTL: Duration = Duration::from_secs(3600);
/// Least time between two questions for keys: tokens under made-up keys must not become a flood of requests.
const KEYS_PACE: Duration = Duration::from_secs(1);

/// A registry, asked as the service that the relay is to it. Plain HTTP only to this machine, as every client here.
pub struct RegistryDirectory {
    client: RegistryClient,
    issuer: Origin,
    id: String,
    secret: Token<ServiceSecret>,
    keys: RwLock<Option<(Arc<KeySet>, Instant)>>,
    /// Held over each fetch; how and when the last one ended.
    fetched: Mutex<Option<(Result<(), Unavailable>, Instant)>>,
}

impl RegistryDirectory {
    /// The registry of `client`, called as the service `id`. Its identity tokens are believed when their issuer is the
    /// origin that `client` calls.
    #[must_use]
    pub fn new(client: RegistryClient, id: impl Into<String>, secret: Token<ServiceSecret>) -> Self {
        Self {
            issuer: client.origin().clone(),
            client,
            id: id.into(),
            secret,
            keys: RwLock::default(),
            fetched: Mutex::default(),
        }
    }

    /// The same for a registry that is reached at another origin than the one it issues as.
    #[must_use]
    pub fn with_issuer(self, issuer: Origin) -> Self {
        Self { issuer, ..self }
    }

    fn credential(&self) -> ServiceCredential<'_> {
        ServiceCredential {
            id: &self.id,
            secret: self.secret.expose(),
        }
    }

    fn cached(&self) -> Option<(Arc<KeySet>, Instant)> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keys that are fresh enough not to be asked for again.
    fn young(&self) -> Option<Arc<KeySet>> {
        self.cached()
            .filter(|(_, at)| at.elapsed() < KEYS_TTL)
            .map(|(keys, _)| keys)
    }

    async fn keys_now(&self, fresh: bool) -> Result<Arc<KeySet>, Unavailable> {
        if !fresh && let Some(keys) = self.young() {
            return Ok(keys);
        }
        let mut fetched = self.fetched.lock().await;
        // somebody else may have asked while this one waited its turn
        if let Some((outcome, at)) = &*fetched
            && at.elapsed() < KEYS_PACE
        {
            outcome.clone()?;
            if let Some(keys) = self.young() {
                return Ok(keys);
            }
        }
        if !fresh && let Some(keys) = self.young() {
            return Ok(keys);
        }
        let outcome = self.client.keys().await.map_err(unavailable);
        let now = Instant::now();
        *fetched = Some((outcome.as_ref().map(|_| ()).map_err(Clone::clone), now));
        let keys = Arc::new(outcome?);
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some((Arc::clone(&keys), now));
        Ok(keys)
    }
}

impl Directory for RegistryDirectory {
    fn issuer(&self) -> &Origin {
        &self.issuer
    }

    fn keys(&self, fresh: bool) -> BoxFuture<'_, Result<Arc<KeySet>, Unavailable>> {
        Box::pin(self.keys_now(fresh))
    }

    fn validate<'a>(
        &'a self,
        agent: &'a AgentDid,
        jti: Ulid,
        access_token: &'a str,
    ) -> BoxFuture<'a, Result<(), AccessError>> {
        Box::pin(async move {
            let body = ValidateRequest {
                agent_did: agent.clone(),
                ait_jti: jti,
            };
            let asked = self
                .client
                .agent_auth_validate(access_token, &body, Some(self.credential()));
            asked.await.map_err(|error| match error {
                // text that no header can carry is no token either
                HttpError::Header(_) => AccessError::Invalid,
                error if matches!(error.remote_status(), Some(400 | 401)) => AccessError::Invalid,
                error => AccessError::Unavailable(unavailable(error)),
            })
        })
    }

    fn ownership<'a>(
        &'a self,
        owner: &'a HumanDid,
        agent: &'a AgentDid,
    ) -> BoxFuture<'a, Result<Ownership, OwnershipError>> {
        Box::pin(async move {
            let body = InternalOwnershipRequest {
                owner_did: owner.clone(),
                agent_did: agent.clone(),
            };
            let answer = self.client.ownership(self.credential(), &body).await;
            let answer = answer.map_err(|error| match error.remote_status() {
                Some(401 | 403) => OwnershipError::Unauthorized,
                _ => OwnershipError::Unavailable(unavailable(error)),
            })?;
            Ok(Ownership {
                owns_agent: answer.owns_agent,
                agent_status: answer.agent_status,
            })
        })
    }
}

impl Revocations for RegistryDirectory {
    fn follow(&self, after: u64) -> BoxFuture<'_, Result<BoxStream<'static, FeedEvent>, Unavailable>> {
        Box::pin(async move {
            let feed = self.client.revocations(self.credential(), after).await;
            let feed = feed.map_err(unavailable)?;
            let events = stream::unfold(feed, |mut feed| async move {
                match feed.next().await {
                    Ok(item) => item.map(|item| (item.event, feed)),
                    Err(error) => {
                        tracing::warn!(%error, "the revocation feed broke");
                        None
                    }
                }
            });
            Ok(events.boxed())
        })
    }
}

impl fmt::Debug for RegistryDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryDirectory")
            .field("registry", self.client.origin())
            .field("service", &self.id)
            .finish_non_exhaustive()
    }
}

fn unavailable(error: HttpError) -> Unavailable {
    Unavailable(error.to_string())
}
