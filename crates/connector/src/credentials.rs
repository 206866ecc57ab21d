//! Fresh session tokens: before the old ones run out, and whenever the relay refuses them.

use std::{sync::Arc, time::Duration};

use chancery_base::Millis;
use tokio::time::Instant;

use crate::{
    backoff::Backoff,
    core::Core,
    ports::{Access, CredentialError},
    revoked,
};

/// Longest wait between two attempts to refresh.
const MAX_RETRY: Duration = Duration::from_secs(60);
/// Shortest sleep of the task: a clock that stands still must not make it spin.
const MIN_SLEEP: Duration = Duration::from_secs(1);
/// Longest sleep of the task: a clock that jumps is noticed after it.
const MAX_SLEEP: Duration = Duration::from_secs(60);

/// Refreshes when less than a fifth of the token's life remains, until the connector stops.
pub(crate) async fn run(core: Arc<Core>) {
    let mut backoff = Backoff::default();
    core.booted().await;
    loop {
        let wait = match due_in(&core).await {
            Some(wait) if !wait.is_zero() => wait.clamp(MIN_SLEEP, MAX_SLEEP),
            _ => match ensure_fresh(&core).await {
                Ok(()) => {
                    backoff.reset();
                    MIN_SLEEP
                }
                Err(error) => {
                    tracing::warn!(%error, "the session tokens could not be refreshed");
                    failed(&core, &error).await;
                    match error {
                        CredentialError::Refused(_) | CredentialError::Revoked(_) => core.config.timing.refused_retry,
                        CredentialError::Unavailable(_) => {
                            backoff.next(core.config.timing.retry_min, MAX_RETRY, &core.rng)
                        }
                    }
                }
            },
        };
        tokio::select! {
            biased;
            () = core.stop.cancelled() => return,
            () = tokio::time::sleep_until(Instant::now() + wait) => {}
        }
    }
}

/// Notes why there are no new tokens.
pub(crate) async fn failed(core: &Core, error: &CredentialError) {
    core.gauges().credential_error = Some(error.to_string());
    if let CredentialError::Revoked(said) = error {
        revoked::mark(core, said.clone()).await;
    }
}

/// How long the current token is good enough; `None` when there is none.
async fn due_in(core: &Core) -> Option<Duration> {
    let access = core.ports.credentials.current()?;
    let ttl = *core.refreshing.lock().await;
    Some(remaining(core.now(), &access, ttl))
}

/// Time until a fifth of `ttl` is left.
fn remaining(now: Millis, access: &Access, ttl: Duration) -> Duration {
    let left = u64::try_from(access.expires.since(now)).unwrap_or(0);
    Duration::from_millis(left).saturating_sub(ttl / 5)
}

/// Refreshes unless the current token has more than a fifth of its life left.
pub(crate) async fn ensure_fresh(core: &Core) -> Result<(), CredentialError> {
    let mut ttl = core.refreshing.lock().await;
    let good = |access: Access| !remaining(core.now(), &access, *ttl).is_zero();
    if core.ports.credentials.current().is_some_and(good) {
        return Ok(());
    }
    refresh(core, &mut ttl).await
}

/// Refreshes unless somebody else has replaced `refused` meanwhile.
pub(crate) async fn replace(core: &Core, refused: Option<&Access>) -> Result<(), CredentialError> {
    let mut ttl = core.refreshing.lock().await;
    if let (Some(refused), Some(current)) = (refused, core.ports.credentials.current())
        && refused.token.expose() != current.token.expose()
    {
        return Ok(());
    }
    refresh(core, &mut ttl).await
}

async fn refresh(core: &Core, ttl: &mut Duration) -> Result<(), CredentialError> {
    let access = core.ports.credentials.refresh().await?;
    // a token's whole life shows when it is new
    if let Ok(life) = u64::try_from(access.expires.since(core.now()))
        && life > 0
    {
        *ttl = Duration::from_millis(life);
    }
    let mut gauges = core.gauges();
    gauges.credential_error = None;
    gauges.refreshes += 1;
    Ok(())
}
