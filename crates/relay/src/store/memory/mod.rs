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

use tokio::sync::mpsc;

use super::{Known, Refusal};

pub(super) use state::State;

type Job = Box<dyn FnOnce(&mut State) + Send>;

/// The memory backend. Clones share it.
#[derive(Clone)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    jobs: mpsc::UnboundedSender<Job>,
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

    pub(super) fn submit<S: Known>(&self, step: S, done: impl FnOnce(Result<S::Output, Refusal>) + Send + 'static) {
        let job: Job = Box::new(move |state| done(state.atomically(step)));
        // the task that carries steps out lives as long as the runtime does; after it nobody waits for outcomes
        let _ = self.jobs.send(job);
    }
}
