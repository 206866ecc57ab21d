//! What the services work with: the store, the clock, the streams.

use std::sync::Arc;

use bytes::Bytes;
use chancery_base::Clock;
use chancery_store::StoreError;
use tonic::Status;

use crate::{
    error::store_failed,
    hub::{Hub, QueueLimits},
    seats::Seats,
    settings::Settings,
    store::{
        Failure, Store,
        commands::{AppendGroupMessages, AppendWelcomes, Never, Step},
        memory::{FindInMemory, OnMemory},
        model::{GroupMessage, Installation, NewGroupMessage, NewWelcome, Welcome},
        queries::Query,
        sqlite::{FindInSqlite, OnSqlite},
    },
};

/// What all requests share.
pub(crate) struct Engine {
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) groups: Arc<Hub<Bytes, GroupMessage>>,
    pub(crate) welcomes: Arc<Hub<Installation, Welcome>>,
    pub(crate) seats: Seats,
}

impl Engine {
    pub(crate) fn new(settings: Settings, store: Store, clock: Arc<dyn Clock>) -> Self {
        let queue = QueueLimits {
            rows: settings.limits.queued_per_stream,
            bytes: settings.limits.queued_bytes_per_stream,
        };
        Self {
            groups: Arc::new(Hub::new(queue)),
            welcomes: Arc::new(Hub::new(queue)),
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
                hub.publish(&row.message.group, row);
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
                hub.publish(&row.welcome.installation, row);
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

    /// Ends every stream.
    pub(crate) fn end_streams(&self) {
        self.groups.close();
        self.welcomes.close();
    }
}
