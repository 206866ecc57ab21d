//! A client: one inbox with one installation, its conversations, and what is done to them.
//!
//! What comes from the network goes one way: it is fetched, and then one transaction for each envelope opens it, holds it
//! to the rules, lets it take effect, records the plaintext and moves the cursor. What we do goes by intents: queued, made
//! in the transaction that holds what MLS made of it, sent byte for byte until it comes back, and taken for done only then.
//! So a crash between any two steps loses nothing, and nobody merges a commit of his own that another one overtook.

mod action;
mod commits;
mod create;
mod effects;
mod enter;
mod error;
mod follow;
mod intents;
mod key_packages;
mod log;
mod manage;
mod receive;
mod register;
mod renew;
mod replace;
mod say;
mod sync;
mod take;
#[cfg(test)]
mod tests;
mod types;
mod untimely;
mod view;
mod welcomes;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use chancery_base::{Clock, Millis, Rng};
use chancery_xmtp_wire::{
    identity::{InboxId, InstallationKey},
    proto::identity::MlsCredential,
};
use openmls::{
    credentials::{BasicCredential, Credential},
    group::GroupId,
};
use prost::Message as _;

use crate::{
    identity::{Directory, Installation},
    network::NodeApi,
    storage::{InboxDb, IntentId, SharedDb},
};
pub use error::ClientError;
pub use follow::Contact;
pub use types::{
    AdminChange, Consent, Conversation, Debug, Delivery, Event, GroupOptions, Kind, Member, Message, PolicyChange,
    Synced,
};

/// Epochs that are over and whose messages can be read still: as official clients.
const MAX_PAST_EPOCHS: usize = 3;

/// What a client is made of.
pub struct Parts {
    /// The node that it speaks to.
    pub node: Arc<dyn NodeApi>,
    /// Its file.
    pub db: InboxDb,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub rng: Arc<dyn Rng>,
}

/// A client. Clones are the same client.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    node: Arc<dyn NodeApi>,
    db: SharedDb,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    installation: Installation,
    directory: Directory,
    bell: follow::Bell,
    /// One at a time reads the welcomes.
    entering: tokio::sync::Mutex<()>,
    lanes: Mutex<HashMap<GroupId, Arc<Lane>>>,
    /// Messages that were made and that no answer of the node covers yet.
    unsent: Mutex<BTreeMap<IntentId, (GroupId, Bytes)>>,
    /// Intents for which somebody waits, and why they came to nothing.
    waiting: Mutex<HashMap<IntentId, Option<ClientError>>>,
    /// When the members of a group were looked after last.
    refreshed: Mutex<HashMap<GroupId, Millis>>,
}

/// Who may do what to a group one at a time. Reading needs no turn.
#[derive(Default)]
struct Lane {
    /// Making and sending commits.
    commits: tokio::sync::Mutex<()>,
    /// Making and sending messages.
    post: tokio::sync::Mutex<()>,
    /// What is to be said next.
    letters: Mutex<Vec<say::Letter>>,
}

impl Client {
    fn new(parts: Shared, installation: Installation) -> Result<Self, ClientError> {
        let inner = Inner {
            node: parts.node,
            db: parts.db,
            clock: parts.clock,
            rng: parts.rng,
            installation,
            directory: Directory::new(),
            bell: follow::Bell::new(),
            entering: tokio::sync::Mutex::default(),
            lanes: Mutex::default(),
            unsent: Mutex::default(),
            waiting: Mutex::default(),
            refreshed: Mutex::default(),
        };
        inner.remember_unsent()?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Our inbox.
    #[must_use]
    pub fn inbox(&self) -> InboxId {
        self.inner.installation.inbox()
    }

    /// Our installation.
    #[must_use]
    pub fn installation(&self) -> InstallationKey {
        self.inner.installation.public()
    }
}

impl Inner {
    fn now_ns(&self) -> u64 {
        let now = u64::try_from(self.clock.now().0).unwrap_or(0);
        // the file's numbers have a sign
        now.saturating_mul(1_000_000).min(i64::MAX.cast_unsigned())
    }

    fn lane(&self, group: &GroupId) -> Arc<Lane> {
        Arc::clone(lock(&self.lanes).entry(group.clone()).or_default())
    }
}

/// The inbox that a credential names.
fn inbox_of(credential: &Credential) -> Option<InboxId> {
    let basic = BasicCredential::try_from(credential.clone()).ok()?;
    MlsCredential::decode(basic.identity()).ok()?.inbox_id.parse().ok()
}

/// What such a lock holds is whole at every moment, also when somebody panicked with it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// [`Parts`], the file shared.
struct Shared {
    node: Arc<dyn NodeApi>,
    db: SharedDb,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
}

impl From<Parts> for Shared {
    fn from(parts: Parts) -> Self {
        Self {
            node: parts.node,
            db: SharedDb::new(parts.db),
            clock: parts.clock,
            rng: parts.rng,
        }
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("db", &self.db).finish_non_exhaustive()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("inbox", &self.inbox())
            .field("installation", &self.installation())
            .finish_non_exhaustive()
    }
}
