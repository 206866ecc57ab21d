//! A simulated XMTP network: several of our clients around a node in memory, in one thread on simulated time, from a seed.
//!
//! Each player has an inbox in a file of its own and a bad way to the node: requests and answers get lost, take their time,
//! and are cut off. It speaks, renames, renews its keys, adds and removes somebody, makes and unmakes admins, and dies at
//! some moment of all that: what it was doing is dropped where it stands, and its client comes back from the file. In the
//! end the ways are good, everybody catches up, and [`verdict`] looks at what each inbox holds.
//!
//! Founders are members from beginning to end, and must have all that any of them was told had been sent: once, in one
//! order. The guest comes and goes; a late installation of the second founder comes in the middle.

mod lie;
mod player;
mod rng;
mod verdict;

use std::{fmt, rc::Rc, sync::Arc, time::Duration};

use chancery_base::{Clock, Millis};
use chancery_xmtp_client::{
    client::{Client, ClientError, GroupOptions},
    network::{Faults, MemoryNode, NodeApi},
};
use openmls::group::GroupId;
use tempfile::TempDir;

pub use lie::Lie;
use player::Player;
use rng::Dice;

/// Players who are members from beginning to end.
const FOUNDERS: usize = 3;
/// The player who comes and goes.
const GUEST: usize = FOUNDERS;
/// The second installation of a founder, which comes in the middle.
const LATE: usize = GUEST + 1;
/// What each player does before the end.
const STEPS: u64 = 24;
/// Rounds in which everybody catches up at the end. One is enough where nothing is left to be done twice.
const ROUNDS: usize = 12;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which rule.
    pub rule: Rule,
    /// What was seen.
    pub seen: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.seen)
    }
}

/// What holds in every run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// What somebody was told had been sent is in every founder's inbox.
    NothingLost,
    /// Nothing is in an inbox twice.
    NothingTwice,
    /// All have what they have in one order.
    OneOrder,
    /// All members end in one epoch with the same secrets and the same members, and none fears to have parted.
    NoFork,
    /// Nothing is left to be sent or done.
    NothingLeft,
    /// No step fails in a way that trying again cannot help.
    NoOtherError,
}

/// What came out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What was wrong.
    pub violations: Vec<Violation>,
    /// Messages of which a player was told that they had been sent.
    pub sent: usize,
    /// The epoch in the end.
    pub epoch: u64,
    /// How often a player died.
    pub deaths: usize,
    /// Requests and steps that failed and were tried again or given up.
    pub failures: usize,
    /// Everything that happened, a line each.
    pub trace: Vec<String>,
}

/// Simulated time: since when it passes, and what time it was then.
#[derive(Clone, Copy)]
struct SimClock(tokio::time::Instant, Millis);

impl SimClock {
    fn passed_ms(self) -> i64 {
        i64::try_from(self.0.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

impl Clock for SimClock {
    fn now(&self) -> Millis {
        self.1.plus(self.passed_ms())
    }
}

/// What all players share.
struct Stage {
    seed: u64,
    clock: SimClock,
    node: MemoryNode,
    folder: TempDir,
    /// Whether the guest is thrown out at times. Then what it says may come too late to count.
    guest_leaves: bool,
}

/// Runs a seed.
#[must_use]
pub fn run(seed: u64) -> Report {
    run_on(seed, |_, node| node)
}

/// Runs a seed in which the node lies to one player.
#[must_use]
pub fn run_lying(seed: u64, lie: Lie) -> Report {
    run_on(seed, move |number, node| lie.told(number, node))
}

fn run_on(seed: u64, way: impl Fn(usize, Arc<dyn NodeApi>) -> Arc<dyn NodeApi> + 'static) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, play(seed, Rc::new(way)))
}

type Way = Rc<dyn Fn(usize, Arc<dyn NodeApi>) -> Arc<dyn NodeApi>>;

async fn play(seed: u64, way: Way) -> Report {
    let clock = SimClock(tokio::time::Instant::now(), crate::xmtp::begin());
    // a commit is synced, and nobody pulls a plug here: a disk in memory, where there is one
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let dice = Dice::new(seed, 0);
    let stage = Rc::new(Stage {
        seed,
        clock,
        node: MemoryNode::new(Arc::new(clock)),
        folder: folder.unwrap(),
        guest_leaves: dice.chance(500),
    });
    let mut players = Vec::new();
    for number in 0..=GUEST {
        players.push(Player::new(&stage, number, number, &way).await);
    }
    let inboxes: Vec<_> = players.iter().map(|player| player.client().inbox()).collect();
    // the guest from the beginning, or from when somebody adds it
    let there = if dice.chance(500) { inboxes.len() } else { FOUNDERS };
    let group = players[0]
        .client()
        .create_group(GroupOptions::default(), &inboxes[1..there])
        .await
        .unwrap();
    for player in &players {
        player.client().sync().await.unwrap();
    }

    let faults = Faults {
        lost_request: 60,
        lost_answer: 60,
        twice: 50,
        broken_off: 20,
        delay_ms: 150,
    };
    let guest = inboxes[GUEST];
    let mut playing = Vec::new();
    for mut player in players {
        player.faults(faults);
        let group = group.clone();
        playing.push(tokio::task::spawn_local(async move {
            player.play(&group, guest).await;
            player
        }));
    }
    // somebody takes another device, while all this goes on
    tokio::time::sleep(Duration::from_millis(dice.below(4_000))).await;
    let mut late = Player::new(&stage, LATE, 1, &way).await;
    late.faults(faults);
    {
        let group = group.clone();
        playing.push(tokio::task::spawn_local(async move {
            late.play(&group, guest).await;
            late
        }));
    }
    let mut players = Vec::new();
    for playing in playing {
        players.push(playing.await.unwrap());
    }
    for player in &mut players {
        player.faults(Faults::default());
        player.die();
        player.open().await;
    }
    catch_up(&mut players).await;
    // speaking goes on, and whoever speaks adds the installations that are not in yet
    for player in &mut players {
        tokio::time::sleep(Duration::from_secs(6)).await;
        player.last_word(&group).await;
        // so that nobody speaks in an epoch that is over
        for _ in 0..2 {
            catch_up_once(player).await;
        }
    }
    catch_up(&mut players).await;
    verdict::of(&group, players)
}

async fn catch_up(players: &mut [Player]) {
    for _ in 0..ROUNDS {
        for player in players.iter_mut() {
            catch_up_once(player).await;
        }
    }
}

async fn catch_up_once(player: &mut Player) {
    if let Err(error) = player.client().sync().await {
        player.note_failure("catches up", &error);
    }
}

/// Whether a step may end so: it may do later, or the group was not as the player thought.
fn is_expected(error: &ClientError) -> bool {
    error.is_retryable()
        || matches!(
            error,
            ClientError::NoConversation
                | ClientError::NotAMember
                | ClientError::NoSuchMember(_)
                | ClientError::Refused(_)
        )
}

/// The texts of a conversation that the network has put into their order; none where there is no such conversation.
fn texts(client: &Client, group: &GroupId) -> Vec<String> {
    use chancery_xmtp_wire::content::Content;
    let Ok(messages) = client.messages(group) else {
        return Vec::new();
    };
    let text = |content| match Content::decode(&content) {
        Ok(Content::Text(text)) => Some(text),
        _ => None,
    };
    messages
        .into_iter()
        .filter(|message| message.position.is_some())
        .filter_map(|message| message.content.and_then(text))
        .collect()
}
