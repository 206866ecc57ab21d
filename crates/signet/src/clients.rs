//! The inboxes that are open: each is kept open by a task of its own, so that one that fails holds up no other.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chancery_signet_wire::{Class, Failure, InboxId};
use tokio::task::AbortHandle;

use crate::{
    core::Core,
    network::{Inbox, NetworkError},
    records::{
        chats::Seen,
        inboxes::{
            self, Registered,
            remove::{Abandon, Swept, leftovers},
            row::{self, Inbox as Row},
        },
    },
};

/// First pause before an inbox that could not be opened is tried again; it doubles up to [`LAST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause: a network that is back is noticed within it.
const LAST_PAUSE: Duration = Duration::from_secs(30);

/// The inboxes that are open.
#[derive(Default)]
pub(crate) struct Clients {
    inboxes: Mutex<BTreeMap<InboxId, Client>>,
}

/// An inbox on its way to be open, or there.
struct Client {
    inbox: Option<Arc<dyn Inbox>>,
    /// Why it is not open yet, for people.
    error: Option<String>,
    opener: Option<AbortHandle>,
}

/// How an inbox fares.
pub(crate) enum Fares {
    /// It is open.
    Open(Arc<dyn Inbox>),
    /// It is not, for this reason.
    Closed(Option<String>),
}

impl Clients {
    fn inboxes(&self) -> MutexGuard<'_, BTreeMap<InboxId, Client>> {
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the inbox fares.
    pub(crate) fn fares(&self, id: InboxId) -> Fares {
        match self.inboxes().get(&id) {
            Some(client) => match &client.inbox {
                Some(inbox) => Fares::Open(Arc::clone(inbox)),
                None => Fares::Closed(client.error.clone()),
            },
            None => Fares::Closed(None),
        }
    }

    /// The inbox, if it is open.
    ///
    /// # Errors
    /// `network`: it will be as soon as the network can be reached.
    pub(crate) fn get(&self, id: InboxId) -> Result<Arc<dyn Inbox>, Failure> {
        match self.fares(id) {
            Fares::Open(inbox) => Ok(inbox),
            Fares::Closed(error) => {
                let why = error.unwrap_or_else(|| "it is being opened".to_owned());
                let failure = Failure::new(Class::Network, format!("inbox {id} has not reached the network: {why}"));
                Err(failure.with("inboxId", id.to_string()))
            }
        }
    }

    fn put(&self, id: InboxId, inbox: Arc<dyn Inbox>) {
        self.inboxes().insert(
            id,
            Client {
                inbox: Some(inbox),
                error: None,
                opener: None,
            },
        );
    }

    fn failed(&self, id: InboxId, error: &Failure) {
        if let Some(client) = self.inboxes().get_mut(&id) {
            client.error = Some(error.message.clone());
        }
    }

    /// Lets go of all.
    pub(crate) fn close(&self) {
        self.inboxes().clear();
    }

    /// Lets go of an inbox, and stops opening it.
    fn drop(&self, id: InboxId) {
        let client = self.inboxes().remove(&id);
        if let Some(opener) = client.and_then(|client| client.opener) {
            opener.abort();
        }
    }
}

impl Core {
    /// Opens an inbox, or registers it, once.
    pub(crate) async fn open(&self, id: InboxId) -> Result<Arc<dyn Inbox>, Failure> {
        let local = id.to_string();
        let row = self.store.read(move |sql| row::load(sql, id)).await?;
        let operator = row.and_then(|inbox| inbox.operator_id);
        let keys = self.keys.inbox(&local, operator).await?;
        let inbox = self.network.open(&local, keys).await.map_err(network)?;
        let name = inbox.name().clone();
        self.store.run(Registered { inbox: id, name }).await?;
        self.clients.put(id, Arc::clone(&inbox));
        self.traffic.follow(id, Arc::clone(&inbox));
        self.see(id, &inbox).await;
        Ok(inbox)
    }

    /// Notes the conversations that the inbox is in already. That it cannot is no reason not to use it: each is noted again
    /// when something happens in it.
    async fn see(&self, id: InboxId, inbox: &Arc<dyn Inbox>) {
        let seen = match inbox.conversations().await {
            Ok(conversations) => self
                .store
                .run(Seen {
                    inbox: id,
                    conversations,
                })
                .await
                .err()
                .map(Failure::from),
            Err(error) => Some(network(error)),
        };
        if let Some(error) = seen {
            tracing::warn!(inbox = %id, %error, "the conversations of an inbox are not known yet");
        }
    }

    /// Opens an inbox and does not give up.
    pub(crate) fn keep_open(self: &Arc<Self>, id: InboxId) {
        let core = Arc::clone(self);
        let opener = self.tasks.spawn(async move {
            let mut pause = FIRST_PAUSE;
            while let Err(error) = core.open(id).await {
                tracing::warn!(inbox = %id, %error, "an inbox cannot be opened");
                core.clients.failed(id, &error);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LAST_PAUSE);
            }
        });
        let client = Client {
            inbox: None,
            error: None,
            opener: Some(opener),
        };
        // the task may have been faster
        self.clients.inboxes().entry(id).or_insert(client);
    }

    /// Opens all inboxes, and takes away what is left of those that were removed.
    pub(crate) async fn open_all(self: &Arc<Self>) -> Result<(), Failure> {
        let joining = self.store.read(inboxes::joining).await?;
        for inbox in self.store.read(row::all).await? {
            if joining.contains(&inbox.id) {
                let core = Arc::clone(self);
                self.tasks.spawn(async move { core.abandon(inbox.id).await });
            } else {
                self.keep_open(inbox.id);
            }
        }
        for id in self.store.read(leftovers).await? {
            let core = Arc::clone(self);
            self.tasks.spawn(async move { core.sweep(id).await });
        }
        Ok(())
    }

    /// Closes a removed inbox, and takes its file and its keys away; what fails is tried again at the next start.
    pub(crate) async fn sweep(&self, id: InboxId) {
        self.traffic.unfollow(id).await;
        self.clients.drop(id);
        let local = id.to_string();
        let swept = match self.network.forget(&local).await.map_err(network) {
            Ok(()) => match self.keys.forget(&local).await {
                Ok(()) => self.store.run(Swept(id)).await.map_err(Failure::from),
                Err(error) => Err(error.into()),
            },
            Err(failure) => Err(failure),
        };
        if let Err(error) = swept {
            tracing::warn!(inbox = %id, %error, "what is left of a removed inbox stays until the next start");
        }
    }

    /// Registers an inbox whose row was written; when that fails the row goes again.
    pub(crate) async fn register(&self, inbox: &Row) -> Result<Arc<dyn Inbox>, Failure> {
        let opened = self.open(inbox.id).await;
        if opened.is_err() {
            self.abandon(inbox.id).await;
        }
        opened
    }

    /// Takes away an inbox that came to nothing.
    pub(crate) async fn abandon(&self, id: InboxId) {
        match self.store.run(Abandon(id)).await {
            Ok(()) => self.sweep(id).await,
            Err(error) => tracing::error!(inbox = %id, %error, "an inbox that came to nothing is still there"),
        }
    }
}

/// What the network said, as whoever asked is told.
pub(crate) fn network(error: NetworkError) -> Failure {
    let class = match &error {
        NetworkError::Unreachable(_) => Class::Network,
        NetworkError::NotFound(_) => Class::NotFound,
        NetworkError::Forbidden(_) => Class::Permission,
        NetworkError::Invalid(_) | NetworkError::Unsupported(_) => Class::Validation,
        NetworkError::Local(_) => Class::Internal,
    };
    Failure::new(class, error.to_string())
}
