//! What the doors ask of whoever keeps the keys: whether a token is the admin key's, a new one, and the root key's public half.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use chancery_base::{Category, Clock, ErrorCode as _, Millis, Rng};
use chancery_custody::{Custody, CustodyError, RootRecord};
use chancery_keys::admin_token::{self, Claims, MAX_TTL_SECS, SKEW_SECS};
use chancery_signet_wire::{BearerToken, Class, Failure, action::input::AdminToken, record::key::TokenIssued};

/// The keys, as these doors use them.
#[derive(Clone)]
pub(crate) struct Keyring {
    custody: Arc<Mutex<Custody>>,
    root: RootRecord,
}

impl Keyring {
    /// Over `custody`, whose root key is pinned here.
    pub(crate) fn new(custody: Arc<Mutex<Custody>>) -> Self {
        let root = custody.lock().unwrap_or_else(PoisonError::into_inner).root().clone();
        Self { custody, root }
    }

    /// The key whose word is the owner's.
    pub(crate) fn root(&self) -> &RootRecord {
        &self.root
    }

    /// What tokens of this signet name as whom they are for.
    fn instance(&self) -> String {
        self.root.public_key.fingerprint()
    }

    /// Until when `token` is one of the admin key.
    pub(crate) async fn check(&self, token: &BearerToken, now: Millis) -> Result<Millis, Failure> {
        let keys = self.with(move |custody| custody.admin_keys(now)).await?;
        let Claims { exp, .. } = admin_token::verify(token.reveal(), &keys, &self.instance(), now)
            .map_err(|error| Failure::new(Class::Auth, error.to_string()))?;
        Ok(Millis::from_secs(exp.saturating_add(SKEW_SECS)))
    }

    /// Makes a token.
    pub(crate) async fn mint(
        &self,
        input: &AdminToken,
        clock: &Arc<dyn Clock>,
        rng: &Arc<dyn Rng>,
    ) -> Result<TokenIssued, Failure> {
        let wanted = input.ttl_seconds.map_or(admin_token::DEFAULT_TTL_SECS, |ttl| {
            i64::try_from(ttl.get()).unwrap_or(i64::MAX)
        });
        if wanted > MAX_TTL_SECS {
            let reason = format!("a token lives {MAX_TTL_SECS} s at most");
            return Err(Failure::validation("ttlSeconds", &reason));
        }
        let (now, rng, instance) = (clock.now(), Arc::clone(rng), self.instance());
        let token = self
            .with(move |custody| custody.admin_token(wanted, Some(&instance), now, &*rng))
            .await?;
        Ok(TokenIssued {
            token: BearerToken::new(token),
            expires_at: Millis::from_secs(now.secs().saturating_add(wanted)).into(),
        })
    }

    /// Asks the keys where waiting for them holds nobody up: whoever writes them holds them for as long as the disk takes.
    async fn with<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Custody) -> Result<T, CustodyError> + Send + 'static,
    ) -> Result<T, Failure> {
        let custody = Arc::clone(&self.custody);
        let asked = tokio::task::spawn_blocking(move || ask(&custody.lock().unwrap_or_else(PoisonError::into_inner)));
        match asked.await {
            Ok(answer) => answer.map_err(|error| refused(&error)),
            Err(error) => {
                tracing::error!(%error, "the keys could not be asked");
                Err(Failure::new(Class::Internal, "the keys cannot be used"))
            }
        }
    }
}

fn refused(error: &CustodyError) -> Failure {
    match error.category() {
        Category::Input => Failure::new(Class::Validation, error.to_string()),
        _ => {
            tracing::error!(%error, "the keys cannot be used");
            Failure::new(Class::Internal, "the keys cannot be used")
        }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}
