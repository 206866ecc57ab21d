//! A network in memory: a double for tests and simulations. What is on it ends with the process.
//!
//! It has chats with one order for all, groups, direct conversations, members and their roles, and a log for each inbox.
//! It can be cut off, lose answers, and take its time by the clock that it was handed.

mod inbox;
mod invites;
mod updated;
mod world;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chancery_base::{Clock, Millis, digest::sha256_hex};
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::{Capabilities, Inbox, InboxKeys, InboxName, Invitation, Network, NetworkError};
use inbox::MemoryInbox;
use invites::Made;
use world::World;

/// A network in memory. Clones are the same network.
#[derive(Clone)]
pub struct MemoryNetwork {
    shared: Arc<Shared>,
}

struct Shared {
    world: Mutex<World>,
    clock: Arc<dyn Clock>,
    /// Rung when there may be something new to read.
    bell: watch::Sender<()>,
}

impl Shared {
    fn now(&self) -> Millis {
        self.clock.now()
    }

    /// What is in it is whole at every moment, also when a test panicked with it.
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the world, and lets everybody look.
    fn change<T>(&self, change: impl FnOnce(&mut World, Millis) -> T) -> T {
        let now = self.now();
        let done = change(&mut self.world(), now);
        self.bell.send_replace(());
        done
    }
}

impl MemoryNetwork {
    /// A network on which nobody is, with the time of `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            shared: Arc::new(Shared {
                world: Mutex::default(),
                clock,
                bell: watch::Sender::new(()),
            }),
        }
    }

    /// The inbox that an identity key has here, whether it is registered or not.
    #[must_use]
    pub fn name_of(identity: &[u8; 32]) -> InboxName {
        InboxName(sha256_hex([b"inbox".as_slice(), identity].concat()))
    }

    /// The address by which [`resolve`](Network::resolve) finds that inbox.
    #[must_use]
    pub fn address_of(identity: &[u8; 32]) -> String {
        let hash = sha256_hex([b"address".as_slice(), identity].concat());
        format!("0x{}", hash.get(..40).unwrap_or_default())
    }

    /// Cuts everybody off, or lets everybody reach it again. While it is cut off nothing goes out, and no log grows.
    pub fn set_reachable(&self, reachable: bool) {
        self.shared.change(|world, _| world.cut_off = !reachable);
    }

    /// The same for one inbox. What others say to it meanwhile comes when it reaches the network again.
    pub fn set_inbox_reachable(&self, inbox: &InboxName, reachable: bool) {
        self.shared.change(|world, _| {
            if reachable {
                world.cut_off_inboxes.remove(inbox);
            } else {
                world.cut_off_inboxes.insert(inbox.clone());
            }
        });
    }

    /// The next `count` sends go out, and their senders are told that the network cannot be reached.
    pub fn lose_answers(&self, count: usize) {
        self.shared.change(|world, _| world.lose_answers = count);
    }

    /// The next `count` sends do not go out, and their senders are told that the network cannot be reached.
    pub fn lose_sends(&self, count: usize) {
        self.shared.change(|world, _| world.lose_sends = count);
    }

    /// What is said from now on reaches logs so much later, by the clock; [`tick`](Self::tick) after moving that.
    pub fn set_delay(&self, delay: Duration) {
        self.shared.change(|world, _| world.delay = delay);
    }

    /// Has everybody look at the clock again.
    pub fn tick(&self) {
        self.shared.bell.send_replace(());
    }
}

impl Network for MemoryNetwork {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            groups: true,
            roles: true,
            leave: true,
            consent: true,
            invites: true,
        }
    }

    fn open(&self, local: &str, keys: InboxKeys) -> BoxFuture<'_, Result<Arc<dyn Inbox>, NetworkError>> {
        let name = Self::name_of(&keys.identity);
        let address = Self::address_of(&keys.identity);
        let opened = self
            .shared
            .change(|world, now| world.open(local, &name, address, *keys.database, now));
        let shared = Arc::clone(&self.shared);
        let inbox = opened.map(|opening| Arc::new(MemoryInbox::new(shared, name, opening)) as Arc<dyn Inbox>);
        Box::pin(std::future::ready(inbox))
    }

    fn forget(&self, local: &str) -> BoxFuture<'_, Result<(), NetworkError>> {
        let forgotten = self.shared.change(|world, _| world.forget(local));
        Box::pin(std::future::ready(forgotten))
    }

    fn resolve(&self, name_or_address: &str) -> BoxFuture<'_, Result<Option<InboxName>, NetworkError>> {
        let found = self.shared.world().resolve(name_or_address);
        Box::pin(std::future::ready(found))
    }

    fn read_invite<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<Invitation, NetworkError>> {
        let world = self.shared.world();
        let read = match world.cut_off {
            true => Err(NetworkError::Unreachable("cut off".to_owned())),
            false => world.invites.read(text).map(Made::invitation),
        };
        Box::pin(std::future::ready(read))
    }
}

impl fmt::Debug for MemoryNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryNetwork").finish_non_exhaustive()
    }
}
