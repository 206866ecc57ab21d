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
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::task::AtomicWaker;

/// Locks that the topics are spread over, so that a subscription to many does not keep the writer from publishing.
const SHARDS: usize = 64;

/// Streams by topic. Rows are published in the order of their ids.
pub(crate) struct Hub<K> {
    shards: Vec<Mutex<Shard<K>>>,
    hasher: RandomState,
    next: AtomicU64,
    closed: AtomicBool,
    limits: QueueLimits,
    /// Bytes of all rows that wait for readers, each counted once. Shared by the hubs of a node.
    waiting: Arc<AtomicUsize>,
}

type Shard<K> = HashMap<K, Vec<Arc<Mailbox<K>>>>;

/// A row on its way to its readers, encoded once for all of them.
pub(crate) struct Live<K> {
    topic: K,
    id: u64,
    frame: Bytes,
    waiting: Arc<AtomicUsize>,
}

impl<K> Live<K> {
    /// What it is about.
    pub(crate) fn topic(&self) -> &K {
        &self.topic
    }

    /// Its id.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The row as it travels; the bytes are shared.
    pub(crate) fn frame(&self) -> Bytes {
        self.frame.clone()
    }
}

impl<K> Drop for Live<K> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.frame.len(), Relaxed);
    }
}

/// What may wait for one stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueueLimits {
    /// Rows of one stream.
    pub(crate) rows: usize,
    /// Bytes of one stream; one row always may.
    pub(crate) bytes: usize,
    /// Bytes of all streams together. Beyond it whoever has more waiting than [`KEEPING_UP`] is sent away.
    pub(crate) all_bytes: usize,
}

/// Bytes up to which a stream's reader counts as keeping up.
const KEEPING_UP: usize = 64 << 10;

/// Where a stream is handed rows.
struct Mailbox<K> {
    id: u64,
    state: Mutex<State<K>>,
    waker: AtomicWaker,
}

enum State<K> {
    /// It reads history; these topics have something new since.
    CatchingUp { missed: HashSet<K> },
    /// It is handed everything.
    Live {
        queue: VecDeque<Arc<Live<K>>>,
        bytes: usize,
    },
    /// It did not read fast enough.
    Lagging,
    /// The node stops.
    Closed,
}

/// What a stream that is live finds.
pub(crate) enum Next<K> {
    /// The next row.
    Row(Arc<Live<K>>),
    /// It did not read fast enough, and misses rows from here on.
    Lagging,
    /// The node stops.
    Closed,
}

impl<K: Eq + Hash + Clone> Hub<K> {
    pub(crate) fn new(limits: QueueLimits, waiting: Arc<AtomicUsize>) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            next: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            limits,
            waiting,
        }
    }

    /// Subscribes to `topics`, catching up.
    pub(crate) fn subscribe(self: &Arc<Self>, topics: impl Iterator<Item = K>) -> Subscription<K> {
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

    /// Hands the row `id` of `topic` to everybody who wants it; `frame` encodes it, and is asked only if somebody does.
    /// Short, and never waits for a reader.
    pub(crate) fn publish(&self, topic: &K, id: u64, frame: impl FnOnce() -> Bytes) {
        let Some(shard) = self.shard(topic) else { return };
        let Some(mailboxes) = shard.get(topic) else { return };
        let frame = frame();
        let waiting = self.waiting.fetch_add(frame.len(), Relaxed).saturating_add(frame.len());
        let row = Arc::new(Live {
            topic: topic.clone(),
            id,
            frame,
            waiting: Arc::clone(&self.waiting),
        });
        let pressed = waiting > self.limits.all_bytes;
        for mailbox in mailboxes {
            mailbox.hand(&row, self.limits, pressed);
        }
    }

    /// Bytes that wait for readers, of all hubs that share the count.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
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

    fn shard(&self, topic: &K) -> Option<MutexGuard<'_, Shard<K>>> {
        let at = usize::try_from(self.hasher.hash_one(topic) % SHARDS as u64).unwrap_or(0);
        let shard = self.shards.get(at)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<K: Eq + Hash + Clone> Mailbox<K> {
    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand(&self, row: &Arc<Live<K>>, limits: QueueLimits, pressed: bool) {
        let mut state = self.lock();
        match &mut *state {
            State::CatchingUp { missed } => {
                if !missed.contains(&row.topic) {
                    missed.insert(row.topic.clone());
                }
                return;
            }
            State::Live { queue, bytes } => {
                *bytes = bytes.saturating_add(row.frame.len());
                queue.push_back(Arc::clone(row));
                let full = queue.len() > limits.rows || *bytes > limits.bytes || (pressed && *bytes > KEEPING_UP);
                if full && queue.len() > 1 {
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
pub(crate) struct Subscription<K: Eq + Hash + Clone> {
    hub: Arc<Hub<K>>,
    topics: Vec<K>,
    mailbox: Arc<Mailbox<K>>,
}

impl<K: Eq + Hash + Clone> Subscription<K> {
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
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Next<K>> {
        self.mailbox.waker.register(cx.waker());
        match &mut *self.mailbox.lock() {
            State::Live { queue, bytes } => match queue.pop_front() {
                Some(row) => {
                    *bytes = bytes.saturating_sub(row.frame.len());
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

impl<K: Eq + Hash + Clone> Drop for Subscription<K> {
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
