//! How often a credential may send (signet spec 12).

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use chancery_base::Millis;
use chancery_signet_wire::{CredentialId, Failure};

/// How often a credential may ask for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// So many a minute, at least one.
    pub per_minute: u32,
    /// So many at once.
    pub burst: u32,
}

/// An agent that says more than this to people is broken, or abused.
impl Default for Rate {
    fn default() -> Self {
        Self {
            per_minute: 30,
            burst: 10,
        }
    }
}

/// Credentials that are remembered before those are forgotten that have waited long enough.
const MAX_REMEMBERED: usize = 4096;

/// Counts what credentials ask for, by the generic cell rate algorithm (ITU-T I.371): one time for each.
#[derive(Debug)]
pub(crate) struct Meter {
    name: &'static str,
    rate: Rate,
    next: Mutex<HashMap<CredentialId, Millis>>,
}

impl Meter {
    /// A meter that refusals call `name`.
    pub(crate) fn new(name: &'static str, rate: Rate) -> Self {
        Self {
            name,
            rate,
            next: Mutex::default(),
        }
    }

    /// Counts one for `credential`, or says when it may ask again.
    pub(crate) fn take(&self, credential: CredentialId, now: Millis) -> Result<(), Failure> {
        let interval = 60_000 / i64::from(self.rate.per_minute.max(1));
        let allowance = interval.saturating_mul(i64::from(self.rate.burst.max(1)) - 1);
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.len() >= MAX_REMEMBERED {
            next.retain(|_, due| *due > now);
        }
        let due = next.entry(credential).or_insert(now);
        let ahead = due.since(now);
        if ahead > allowance {
            let wait = u64::try_from(ahead - allowance).unwrap_or_default();
            return Err(Failure::throttled(self.name, wait));
        }
        *due = (*due).max(now).plus(interval);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Millis = Millis(1_800_000_000_000);

    #[test]
    fn a_burst_is_let_through_and_then_so_many_a_minute() {
        let meter = Meter::new(
            "sends",
            Rate {
                per_minute: 30,
                burst: 3,
            },
        );
        let credential = CredentialId::from_bytes([1; 8]);
        for _ in 0..3 {
            assert_eq!(meter.take(credential, START), Ok(()));
        }
        let refused = meter.take(credential, START).unwrap_err();
        assert_eq!(refused.context.unwrap()["retryAfterMs"], 2000);
        assert!(meter.take(credential, START.plus(1999)).is_err());
        assert_eq!(meter.take(credential, START.plus(2000)), Ok(()));
        assert!(meter.take(credential, START.plus(2000)).is_err());
        assert_eq!(meter.take(CredentialId::from_bytes([2; 8]), START), Ok(()));
    }
}
