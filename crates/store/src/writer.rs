//! The writer: takes what is queued, commits once, answers all.

use std::fs::File;
use std::sync::Arc;

use rusqlite::{Connection, Statement};
use tokio::sync::watch;

use crate::checkpoint::Checkpoints;
use crate::command::{Ran, Ticket};
use crate::error::StoreError;
use crate::queue::Queue;
use crate::stats::Counters;

/// What an engine does around the commits of its database, on the writer's thread.
///
/// It lets commands share work: what many of them change in memory is written once, just before the commit that makes
/// all of them durable.
pub trait BatchHook: Send + 'static {
    /// Writes what the commands of the batch left to be written. Runs inside the batch's transaction.
    ///
    /// # Errors
    /// The batch is rolled back, and every command of it gets the error.
    fn before_commit(&mut self, tx: &Connection) -> Result<(), StoreError>;

    /// The transaction was rolled back: what was kept in memory about it is not so.
    fn rolled_back(&mut self);

    /// Every command of a batch that was committed has been answered. Whoever is woken here finds all of them done.
    fn answered(&mut self) {}
}

/// Everything that the writer thread owns.
pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) hook: Option<Box<dyn BatchHook>>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) checkpoints: Checkpoints,
    /// Nobody else may open the database as long as this is held; `None` when it is shared.
    pub(crate) lock: Option<File>,
    /// Dropped last: whoever waits for the end then knows that file and lock are free.
    pub(crate) finished: watch::Sender<()>,
}

impl Writer {
    /// Works until the queue is closed and drained, then moves the log into the file and lets go of both.
    pub(crate) fn run(self) {
        let Self {
            connection,
            hook,
            queue,
            counters,
            mut checkpoints,
            lock,
            finished,
        } = self;
        if let Err(error) = serve(&connection, hook, &queue, &counters, &mut checkpoints) {
            tracing::error!(%error, "the database writer cannot start");
        }
        // Whatever made `serve` return early, nobody may be left waiting in the queue.
        queue.close();
        let mut abandoned = Vec::new();
        while queue.take(&mut abandoned) {
            abandoned.clear();
        }
        checkpoints.finish(&connection);
        if let Err((_, error)) = connection.close() {
            tracing::warn!(%error, "the database did not close cleanly");
        }
        drop(lock);
        drop(finished);
    }
}

fn serve(
    connection: &Connection,
    hook: Option<Box<dyn BatchHook>>,
    queue: &Queue,
    counters: &Counters,
    checkpoints: &mut Checkpoints,
) -> Result<(), StoreError> {
    let mut transaction = Transaction::prepare(connection, hook)?;
    let mut batch = Vec::new();
    let mut applied = Vec::new();
    while queue.take(&mut batch) {
        for ticket in batch.drain(..) {
            transaction.add(ticket, &mut applied);
        }
        transaction.commit(&mut applied, counters);
        checkpoints.after_commit(connection);
    }
    Ok(())
}

/// The statements around a batch, prepared once.
struct Transaction<'c> {
    connection: &'c Connection,
    hook: Option<Box<dyn BatchHook>>,
    begin: Statement<'c>,
    commit: Statement<'c>,
    rollback: Statement<'c>,
    savepoint: Statement<'c>,
    release: Statement<'c>,
    rollback_to: Statement<'c>,
}

impl<'c> Transaction<'c> {
    fn prepare(connection: &'c Connection, hook: Option<Box<dyn BatchHook>>) -> Result<Self, StoreError> {
        Ok(Self {
            connection,
            hook,
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            commit: connection.prepare("COMMIT")?,
            rollback: connection.prepare("ROLLBACK")?,
            savepoint: connection.prepare("SAVEPOINT command")?,
            release: connection.prepare("RELEASE command")?,
            rollback_to: connection.prepare("ROLLBACK TO command")?,
        })
    }

    /// Runs one command in its savepoint and adds it to `applied`. When the transaction cannot begin, or breaks (SQLite
    /// rolls a whole transaction back when the disk is full), the commands concerned are answered here.
    fn add(&mut self, ticket: Ticket, applied: &mut Vec<Ticket>) {
        if self.connection.is_autocommit()
            && let Err(error) = self.begin.execute([])
        {
            ticket.fail(error.into());
            return;
        }
        if !ticket.needs_savepoint() {
            return self.add_unguarded(ticket, applied);
        }
        if let Err(error) = self.savepoint.execute([]) {
            self.lose(applied);
            ticket.fail(error.into());
            return;
        }
        let ran = ticket.run(self.connection);
        let kept = match ran {
            Ran::Accepted => self.release.execute([]).map(|_| ()),
            // after an error that cost the whole transaction there is no savepoint to go back to
            Ran::Refused if self.connection.is_autocommit() => {
                self.lose(applied);
                ticket.publish();
                return;
            }
            Ran::Refused => self
                .rollback_to
                .execute([])
                .and_then(|_| self.release.execute([]))
                .map(|_| ()),
        };
        match kept {
            Ok(()) => applied.push(ticket),
            Err(error) => {
                self.lose(applied);
                ticket.fail(error.into());
            }
        }
    }

    /// Runs a command that promised to write nothing when it refuses. One that breaks its promise costs the batch.
    fn add_unguarded(&mut self, ticket: Ticket, applied: &mut Vec<Ticket>) {
        let before = self.connection.total_changes();
        match ticket.run(self.connection) {
            Ran::Accepted => applied.push(ticket),
            Ran::Refused if !self.connection.is_autocommit() && self.connection.total_changes() == before => {
                applied.push(ticket);
            }
            Ran::Refused => {
                self.lose(applied);
                ticket.publish();
            }
        }
    }

    /// Commits and answers every command of the batch.
    fn commit(&mut self, applied: &mut Vec<Ticket>, counters: &Counters) {
        if applied.is_empty() && self.connection.is_autocommit() {
            return;
        }
        let written = match &mut self.hook {
            Some(hook) => hook.before_commit(self.connection),
            None => Ok(()),
        };
        match written.and_then(|()| Ok(self.commit.execute([])?)) {
            Ok(_) => {
                counters.committed(applied.len());
                for ticket in applied.drain(..) {
                    ticket.publish();
                }
                if let Some(hook) = &mut self.hook {
                    hook.answered();
                }
            }
            Err(error) => {
                tracing::error!(%error, commands = applied.len(), "a commit failed");
                self.abandon();
                for ticket in applied.drain(..) {
                    ticket.fail(error.again());
                }
            }
        }
    }

    /// Fails every command whose work went down with the transaction.
    fn lose(&mut self, applied: &mut Vec<Ticket>) {
        self.abandon();
        for ticket in applied.drain(..) {
            ticket.fail(StoreError::BatchLost);
        }
    }

    fn abandon(&mut self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.rollback.execute([])
        {
            tracing::error!(%error, "a rollback failed");
        }
        if let Some(hook) = &mut self.hook {
            hook.rolled_back();
        }
    }
}
