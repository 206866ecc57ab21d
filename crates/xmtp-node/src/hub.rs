//! Handing what was committed to the streams that wait for it.
//!
//! A stream subscribes before it reads history. While it catches up the hub only notes which of its topics have something
//! new, and the stream reads those again; from then on it is handed rows as they are committed. So a long history holds no
//! memory here, and nothing falls between history and what is live.

use std::{
    collections::{HashMap, HashSet, VecDeque, hash_map::RandomState},
    hash::{BuildHasher as _, Hash},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;

use crate::store::model::Row;

/// Locks that the topics are spread over, so that a subscription to many does not keep the writer from publishing.
const SHARDS: usize = 64;

/// Streams by topic. Rows are published in the order of their ids.
pub(crate) struct Hub<K, R> {
    shards: Vec<Mutex<Shard<K, R>>>,
    hasher: RandomState,
    next: AtomicU64,
    closed: AtomicBool,
    limits: QueueLimits,
}

type Shard<K, R> = HashMap<K, Vec<Arc<Mailbox<K, R>>>>;

/// What may wait for one stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueueLimits {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

/// Where a stream is handed rows.
struct Mailbox<K, R> {
    id: u64,
    state: Mutex<State<K, R>>,
    waker: AtomicWaker,
}

enum State<K, R> {
    /// It reads history; these topics have something new since.
    CatchingUp { missed: HashSet<K> },
    /// It is handed everything.
    Live { queue: VecDeque<Arc<R>>, bytes: usize },
    /// It did not read fast enough.
    Lagging,
    /// The node stops.
    Closed,
}

/// What a stream that is live finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<R> {
    /// The next row.
    Row(R),
    /// It did not read fast enough, and misses rows from here on.
    Lagging,
    /// The node stops.
    Closed,
}

impl<K: Eq + Hash + Clone, R: Row> Hub<K, R> {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            next: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            limits,
        }
    }

    /// Subscribes to `topics`, catching up.
    pub(crate) fn subscribe(self: &Arc<Self>, topics: impl Iterator<Item = K>) -> Subscription<K, R> {
        let mailbox = Arc::new(Mailbox {
            id: self.next.fetch_add(1, Relaxed),
            state: Mutex::new(State::CatchingUp { missed: HashSet::new() }),
            waker: AtomicWaker::new(),
        });
        let subscription = Subscription {
            hub: Arc::clone(self),
            topics: topics.collect(),
            mailbox,
        };
        for topic in &subscription.topics {
            if let Some(mut shard) = self.shard(topic) {
                let mailboxes = shard.entry(topic.clone()).or_default();
                mailboxes.push(Arc::clone(&subscription.mailbox));
            }
        }
        // whoever subscribes while the node closes must not be missed by it
        if self.closed.load(Relaxed) {
            subscription.mailbox.close();
        }
        subscription
    }

    /// Hands `row` of `topic` to everybody who wants it. Short, and never waits for a reader.
    pub(crate) fn publish(&self, topic: &K, row: &Arc<R>) {
        let Some(shard) = self.shard(topic) else { return };
        for mailbox in shard.get(topic).into_iter().flatten() {
            mailbox.hand(topic, row, self.limits);
        }
    }

    /// Ends every subscription, and those to come.
    pub(crate) fn close(&self) {
        self.closed.store(true, Relaxed);
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for mailbox in shard.values().flatten() {
                mailbox.close();
            }
        }
    }

    fn shard(&self, topic: &K) -> Option<MutexGuard<'_, Shard<K, R>>> {
        let at = usize::try_from(self.hasher.hash_one(topic) % SHARDS as u64).unwrap_or(0);
        let shard = self.shards.get(at)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<K: Eq + Hash + Clone, R: Row> Mailbox<K, R> {
    fn lock(&self) -> MutexGuard<'_, State<K, R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand(&self, topic: &K, row: &Arc<R>, limits: QueueLimits) {
        let mut state = self.lock();
        match &mut *state {
            State::CatchingUp { missed } => {
                if !missed.contains(topic) {
                    missed.insert(topic.clone());
                }
                return;
            }
            State::Live { queue, bytes } => {
                *bytes = bytes.saturating_add(row.weight());
                queue.push_back(Arc::clone(row));
                if queue.len() > limits.rows || (*bytes > limits.bytes && queue.len() > 1) {
                    *state = State::Lagging;
                }
            }
            State::Lagging | State::Closed => return,
        }
        drop(state);
        self.waker.wake();
    }

    fn close(&self) {
        *self.lock() = State::Closed;
        self.waker.wake();
    }
}

/// One stream's end of the hub. Dropping it unsubscribes.
pub(crate) struct Subscription<K: Eq + Hash + Clone, R: Row> {
    hub: Arc<Hub<K, R>>,
    topics: Vec<K>,
    mailbox: Arc<Mailbox<K, R>>,
}

impl<K: Eq + Hash + Clone, R: Row> Subscription<K, R> {
    /// Becomes live when nothing was missed while catching up; otherwise returns the topics to read again.
    pub(crate) fn go_live(&self) -> Option<HashSet<K>> {
        let mut state = self.mailbox.lock();
        if let State::CatchingUp { missed } = &mut *state {
            if !missed.is_empty() {
                return Some(std::mem::take(missed));
            }
            *state = State::Live {
                queue: VecDeque::new(),
                bytes: 0,
            };
        }
        None
    }

    /// Whether the node stops.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(*self.mailbox.lock(), State::Closed)
    }

    /// The next row, once live.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Next<Arc<R>>> {
        self.mailbox.waker.register(cx.waker());
        match &mut *self.mailbox.lock() {
            State::Live { queue, bytes } => match queue.pop_front() {
                Some(row) => {
                    *bytes = bytes.saturating_sub(row.weight());
                    if queue.is_empty() {
                        // most of the time most streams wait: they hold no more than their place
                        *queue = VecDeque::new();
                    }
                    Poll::Ready(Next::Row(row))
                }
                None => Poll::Pending,
            },
            State::CatchingUp { .. } => Poll::Pending,
            State::Lagging => Poll::Ready(Next::Lagging),
            State::Closed => Poll::Ready(Next::Closed),
        }
    }
}

impl<K: Eq + Hash + Clone, R: Row> Drop for Subscription<K, R> {
    fn drop(&mut self) {
        for topic in &self.topics {
            let Some(mut shard) = self.hub.shard(topic) else {
                continue;
            };
            let Some(mailboxes) = shard.get_mut(topic) else {
                continue;
            };
            if let Some(at) = mailboxes.iter().position(|mailbox| mailbox.id == self.mailbox.id) {
                mailboxes.swap_remove(at);
            }
            if mailboxes.is_empty() {
                shard.remove(topic);
            }
        }
    }
}
