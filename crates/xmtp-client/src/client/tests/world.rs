//! Several clients around one node in memory, with a clock that is turned by hand.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use chancery_base::{Clock, Millis, Rng};
use chancery_xmtp_wire::{
    content::{Content, EncodedContent},
    identity::{Nonce, WalletKey},
};
use openmls::group::GroupId;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::way::Way;
use crate::{
    client::{Client, GroupOptions, Message, Parts},
    crypto::Crypto,
    network::{MemoryNode, NodeApi},
    storage::InboxDb,
};

/// Days before today on which the clock begins. openmls holds key packages to the clock of the machine, and those of the first
/// day are good for 84.
const DAYS_AGO: u64 = 60;
/// Milliseconds of a day.
const DAY: u64 = 24 * 3_600 * 1_000;

/// A clock that stands until it is turned.
#[derive(Clone)]
pub(super) struct Turned(Arc<AtomicI64>);

impl Turned {
    fn new() -> Self {
        let days = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() * 1_000 / DAY;
        Self(Arc::new(AtomicI64::new(((days - DAYS_AGO) * DAY).cast_signed())))
    }

    pub(super) fn turn(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for Turned {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

struct Seeded(Mutex<ChaCha20Rng>);

impl Rng for Seeded {
    fn fill(&self, out: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(out);
    }
}

pub(super) fn seeded(seed: u64) -> Arc<dyn Rng> {
    Arc::new(Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(seed))))
}

pub(super) struct World {
    pub(super) node: MemoryNode,
    pub(super) clock: Turned,
}

impl World {
    pub(super) fn new() -> Self {
        let clock = Turned::new();
        Self {
            node: MemoryNode::new(Arc::new(clock.clone())),
            clock,
        }
    }

    /// Parts whose file is in memory, over any way to the node.
    pub(super) fn parts(&self, seed: u64, node: Arc<dyn NodeApi>) -> Parts {
        let rng = seeded(seed);
        Parts {
            node,
            db: InboxDb::in_memory(Crypto::new(Arc::clone(&rng))).unwrap(),
            clock: Arc::new(self.clock.clone()),
            rng,
        }
    }

    /// An installation, drawn from `seed`, of the inbox of the wallet drawn from `wallet`.
    pub(super) async fn installation(&self, wallet: u64, seed: u64) -> Client {
        let parts = self.parts(seed, Arc::new(self.node.clone()));
        Client::register(parts, &self.wallet(wallet), Nonce(1)).await.unwrap()
    }

    pub(super) fn wallet(&self, seed: u64) -> WalletKey {
        WalletKey::generate(&seeded(seed ^ 0x57a1_1e70)).unwrap()
    }

    /// Somebody with one installation.
    pub(super) async fn person(&self, seed: u64) -> Client {
        self.installation(seed, seed).await
    }

    /// Somebody with one installation, who comes over a way of its own.
    pub(super) async fn person_on_a_way(&self, seed: u64) -> (Client, Way) {
        let way = Way::new(&self.node);
        let parts = self.parts(seed, Arc::new(way.clone()));
        let client = Client::register(parts, &self.wallet(seed), Nonce(1)).await.unwrap();
        (client, way)
    }

    /// Alice, Bob, and Alice's group, which Bob has entered.
    pub(super) async fn two(&self) -> (Client, Client, GroupId) {
        let (alice, bob, _, group) = self.two_on_a_way().await;
        (alice, bob, group)
    }

    /// The same, and Bob's way.
    pub(super) async fn two_on_a_way(&self) -> (Client, Client, Way, GroupId) {
        let alice = self.person(1).await;
        let (bob, way) = self.person_on_a_way(2).await;
        let group = alice
            .create_group(GroupOptions::default(), &[bob.inbox()])
            .await
            .unwrap();
        bob.sync().await.unwrap();
        (alice, bob, way, group)
    }
}

pub(super) fn text(text: &str) -> EncodedContent {
    Content::Text(text.to_owned()).encode().unwrap()
}

pub(super) fn said(message: &Message) -> Option<String> {
    match Content::decode(message.content.as_ref()?).ok()? {
        Content::Text(text) => Some(text),
        _ => None,
    }
}

/// The texts of a conversation, in its order.
pub(super) fn texts(client: &Client, group: &GroupId) -> Vec<String> {
    client.messages(group).unwrap().iter().filter_map(said).collect()
}

/// All are in the same epoch, with the same secrets and members, and nobody fears to have parted.
pub(super) fn agree(group: &GroupId, clients: &[&Client]) {
    let first = clients[0].debug(group).unwrap();
    for client in clients {
        let debug = client.debug(group).unwrap();
        assert_eq!(
            (
                debug.epoch,
                &debug.epoch_authenticator,
                &debug.members,
                debug.maybe_forked
            ),
            (first.epoch, &first.epoch_authenticator, &first.members, false)
        );
        assert_eq!(client.members(group).unwrap(), clients[0].members(group).unwrap());
    }
}
