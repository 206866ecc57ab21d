//! The relay's state in memory: the oracle that the conformance suite holds SQLite to, and the backend of the simulation.
//!
//! Steps are carried out by one task, in order, each after yielding once: as with a real writer, whoever hands a step in
//! is told its outcome later and never from within the call.

mod mailbox;
mod pairs;
mod receipts;
mod revocations;
mod state;

use std::sync::{Arc, Mutex, PoisonError};

use chancery_base::Ulid;
use chancery_relay_wire::relay::DeliveryState;
use tokio::sync::mpsc;

use super::{Known, LaneId, NewMessage, Perform, Refusal, Seq, Step, Together};

pub(super) use state::State;

type Job = Box<dyn FnOnce(&mut State) + Send>;

/// The memory backend. Clones share it.
#[derive(Clone)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    jobs: mpsc::UnboundedSender<Job>,
}

/// A message that the store holds, with all that is known of it.
#[derive(Debug, Clone)]
pub struct Row {
    /// Row.
    pub seq: Seq,
    /// The message.
    pub message: Arc<NewMessage>,
    /// The relay's id.
    pub delivery_id: Ulid,
    /// Lane.
    pub lane: LaneId,
    /// Position in the lane, from 1, without gaps.
    pub lane_seq: i64,
    /// Position in the mailbox, from 1, without gaps.
    pub position: i64,
    /// Where it is.
    pub state: DeliveryState,
    /// Why it was given up.
    pub reason: Option<String>,
    /// Attempts counted.
    pub attempts: u32,
    /// Whether its sender is to be told.
    pub receipt_due: bool,
}

impl MemoryStore {
    pub(super) fn new() -> Self {
        Self::over(Arc::new(Mutex::new(State::default())))
    }

    fn over(state: Arc<Mutex<State>>) -> Self {
        let (jobs, mut queue) = mpsc::unbounded_channel::<Job>();
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Some(job) = queue.recv().await {
                tokio::task::yield_now().await;
                job(&mut shared.lock().unwrap_or_else(PoisonError::into_inner));
            }
        });
        Self { state, jobs }
    }

    /// The same state behind a new queue, as after a crash: what was handed in and not yet carried out is lost.
    #[must_use]
    pub fn crash(&self) -> Self {
        let survivor = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self::over(Arc::new(Mutex::new(survivor)))
    }

    /// What it holds behind row `after`, in order, for checks from outside.
    #[must_use]
    pub fn rows(&self, after: Seq) -> Vec<Row> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let behind = state.deliveries.range(after.saturating_add(1)..);
        behind
            .map(|(seq, delivery)| Row {
                seq: *seq,
                message: Arc::clone(&delivery.message),
                delivery_id: delivery.id,
                lane: delivery.lane,
                lane_seq: delivery.lane_seq,
                position: delivery.position,
                state: delivery.state,
                reason: delivery.reason.clone(),
                attempts: delivery.attempts,
                receipt_due: delivery.receipt_due,
            })
            .collect()
    }

    pub(super) fn submit<S: Known>(&self, step: S, done: impl FnOnce(Result<S::Output, Refusal>) + Send + 'static) {
        let job: Job = Box::new(move |state| done(state.atomically(step)));
        // the task that carries steps out lives as long as the runtime does; after it nobody waits for outcomes
        let _ = self.jobs.send(job);
    }
}

impl<S: Known> Perform<Together<S>> for State {
    fn perform(&mut self, together: Together<S>) -> Result<<Together<S> as Step>::Output, Refusal> {
        Ok(together.0.into_iter().map(|step| self.atomically(step)).collect())
    }
}
