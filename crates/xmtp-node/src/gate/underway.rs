//! Requests that are under way.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chancery_serve::Connection;
use tokio::time::Instant;

use crate::error::Refusal;

/// How long a client may keep a request waiting when too many are under way. Who reads and writes at all is faster.
const PATIENCE_UNDER_PRESSURE: Duration = Duration::from_secs(2);
/// How often those who wait for room look for such clients.
const PRESS: Duration = Duration::from_millis(500);
/// How often those are looked for that have waited for too long.
const SWEEP: Duration = Duration::from_secs(1);

/// All requests that are under way.
pub(super) struct Underway {
    most: usize,
    patience: Duration,
    state: Mutex<State>,
}

struct State {
    next: u64,
    open: HashMap<u64, Open>,
    swept: Instant,
}

struct Open {
    connection: Option<Connection>,
    /// Since when the client is waited for.
    waiting: Option<Instant>,
    /// Whether it has room of which there is little.
    room: bool,
}

/// A request's place. Dropping it gives the place back.
pub(super) struct Ticket {
    underway: Arc<Underway>,
    id: u64,
}

impl Underway {
    pub(super) fn new(most: usize, patience: Duration) -> Self {
        Self {
            most: most.max(1),
            patience,
            state: Mutex::new(State {
                next: 0,
                open: HashMap::new(),
                swept: Instant::now(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a request that came over `connection`, and that waits for its client.
    pub(super) fn begin(self: &Arc<Self>, connection: Option<Connection>) -> Result<Ticket, Refusal> {
        let now = Instant::now();
        let mut state = self.lock();
        let full = state.open.len() >= self.most;
        if full {
            state.cut(now, PATIENCE_UNDER_PRESSURE.min(self.patience), |_| true);
            return Err(Refusal::Busy);
        }
        if now.duration_since(state.swept) >= SWEEP {
            state.swept = now;
            state.cut(now, self.patience, |_| true);
        }
        let id = state.next;
        state.next += 1;
        let open = Open {
            connection,
            waiting: Some(now),
            room: false,
        };
        state.open.insert(id, open);
        Ok(Ticket {
            underway: Arc::clone(self),
            id,
        })
    }

    /// Waits for `room`; meanwhile those are cut who have room and whose clients keep it waiting.
    pub(super) async fn pressing<T>(&self, room: impl Future<Output = T>) -> T {
        let mut room = pin!(room);
        loop {
            if let Ok(room) = tokio::time::timeout(PRESS, room.as_mut()).await {
                return room;
            }
            let patience = PATIENCE_UNDER_PRESSURE.min(self.patience);
            self.lock().cut(Instant::now(), patience, |open| open.room);
        }
    }
}

impl State {
    /// Cuts the connections of clients that have kept a request waiting for `patience`, if it is one of `those`.
    fn cut(&mut self, now: Instant, patience: Duration, those: impl Fn(&Open) -> bool) {
        let mut cut = 0_usize;
        for open in self.open.values_mut().filter(|open| those(open)) {
            if open.waiting.is_some_and(|since| now.duration_since(since) >= patience)
                && let Some(connection) = open.connection.take()
            {
                connection.cut();
                cut += 1;
            }
        }
        if cut > 0 {
            tracing::info!(requests = cut, "cut clients that keep requests waiting");
        }
    }
}

impl Ticket {
    /// From now on the client is waited for.
    pub(super) fn wait_for_client(&self) {
        self.set(Some(Instant::now()));
    }

    /// From now on the client waits for us.
    pub(super) fn work(&self) {
        self.set(None);
    }

    /// From now on it has room of which there is little.
    pub(super) fn hold_room(&self) {
        if let Some(open) = self.underway.lock().open.get_mut(&self.id) {
            open.room = true;
        }
    }

    /// All requests that are under way.
    pub(super) fn underway(&self) -> &Arc<Underway> {
        &self.underway
    }

    fn set(&self, waiting: Option<Instant>) {
        if let Some(open) = self.underway.lock().open.get_mut(&self.id) {
            open.waiting = waiting;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.underway.lock().open.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn places_are_limited_and_come_back() {
        let underway = Arc::new(Underway::new(2, Duration::from_secs(60)));
        let first = underway.begin(None).ok().unwrap();
        let _second = underway.begin(None).ok().unwrap();
        assert_eq!(underway.begin(None).err(), Some(Refusal::Busy));
        drop(first);
        assert!(underway.begin(None).is_ok());
    }
}
