//! A node in memory: for tests, and for simulations that run again from a seed.

mod identity;
mod topics;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use chancery_base::{Clock, ErrorCode};
use chancery_xmtp_wire::{
    identity::{Identifier, IdentityUpdate, InboxId, InstallationKey},
    mls::{ValidatedKeyPackage, message::GroupMessage, welcome},
    proto::mls::message_contents::WelcomeWrapperAlgorithm,
};
use futures_util::stream;
use openmls::group::GroupId;
use tokio::sync::watch;

use super::{
    BoxFuture, BoxStream, GroupEnvelope, LoggedUpdate, NodeApi, NodeError, Page, WelcomeBody, WelcomeEnvelope,
    WelcomeToSend, parse,
};
use identity::Identities;
use topics::{Place, Topics};

/// A node whose state is gone when its last clone is dropped.
///
/// It does what a real one does (xmtp spec 2.3): ids rise in the order in which entries become visible, the same bytes are
/// taken once, pages have 100 entries, a stream begins behind its cursor and misses nothing, identity updates are held to
/// the log of their inbox, and a key package is handed out while that log has its installation. It has no limits on sizes
/// and numbers, keeps no push hints, and never fails: [`Faulty`](super::Faulty) makes it.
#[derive(Clone)]
pub struct MemoryNode {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Counts what was appended, so that streams look again.
    appended: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    identities: Identities,
    key_packages: HashMap<InstallationKey, Vec<KeyPackage>>,
    groups: Topics<Bytes, GroupEnvelope>,
    welcomes: Topics<[u8; 32], WelcomeEnvelope>,
}

struct KeyPackage {
    inbox: InboxId,
    init_key: [u8; 32],
    bytes: Bytes,
}

impl MemoryNode {
    /// An empty node that stamps what it takes with the time of `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            shared: Arc::new(Shared {
                clock,
                state: Mutex::default(),
                appended: watch::Sender::default(),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // steps check first and change then, so a panic leaves nothing half done
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.shared.clock.now().0)
            .unwrap_or(0)
            .saturating_mul(1_000_000)
    }

    /// Runs `step` on the state; readers of streams look once it is done.
    fn append<T>(&self, step: impl FnOnce(&mut State) -> Result<T, NodeError>) -> Result<T, NodeError> {
        let done = step(&mut self.state());
        self.shared.appended.send_modify(|count| *count = count.wrapping_add(1));
        done
    }

    fn publish(&self, update: &IdentityUpdate) -> Result<(), NodeError> {
        let now_ns = self.now_ns();
        self.append(|state| state.identities.publish(update, now_ns))
    }

    fn upload(&self, bytes: Bytes) -> Result<(), NodeError> {
        let valid = ValidatedKeyPackage::parse(&bytes, self.shared.clock.now()).map_err(|error| refused(&error))?;
        let (installation, inbox, init_key) = (valid.installation(), valid.inbox_id(), *valid.init_key());
        self.append(|state| {
            if state.identities.owner(installation).is_some_and(|owner| owner != inbox) {
                return Err(NodeError::Denied("the installation is another inbox's".into()));
            }
            let uploaded = state.key_packages.entry(installation).or_default();
            match uploaded.iter().rposition(|former| former.init_key == init_key) {
                // its private half is gone
                Some(at) if at + 1 < uploaded.len() => {
                    return Err(NodeError::Aborted("the installation has a newer key package".into()));
                }
                Some(_) => {
                    uploaded.pop();
                }
                None => {}
            }
            uploaded.push(KeyPackage { inbox, init_key, bytes });
            Ok(())
        })
    }

    fn take_messages(&self, messages: Vec<(Bytes, Bytes)>) -> Result<(), NodeError> {
        if messages.is_empty() {
            return Err(NodeError::Refused("nothing was sent".into()));
        }
        let checked = messages.into_iter().map(|(data, _)| {
            let group = GroupMessage::parse(&data).map_err(|error| refused(&error))?.group_id;
            Ok((Bytes::copy_from_slice(group), data))
        });
        let checked = checked.collect::<Result<Vec<_>, NodeError>>()?;
        let now_ns = self.now_ns();
        self.append(|state| {
            for (group, data) in checked {
                let envelope = |Place { id, created_ns }| GroupEnvelope {
                    id,
                    created_ns,
                    group: GroupId::from_slice(&group),
                    data: data.clone(),
                };
                state.groups.append(&group, &data, now_ns, envelope);
            }
            Ok(())
        })
    }

    fn take_welcomes(&self, welcomes: Vec<WelcomeToSend>) -> Result<(), NodeError> {
        if welcomes.is_empty() {
            return Err(NodeError::Refused("nothing was sent".into()));
        }
        for welcome in &welcomes {
            welcome::check(&parse::welcome_input(welcome.clone())).map_err(|error| refused(&error))?;
        }
        let now_ns = self.now_ns();
        self.append(|state| {
            for WelcomeToSend { destination, body } in welcomes {
                let body = named(body);
                let (WelcomeBody::Welcome { data, .. } | WelcomeBody::Pointer { data, .. }) = &body;
                let envelope = |Place { id, created_ns }| WelcomeEnvelope {
                    id,
                    created_ns,
                    body: body.clone(),
                };
                state.welcomes.append(&destination, data, now_ns, envelope);
            }
            Ok(())
        })
    }

    /// Every topic of `after` from behind its cursor on, in the order of the ids; waits for more at the end.
    fn follow<K, T>(&self, after: HashMap<K, u64>, topics: fn(&State) -> &Topics<K, T>) -> BoxStream<T>
    where
        K: std::hash::Hash + Eq + Clone + Send + 'static,
        T: Clone + Send + 'static,
    {
        let appended = self.shared.appended.subscribe();
        // the stream does not keep the node: it ends with it
        let shared = Arc::downgrade(&self.shared);
        let from = (shared, appended, after);
        Box::pin(stream::unfold(
            from,
            move |(shared, mut appended, mut after)| async move {
                loop {
                    appended.borrow_and_update();
                    let node = Self {
                        shared: shared.upgrade()?,
                    };
                    let next = topics(&node.state()).next_of(&mut after);
                    drop(node);
                    if let Some(entry) = next {
                        return Some((Ok(entry), (shared, appended, after)));
                    }
                    appended.changed().await.ok()?;
                }
            },
        ))
    }
}

fn refused(error: &(impl ErrorCode + ?Sized)) -> NodeError {
    NodeError::Refused(error.to_string())
}

/// What names no algorithm is read as the one that clients of that time mean.
fn named(mut body: WelcomeBody) -> WelcomeBody {
    if let WelcomeBody::Welcome { algorithm, .. } = &mut body
        && *algorithm == WelcomeWrapperAlgorithm::Unspecified
    {
        *algorithm = WelcomeWrapperAlgorithm::Curve25519;
    }
    body
}

/// What `step` answers once it is asked: a request that is dropped before has no effect.
fn when_polled<'a, T>(step: impl FnOnce() -> Result<T, NodeError> + Send + 'a) -> BoxFuture<'a, T> {
    Box::pin(async move { step() })
}

/// One cursor for each topic: the lowest, where one is named twice.
fn cursors<K: std::hash::Hash + Eq>(after: impl Iterator<Item = (K, u64)>) -> HashMap<K, u64> {
    let mut cursors = HashMap::new();
    for (topic, cursor) in after {
        let kept = cursors.entry(topic).or_insert(cursor);
        *kept = cursor.min(*kept);
    }
    cursors
}

impl NodeApi for MemoryNode {
    fn publish_identity_update<'a>(&'a self, update: &'a IdentityUpdate) -> BoxFuture<'a, ()> {
        when_polled(move || self.publish(update))
    }

    fn identity_updates<'a>(&'a self, after: &'a [(InboxId, u64)]) -> BoxFuture<'a, Vec<Vec<LoggedUpdate>>> {
        when_polled(move || {
            let state = self.state();
            let logs = after.iter().map(|(inbox, id)| state.identities.updates(*inbox, *id));
            Ok(logs.collect())
        })
    }

    fn inbox_ids<'a>(&'a self, identifiers: &'a [Identifier]) -> BoxFuture<'a, Vec<Option<InboxId>>> {
        when_polled(move || {
            let state = self.state();
            Ok(identifiers.iter().map(|one| state.identities.inbox_of(one)).collect())
        })
    }

    fn upload_key_package(&self, key_package: Bytes) -> BoxFuture<'_, ()> {
        when_polled(move || self.upload(key_package))
    }

    fn key_packages<'a>(&'a self, installations: &'a [InstallationKey]) -> BoxFuture<'a, Vec<Option<Bytes>>> {
        when_polled(move || {
            let state = self.state();
            let current = |installation: &InstallationKey| {
                let last = state.key_packages.get(installation)?.last()?;
                let counts = state.identities.owner(*installation) == Some(last.inbox);
                counts.then(|| last.bytes.clone())
            };
            Ok(installations.iter().map(current).collect())
        })
    }

    fn send_group_messages(&self, messages: Vec<(Bytes, Bytes)>) -> BoxFuture<'_, ()> {
        when_polled(move || self.take_messages(messages))
    }

    fn group_messages<'a>(&'a self, group: &'a GroupId, after: u64) -> BoxFuture<'a, Page<GroupEnvelope>> {
        when_polled(move || Ok(self.state().groups.page(group.as_slice(), after)))
    }

    fn send_welcomes(&self, welcomes: Vec<WelcomeToSend>) -> BoxFuture<'_, ()> {
        when_polled(move || self.take_welcomes(welcomes))
    }

    fn welcomes(&self, destination: [u8; 32], after: u64) -> BoxFuture<'_, Page<WelcomeEnvelope>> {
        when_polled(move || Ok(self.state().welcomes.page(&destination, after)))
    }

    fn follow_groups<'a>(&'a self, after: &'a [(GroupId, u64)]) -> BoxFuture<'a, BoxStream<GroupEnvelope>> {
        when_polled(move || {
            let topics = after
                .iter()
                .map(|(group, id)| (Bytes::copy_from_slice(group.as_slice()), *id));
            Ok(self.follow(cursors(topics), |state| &state.groups))
        })
    }

    fn follow_welcomes(&self, destination: [u8; 32], after: u64) -> BoxFuture<'_, BoxStream<WelcomeEnvelope>> {
        when_polled(move || Ok(self.follow(HashMap::from([(destination, after)]), |state| &state.welcomes)))
    }
}

impl fmt::Debug for MemoryNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryNode").finish_non_exhaustive()
    }
}
