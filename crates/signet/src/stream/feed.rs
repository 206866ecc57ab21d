//! Following the logs of inboxes.

use std::{sync::Arc, time::Duration};

use chancery_signet_wire::InboxId;
use futures_util::StreamExt as _;

use super::ingest::{self, Ingest};
use crate::{
    network::{Inbox, NetworkError},
    store::Problem,
    traffic::Traffic,
};

/// First pause before a log is opened again after it failed; it doubles up to [`LAST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause: an inbox that works again is read again within this time.
const LAST_PAUSE: Duration = Duration::from_secs(10);
/// Events that one step takes: what came while somebody was away is read in few commits, and none of them takes long.
const AT_ONCE: usize = 64;

/// Why a log is not read on.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(transparent)]
    Store(#[from] Problem),
    #[error("the log ended")]
    Ended,
}

impl Traffic {
    /// Reads the log of `inbox` for ever; after a failure from where it is.
    pub(crate) async fn read(self: Arc<Self>, id: InboxId, inbox: Arc<dyn Inbox>) {
        let mut pause = FIRST_PAUSE;
        loop {
            let (read, stopped) = self.read_log(id, &inbox).await;
            pause = if read { FIRST_PAUSE } else { (pause * 2).min(LAST_PAUSE) };
            tracing::warn!(inbox = %id, error = %stopped, "the log of an inbox is opened again");
            tokio::time::sleep(pause).await;
        }
    }

    /// Reads until something fails, and says whether anything was read.
    async fn read_log(&self, id: InboxId, inbox: &Arc<dyn Inbox>) -> (bool, Stopped) {
        let mut read = false;
        let stopped = match self.read_some(id, inbox, &mut read).await {
            Ok(()) => Stopped::Ended,
            Err(stopped) => stopped,
        };
        (read, stopped)
    }

    async fn read_some(&self, id: InboxId, inbox: &Arc<dyn Inbox>, read: &mut bool) -> Result<(), Stopped> {
        let after = self.store.read(move |sql| ingest::cursor(sql, id)).await?;
        let opened_at = inbox.end().await?;
        let mut log = inbox.events(after).ready_chunks(AT_ONCE);
        while let Some(chunk) = log.next().await {
            let mut failed = None;
            let mut events = Vec::with_capacity(chunk.len());
            for event in chunk {
                match event {
                    Ok(event) => events.push(event),
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
            }
            if !events.is_empty() {
                let ingest = Ingest {
                    inbox: id,
                    name: inbox.name().clone(),
                    events,
                    opened_at,
                    decided: Arc::clone(&self.decided),
                };
                if self.commit(ingest).await? {
                    self.ring(id);
                }
                // what waits to be delivered does not pile up
                self.flushed().await;
                *read = true;
            }
            if let Some(error) = failed {
                return Err(error.into());
            }
        }
        Ok(())
    }
}
