//! Makes dead letters of what has waited too long, and forgets what is over.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    relay::Shared,
    store::{Seq, Sweep},
};

/// How often.
const PACE: Duration = Duration::from_secs(1);
/// Rows a step looks at: a step must not hold up the writer.
const ROWS: usize = 256;
/// Steps in a row that may find nothing to do: a relay with many rows that only wait to be forgotten goes through them
/// over several rounds, and not every second.
const IDLE_STEPS: usize = 16;

/// Sweeps until `stop`.
pub(crate) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    let mut after: Seq = 0;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = sleep(PACE) => {}
        }
        let mut idle = 0;
        while idle < IDLE_STEPS {
            let step = Sweep {
                now: shared.clock.now(),
                ttl_ms: shared.config.mailbox.ttl_ms,
                after,
                limit: ROWS,
            };
            match shared.store.run(step).await {
                Ok(swept) => {
                    shared.hub.receipts_due(&swept.expired.senders);
                    if swept.expired.count + swept.forgotten == 0 {
                        idle += 1;
                    }
                    after = swept.next.unwrap_or(0);
                }
                Err(error) => {
                    tracing::error!(%error, "a sweep failed");
                    after = 0;
                }
            }
            if after == 0 || stop.is_cancelled() {
                break;
            }
        }
    }
}
