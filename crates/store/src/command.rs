//! Commands and the slot through which their result comes back.

use std::any::Any;
use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use rusqlite::Connection;

use crate::error::StoreError;

/// One atomic step of a database: all of it is written, or nothing.
pub trait Command: Send + 'static {
    /// What the step answers.
    type Output: Send + 'static;
    /// Why the step refuses. Refusing rolls back what this command wrote, and only that.
    type Error: From<StoreError> + Send + 'static;

    /// Bytes that this command holds, for the limits on batch and queue. Small commands need not say.
    fn weight(&self) -> usize {
        0
    }

    /// Whether the step may refuse after it has written something. `true` costs a savepoint, in which SQLite copies every
    /// page that the step touches. A step that says `false` and refuses all the same after writing takes its whole batch
    /// down ([`StoreError::BatchLost`] for the others): nothing half done is ever kept.
    fn needs_savepoint(&self) -> bool {
        true
    }

    /// Runs the step inside the writer's transaction. Statements that recur go through `prepare_cached`. It must not
    /// begin, commit or roll back a transaction, and must not block: everything else waits for it.
    ///
    /// # Errors
    /// Whatever makes the step refuse; the database takes back what it wrote.
    fn apply(self, tx: &Connection) -> Result<Self::Output, Self::Error>;
}

/// The future of a submitted command: resolves after the commit that holds it was synced.
///
/// Dropping it does not take the command back.
#[must_use = "the command runs anyway, but whether it was written only this future tells"]
pub struct Submitted<C: Command> {
    slot: Arc<Slot<C>>,
}

impl<C: Command> Submitted<C> {
    /// A queued command: its future, and its entry for the queue.
    pub(crate) fn queued(command: C) -> (Self, Ticket) {
        let (weight, savepoint) = (command.weight(), command.needs_savepoint());
        let slot = Arc::new(Slot(Mutex::new(Progress {
            stage: Stage::Queued(command),
            waker: None,
        })));
        let ticket = Ticket::new(Arc::clone(&slot) as Arc<dyn Job>, weight, savepoint);
        (Self { slot }, ticket)
    }
}

impl<C: Command> Future for Submitted<C> {
    type Output = Result<C::Output, C::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut progress = self.slot.lock();
        match progress.stage {
            Stage::Done(_) => {}
            Stage::Taken => return Poll::Ready(Err(StoreError::Closed.into())),
            Stage::Queued(_) | Stage::Running | Stage::Applied(_) => {
                match &mut progress.waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    empty => *empty = Some(cx.waker().clone()),
                }
                return Poll::Pending;
            }
        }
        match mem::replace(&mut progress.stage, Stage::Taken) {
            Stage::Done(result) => Poll::Ready(result),
            _ => Poll::Ready(Err(StoreError::Closed.into())),
        }
    }
}

/// Where a command stands. One allocation carries it from the caller to the writer and its result back.
struct Slot<C: Command>(Mutex<Progress<C>>);

struct Progress<C: Command> {
    stage: Stage<C>,
    waker: Option<Waker>,
}

enum Stage<C: Command> {
    /// Waits for the writer.
    Queued(C),
    /// The writer has the command.
    Running,
    /// Ran; its transaction is not committed yet, so nobody may know.
    Applied(Result<C::Output, C::Error>),
    /// Final.
    Done(Result<C::Output, C::Error>),
    /// The future has handed the result out.
    Taken,
}

impl<C: Command> Slot<C> {
    fn lock(&self) -> MutexGuard<'_, Progress<C>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes `result` final, unless something already is, and wakes the future.
    fn finish(&self, decide: impl FnOnce(Stage<C>) -> Stage<C>) {
        let mut progress = self.lock();
        let stage = mem::replace(&mut progress.stage, Stage::Running);
        progress.stage = decide(stage);
        let waker = progress.waker.take();
        drop(progress);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A command with its type hidden, as the writer sees it.
pub(crate) trait Job: Send + Sync {
    fn run(&self, tx: &Connection) -> Ran;
    fn publish(&self);
    fn fail(&self, error: StoreError);
}

/// What became of a command that ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ran {
    /// Keep what it wrote.
    Accepted,
    /// Take back what it wrote.
    Refused,
}

impl<C: Command> Job for Slot<C> {
    fn run(&self, tx: &Connection) -> Ran {
        let command = match mem::replace(&mut self.lock().stage, Stage::Running) {
            Stage::Queued(command) => command,
            other => {
                self.lock().stage = other;
                return Ran::Refused;
            }
        };
        // A panic unwinds out of the command only: its statements are dropped on the way, the savepoint takes back
        // what it wrote, and no state of ours is half changed.
        let result = catch_unwind(AssertUnwindSafe(|| command.apply(tx))).unwrap_or_else(|panic| {
            tracing::error!(panic = panic_text(&*panic), "a database command panicked");
            Err(StoreError::Panicked.into())
        });
        let ran = if result.is_ok() { Ran::Accepted } else { Ran::Refused };
        self.lock().stage = Stage::Applied(result);
        ran
    }

    fn publish(&self) {
        self.finish(|stage| match stage {
            Stage::Applied(result) => Stage::Done(result),
            other => other,
        });
    }

    fn fail(&self, error: StoreError) {
        self.finish(|stage| match stage {
            Stage::Done(_) | Stage::Taken => stage,
            Stage::Queued(_) | Stage::Running | Stage::Applied(_) => Stage::Done(Err(error.into())),
        });
    }
}

pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// A command on its way through queue and writer. Dropping it without an answer answers
/// [`StoreError::Closed`], so no future waits for ever.
pub(crate) struct Ticket {
    job: Option<Arc<dyn Job>>,
    weight: usize,
    savepoint: bool,
}

impl Ticket {
    pub(crate) fn new(job: Arc<dyn Job>, weight: usize, savepoint: bool) -> Self {
        Self {
            job: Some(job),
            weight,
            savepoint,
        }
    }

    pub(crate) fn needs_savepoint(&self) -> bool {
        self.savepoint
    }

    /// Forgets the command without answering anybody.
    pub(crate) fn forget(mut self) {
        self.job = None;
    }

    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    pub(crate) fn run(&self, tx: &Connection) -> Ran {
        self.job.as_ref().map_or(Ran::Refused, |job| job.run(tx))
    }

    /// Answers with what the command returned.
    pub(crate) fn publish(mut self) {
        if let Some(job) = self.job.take() {
            job.publish();
        }
    }

    /// Answers with `error`, whatever the command returned.
    pub(crate) fn fail(mut self, error: StoreError) {
        if let Some(job) = self.job.take() {
            job.fail(error);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(job) = self.job.take() {
            job.fail(StoreError::Closed);
        }
    }
}
