//! Where connections wait until they have said who they are.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

/// Few places. Who comes when all are taken gets the place of whoever waits longest: a harness says who it is within
/// milliseconds, so that those who only hold places hold them against each other.
#[derive(Debug)]
pub(crate) struct Lobby {
    places: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    /// The longest first.
    seats: VecDeque<(u64, CancellationToken)>,
}

/// A place; free again when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    lobby: Arc<Lobby>,
    id: u64,
    lost: CancellationToken,
}

impl Lobby {
    /// So many places, at least one.
    pub(crate) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self {
            places: places.max(1),
            waiting: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place.
    pub(crate) fn enter(self: &Arc<Self>) -> Seat {
        let mut waiting = self.lock();
        while waiting.seats.len() >= self.places {
            if let Some((_, lost)) = waiting.seats.pop_front() {
                lost.cancel();
            }
        }
        let id = waiting.next;
        waiting.next = waiting.next.wrapping_add(1);
        let lost = CancellationToken::new();
        waiting.seats.push_back((id, lost.clone()));
        drop(waiting);
        Seat {
            lobby: Arc::clone(self),
            id,
            lost,
        }
    }
}

impl Seat {
    /// Returns once somebody else has got the place.
    pub(crate) async fn lost(&self) {
        self.lost.cancelled().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.lobby.lock().seats.retain(|(id, _)| *id != self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_longest_makes_room() {
        let lobby = Lobby::new(2);
        let (one, two) = (lobby.enter(), lobby.enter());
        assert!(!one.lost.is_cancelled());
        let three = lobby.enter();
        assert!(one.lost.is_cancelled() && !two.lost.is_cancelled() && !three.lost.is_cancelled());
        // who left has no place to lose
        drop(two);
        let _four = lobby.enter();
        assert!(!three.lost.is_cancelled());
        drop(one);
        assert_eq!(lobby.lock().seats.len(), 2);
    }
}
