//! One direction of a connection: frames go in at one end and come out at the other, late, or not, or twice.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{plan::Weather, rng::Dice};

/// What both directions of one connection share.
#[derive(Clone)]
pub(super) struct Wire {
    /// The connection breaks.
    pub(super) cut: CancellationToken,
    /// Nothing passes any more, and nobody is told.
    pub(super) dead: Arc<AtomicBool>,
    /// Nothing passes until then.
    pub(super) held_until: Arc<Mutex<Instant>>,
}

impl Wire {
    pub(super) fn new() -> Self {
        Self {
            cut: CancellationToken::new(),
            dead: Arc::default(),
            held_until: Arc::new(Mutex::new(Instant::now())),
        }
    }

    fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    pub(super) fn hold(&self, time: Duration) {
        *self.held_until.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + time;
    }
}

/// One direction.
pub(super) struct Line {
    pub(super) wire: Wire,
    pub(super) weather: Arc<Mutex<Weather>>,
    pub(super) dice: Dice,
    /// When the last frame comes out.
    pub(super) last: Instant,
}

/// Frames on the way in one direction before it takes no more.
const ROOM: usize = 128;
/// Frames that either end holds.
pub(super) const ENDS: usize = 64;

impl Line {
    /// When what goes in now comes out: once, never, or twice.
    fn fates(&mut self) -> Vec<Instant> {
        let weather = *self.weather.lock().unwrap_or_else(PoisonError::into_inner);
        if self.dice.chance(weather.lost) {
            return Vec::new();
        }
        let copies = 1 + usize::from(self.dice.chance(weather.twice));
        let held = *self.wire.held_until.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fates = Vec::with_capacity(copies);
        for _ in 0..copies {
            let (low, high) = weather.delay;
            let mut at = Instant::now().max(held) + self.dice.millis(low, high);
            if !weather.shuffled {
                at = at.max(self.last);
                self.last = at;
            }
            fates.push(at);
        }
        fates
    }

    /// Carries frames from `source` to `sink` until either end is gone. `leaving` may keep a frame from going in,
    /// `arriving` from coming out.
    pub(super) async fn carry<P: Clone, Q>(
        mut self,
        mut source: mpsc::Receiver<P>,
        sink: mpsc::Sender<Q>,
        mut leaving: impl FnMut(&P) -> bool,
        mut arriving: impl FnMut(P) -> Option<Q>,
    ) {
        let mut air: BTreeMap<(Instant, u64), P> = BTreeMap::new();
        let (mut number, mut open) = (0, true);
        let wire = self.wire.clone();
        loop {
            if !open && air.is_empty() && !wire.is_dead() {
                // the end has come through
                return;
            }
            let first = air.first_key_value().map(|((at, _), _)| *at);
            tokio::select! {
                biased;
                () = wire.cut.cancelled() => break,
                // over a dead wire neither end hears of the other's
                () = sink.closed(), if !wire.is_dead() || !open => if !wire.is_dead() || !open { break },
                () = sleep_until(first.unwrap_or_else(Instant::now)), if first.is_some() => {
                    let Some(((at, _), parcel)) = air.pop_first() else { continue };
                    let held = *wire.held_until.lock().unwrap_or_else(PoisonError::into_inner);
                    if held > Instant::now() {
                        number += 1;
                        air.insert((held.max(at), number), parcel);
                        continue;
                    }
                    if wire.is_dead() {
                        continue;
                    }
                    let Some(out) = arriving(parcel) else { continue };
                    tokio::select! {
                        biased;
                        () = wire.cut.cancelled() => break,
                        sent = sink.send(out) => if sent.is_err() { break },
                    }
                }
                parcel = source.recv(), if open && air.len() < ROOM => match parcel {
                    None => open = false,
                    Some(parcel) => {
                        if leaving(&parcel) && !wire.is_dead() {
                            for at in self.fates() {
                                number += 1;
                                air.insert((at, number), parcel.clone());
                            }
                        }
                    }
                },
            }
        }
        // each end learns of it in its own time
        sleep(self.dice.millis(0, 1_000)).await;
        drop(source);
        sleep(self.dice.millis(0, 1_000)).await;
    }
}
