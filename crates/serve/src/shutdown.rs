//! Stopping when asked to.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Returns a token that is cancelled at the first SIGINT or SIGTERM. A second one ends the process at once with exit
/// code 130, for whoever does not want to wait for the drain. Needs a tokio runtime.
///
/// When signals cannot be watched, that is logged and the system's default stays: the process dies.
#[must_use]
pub fn on_signals() -> CancellationToken {
    let token = CancellationToken::new();
    let (mut interrupt, mut terminate) = match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(interrupt), Ok(terminate)) => (interrupt, terminate),
        (Err(error), _) | (_, Err(error)) => {
            tracing::warn!(%error, "cannot watch for signals");
            return token;
        }
    };
    let cancelled = token.clone();
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        cancelled.cancel();
        either(&mut interrupt, &mut terminate).await;
        std::process::exit(130);
    });
    token
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
