//! Keeping the write-ahead log short without stopping the writer.
//!
//! A checkpoint copies pages from the log into the file and syncs both: tens of milliseconds for a long log, which
//! SQLite's own automatic checkpoint would put between two commits. Here a second thread does the bulk of it beside
//! the writer. Because commits go on meanwhile, that alone never empties the log; so when it is done the writer copies
//! the few pages that came since, waits a moment for readers who still look at the log (those who come meanwhile find
//! everything in the file), and its next commit starts the log from the beginning.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use crate::error::StoreError;
use crate::options::BUSY_TIMEOUT;
use crate::stats::Counters;

/// Pages (of 8 KiB) in the log at which a checkpoint starts: 48 MiB. What lives shorter than that many pages is never copied:
/// where messages come and go, most of what is written.
const START_PAGES: u64 = 6_000;
/// Pages that the writer copies itself without anybody noticing: 4 MiB.
const INLINE_PAGES: u64 = 500;
/// Pages at which the writer stops for the checkpoint, so that the log stays about 96 MiB short.
const STOP_PAGES: u64 = 12_000;
/// Pages until the next try when a reader held on to the log.
const RETRY_PAGES: u64 = 500;
/// How long the writer waits for readers while the log is of a good length: hardly longer than a commit.
const SHORT_WAIT: Duration = Duration::from_millis(10);
/// How long it waits once the log is too long. Only a reader that takes longer than this makes the log grow further, by
/// another [`STOP_PAGES`] until the next such wait.
const LONG_WAIT: Duration = Duration::from_secs(1);

/// When to checkpoint, decided by the writer after each commit.
pub(crate) struct Checkpoints {
    pages: Arc<AtomicU64>,
    counters: Arc<Counters>,
    start: Option<Sender<()>>,
    done: Receiver<()>,
    thread: Option<JoinHandle<()>>,
    /// Pages in the log when the running checkpoint began.
    running_since: Option<u64>,
    /// Below this many pages nothing happens.
    next: u64,
    last_pages: u64,
}

impl Checkpoints {
    /// Watches the log of `writer` and starts the second thread, which works through `connection`.
    pub(crate) fn start(
        writer: &mut Connection,
        connection: Connection,
        counters: Arc<Counters>,
    ) -> Result<Self, StoreError> {
        let pages = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&pages);
        // setting the hook also turns SQLite's automatic checkpoint off
        writer.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: std::ffi::c_int| {
            seen.store(u64::try_from(pages).unwrap_or(0), Relaxed);
            Ok(())
        }))?;
        let (start, started) = channel::<()>();
        let (finished, done) = channel();
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".into())
            .spawn(move || {
                while started.recv().is_ok() {
                    checkpoint(&connection);
                    if finished.send(()).is_err() {
                        break;
                    }
                }
            })
            .map_err(StoreError::Thread)?;
        Ok(Self {
            pages,
            counters,
            start: Some(start),
            done,
            thread: Some(thread),
            running_since: None,
            next: START_PAGES,
            last_pages: 0,
        })
    }

    /// Called between two commits, when everybody has been answered.
    pub(crate) fn after_commit(&mut self, writer: &Connection) {
        let pages = self.pages.load(Relaxed);
        self.counters.wal_pages.store(pages, Relaxed);
        if pages < self.last_pages {
            // the log began anew
            self.next = START_PAGES;
        }
        self.last_pages = pages;
        match self.running_since {
            None if pages >= self.next => self.begin(pages),
            None => {}
            Some(since) => {
                let finished = if pages >= STOP_PAGES.max(self.next) {
                    self.done.recv().is_ok()
                } else {
                    !matches!(self.done.try_recv(), Err(TryRecvError::Empty))
                };
                if !finished {
                    return;
                }
                self.running_since = None;
                self.counters.checkpoints.fetch_add(1, Relaxed);
                if pages.saturating_sub(since) > INLINE_PAGES && pages < STOP_PAGES {
                    self.begin(pages);
                } else {
                    let long = pages >= STOP_PAGES;
                    let emptied = restart(writer, if long { LONG_WAIT } else { SHORT_WAIT });
                    let rest = if long && !emptied { STOP_PAGES } else { RETRY_PAGES };
                    self.next = pages.saturating_add(rest);
                }
            }
        }
    }

    fn begin(&mut self, pages: u64) {
        let started = self.start.as_ref().is_some_and(|start| start.send(()).is_ok());
        if started {
            self.running_since = Some(pages);
        }
    }

    /// Ends the second thread and empties the log into the file.
    pub(crate) fn finish(mut self, writer: &Connection) {
        self.start = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        if let Err(error) = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
            tracing::warn!(%error, "the last checkpoint failed; the log is replayed when the database is next opened");
        }
    }
}

/// Copies all of the log, and waits at most `patience` until nobody reads from it, so that the next commit can start it
/// anew. Whether that is so; when somebody still does, the copying was not in vain.
fn restart(writer: &Connection, patience: Duration) -> bool {
    let done = writer
        .busy_timeout(patience)
        .and_then(|()| writer.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get::<_, i64>(0)));
    if let Err(error) = writer.busy_timeout(BUSY_TIMEOUT) {
        tracing::warn!(%error, "the writer lost its patience");
    }
    match done {
        Ok(busy) => busy == 0,
        Err(error) => {
            tracing::warn!(%error, "a checkpoint failed; the log grows until one succeeds");
            false
        }
    }
}

/// Copies what no reader needs any more; never waits for anybody.
fn checkpoint(connection: &Connection) {
    if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
        tracing::warn!(%error, "a checkpoint failed; the log grows until one succeeds");
    }
}
