//! Logs of one kind: each topic its own, one sequence of ids for all.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, HashMap, HashSet},
    hash::Hash,
    ops::Bound,
};

use chancery_base::digest::sha256;

use crate::network::Page;

/// Entries of a page (xmtp spec 2.3.4).
const PAGE: usize = 100;

/// Where an entry stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    /// Its id: above 0, above all before it.
    pub(super) id: u64,
    /// The node's clock, above all before it.
    pub(super) created_ns: u64,
}

impl Place {
    /// The place after this one.
    pub(super) fn after(self, now_ns: u64) -> Self {
        Self {
            id: self.id + 1,
            created_ns: now_ns.max(self.created_ns + 1),
        }
    }
}

pub(super) struct Topics<K, T> {
    last: Place,
    logs: HashMap<K, Log<T>>,
}

struct Log<T> {
    entries: BTreeMap<u64, T>,
    hashes: HashSet<[u8; 32]>,
}

impl<K, T> Default for Topics<K, T> {
    fn default() -> Self {
        Self {
            last: Place::default(),
            logs: HashMap::new(),
        }
    }
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            hashes: HashSet::new(),
        }
    }
}

impl<K: Hash + Eq + Clone, T: Clone> Topics<K, T> {
    /// Appends what `entry` makes, unless `topic` has the same `data` already.
    pub(super) fn append(&mut self, topic: &K, data: &[u8], now_ns: u64, entry: impl FnOnce(Place) -> T) {
        let log = self.logs.entry(topic.clone()).or_default();
        if log.hashes.insert(sha256(data)) {
            self.last = self.last.after(now_ns);
            log.entries.insert(self.last.id, entry(self.last));
        }
    }

    /// The page of `topic` behind `after`.
    pub(super) fn page<Q: Hash + Eq + ?Sized>(&self, topic: &Q, after: u64) -> Page<T>
    where
        K: Borrow<Q>,
    {
        let entries = self.logs.get(topic).into_iter().flat_map(|log| log.behind(after));
        let taken: Vec<_> = entries.take(PAGE).collect();
        // a page that is full says where it ends, though there may be nothing behind it
        let next = taken.last().map(|(id, _)| **id).filter(|_| taken.len() == PAGE);
        Page {
            entries: taken.into_iter().map(|(_, entry)| entry.clone()).collect(),
            next,
        }
    }

    /// The first entry behind the cursors, which then stand at it.
    pub(super) fn next_of(&self, cursors: &mut HashMap<K, u64>) -> Option<T> {
        let heads = cursors.iter_mut().filter_map(|(topic, cursor)| {
            let (id, entry) = self.logs.get(topic)?.behind(*cursor).next()?;
            Some((*id, cursor, entry))
        });
        let (id, cursor, entry) = heads.min_by_key(|(id, _, _)| *id)?;
        *cursor = id;
        Some(entry.clone())
    }
}

impl<T> Log<T> {
    fn behind(&self, cursor: u64) -> impl Iterator<Item = (&u64, &T)> {
        self.entries.range((Bound::Excluded(cursor), Bound::Unbounded))
    }
}
