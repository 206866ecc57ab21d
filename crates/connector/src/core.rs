//! What the tasks of one connector share.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chancery_base::{Clock, Millis, Rng, Ulid};
use tokio::{
    sync::{Notify, mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    config::ConnectorConfig,
    inbox::{Arrival, PeerCache},
    lanes::{Head, LaneKey, Lanes},
    ports::Ports,
    status::Gauges,
    store::Store,
};

/// Shared by the tasks and the handle.
pub(crate) struct Core {
    pub config: ConnectorConfig,
    pub ports: Ports,
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
    /// Messages that wait for the relay.
    pub outbox: Queue,
    /// Messages that wait for their delivery.
    pub deliveries: Queue,
    /// Frames for the inbox.
    pub inbox: mpsc::Sender<Arrival>,
    /// There are new receipts.
    pub receipts: Notify,
    pub peers: PeerCache,
    gauges: Mutex<Gauges>,
    /// One refresh of the session tokens at a time.
    pub refreshing: tokio::sync::Mutex<Duration>,
    pub stop: CancellationToken,
    /// Whether what the last run left behind was read.
    pub ready: watch::Sender<bool>,
}

impl Core {
    pub(crate) fn new(
        config: ConnectorConfig,
        ports: Ports,
        store: Store,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        inbox: mpsc::Sender<Arrival>,
    ) -> Self {
        let access_ttl = config.timing.access_ttl;
        Self {
            config,
            ports,
            store,
            clock,
            rng,
            outbox: Queue::default(),
            deliveries: Queue::default(),
            inbox,
            receipts: Notify::new(),
            peers: PeerCache::default(),
            gauges: Mutex::default(),
            refreshing: tokio::sync::Mutex::new(access_ttl),
            stop: CancellationToken::new(),
            ready: watch::Sender::new(false),
        }
    }

    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    pub(crate) fn new_id(&self) -> Ulid {
        Ulid::generate(self.now(), &self.rng)
    }

    pub(crate) fn gauges(&self) -> MutexGuard<'_, Gauges> {
        self.gauges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The moment of this process at which the clock will show `time`; now when that is past.
    pub(crate) fn instant(&self, time: Millis) -> Instant {
        let ahead = u64::try_from(time.since(self.now())).unwrap_or(0);
        Instant::now() + Duration::from_millis(ahead)
    }

    /// Reads what the last run left behind. Until this succeeds nothing is sent or delivered.
    pub(crate) async fn boot(&self) {
        while let Err(error) = self.load().await {
            tracing::error!(%error, "the store cannot be read; trying again");
            tokio::time::sleep(self.config.timing.retry_min).await;
        }
        self.ready.send_replace(true);
    }

    async fn load(&self) -> Result<(), chancery_store::StoreError> {
        // a write: what an earlier run of this process has queued is behind it and done
        let found = self.store.recover(self.ports.deliver.deduplicates()).await?;
        if found.redelivered + found.held > 0 {
            let (redelivered, held) = (found.redelivered, found.held);
            tracing::warn!(
                redelivered,
                held,
                "deliveries were cut off when the connector last ended"
            );
        }
        let now = Instant::now();
        for entry in self.store.queued_outbound().await? {
            self.outbox
                .push((entry.to, entry.conversation_id), entry.seq, entry.id, now);
        }
        for entry in self.store.waiting_inbound().await? {
            let due = self.instant(entry.next_attempt);
            self.deliveries
                .push((entry.from, entry.conversation_id), entry.seq, entry.id, due);
        }
        Ok(())
    }

    /// Returns once [`boot`](Self::boot) is done.
    pub(crate) async fn booted(&self) {
        // fails only when the sender is gone, and we hold it
        let _ = self.ready.subscribe().wait_for(|ready| *ready).await;
    }
}

/// [`Lanes`] that tasks share, and a bell for the one that empties them.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    lanes: Mutex<Lanes>,
    bell: Notify,
}

impl Queue {
    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, lane: LaneKey, seq: i64, id: Ulid, due: Instant) {
        self.lanes().push(lane, seq, id, due);
        self.bell.notify_one();
    }

    pub(crate) fn take(&self, now: Instant) -> Option<Head> {
        self.lanes().take(now)
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.lanes().next_due()
    }

    pub(crate) fn done(&self, head: Head) {
        self.lanes().done(head);
    }

    /// Forgets all that waits.
    pub(crate) fn clear(&self) {
        *self.lanes() = Lanes::default();
    }

    pub(crate) fn put_back(&self, head: Head, due: Instant) {
        self.lanes().put_back(head, due);
    }

    /// Resolves when something was pushed since the last time.
    pub(crate) async fn rung(&self) {
        self.bell.notified().await;
    }
}
