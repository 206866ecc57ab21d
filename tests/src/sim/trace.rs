//! What happened, line by line, boiled down to one number: two runs of a seed must come to the same.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;

/// The trace of one run.
pub(super) struct Trace {
    begun: Instant,
    /// Whether each line is also shown.
    loud: bool,
    state: Mutex<(u64, u64)>,
}

/// FNV-1a, 64 bits.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

impl Trace {
    pub(super) fn new(begun: Instant, loud: bool) -> Self {
        Self {
            begun,
            loud,
            state: Mutex::new((OFFSET, 0)),
        }
    }

    fn state(&self) -> MutexGuard<'_, (u64, u64)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line.
    #[expect(
        clippy::print_stderr,
        reason = "a single seed is traced for whoever looks for its fault"
    )]
    pub(super) fn note(&self, what: fmt::Arguments<'_>) {
        let line = format!("{:>8} {what}", self.begun.elapsed().as_millis());
        if self.loud {
            eprintln!("{line}");
        }
        let mut state = self.state();
        for byte in line.bytes() {
            state.0 = (state.0 ^ u64::from(byte)).wrapping_mul(PRIME);
        }
        state.1 += 1;
    }

    /// The number that all lines come to.
    pub(super) fn hash(&self) -> u64 {
        self.state().0
    }

    /// How many lines there are.
    pub(super) fn lines(&self) -> u64 {
        self.state().1
    }
}
