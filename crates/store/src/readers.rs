//! The connections that only read, each on a thread of its own.
//!
//! The threads take reads from one line. One that is busy goes on with what waits without going to sleep, so a server under
//! load pays no wake-up for it; what waits together is read in one transaction, which sees everything that was committed before
//! any of it was asked.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use crate::command::panic_text;
use crate::error::StoreError;

/// Read-only connections, as many as may work at the same time.
pub(crate) struct Readers {
    line: Arc<Line>,
    threads: Vec<JoinHandle<()>>,
    finished: watch::Receiver<()>,
}

/// Most reads in one transaction: each of them waits for the others.
const TOGETHER: usize = 8;

/// What is to be read, and whom to tell.
trait Read: Send {
    /// Whether anybody still waits for it.
    fn is_wanted(&self) -> bool;

    /// Reads, inside the transaction that was begun.
    fn run(&mut self, connection: &Connection);

    /// Tells what was found, or that nothing could be read. The transaction has ended: who asked may close the database.
    fn answer(self: Box<Self>, failed: Option<StoreError>);
}

struct Asked<T, E, F> {
    read: Option<F>,
    found: Option<Result<T, E>>,
    sender: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Read for Asked<T, E, F>
where
    T: Send,
    E: From<StoreError> + Send,
    F: FnOnce(&Connection) -> Result<T, E> + Send,
{
    fn is_wanted(&self) -> bool {
        !self.sender.is_closed()
    }

    fn run(&mut self, connection: &Connection) {
        self.found = self.read.take().map(|read| {
            // a panic leaves nothing but statements and the read transaction, and both are ended
            catch_unwind(AssertUnwindSafe(|| read(connection))).unwrap_or_else(|panic| {
                tracing::error!(panic = panic_text(&*panic), "a database reader panicked");
                Err(StoreError::Panicked.into())
            })
        });
    }

    fn answer(self: Box<Self>, failed: Option<StoreError>) {
        let found = self
            .found
            .unwrap_or_else(|| Err(failed.unwrap_or(StoreError::Closed).into()));
        // who asked may have gone meanwhile
        let _ = self.sender.send(found);
    }
}

/// Reads in the order in which they came.
struct Line {
    state: Mutex<State>,
    arrived: Condvar,
}

struct State {
    waiting: VecDeque<Box<dyn Read>>,
    /// Threads that sleep. A read wakes one only when there is one: telling nobody costs a system call too.
    idle: usize,
    closing: bool,
}

impl Readers {
    /// # Errors
    /// [`StoreError::Thread`].
    pub(crate) fn start(connections: Vec<Connection>) -> Result<Self, StoreError> {
        let line = Arc::new(Line {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                idle: 0,
                closing: false,
            }),
            arrived: Condvar::new(),
        });
        let (sender, finished) = watch::channel(());
        let sender = Arc::new(sender);
        let mut readers = Self {
            line,
            threads: Vec::with_capacity(connections.len()),
            finished,
        };
        let threads = connections.len();
        for connection in connections {
            let line = Arc::clone(&readers.line);
            let sender = Arc::clone(&sender);
            let work = move || {
                let mut together = Vec::new();
                while line.take(threads, &mut together) {
                    run(&connection, &mut together);
                }
                drop(connection);
                drop(sender);
            };
            let thread = std::thread::Builder::new().name("store-reader".into()).spawn(work);
            readers.threads.push(thread.map_err(StoreError::Thread)?);
        }
        Ok(readers)
    }

    /// Runs `f` on a free connection, on that connection's thread, inside one read transaction. When the future is dropped
    /// before its turn, `f` does not run.
    pub(crate) async fn read<T, E>(&self, f: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (sender, outcome) = oneshot::channel();
        self.line.push(Box::new(Asked {
            read: Some(f),
            found: None,
            sender,
        }))?;
        outcome.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// Refuses new reads; those that wait still run.
    pub(crate) fn refuse(&self) {
        self.line.lock().closing = true;
        self.line.arrived.notify_all();
    }

    /// As [`refuse`](Self::refuse), and waits until all have run and the connections are closed.
    pub(crate) async fn close(&self) {
        self.refuse();
        let mut finished = self.finished.clone();
        // nothing is ever sent: this ends when the last thread drops its end
        while finished.changed().await.is_ok() {}
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.refuse();
        for thread in self.threads.drain(..) {
            // a read may hold the last handle of the database: then its thread ends by itself
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, read: Box<dyn Read>) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.closing {
            return Err(StoreError::Closed);
        }
        state.waiting.push_back(read);
        let wake = state.idle > 0;
        drop(state);
        if wake {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Moves the next reads to `together`: this thread's share of what waits, for which it sleeps while there is nothing.
    /// `false` when nothing will come any more.
    fn take(&self, threads: usize, together: &mut Vec<Box<dyn Read>>) -> bool {
        let mut state = self.lock();
        loop {
            let share = state.waiting.len().div_ceil(threads).min(TOGETHER);
            if share > 0 {
                together.extend(state.waiting.drain(..share));
                return true;
            }
            if state.closing {
                return false;
            }
            state.idle += 1;
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }
}

fn run(connection: &Connection, together: &mut Vec<Box<dyn Read>>) {
    together.retain(|read| read.is_wanted());
    if together.is_empty() {
        return;
    }
    let mut failed = None;
    for read in &mut *together {
        // also when the read before ended the transaction
        if connection.is_autocommit()
            && let Err(error) = connection
                .prepare_cached("BEGIN")
                .and_then(|mut begin| begin.execute([]))
        {
            failed = Some(StoreError::from(error));
            break;
        }
        read.run(connection);
    }
    if !connection.is_autocommit()
        && let Err(error) = connection
            .prepare_cached("COMMIT")
            .and_then(|mut commit| commit.execute([]))
    {
        tracing::warn!(%error, "a read transaction did not end");
    }
    for read in together.drain(..) {
        read.answer(failed.as_ref().map(StoreError::again));
    }
}
