//! A registry's signing keys and revocation list, fetched and remembered.

use std::{path::PathBuf, sync::Arc};

use chancery_base::Clock;
use chancery_connector::{BoxFuture, PeerKeyError, PeerKeys};
use chancery_identity::{
    VerifiedAit,
    ait::{Ait, AitError},
    crl,
    key_set::KeySet,
};
use chancery_networks::{HttpError, RegistryClient};

use crate::{
    context::Context,
    error::Result,
    state::{
        cache::{Cached, CachedCrl, CachedKeys},
        select::State,
    },
};

/// What is known of a registry.
#[derive(Clone)]
pub struct Keyring {
    registry: RegistryClient,
    dir: PathBuf,
    clock: Arc<dyn Clock>,
}

/// Something known, and whether it is what the registry says now.
#[derive(Debug, Clone)]
pub struct Known<T> {
    /// What is known.
    pub value: T,
    /// The registry could not be asked, and this is older than it should be.
    pub stale: bool,
}

/// Why a revocation list is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// The registry could not be asked, and nothing is remembered.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The list is not to be believed.
    #[error("the registry's revocation list is not to be believed: {0}")]
    Untrusted(#[from] crl::CrlError),
}

impl Keyring {
    /// What is known of the registry of `state`.
    ///
    /// # Errors
    /// [`crate::code::Code::ClientFailed`].
    pub fn new(context: &Context, state: &State) -> Result<Self> {
        Ok(Self {
            registry: context.registry(state.registry.origin())?,
            dir: state.dir.clone(),
            clock: Arc::clone(&context.clock),
        })
    }

    fn url(&self) -> &str {
        self.registry.origin().as_str()
    }

    /// The signing keys: remembered ones while they are fresh, and when the registry is away.
    ///
    /// # Errors
    /// [`HttpError`] when it is away and nothing is remembered.
    pub async fn keys(&self) -> Result<Known<KeySet>, HttpError> {
        match CachedKeys::load(&self.dir, self.url()) {
            Some(cached) if cached.is_fresh(self.clock.now()) => Ok(Known {
                value: KeySet { keys: cached.keys },
                stale: false,
            }),
            cached => match (self.fetch_keys().await, cached) {
                (Ok(value), _) => Ok(Known { value, stale: false }),
                (Err(error), Some(cached)) if is_away(&error) => Ok(Known {
                    value: KeySet { keys: cached.keys },
                    stale: true,
                }),
                (Err(error), _) => Err(error),
            },
        }
    }

    /// The signing keys as the registry says now.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn fetch_keys(&self) -> Result<KeySet, HttpError> {
        let set = self.registry.keys().await?;
        let cached = CachedKeys {
            registry_url: self.url().to_owned(),
            fetched_at_ms: self.clock.now().0,
            keys: set.keys.clone(),
        };
        if let Err(error) = cached.save(&self.dir) {
            tracing::debug!(%error, "the registry's keys are not remembered");
        }
        Ok(set)
    }

    /// Checks an identity token of this registry. Keys that do not know the token's are fetched anew, once.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub async fn verify(&self, token: &str) -> Result<Known<VerifiedAit>, VerifyError> {
        let known = self.keys().await?;
        let (issuer, now) = (self.registry.origin(), self.clock.now());
        match Ait::verify(token, &known.value, issuer, now) {
            Err(AitError::UnknownKey(_)) => {
                let keys = self.fetch_keys().await?;
                Ok(Known {
                    value: Ait::verify(token, &keys, issuer, now)?,
                    stale: false,
                })
            }
            result => Ok(Known {
                value: result?,
                stale: known.stale,
            }),
        }
    }

    /// The revocation list: a remembered one while it is fresh, and when the registry is away. `None` when an old registry
    /// says that it has revoked nothing.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn revocations(&self, keys: &KeySet) -> Result<Known<Option<CachedCrl>>, ListError> {
        let now = self.clock.now();
        let cached = CachedCrl::load(&self.dir, self.url());
        if let Some(fresh) = cached.as_ref().filter(|cached| cached.is_fresh(now)) {
            return Ok(Known {
                value: Some(fresh.clone()),
                stale: false,
            });
        }
        let token = match self.registry.crl().await {
            Ok(Some(token)) => token,
            Ok(None) => {
                return Ok(Known {
                    value: None,
                    stale: false,
                });
            }
            Err(error) if is_away(&error) && cached.is_some() => {
                return Ok(Known {
                    value: cached,
                    stale: true,
                });
            }
            Err(error) => return Err(error.into()),
        };
        let claims = crl::verify(&token, keys, self.registry.origin(), now)?;
        let list = CachedCrl {
            registry_url: self.url().to_owned(),
            fetched_at_ms: now.0,
            claims,
        };
        if let Err(error) = list.save(&self.dir) {
            tracing::debug!(%error, "the revocation list is not remembered");
        }
        Ok(Known {
            value: Some(list),
            stale: false,
        })
    }
}

/// Why an identity token is not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The keys could not be had.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// It does not verify.
    #[error(transparent)]
    Token(#[from] AitError),
}

impl PeerKeys for Keyring {
    fn verify_ait<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<VerifiedAit, PeerKeyError>> {
        Box::pin(async move {
            match self.verify(token).await {
                Ok(known) => Ok(known.value),
                Err(VerifyError::Token(error)) => Err(PeerKeyError::Invalid(error.to_string())),
                Err(VerifyError::Http(error)) => Err(PeerKeyError::Unavailable(error.to_string())),
            }
        })
    }
}

/// Whether the registry could not be asked, as opposed to answering something wrong.
fn is_away(error: &HttpError) -> bool {
    match error {
        HttpError::Unreachable { .. } | HttpError::Timeout { .. } => true,
        HttpError::Remote(remote) => remote.status >= 500 || remote.status == 429,
        _ => false,
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring")
            .field("registry", self.registry.origin())
            .finish_non_exhaustive()
    }
}
