//! Forgetting what was settled long ago.

use std::{sync::Arc, time::Duration};

use crate::{core::Core, inbox::MAX_AHEAD_MS};

/// How often. Small deletions often are better than large ones that hold up the writer.
const INTERVAL: Duration = Duration::from_secs(600);

/// Prunes the store now and then, until the connector stops.
pub(crate) async fn run(core: Arc<Core>) {
    core.booted().await;
    loop {
        tokio::select! {
            biased;
            () = core.stop.cancelled() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
        let retention = i64::try_from(core.config.timing.retention.as_millis()).unwrap_or(i64::MAX);
        // what is signed may be of a clock that was ahead, and counts as recent for so long
        let before = core.now().plus(-retention.saturating_add(MAX_AHEAD_MS));
        if let Err(error) = core.store.prune(before, core.config.limits.receipts).await {
            tracing::warn!(%error, "old messages could not be removed");
        }
    }
}
