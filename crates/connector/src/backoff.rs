//! Waiting longer after each failure, and never all at the same moment.

use std::time::Duration;

use chancery_base::Rng;

/// How far a wait may lie from its nominal length, in percent, both ways: many connectors lose one relay together and must
/// not come back together.
const JITTER_PERCENT: u64 = 20;

/// The wait before try `n + 1` after `n` failures (1 and up): `min` doubled for each failure after the first, at most
/// `max`, then changed by up to a fifth either way.
pub(crate) fn delay(failures: u32, min: Duration, max: Duration, rng: &impl Rng) -> Duration {
    let doublings = failures.saturating_sub(1).min(32);
    let nominal = min.saturating_mul(2_u32.saturating_pow(doublings).max(1)).min(max);
    jittered(nominal, rng)
}

/// `nominal`, changed by up to a fifth either way.
pub(crate) fn jittered(nominal: Duration, rng: &impl Rng) -> Duration {
    let nominal = u64::try_from(nominal.as_millis()).unwrap_or(u64::MAX);
    let spread = nominal / 100 * JITTER_PERCENT + nominal % 100 * JITTER_PERCENT / 100;
    if spread == 0 {
        return Duration::from_millis(nominal);
    }
    let random = u64::from_be_bytes(rng.bytes::<8>()) % (2 * spread + 1);
    Duration::from_millis(nominal.saturating_sub(spread).saturating_add(random))
}

/// Counts failures in a row.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure.
    pub(crate) fn next(&mut self, min: Duration, max: Duration, rng: &impl Rng) -> Duration {
        self.failures = self.failures.saturating_add(1);
        delay(self.failures, min, max, rng)
    }

    /// Something worked.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);

    impl Rng for Fixed {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    #[test]
    fn waits_double_to_their_limit_and_stay_within_a_fifth() {
        let (min, max) = (Duration::from_millis(500), Duration::from_secs(15));
        for (failures, nominal) in [
            (1, 500),
            (2, 1000),
            (3, 2000),
            (5, 8000),
            (6, 15000),
            (7, 15000),
            (u32::MAX, 15000),
        ] {
            for byte in [0, 1, 77, 128, 255] {
                let wait = u64::try_from(delay(failures, min, max, &Fixed(byte)).as_millis()).unwrap();
                assert!(
                    (nominal * 8 / 10..=nominal * 12 / 10).contains(&wait),
                    "{failures}: {wait}"
                );
            }
        }
        assert_eq!(delay(1, min, max, &Fixed(0)), Duration::from_millis(400));
    }

    #[test]
    fn something_that_worked_starts_anew() {
        let (min, max) = (Duration::from_secs(1), Duration::from_secs(60));
        let mut backoff = Backoff::default();
        assert_eq!(backoff.next(min, max, &Fixed(0)), Duration::from_millis(800));
        assert_eq!(backoff.next(min, max, &Fixed(0)), Duration::from_millis(1600));
        backoff.reset();
        assert_eq!(backoff.next(min, max, &Fixed(0)), Duration::from_millis(800));
    }
}
