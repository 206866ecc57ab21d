//! Wall clocks that follow the runtime's paused time.

use chancery_base::{Clock, Millis};
use tokio::time::Instant;

/// The simulation begins here: 2026-11-21T06:43:21Z.
pub(super) const BASE: Millis = Millis(1_795_243_401_000);

/// A clock that stands `skew` milliseconds off the true time.
#[derive(Debug, Clone, Copy)]
pub(super) struct SimClock {
    pub(super) begun: Instant,
    pub(super) skew: i64,
}

impl Clock for SimClock {
    fn now(&self) -> Millis {
        let elapsed = i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX);
        BASE.plus(elapsed.saturating_add(self.skew))
    }
}
