//! A client of ours ends at every point at which it waits for something, one after the other, and comes back from its file.
//!
//! `CHANCERY_XMTP_KILL_STRIDE=1` ends it at every such point; without it at every 9th. Once in a group that it made, and once in one
//! to which it was welcomed.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use std::{
    path::Path,
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use chancery_base::{Clock, Millis, Rng};
use chancery_tests::xmtp::begin;
use chancery_xmtp_client::{
    client::{Client, ClientError, Delivery, GroupOptions, Parts},
    crypto::Crypto,
    network::{Faults, Faulty, MemoryNode, NodeApi},
    storage::{InboxDb, InboxKey},
};
use chancery_xmtp_wire::{
    content::{Content, EncodedContent},
    group::field,
    identity::{InboxId, Nonce, WalletKey},
};
use openmls::group::GroupId;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// Simulated time: since when it passes, and what time it was then.
struct SimClock(tokio::time::Instant, Millis);

impl Clock for SimClock {
    fn now(&self) -> Millis {
        self.1.plus(i64::try_from(self.0.elapsed().as_millis()).unwrap())
    }
}

struct Seeded(Mutex<ChaCha20Rng>);

impl Rng for Seeded {
    fn fill(&self, out: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(out);
    }
}

fn seeded(seed: u64) -> Arc<Seeded> {
    Arc::new(Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(seed))))
}

fn text(text: &str) -> EncodedContent {
    Content::Text(text.to_owned()).encode().unwrap()
}

fn texts(client: &Client, group: &GroupId) -> Vec<String> {
    let messages = client.messages(group).unwrap();
    assert!(messages.iter().all(|message| message.delivery == Delivery::Sent));
    let text = |content| match Content::decode(&content).unwrap() {
        Content::Text(text) => Some(text),
        _ => None,
    };
    messages
        .into_iter()
        .filter_map(|message| message.content.and_then(text))
        .collect()
}

/// The network, and who is on it.
struct World {
    node: MemoryNode,
    clock: Arc<SimClock>,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(SimClock(tokio::time::Instant::now(), begin()));
        // nobody pulls a plug here: a disk in memory, where there is one
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        Self {
            node: MemoryNode::new(clock.clone()),
            clock,
            folder: folder.unwrap(),
        }
    }

    /// Opens the file of `who`. Every request takes its time, before it takes effect and before it is answered, so that
    /// there are two points of each at which the client waits.
    fn parts(&self, who: u64, life: u64) -> Parts {
        let rng = seeded(who * 10 + life);
        let slow = Faults {
            delay_ms: 40,
            ..Faults::default()
        };
        let slow = if who == ALICE { slow } else { Faults::default() };
        let node: Arc<dyn NodeApi> = Arc::new(Faulty::new(Arc::new(self.node.clone()), seeded(who), slow));
        let path = Path::new(self.folder.path()).join(format!("{who}.db"));
        let key = InboxKey::from_bytes([7; 32].into());
        Parts {
            node,
            db: InboxDb::open(&path, &key, Crypto::new(rng.clone())).unwrap(),
            clock: self.clock.clone(),
            rng,
        }
    }

    async fn person(&self, who: u64) -> Client {
        let wallet = WalletKey::generate(&seeded(who)).unwrap();
        Client::register(self.parts(who, 0), &wallet, Nonce(1)).await.unwrap()
    }
}

const ALICE: u64 = 1;
/// After which the installations of the members are not taken for known any more.
const REFRESH: Duration = Duration::from_secs(6);

/// What Alice is about, from wherever she stands.
async fn script(parts: Parts, bob: InboxId, carol: InboxId) -> Result<(Client, GroupId), ClientError> {
    let wallet = WalletKey::generate(&seeded(ALICE)).unwrap();
    let alice = Client::register(parts, &wallet, Nonce(1)).await?;
    alice.sync().await?;
    let known = alice.conversations()?.pop();
    let group = match known {
        Some(known) => known.id,
        None => alice.create_group(GroupOptions::default(), &[bob]).await?,
    };
    for number in 0..6 {
        // what was said is not said again: it has a key
        let said = format!("m{number}");
        alice.send_keyed(&group, text(&said), &said).await?;
        match number {
            0 => alice.set_field(&group, field::GROUP_NAME, "a name").await?,
            1 => alice.update_keys(&group).await?,
            2 | 3 => {
                let whom = if number == 2 { bob } else { carol };
                let there = alice.members(&group)?.iter().any(|member| member.inbox == whom);
                if !there {
                    alice.add_members(&group, &[whom]).await?;
                }
            }
            _ => {}
        }
    }
    alice.sync().await?;
    Ok((alice, group))
}

/// Whose group it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Founder {
    Alice,
    /// Alice is welcomed to it, and renews her keys before she speaks.
    Bob,
}

/// Runs the script up to the `last` point at which it waits, ends it there, and runs it again. True if it had ended before.
async fn ends_at(last: usize, founder: Founder) -> bool {
    let world = World::new();
    let (bob, carol) = (world.person(2).await, world.person(3).await);
    if founder == Founder::Bob {
        let alice = world.person(ALICE).await.inbox();
        bob.create_group(GroupOptions::default(), &[alice]).await.unwrap();
    }
    let mut waits = 0;
    let whole = {
        let mut running = pin!(script(world.parts(ALICE, 1), bob.inbox(), carol.inbox()));
        std::future::poll_fn(|context| match running.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done.unwrap())),
            Poll::Pending => {
                waits += 1;
                if waits == last {
                    Poll::Ready(None)
                } else {
                    Poll::Pending
                }
            }
        })
        .await
    };
    let over = whole.is_some();
    drop(whole);

    // meanwhile life goes on
    bob.sync().await.unwrap();
    let mut expected: Vec<_> = (0..6).map(|number| format!("m{number}")).collect();
    if let Some(there) = bob.conversations().unwrap().pop() {
        bob.send(&there.id, text("b")).await.unwrap();
        bob.set_field(&there.id, field::GROUP_NAME, "another").await.unwrap();
        expected.push("b".to_owned());
    }
    let (alice, group) = script(world.parts(ALICE, 2), bob.inbox(), carol.inbox())
        .await
        .unwrap_or_else(|error| panic!("ended at {last}, it does not go on: {error:?}"));
    expected.sort();

    for client in [&bob, &carol, &alice, &bob, &carol] {
        client.sync().await.unwrap();
    }
    let first = alice.debug(&group).unwrap();
    for client in [&alice, &bob, &carol] {
        let debug = client.debug(&group).unwrap();
        assert_eq!(
            client.conversations().unwrap().len(),
            1,
            "ended at {last}: a group too many"
        );
        assert_eq!(
            (debug.epoch, &debug.epoch_authenticator, debug.maybe_forked),
            (first.epoch, &first.epoch_authenticator, false),
            "ended at {last}"
        );
        assert!(debug.intents.is_empty(), "ended at {last}: {:?}", debug.intents);
    }
    let all = texts(&alice, &group);
    assert_eq!(texts(&bob, &group), all, "ended at {last}");
    let mut sorted = all.clone();
    sorted.sort();
    assert_eq!(sorted, expected, "ended at {last}");
    // and it goes on, when it is time to look after the members again
    tokio::time::advance(REFRESH).await;
    bob.send(&group, text("on")).await.unwrap();
    alice.sync().await.unwrap();
    assert_eq!(
        texts(&alice, &group).last().map(String::as_str),
        Some("on"),
        "ended at {last}"
    );
    over
}

/// At how many points.
async fn ended_at_any_point(founder: Founder) -> usize {
    let stride = std::env::var("CHANCERY_XMTP_KILL_STRIDE").map_or(9, |stride| stride.parse().unwrap());
    let mut points = 0;
    for last in (1..).step_by(stride) {
        if ends_at(last, founder).await {
            break;
        }
        points += 1;
    }
    assert!(points * stride > 40, "{points}");
    points
}

#[tokio::test(start_paused = true)]
async fn ended_at_any_point_it_loses_nothing_and_repeats_nothing() {
    let points = ended_at_any_point(Founder::Alice).await;
    println!("ended at {points} points");
}

#[tokio::test(start_paused = true)]
async fn nor_does_who_was_welcomed_to_the_group() {
    let points = ended_at_any_point(Founder::Bob).await;
    println!("ended at {points} points");
}
