//! Commands whose outcome goes to a function instead of a future.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use crate::command::{Command, Job, Ran, Ticket, panic_text};
use crate::error::StoreError;
use crate::queue::Queue;

/// Queues `command`, whose outcome `done` is told; gives `done` back when the queue does not take it.
pub(crate) fn offer<C, F>(queue: &Queue, command: C, done: F) -> Result<(), (StoreError, F)>
where
    C: Command,
    F: FnOnce(Result<C::Output, C::Error>) + Send + 'static,
{
    let (weight, savepoint) = (command.weight(), command.needs_savepoint());
    let slot = Arc::new(Slot(Mutex::new(Some(Stage::Queued(command, done)))));
    let Err((ticket, error)) = queue.offer(Ticket::new(Arc::clone(&slot) as Arc<dyn Job>, weight, savepoint)) else {
        return Ok(());
    };
    ticket.forget();
    match slot.take() {
        Some(Stage::Queued(_, done)) => Err((*error, done)),
        // the queue has not run what it gave back
        _ => Ok(()),
    }
}

struct Slot<C: Command, F>(Mutex<Option<Stage<C, F>>>);

enum Stage<C: Command, F> {
    Queued(C, F),
    Applied(Result<C::Output, C::Error>, F),
}

impl<C: Command, F> Slot<C, F> {
    fn lock(&self) -> MutexGuard<'_, Option<Stage<C, F>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Stage<C, F>> {
        self.lock().take()
    }
}

impl<C, F> Job for Slot<C, F>
where
    C: Command,
    F: FnOnce(Result<C::Output, C::Error>) + Send + 'static,
{
    fn run(&self, tx: &Connection) -> Ran {
        let Some(Stage::Queued(command, done)) = self.take() else {
            return Ran::Refused;
        };
        let result = catch_unwind(AssertUnwindSafe(|| command.apply(tx))).unwrap_or_else(|panic| {
            tracing::error!(panic = panic_text(&*panic), "a database command panicked");
            Err(StoreError::Panicked.into())
        });
        let ran = if result.is_ok() { Ran::Accepted } else { Ran::Refused };
        *self.lock() = Some(Stage::Applied(result, done));
        ran
    }

    fn publish(&self) {
        if let Some(Stage::Applied(result, done)) = self.take() {
            call(done, result);
        }
    }

    fn fail(&self, error: StoreError) {
        if let Some(Stage::Queued(_, done) | Stage::Applied(_, done)) = self.take() {
            call(done, Err(error.into()));
        }
    }
}

/// A function that panics must not take the writer with it.
fn call<T, E>(done: impl FnOnce(Result<T, E>), result: Result<T, E>) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| done(result))) {
        tracing::error!(
            panic = panic_text(&*panic),
            "what a database command was to tell panicked"
        );
    }
}
