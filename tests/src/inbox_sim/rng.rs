//! Randomness from the seed: one stream for each use, so that what one draws does not move the others.

use std::sync::{Mutex, PoisonError};

use chancery_base::Rng;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

pub(super) struct Dice(Mutex<ChaCha8Rng>);

impl Dice {
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(Mutex::new(rng))
    }

    /// A number below `end`, which is not 0.
    pub(super) fn below(&self, end: u64) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next_u64() % end
    }

    /// True in so many of a thousand cases.
    pub(super) fn chance(&self, permille: u64) -> bool {
        self.below(1000) < permille
    }
}

impl Rng for Dice {
    fn fill(&self, out: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(out);
    }
}
