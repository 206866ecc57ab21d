//! A table of notes and the commands on it.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use chancery_store::rusqlite::{self, Connection, params};
use chancery_store::{Command, Database, Migration, Options, StoreError};

pub(crate) const SCHEMA: &[Migration] = &[Migration {
    name: "0001_note",
    sql: "CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT NOT NULL UNIQUE) STRICT",
}];

/// Why a command of the tests fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("refused")]
    Refused,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Inserts a note and returns its id.
pub(crate) struct Insert(pub(crate) String);

impl Command for Insert {
    type Output = i64;
    type Error = Refusal;

    fn weight(&self) -> usize {
        self.0.len()
    }

    fn apply(self, tx: &Connection) -> Result<i64, Refusal> {
        tx.prepare_cached("INSERT INTO note (body) VALUES (?1)")?
            .execute(params![self.0])?;
        Ok(tx.last_insert_rowid())
    }
}

/// Runs a closure.
pub(crate) struct Run<F>(pub(crate) F);

impl<F, T> Command for Run<F>
where
    F: FnOnce(&Connection) -> Result<T, Refusal> + Send + 'static,
    T: Send + 'static,
{
    type Output = T;
    type Error = Refusal;

    fn apply(self, tx: &Connection) -> Result<T, Refusal> {
        (self.0)(tx)
    }
}

pub(crate) fn open(path: &Path) -> Database {
    open_with(path, Options::default())
}

pub(crate) fn open_with(path: &Path, options: Options) -> Database {
    Database::open(path, SCHEMA, options).unwrap()
}

/// Keeps the writer busy until the returned sender is dropped or used; returns once it is.
pub(crate) fn occupy(database: &Database) -> Sender<()> {
    let (release, released): (_, Receiver<()>) = channel();
    let (busy, is_busy) = channel();
    drop(database.submit(Run(move |_: &Connection| {
        let _ = busy.send(());
        let _ = released.recv();
        Ok(())
    })));
    is_busy.recv().unwrap();
    release
}

/// All notes in the order of their ids.
pub(crate) async fn notes(database: &Database) -> Vec<String> {
    database
        .read(|connection| -> Result<_, StoreError> {
            let mut statement = connection.prepare("SELECT body FROM note ORDER BY id")?;
            let notes = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok(notes)
        })
        .await
        .unwrap()
}
