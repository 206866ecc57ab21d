//! The simulation: relay, feed and connectors in one thread on paused time, with everything that may go wrong drawn from a
//! seed.
//!
//! The parts are the real ones, on their memory stores: `chancery_relay::Relay` with its real authentication and sessions,
//! `chancery_connector::Connector` with its real engine. Around them are doubles: a [network](network) that delays, loses,
//! repeats and shuffles frames and breaks connections or lets them die unnoticed; [webhooks](webhook) that fail, hang and
//! forget to answer; a [registry](registry) that goes silent. Parts crash at random, and at the moments where it hurts: in
//! between a commit and its acknowledgement, a request and its answer.
//!
//! A [plan] says what happens in a run, and is all that the seed decides beside the streams of randomness of each player. The
//! [ledger] notes what was promised to whom and checks each step; the [verdict] compares the books when everything is healed
//! and nothing moves any more.
//!
//! One seed is one run, to the last byte of the last frame: [`Report::hash`] stands for all of it.
//!
//! A simulation that finds nothing may be blind. [`Lie`] makes one part break its word, and the tests see to it that each lie
//! is found out.

mod agent_node;
mod clock;
mod dial;
mod draw;
mod events;
mod feed;
mod frames;
mod http;
mod identity;
mod ledger;
mod lie;
mod line;
mod network;
mod panics;
mod plan;
mod posts;
mod registry;
mod relay_node;
mod rng;
mod stage;
mod tokens;
mod trace;
mod verdict;
mod violation;
mod webhook;
mod world;

use std::time::Duration;

use tokio::runtime::Builder;

pub use lie::Lie;
pub use violation::{Kind, Violation};

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Report {
    /// Stands for everything that happened, in order.
    pub hash: u64,
    /// Lines of its trace.
    pub lines: u64,
    /// Messages that their senders were told are taken.
    pub acknowledged: u64,
    /// Messages that had their effect at a webhook.
    pub delivered: u64,
    /// Simulated time that it took.
    pub lasted: Duration,
    /// Invariants that did not hold.
    pub violations: Vec<Violation>,
}

/// Runs one seed. With `loud` each step is written to stderr.
///
/// # Panics
/// When the runtime cannot be built.
#[must_use]
pub fn run(seed: u64, loud: bool) -> Report {
    run_as(seed, Cast::default(), loud)
}

/// Runs one seed of the script in which `lie` must show, with the liar in it.
#[must_use]
pub fn run_lying(seed: u64, lie: Lie) -> Report {
    let cast = Cast {
        script: Some(lie),
        liar: Some(lie),
    };
    run_as(seed, cast, false)
}

/// Runs one seed of the script in which `lie` would show, and nobody lies.
#[must_use]
pub fn run_honestly(seed: u64, lie: Lie) -> Report {
    let cast = Cast {
        script: Some(lie),
        liar: None,
    };
    run_as(seed, cast, false)
}

/// What is played, and whether everybody keeps their word.
#[derive(Debug, Clone, Copy, Default)]
struct Cast {
    script: Option<Lie>,
    liar: Option<Lie>,
}

fn run_as(seed: u64, cast: Cast, loud: bool) -> Report {
    let panics = panics::Watch::begin();
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let mut report = runtime.block_on(async {
        let mut world = world::World::new(seed, cast, loud).await;
        world.play().await;
        world.heal().await;
        world.settle().await;
        world.judge().await;
        let book = world.stage.ledger.book();
        Report {
            hash: world.stage.trace.hash(),
            lines: world.stage.trace.lines(),
            acknowledged: book.messages.values().filter(|message| message.acknowledged).count() as u64,
            delivered: book.messages.values().filter(|message| message.effects > 0).count() as u64,
            lasted: world.stage.begun.elapsed(),
            violations: book.violations.clone(),
        }
    });
    drop(runtime);
    for what in panics.end() {
        report.violations.push(Violation {
            kind: Kind::Panic,
            at_ms: 0,
            what,
        });
    }
    report
}
