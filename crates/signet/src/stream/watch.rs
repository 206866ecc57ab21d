//! Events for those who administer: of every credential, without what was said.
//!
//! Whoever watches is never waited for. It has a ring of the newest events; what it reads too late is gone, and it is told how much.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chancery_base::Millis;
use chancery_signet_wire::{
    CredentialId, Json,
    frame::{Event, EventKind},
};
use tokio::sync::broadcast::{self, error::RecvError};

use super::{
    frame::written,
    ingest::Delivery,
    log::{self, StreamId},
};
use crate::store::{Problem, Store};

/// Events that are kept for who watches: a busy second of a hundred credentials. None of them holds what was said, so each is
/// some hundred bytes.
const KEPT: usize = 1024;
/// Streams whose credential a watcher remembers; then it looks again.
const MAX_REMEMBERED: usize = 4096;

/// An event of a credential, as one who administers it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Whose it is.
    pub credential: CredentialId,
    /// Its number in the stream of that.
    pub seq: u64,
    /// What it tells.
    pub kind: EventKind,
    /// When it was told.
    pub at: Millis,
    /// The event as JSON. Where the harness is told what was said, or what is to be, this has `null`.
    pub event: Arc<str>,
}

/// What one who watches sees next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// An event.
    Event(Watched),
    /// So many events were not read in time.
    Lost(u64),
}

/// An event on its way to who watches.
#[derive(Debug, Clone)]
struct Passing {
    stream: StreamId,
    seq: u64,
    kind: EventKind,
    at: Millis,
    event: Arc<str>,
}

/// Whoever watches.
#[derive(Debug)]
pub(crate) struct Watchers(Mutex<Option<broadcast::Sender<Passing>>>);

impl Default for Watchers {
    fn default() -> Self {
        Self(Mutex::new(Some(broadcast::Sender::new(KEPT))))
    }
}

impl Watchers {
    fn lock(&self) -> MutexGuard<'_, Option<broadcast::Sender<Passing>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells them of what was delivered. Costs nothing while nobody watches.
    pub(crate) fn tell(&self, delivery: &Delivery, now: Millis) {
        let watchers = self.lock();
        let Some(watchers) = watchers.as_ref().filter(|watchers| watchers.receiver_count() > 0) else {
            return;
        };
        // many streams may have the same event: it is read once
        let mut last: Option<(&str, Option<Told>)> = None;
        for (stream, frame) in delivery {
            let told = match last.take() {
                Some((text, told)) if std::ptr::eq(text, frame.event()) => told,
                _ => without_content(frame.event()),
            };
            if let Some((kind, event)) = &told {
                // nobody watches any more: as well
                let _ = watchers.send(Passing {
                    stream: *stream,
                    seq: frame.seq(),
                    kind: *kind,
                    at: now,
                    event: Arc::clone(event),
                });
            }
            last = Some((frame.event(), told));
        }
    }

    /// One more; it sees nothing when all is over.
    pub(crate) fn join(&self) -> Option<Watching> {
        self.lock().as_ref().map(|watchers| Watching(watchers.subscribe()))
    }

    /// Nothing more will happen.
    pub(crate) fn close(&self) {
        self.lock().take();
    }
}

/// A place among those who watch.
#[derive(Debug)]
pub(crate) struct Watching(broadcast::Receiver<Passing>);

/// What an event tells, and the event without content.
type Told = (EventKind, Arc<str>);

/// What is told of `event` to who may not read messages; nothing of what is between a harness and its connection only.
fn without_content(event: &str) -> Option<Told> {
    let mut event = Event::parse(event).ok()?;
    let kind = event.kind();
    match &mut event {
        Event::MessageVisible(message) => message.content = Json::null(),
        Event::MessageRevealed(message) => message.content = Json::null(),
        Event::ActionConfirmationRequired(action) => action.preview = Json::null(),
        Event::ActionResolved(action) => action.data = None,
        Event::Heartbeat(_) | Event::RecoveryComplete(_) | Event::SignetShutdown(_) => return None,
        Event::SealStamped(_)
        | Event::CredentialIssued(_)
        | Event::CredentialExpired(_)
        | Event::ReauthorizationRequired(_)
        | Event::ScopesUpdated(_)
        | Event::AgentRevoked(_) => {}
    }
    Some((kind, written(&event)?))
}

/// One who watches the events of all credentials.
pub struct Watch {
    store: Store,
    watching: Option<Watching>,
    credentials: HashMap<StreamId, CredentialId>,
}

impl Watch {
    pub(crate) fn new(store: Store, watching: Option<Watching>) -> Self {
        Self {
            store,
            watching,
            credentials: HashMap::new(),
        }
    }

    /// What comes next; `None` once the signet has ended.
    pub async fn next(&mut self) -> Option<Seen> {
        loop {
            let passing = match self.watching.as_mut()?.0.recv().await {
                Ok(passing) => passing,
                Err(RecvError::Lagged(lost)) => return Some(Seen::Lost(lost)),
                Err(RecvError::Closed) => return None,
            };
            match self.credential(passing.stream).await {
                Ok(Some(credential)) => {
                    return Some(Seen::Event(Watched {
                        credential,
                        seq: passing.seq,
                        kind: passing.kind,
                        at: passing.at,
                        event: passing.event,
                    }));
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%error, "whose an event is cannot be looked up");
                    return Some(Seen::Lost(1));
                }
            }
        }
    }

    async fn credential(&mut self, stream: StreamId) -> Result<Option<CredentialId>, Problem> {
        if let Some(known) = self.credentials.get(&stream) {
            return Ok(Some(*known));
        }
        let found = self.store.read(move |sql| log::credential_of(sql, stream)).await?;
        if let Some(credential) = found {
            if self.credentials.len() >= MAX_REMEMBERED {
                self.credentials.clear();
            }
            self.credentials.insert(stream, credential);
        }
        Ok(found)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch(..)")
    }
}
