//! Randomness from the seed: one stream for each player, so that what one draws does not move the others.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chancery_base::Rng;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// Who draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Plan,
    Driver,
    Relay,
    Registry,
    Connector(usize),
    Webhook(usize),
    Dial(usize),
    Line(u64),
}

impl Stream {
    fn number(self) -> u64 {
        let of = |n: usize| u64::try_from(n).unwrap_or(0);
        match self {
            Self::Plan => 1,
            Self::Driver => 2,
            Self::Relay => 3,
            Self::Registry => 4,
            Self::Connector(n) => 1000 + of(n),
            Self::Webhook(n) => 2000 + of(n),
            Self::Dial(n) => 3000 + of(n),
            Self::Line(n) => 1_000_000 + n,
        }
    }
}

/// A seeded source, both of bytes and of choices.
pub(super) struct Dice(Mutex<ChaCha8Rng>);

impl Dice {
    pub(super) fn new(seed: u64, stream: Stream) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream.number());
        Self(Mutex::new(rng))
    }

    fn next(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next_u64()
    }

    /// A number below `end`, which is not 0.
    pub(super) fn below(&self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub(super) fn index(&self, len: usize) -> usize {
        usize::try_from(self.below(u64::try_from(len).unwrap_or(1))).unwrap_or(0)
    }

    /// True in so many of a thousand cases.
    pub(super) fn chance(&self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// A time of whole milliseconds from `low` to `high`, both included.
    pub(super) fn millis(&self, low: u64, high: u64) -> Duration {
        Duration::from_millis(low + self.below(high.saturating_sub(low) + 1))
    }

    pub(super) fn pick<'a, T>(&self, from: &'a [T]) -> &'a T {
        &from[self.index(from.len())]
    }
}

impl Rng for Dice {
    fn fill(&self, out: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(out);
    }
}
