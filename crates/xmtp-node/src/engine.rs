//! What the services work with: the store, the clock, the streams.

use std::sync::Arc;

use bytes::Bytes;
use chancery_base::Clock;
use chancery_store::StoreError;
use tonic::Status;

use crate::{
    error::store_failed,
    gate::{Gate, LargeAnswer},
    hub::{Hub, QueueLimits},
    limits::{MAX_ANSWER, SMALL_ANSWER},
    seats::Seats,
    settings::Settings,
    store::{
        Failure, Store,
        commands::{AppendGroupMessages, AppendWelcomes, Never, Step},
        memory::{FindInMemory, OnMemory},
        model::{Installation, NewGroupMessage, NewWelcome},
        queries::Query,
        sqlite::{FindInSqlite, OnSqlite},
    },
    stream::feed::{Feed as _, Groups, Welcomes},
};

/// What all requests share.
pub(crate) struct Engine {
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) groups: Arc<Hub<Bytes>>,
    pub(crate) welcomes: Arc<Hub<Installation>>,
    pub(crate) seats: Seats,
    pub(crate) gate: Arc<Gate>,
}

impl Engine {
    pub(crate) fn new(settings: Settings, store: Store, clock: Arc<dyn Clock>) -> Self {
        let queue = QueueLimits {
            rows: settings.limits.queued_per_stream,
            bytes: settings.limits.queued_bytes_per_stream,
            all_bytes: settings.limits.queued_bytes,
        };
        let waiting = Arc::default();
        Self {
            groups: Arc::new(Hub::new(queue, Arc::clone(&waiting))),
            welcomes: Arc::new(Hub::new(queue, waiting)),
            gate: Arc::new(Gate::new(&settings.limits, Arc::clone(&clock))),
            seats: Seats::new(&settings.limits),
            settings,
            store,
            clock,
        }
    }

    /// Nanoseconds since the epoch.
    pub(crate) fn now_ns(&self) -> u64 {
        u64::try_from(self.clock.now().0).unwrap_or(0).saturating_mul(1_000_000)
    }

    /// Appends messages and hands the new ones to the streams.
    pub(crate) async fn append_group_messages(&self, messages: Vec<NewGroupMessage>) -> Result<(), Status> {
        let hub = Arc::clone(&self.groups);
        let step = AppendGroupMessages {
            messages,
            now_ns: self.now_ns(),
        };
        self.apply(step, move |appended| {
            for row in appended {
                hub.publish(&row.message.group, row.id, || Groups::frame(row));
            }
        })
        .await?;
        Ok(())
    }

    /// Appends welcomes and hands the new ones to the streams.
    pub(crate) async fn append_welcomes(&self, welcomes: Vec<NewWelcome>) -> Result<(), Status> {
        let hub = Arc::clone(&self.welcomes);
        let step = AppendWelcomes {
            welcomes,
            now_ns: self.now_ns(),
        };
        self.apply(step, move |appended| {
            for row in appended {
                hub.publish(&row.welcome.installation, row.id, || Welcomes::frame(row));
            }
        })
        .await?;
        Ok(())
    }

    /// Runs a step that refuses nothing.
    pub(crate) async fn apply<S>(
        &self,
        step: S,
        then: impl FnOnce(&S::Done) + Send + 'static,
    ) -> Result<S::Done, Status>
    where
        S: OnMemory + OnSqlite + Step<Refusal = Never>,
    {
        let done = self.store.run_then(step, then).await;
        done.map_err(|failure| store_failed(&Failure::into_store(failure)))
    }

    pub(crate) async fn find<Q: Query + FindInMemory + FindInSqlite>(&self, query: Q) -> Result<Q::Found, Status> {
        let found = self.store.find(query).await;
        found.map_err(|error: StoreError| store_failed(&error))
    }

    /// Asks a query whose answer may be large: for a small one first, and, when that does not fit, for a large one in one of
    /// the places for those. The place is to be kept until the answer was read.
    pub(crate) async fn find_sized<Q: Query + FindInMemory + FindInSqlite>(
        &self,
        query: impl Fn(usize) -> Q,
        fits: impl Fn(&Q::Found) -> bool,
    ) -> Result<(Q::Found, Option<LargeAnswer>), Status> {
        let small = self.find(query(SMALL_ANSWER)).await?;
        if fits(&small) {
            return Ok((small, None));
        }
        drop(small);
        let place = self.gate.large_answer().await?;
        Ok((self.find(query(MAX_ANSWER)).await?, Some(place)))
    }

    /// Ends every stream.
    pub(crate) fn end_streams(&self) {
        self.groups.close();
        self.welcomes.close();
    }
}
