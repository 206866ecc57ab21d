//! Which ids of a sender are new, without looking.
//!
//! Ids mostly are ULIDs, which begin with the time: what comes now is greater than all that came before, or was made in the
//! same millisecond as the last ones. Those few are kept.

use chancery_base::{Millis, Ulid};

/// Characters of a ULID that are its time.
const TIME: usize = 10;
/// Ids of one millisecond that are kept, and looked through one by one.
const KEPT: usize = 64;
/// How far ahead of now ids are believed to be times, milliseconds.
const AHEAD_MS: i64 = 10 * 60 * 1000;

/// What is known of the ids of one sender.
pub(super) struct Ids {
    /// No message of the sender has an id between this one and `below`.
    greatest: String,
    /// A time some minutes ahead: what anybody names after a later time says nothing about the others.
    below: String,
    /// All ids that begin with the same time as `greatest`, when that is known.
    latest: Option<Vec<String>>,
}

impl Ids {
    /// The first id that is not believed to be a time now.
    pub(super) fn below(now: Millis) -> String {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&now.plus(AHEAD_MS).0.max(0).to_be_bytes()[2..]);
        Ulid::from_bytes(bytes).to_string()
    }

    /// Of a sender who has no id between `greatest` and `below`.
    pub(super) fn new(greatest: String, below: String) -> Self {
        Self {
            greatest,
            below,
            latest: None,
        }
    }

    /// Whether anything can be said of this id.
    pub(super) fn covers(&self, id: &str) -> bool {
        id < self.below.as_str()
    }

    /// Whether no message of the sender can have this id. `false` says nothing.
    pub(super) fn is_new(&self, id: &str) -> bool {
        if !self.covers(id) {
            return false;
        }
        id > self.greatest.as_str()
            || self.latest.as_ref().is_some_and(|latest| {
                time(id).is_some_and(|time_of_id| Some(time_of_id) == time(&self.greatest))
                    && !latest.iter().any(|known| known == id)
            })
    }

    /// How many ids are kept one by one.
    pub(super) fn kept(&self) -> usize {
        self.latest.as_ref().map_or(0, Vec::len)
    }

    /// Notes that the sender has a message with this id.
    pub(super) fn add(&mut self, id: &str) {
        if !self.covers(id) {
            return;
        }
        let of_latest = time(id).is_some() && time(id) == time(&self.greatest);
        if of_latest {
            if let Some(latest) = &mut self.latest {
                latest.push(id.to_owned());
            }
        } else if id > self.greatest.as_str() {
            // a later time than that of any other: this is the first id that begins with it, if all of them are below
            self.latest = (time(id).is_some() && time(id) < time(&self.below)).then(|| vec![id.to_owned()]);
        }
        if self.latest.as_ref().is_some_and(|latest| latest.len() > KEPT) {
            self.latest = None;
        }
        if id > self.greatest.as_str() {
            id.clone_into(&mut self.greatest);
        }
    }
}

/// What an id that is as long as a time or longer begins with.
fn time(id: &str) -> Option<&str> {
    id.get(..TIME)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const NOW: Millis = Millis(1_700_000_000_000);

    /// Ids of few times and few other things, some shorter or longer than a ULID, some from far ahead.
    fn id() -> impl Strategy<Value = String> {
        let below = Ids::below(NOW);
        prop_oneof![
            8 => (0_i64..4, 0_u8..4).prop_map(|(ms, tail)| {
                let mut bytes = [tail; 16];
                bytes[..6].copy_from_slice(&(NOW.0 + ms).to_be_bytes()[2..]);
                Ulid::from_bytes(bytes).to_string()
            }),
            1 => "[01é]{0,3}",
            1 => "01HF7YAT[01Z]{0,4}",
            1 => "[Zz]{1,2}",
            1 => (0_usize..27).prop_map(move |cut| below[..cut.min(below.len())].to_owned()),
        ]
    }

    proptest! {
        /// The sender had some ids before anything was known; then it uses some, old ones among them.
        #[test]
        fn an_id_that_is_called_new_was_never_there(
            before in prop::collection::vec(id(), 0..6),
            then in prop::collection::vec(id(), 1..120),
        ) {
            let below = Ids::below(NOW);
            let mut used: HashSet<String> = before.into_iter().collect();
            let greatest = used.iter().filter(|id| **id < below).max().cloned().unwrap_or_default();
            let mut ids = Ids::new(greatest, below);
            for id in then {
                prop_assert!(!(ids.is_new(&id) && used.contains(&id)), "{id} was there");
                ids.add(&id);
                used.insert(id);
            }
        }
    }

    #[test]
    fn ids_of_one_millisecond_are_new_in_any_order_once() {
        let mut ids = Ids::new("01".into(), Ids::below(NOW));
        for n in 0..KEPT {
            let mut bytes = [u8::try_from(n * 37 % 251).unwrap(); 16];
            bytes[..6].copy_from_slice(&NOW.0.to_be_bytes()[2..]);
            let id = Ulid::from_bytes(bytes).to_string();
            assert!(ids.is_new(&id), "{n}");
            ids.add(&id);
            assert!(!ids.is_new(&id), "{n}");
        }
    }
}
