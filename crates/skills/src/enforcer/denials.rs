//! How many denials are recorded one by one.
//!
//! A skill that asks in a loop must not fill the disk. The first denials of a minute are recorded each; the rest are
//! counted, and the count is in the next one that is recorded.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use chancery_base::Millis;

/// Denials of one skill that are recorded in a minute: enough to see what it is up to, a few megabytes a day at most.
pub(crate) const A_MINUTE: u32 = 60;
/// Skills that are counted at a time. Names are the caller's, so that there may be any number of them.
const MAX_SKILLS: usize = 1024;
const MINUTE_MS: i64 = 60_000;

/// Denials of the last minute, by skill.
#[derive(Debug, Default)]
pub(crate) struct Denials(Mutex<HashMap<String, Count>>);

#[derive(Debug, Clone, Copy)]
struct Count {
    since: Millis,
    recorded: u32,
    left_out: u64,
}

impl Denials {
    /// Counts a denial of `skill`. `Some` when it is to be recorded, with how many were left out before it.
    pub(crate) fn count(&self, skill: &str, now: Millis) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_SKILLS && !all.contains_key(skill) {
            all.clear();
        }
        let count = all.entry(skill.to_owned()).or_insert(Count {
            since: now,
            recorded: 0,
            left_out: 0,
        });
        // a clock that was set back begins a new minute, too
        if !(0..MINUTE_MS).contains(&now.since(count.since)) {
            count.since = now;
            count.recorded = 0;
        }
        if count.recorded >= A_MINUTE {
            count.left_out = count.left_out.saturating_add(1);
            return None;
        }
        count.recorded += 1;
        Some(std::mem::take(&mut count.left_out))
    }
}
