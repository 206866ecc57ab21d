//! The system's clock and randomness. Those of `serve` would bring a server along.

use std::time::{SystemTime, UNIX_EPOCH};

use chancery_base::{Clock, Millis, Rng};

/// The wall clock of this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        // before 1970 only on a machine whose clock was never set
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The random number generator of the operating system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OsRng;

impl Rng for OsRng {
    fn fill(&self, out: &mut [u8]) {
        if getrandom::fill(out).is_err() {
            // a system without randomness cannot make a key, and whoever asked must not go on with zeros
            std::process::abort();
        }
    }
}
