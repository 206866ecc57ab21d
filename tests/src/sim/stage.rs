//! What all players share.

use std::sync::{Arc, Mutex, PoisonError};

use chancery_base::Ulid;
use chancery_identity::revocation::Scope;
use tokio::{sync::mpsc, time::Instant};

use super::{
    clock::SimClock,
    ledger::Ledger,
    lie::Lie,
    plan::{Moment, Victim},
    rng::{Dice, Stream},
    trace::Trace,
};

pub(super) struct Stage {
    pub(super) seed: u64,
    pub(super) begun: Instant,
    pub(super) lie: Option<Lie>,
    pub(super) trace: Trace,
    pub(super) ledger: Ledger,
    ambushes: Mutex<Vec<Ambush>>,
    notices: mpsc::UnboundedSender<Notice>,
}

struct Ambush {
    moment: Moment,
    victim: Victim,
    skip: u32,
}

/// What the driver must act on at once.
#[derive(Debug)]
pub(super) enum Notice {
    /// An ambush has sprung.
    Crash { victim: Victim, agent: usize },
    /// The relay has been handed a revocation.
    Handed(Handed),
}

/// An entry of the feed that a relay has been handed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Handed {
    pub(super) agent: usize,
    pub(super) scope: Scope,
    pub(super) jti: Ulid,
    /// Which life of the relay.
    pub(super) life: u64,
    pub(super) at: Instant,
}

impl Stage {
    pub(super) fn new(
        seed: u64,
        lie: Option<Lie>,
        begun: Instant,
        trace: Trace,
        ledger: Ledger,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Notice>) {
        let (notices, heard) = mpsc::unbounded_channel();
        let stage = Self {
            seed,
            begun,
            lie,
            trace,
            ledger,
            ambushes: Mutex::default(),
            notices,
        };
        (Arc::new(stage), heard)
    }

    pub(super) fn dice(&self, stream: Stream) -> Dice {
        Dice::new(self.seed, stream)
    }

    pub(super) fn clock(&self, skew: i64) -> SimClock {
        SimClock {
            begun: self.begun,
            skew,
        }
    }

    pub(super) fn lies(&self, lie: Lie) -> bool {
        self.lie == Some(lie)
    }

    pub(super) fn arm(&self, moment: Moment, victim: Victim, skip: u32) {
        let mut ambushes = self.ambushes.lock().unwrap_or_else(PoisonError::into_inner);
        ambushes.push(Ambush { moment, victim, skip });
    }

    pub(super) fn disarm(&self) {
        self.ambushes.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// It is `moment` for `agent`: whoever lies in wait strikes.
    pub(super) fn pass(&self, moment: Moment, agent: usize) {
        let mut ambushes = self.ambushes.lock().unwrap_or_else(PoisonError::into_inner);
        ambushes.retain_mut(|ambush| {
            if ambush.moment != moment {
                return true;
            }
            if ambush.skip > 0 {
                ambush.skip -= 1;
                return true;
            }
            let victim = ambush.victim;
            // the driver ends with the run
            let _ = self.notices.send(Notice::Crash { victim, agent });
            false
        });
    }

    pub(super) fn handed(&self, handed: Handed) {
        self.ledger.handed(handed);
        let _ = self.notices.send(Notice::Handed(handed));
    }
}
