//! The machine's time and randomness, for an engine in memory that nobody handed any.

use std::time::{SystemTime, UNIX_EPOCH};

use chancery_base::{Clock, Millis, Rng};

/// The time of the machine.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The randomness of the system.
pub(crate) struct OsRng;

impl Rng for OsRng {
    fn fill(&self, out: &mut [u8]) {
        // a system without randomness has no keys: stop at once rather than make weak ones
        if getrandom::fill(out).is_err() {
            std::process::abort();
        }
    }
}
