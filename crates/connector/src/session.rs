//! The connection to the relay: made, kept alive, made again.
//!
//! Every attempt dials anew (fresh proof, current token). A refused token is replaced and tried again once at once; what
//! time does not mend (revoked, forbidden) is tried again slowly, because the owner may mend it; all else waits 0.5 s, twice
//! as long each time up to 15 s, and the shortest time again after a session that worked.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    backoff::{self, Backoff},
    conversation::{self, End},
    core::Core,
    credentials,
    ports::{Access, CredentialError, DialError},
    revoked,
};

/// Close codes by which a relay says that it no longer takes the token; the same numbers as HTTP with 4000 added.
const CLOSED_UNAUTHORIZED: u16 = 4401;
const CLOSED_FORBIDDEN: u16 = 4403;
/// The refusal by which a relay says that the agent's identity was revoked.
const REVOKED: &str = "PROXY_AUTH_REVOKED";
/// What a relay says when the same agent has connected from elsewhere.
const SUPERSEDED: &str = "superseded_by_new_connection";
/// Codes of refusals that a fresh access token does not mend and that time may not mend either.
const LASTING: [&str; 4] = [
    REVOKED,
    "PROXY_AUTH_FORBIDDEN",
    "PROXY_AUTH_INVALID_AIT",
    "PROXY_AUTH_INVALID_SCHEME",
];
/// Codes of refusals that the next proof, with another nonce and time, may pass; the token is not at fault.
const NOT_THE_TOKEN: [&str; 5] = [
    "PROXY_AUTH_REPLAY",
    "PROXY_AUTH_TIMESTAMP_SKEW",
    "PROXY_AUTH_INVALID_TIMESTAMP",
    "PROXY_AUTH_INVALID_NONCE",
    "PROXY_AUTH_INVALID_PROOF",
];
/// Refused tokens are replaced no more often than this: a relay that refuses all of them must not empty the registry's
/// rate limit.
const REFRESH_PAUSE: Duration = Duration::from_secs(60);
/// Longest `Retry-After` that is obeyed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// What to do before the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Replace the token; then try at once, or later when that fails.
    Refresh,
    /// The same, and when it fails try at once too: a relay that closes a connection does not say for good why, and one that
    /// refuses the next does.
    RefreshAndAsk,
    /// Wait as the backoff says, and at least this long.
    Wait(Duration),
    /// Wait long.
    WaitLong,
}

/// Keeps a connection until the connector stops.
pub(crate) async fn run(core: Arc<Core>) {
    core.booted().await;
    let mut backoff = Backoff::default();
    let mut refreshed: Option<Instant> = None;
    while !core.stop.is_cancelled() {
        let timing = &core.config.timing;
        // when this fails the old token may still do
        if let Err(error) = credentials::ensure_fresh(&core).await {
            credentials::failed(&core, &error).await;
        }
        let access = core.ports.credentials.current();
        let Some(next) = attempt(&core, &mut backoff).await else {
            return;
        };
        let wait = match next {
            Next::Refresh | Next::RefreshAndAsk if refreshed.is_none_or(|at| at.elapsed() >= REFRESH_PAUSE) => {
                refreshed = Some(Instant::now());
                match replace(&core, access.as_ref()).await {
                    Ok(()) => Duration::ZERO,
                    Err(CredentialError::Refused(_)) if next == Next::RefreshAndAsk => Duration::ZERO,
                    Err(CredentialError::Refused(_) | CredentialError::Revoked(_)) => {
                        backoff::jittered(timing.refused_retry, &core.rng)
                    }
                    Err(_) => backoff.next(timing.reconnect_min, timing.reconnect_max, &core.rng),
                }
            }
            Next::Refresh | Next::RefreshAndAsk => backoff.next(timing.reconnect_min, timing.reconnect_max, &core.rng),
            Next::Wait(least) => backoff
                .next(timing.reconnect_min, timing.reconnect_max, &core.rng)
                .max(least),
            Next::WaitLong => backoff::jittered(timing.refused_retry, &core.rng),
        };
        tokio::select! {
            biased;
            () = core.stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

async fn replace(core: &Core, refused: Option<&Access>) -> Result<(), CredentialError> {
    let result = credentials::replace(core, refused).await;
    if let Err(error) = &result {
        tracing::warn!(%error, "the relay refused the session token, and there is no other");
        credentials::failed(core, error).await;
    }
    result
}

/// One connection from its first to its last moment; `None` when the connector stops.
async fn attempt(core: &Core, backoff: &mut Backoff) -> Option<Next> {
    core.gauges().connect_attempts += 1;
    let timeout = core.config.timing.connect_timeout;
    let dialled = tokio::select! {
        biased;
        () = core.stop.cancelled() => return None,
        dialled = tokio::time::timeout(timeout, core.ports.dial.dial()) => dialled,
    };
    let error = match dialled {
        Ok(Ok(link)) => {
            let begun = Instant::now();
            {
                let mut gauges = core.gauges();
                gauges.connected = true;
                gauges.negotiated = link.negotiated;
                gauges.connected_at = Some(core.now());
                gauges.sessions += 1;
            }
            revoked::clear(core);
            tracing::info!(negotiated = link.negotiated, "connected to the relay");
            let (end, worked) = conversation::run(core, link).await;
            core.gauges().connected = false;
            if worked || begun.elapsed() >= core.config.timing.stable_after {
                backoff.reset();
            }
            return ended(core, end);
        }
        Ok(Err(error)) => error,
        Err(_) => DialError::Unreachable(format!("no answer in {timeout:?}")),
    };
    tracing::warn!(%error, "no connection to the relay");
    if let DialError::Refused { code: Some(code), .. } = &error
        && code == REVOKED
    {
        revoked::mark(core, error.to_string()).await;
    }
    let mut gauges = core.gauges();
    gauges.last_error = Some(error.to_string());
    gauges.last_error_code = match &error {
        DialError::Refused { code, .. } => code.clone(),
        _ => None,
    };
    Some(after_refusal(&error))
}

fn ended(core: &Core, end: End) -> Option<Next> {
    if matches!(end, End::Stopped) {
        return None;
    }
    tracing::info!(%end, "the connection to the relay ended");
    let mut gauges = core.gauges();
    gauges.last_error = Some(end.to_string());
    gauges.last_error_code = None;
    Some(match end {
        End::Closed {
            code: Some(CLOSED_UNAUTHORIZED),
            ..
        } => Next::RefreshAndAsk,
        End::Closed {
            code: Some(CLOSED_FORBIDDEN),
            ..
        } => Next::WaitLong,
        // two connectors of one agent would otherwise throw each other out twice a second
        End::Closed { reason, .. } if reason == SUPERSEDED => Next::Wait(core.config.timing.reconnect_max),
        _ => Next::Wait(Duration::ZERO),
    })
}

fn after_refusal(error: &DialError) -> Next {
    match error {
        DialError::Refused {
            status,
            code,
            retry_after,
            ..
        } => {
            let listed = |codes: &[&str]| code.as_deref().is_some_and(|code| codes.contains(&code));
            match status {
                _ if listed(&LASTING) => Next::WaitLong,
                401 if !listed(&NOT_THE_TOKEN) => Next::Refresh,
                403 => Next::WaitLong,
                _ => Next::Wait(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER)),
            }
        }
        DialError::Unreachable(_) => Next::Wait(Duration::ZERO),
        DialError::Invalid(_) => Next::WaitLong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: Option<&str>) -> Next {
        after_refusal(&DialError::Refused {
            status,
            code: code.map(str::to_owned),
            message: String::new(),
            retry_after: Some(Duration::from_secs(7)),
        })
    }

    #[test]
    fn a_refusal_is_answered_by_its_cause() {
        assert_eq!(refused(401, None), Next::Refresh);
        assert_eq!(refused(401, Some("PROXY_AGENT_ACCESS_INVALID")), Next::Refresh);
        assert_eq!(refused(401, Some("PROXY_AUTH_REVOKED")), Next::WaitLong);
        assert_eq!(refused(403, Some("PROXY_AUTH_FORBIDDEN")), Next::WaitLong);
        assert_eq!(refused(403, None), Next::WaitLong);
        assert_eq!(
            refused(401, Some("PROXY_AUTH_REPLAY")),
            Next::Wait(Duration::from_secs(7))
        );
        assert_eq!(
            refused(503, Some("PROXY_AUTH_DEPENDENCY_UNAVAILABLE")),
            Next::Wait(Duration::from_secs(7))
        );
        assert_eq!(
            after_refusal(&DialError::Unreachable(String::new())),
            Next::Wait(Duration::ZERO)
        );
    }
}
