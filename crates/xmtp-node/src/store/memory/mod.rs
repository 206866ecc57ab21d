//! Everything in maps behind one lock. Each step checks all that it needs before it changes anything.

mod queries;
mod steps;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use super::{
    commands::Step,
    model::{CommitEntry, GroupMessage, Identifier, Installation, LoggedUpdate, Welcome},
    queries::Query,
};

/// A store in memory. Clones share it.
#[derive(Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

/// All tables.
#[derive(Debug, Default)]
pub(crate) struct State {
    groups: HashMap<Bytes, Topic<GroupMessage>>,
    group_messages: Sequence,
    installations: HashMap<Installation, Topic<Welcome>>,
    welcomes: Sequence,
    key_packages: HashMap<Installation, KeyPackage>,
    init_keys: HashSet<(Installation, [u8; 32])>,
    inboxes: HashMap<String, Vec<LoggedUpdate>>,
    identity_updates: Sequence,
    associations: HashMap<Identifier, Vec<Association>>,
    members: HashMap<Installation, Member>,
    commit_logs: HashMap<Bytes, Vec<CommitEntry>>,
    commit_entries: Sequence,
}

/// Rows of one group or installation, and the hashes of what they hold.
#[derive(Debug)]
struct Topic<R> {
    rows: BTreeMap<u64, Arc<R>>,
    hashes: HashSet<[u8; 32]>,
}

impl<R> Default for Topic<R> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            hashes: HashSet::new(),
        }
    }
}

/// The last id and the last time that were given out.
#[derive(Debug, Default)]
struct Sequence {
    id: u64,
    created_ns: u64,
}

impl Sequence {
    fn next(&mut self, now_ns: u64) -> (u64, u64) {
        self.id += 1;
        self.created_ns = now_ns.max(self.created_ns + 1);
        (self.id, self.created_ns)
    }
}

#[derive(Debug)]
struct KeyPackage {
    inbox: String,
    init_key: [u8; 32],
    bytes: Bytes,
}

/// An identifier in an inbox, from an update on until another.
#[derive(Debug)]
struct Association {
    inbox: String,
    since: u64,
    until: Option<u64>,
}

/// An installation in its inbox.
#[derive(Debug)]
struct Member {
    inbox: String,
    revoked: bool,
}

/// How a step is done here.
pub(crate) trait OnMemory: Step {
    fn on_memory(self, state: &mut State) -> Result<Self::Done, Self::Refusal>;
}

/// How a query is answered here.
pub(crate) trait FindInMemory: Query {
    fn find_in_memory(&self, state: &State) -> Self::Found;
}

impl MemoryStore {
    /// `then` runs under the lock, so that it runs in the order of the steps.
    pub(crate) fn run_then<S: OnMemory>(&self, step: S, then: impl FnOnce(&S::Done)) -> Result<S::Done, S::Refusal> {
        let mut state = self.lock();
        let done = step.on_memory(&mut state)?;
        then(&done);
        Ok(done)
    }

    pub(crate) fn find<Q: FindInMemory>(&self, query: &Q) -> Q::Found {
        query.find_in_memory(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryStore(..)")
    }
}
