//! What goes between the network and harnesses, and what does it.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chancery_base::Clock;
use chancery_policy::messaging::HiddenMode;
use chancery_signet_wire::{InboxId, frame::CloseCode};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    task::AbortHandle,
};

use crate::{
    core::Tasks,
    network::Inbox,
    outbound::{
        post::Posting,
        rate::{Meter, Rate},
    },
    records::Records,
    seals::Seals,
    session,
    store::{Problem, Step, Store},
    stream::{
        hub::Hub,
        ingest::{Decided, Delivery},
        mailbox::SendBuffer,
        news::Tell,
        standing::Rules,
        watch::{Watch, Watchers},
    },
};

/// What is configured of streams and sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrafficSettings {
    /// What becomes of messages that a credential may stream and not read.
    pub hidden_mode: HiddenMode,
    /// Events that are kept for a harness that comes back, at least.
    pub replay_buffer: u64,
    /// How many frames may wait for a harness that does not read.
    pub send_buffer: SendBuffer,
    /// Connections of one credential.
    pub connections_per_credential: usize,
    /// Connections of all.
    pub connections: usize,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// How long an action waits for the owner.
    pub action_expiry: Duration,
    /// How often a credential may send.
    pub sends: Rate,
    /// How often a credential may ask for a reveal.
    pub reveals: Rate,
}

/// The values of the original where it has them (signet spec 5.1, 12).
impl Default for TrafficSettings {
    fn default() -> Self {
        Self {
            hidden_mode: HiddenMode::Drop,
            replay_buffer: 1000,
            send_buffer: SendBuffer::default(),
            connections_per_credential: 4,
            connections: 1024,
            request_timeout: Duration::from_secs(30),
            action_expiry: Duration::from_secs(300),
            sends: Rate::default(),
            reveals: Rate {
                per_minute: 6,
                burst: 10,
            },
        }
    }
}

/// Everything that is at work between the network and harnesses.
pub(crate) struct Traffic {
    pub(crate) store: Store,
    pub(crate) records: Records,
    pub(crate) decided: Arc<Decided>,
    pub(crate) hub: Hub,
    watchers: Watchers,
    pub(crate) seals: Arc<dyn Seals>,
    pub(crate) posting: Posting,
    pub(crate) sends: Meter,
    pub(crate) reveals: Meter,
    pub(crate) settings: TrafficSettings,
    pub(crate) clock: Arc<dyn Clock>,
    inboxes: Mutex<BTreeMap<InboxId, Followed>>,
    parcels: mpsc::UnboundedSender<Parcel>,
    tasks: Tasks,
}

/// An inbox that is open, and what is done with it.
struct Followed {
    inbox: Arc<dyn Inbox>,
    /// Reads its log, and answers those who ask to be let in.
    tasks: [AbortHandle; 2],
    /// Rung when there are more of these.
    bell: Arc<Notify>,
}

/// What the writer hands over, in the order of the commits.
enum Parcel {
    Delivery(Delivery),
    /// Everything before it was delivered.
    Flushed(oneshot::Sender<()>),
}

impl Traffic {
    /// Begins: delivers, and tells harnesses what becomes of their credentials. Needs a runtime.
    pub(crate) fn start(
        records: Records,
        seals: Arc<dyn Seals>,
        clock: Arc<dyn Clock>,
        settings: TrafficSettings,
    ) -> Arc<Self> {
        let (parcels, arriving) = mpsc::unbounded_channel();
        let traffic = Arc::new(Self {
            store: records.store.clone(),
            decided: Arc::new(Decided {
                rules: Rules {
                    content_types: records.settings.content_types.clone(),
                    hidden_mode: settings.hidden_mode,
                },
                keep: settings.replay_buffer.max(1),
                audiences: Default::default(),
            }),
            records,
            hub: Hub::default(),
            watchers: Watchers::default(),
            seals,
            posting: Posting::default(),
            sends: Meter::new("sends", settings.sends),
            reveals: Meter::new("reveals", settings.reveals),
            settings,
            clock,
            inboxes: Mutex::default(),
            parcels,
            tasks: Tasks::default(),
        });
        traffic.spawn(Arc::clone(&traffic).deliver(arriving));
        traffic.spawn(Arc::clone(&traffic).tell_news());
        traffic.spawn(Arc::clone(&traffic).keep_house());
        traffic
    }

    /// Takes up what was left open when the signet ended.
    pub(crate) async fn take_up(self: &Arc<Self>) -> Result<(), Problem> {
        self.post_all().await?;
        self.release_all().await
    }

    /// Tells all harnesses that the signet ends, and ends their connections.
    pub(crate) fn say_farewell(&self) {
        let farewell = session::farewell();
        self.hub.tell_all(|| farewell.clone(), Some(CloseCode::GoingAway));
    }

    /// Starts a task that ends with the signet.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        self.tasks.spawn(task)
    }

    /// Ends all tasks. What was committed stays, and what was not is taken up at the next start.
    pub(crate) async fn stop(&self) {
        self.tasks.stop().await;
        self.inboxes().clear();
        self.watchers.close();
    }

    /// Watches what harnesses are told, from now on.
    pub(crate) fn watch(&self) -> Watch {
        Watch::new(self.store.clone(), self.watchers.join())
    }

    fn inboxes(&self) -> MutexGuard<'_, BTreeMap<InboxId, Followed>> {
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The inbox, if it is open.
    pub(crate) fn inbox(&self, id: InboxId) -> Option<Arc<dyn Inbox>> {
        self.inboxes().get(&id).map(|followed| Arc::clone(&followed.inbox))
    }

    /// Sends through `inbox`, reads its log from where it was left and lets others in who may, until [`unfollow`](Self::unfollow) or the end. One
    /// that was followed under the same id is not any more.
    pub(crate) fn follow(self: &Arc<Self>, id: InboxId, inbox: Arc<dyn Inbox>) {
        let bell = Arc::new(Notify::new());
        let tasks = [
            self.spawn(Arc::clone(self).read(id, Arc::clone(&inbox))),
            self.spawn(Arc::clone(self).keep_door(id, Arc::clone(&inbox), Arc::clone(&bell))),
        ];
        if let Some(before) = self.inboxes().insert(id, Followed { inbox, tasks, bell }) {
            before.tasks.iter().for_each(AbortHandle::abort);
        }
    }

    /// Has those answered who ask an inbox to be let in.
    pub(crate) fn ring(&self, id: InboxId) {
        if let Some(followed) = self.inboxes().get(&id) {
            followed.bell.notify_one();
        }
    }

    /// Lets go of an inbox. Returns once nothing is done with it any more.
    pub(crate) async fn unfollow(&self, id: InboxId) {
        let followed = self.inboxes().remove(&id);
        if let Some(followed) = followed {
            for task in &followed.tasks {
                task.abort();
                while !task.is_finished() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        }
    }

    /// Runs a step and has its frames delivered, in the order of the commits. Returns once it is committed; whoever drops
    /// the future takes neither the step nor the delivery back.
    pub(crate) async fn commit<T, S>(&self, step: S) -> Result<T, Problem>
    where
        T: Send + 'static,
        S: Step<Done = (T, Delivery)>,
    {
        let (tell, told) = oneshot::channel();
        let parcels = self.parcels.clone();
        self.store.submit(step, move |outcome| {
            let outcome = outcome.map(|(done, delivery)| {
                if !delivery.is_empty() {
                    // nobody takes it when the signet ends
                    let _ = parcels.send(Parcel::Delivery(delivery));
                }
                done
            });
            // the caller may have gone
            let _ = tell.send(outcome);
        });
        told.await.unwrap_or(Err(chancery_store::StoreError::Closed.into()))
    }

    /// Returns once everything that was committed before is delivered.
    pub(crate) async fn flushed(&self) {
        let (flushed, wait) = oneshot::channel();
        if self.parcels.send(Parcel::Flushed(flushed)).is_ok() {
            // it is dropped when the signet ends
            let _ = wait.await;
        }
    }

    async fn deliver(self: Arc<Self>, mut arriving: mpsc::UnboundedReceiver<Parcel>) {
        while let Some(parcel) = arriving.recv().await {
            match parcel {
                Parcel::Delivery(delivery) => {
                    self.hub.deliver(&delivery);
                    self.watchers.tell(&delivery, self.clock.now());
                }
                Parcel::Flushed(flushed) => {
                    // whoever waited may have gone
                    let _ = flushed.send(());
                }
            }
        }
    }

    /// Tells what is new of credentials, whenever something is.
    async fn tell_news(self: Arc<Self>) {
        loop {
            match self.tell().await {
                Ok(0) => self.store.news().await,
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "harnesses cannot be told of their credentials");
                    tokio::time::sleep(Duration::from_millis(250)).await;
                }
            }
        }
    }

    /// Tells what is new of credentials now; of how many.
    pub(crate) async fn tell(&self) -> Result<usize, Problem> {
        let tell = Tell {
            decided: Arc::clone(&self.decided),
        };
        let changed = self.commit(tell).await?;
        let count = changed.len();
        // the events come before the end of the connections that they are about
        self.flushed().await;
        for credential in changed {
            if let Some(standing) = credential.standing {
                self.hub.update(credential.stream, standing);
            }
            if let Some(code) = credential.close {
                self.hub.close(credential.stream, code);
            }
        }
        Ok(count)
    }
}
