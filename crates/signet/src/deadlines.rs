//! Ending credentials in time, whether or not anybody asks for them.

use std::{sync::Arc, time::Duration};

use crate::{core::Core, records::credentials::end::Expire};

/// Longest time between two looks: the clock may be set while nothing is due.
const LONGEST: Duration = Duration::from_secs(60);
/// Pause after the database failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

impl Core {
    /// Notes the end of credentials whenever one's time is over, for ever.
    pub(crate) async fn watch_deadlines(self: Arc<Self>) {
        loop {
            let woken = self.deadlines.notified();
            let wait = match self.store.run(Expire).await {
                Ok(Some(next)) => {
                    let ms = next.since(self.clock.now()).max(0);
                    Duration::from_millis(u64::try_from(ms).unwrap_or(0)).min(LONGEST)
                }
                Ok(None) => LONGEST,
                Err(error) => {
                    tracing::error!(%error, "credentials cannot be ended");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                () = woken => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}
