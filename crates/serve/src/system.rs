//! The system's clock and randomness, for those who are not being tested.

use std::time::{SystemTime, UNIX_EPOCH};

use chancery_base::{Clock, Millis, Rng};

/// The wall clock of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        // before 1970 only on a machine whose clock was never set
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The random number generator of the operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OsRng;

impl Rng for OsRng {
    fn fill(&self, out: &mut [u8]) {
        if let Err(error) = getrandom::fill(out) {
            // A system without randomness cannot make a key or a nonce, and whoever asked must not go on with zeros.
            tracing::error!(%error, "the operating system gives no random bytes");
            std::process::abort();
        }
    }
}

/// Has the kernel give this process memory in small pages only, where it would put huge ones (2 MiB) under an allocator
/// that asks for them. For processes that stay small: a client of a few MiB takes four times as much in huge pages. To be
/// called first; a kernel that does not know of it goes on as before, which costs memory and nothing else.
pub fn small_pages() {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "huge pages stay on");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pages_are_noted_by_the_kernel() {
        small_pages();
        assert!(rustix::thread::transparent_huge_pages_are_disabled().unwrap());
    }

    #[test]
    fn the_clock_is_in_this_century() {
        assert!(SystemClock.now() > Millis::from_secs(1_700_000_000));
        assert!(SystemClock.now() < Millis::from_secs(4_102_444_800));
    }

    #[test]
    fn random_bytes_differ() {
        assert_ne!(OsRng.bytes::<32>(), OsRng.bytes::<32>());
    }
}
