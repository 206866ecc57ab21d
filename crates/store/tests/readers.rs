//! Reading beside the writer.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

mod common;

use std::sync::mpsc::channel;

use chancery_store::rusqlite::Connection;
use chancery_store::{Database, Options, StoreError};
use futures_util::FutureExt as _;

use common::{Insert, notes, open, open_with};

fn count(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.query_row("SELECT count(*) FROM note", [], |row| row.get(0))?)
}

#[tokio::test]
async fn a_reader_sees_what_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&dir.path().join("a.db"));
    for n in 1..=100 {
        database.submit(Insert(format!("{n}"))).await.unwrap();
        assert_eq!(database.read(count).await.unwrap(), n);
    }
}

#[tokio::test]
async fn a_reader_sees_one_state_and_stops_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&dir.path().join("a.db"));
    database.submit(Insert("one".into())).await.unwrap();
    let (started, has_started) = channel();
    let (go_on, may_go_on) = channel();
    let reading = tokio::spawn({
        let database = database.clone();
        async move {
            database
                .read(move |connection| {
                    let before = count(connection)?;
                    started.send(()).unwrap();
                    may_go_on.recv().unwrap();
                    Ok::<_, StoreError>((before, count(connection)?))
                })
                .await
        }
    });
    tokio::task::spawn_blocking(move || has_started.recv().unwrap())
        .await
        .unwrap();
    database.submit(Insert("two".into())).await.unwrap();
    go_on.send(()).unwrap();
    assert_eq!(reading.await.unwrap().unwrap(), (1, 1));
    assert_eq!(database.read(count).await.unwrap(), 2);
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&dir.path().join("a.db"));
    let written = database
        .read(|connection| -> Result<_, StoreError> {
            Ok(connection.execute("INSERT INTO note (body) VALUES ('x')", [])?)
        })
        .await;
    assert!(matches!(written, Err(StoreError::Sql(_))));
    assert!(notes(&database).await.is_empty());
}

#[tokio::test]
async fn a_reader_that_panics_or_misbehaves_costs_no_connection() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        readers: 1,
        ..Options::default()
    };
    let database = open_with(&dir.path().join("a.db"), options);
    for _ in 0..3 {
        let result = database
            .read(|_| -> Result<(), StoreError> { panic!("a test panics in a reader") })
            .await;
        assert!(matches!(result, Err(StoreError::Panicked)));
        database
            .read(|connection| Ok::<_, StoreError>(connection.execute_batch("COMMIT")?))
            .await
            .unwrap();
    }
    assert_eq!(database.read(count).await.unwrap(), 0);
}

/// A database with one reader, which is busy until it is told to go on.
fn busy(dir: &tempfile::TempDir) -> (Database, impl FnOnce()) {
    let options = Options {
        readers: 1,
        ..Options::default()
    };
    let database = open_with(&dir.path().join("a.db"), options);
    let (started, has_started) = channel();
    let (go_on, may_go_on) = channel::<()>();
    tokio::spawn({
        let database = database.clone();
        async move {
            let wait = move |_: &Connection| {
                started.send(()).unwrap();
                Ok::<_, StoreError>(may_go_on.recv().is_ok())
            };
            database.read(wait).await
        }
    });
    tokio::task::block_in_place(|| has_started.recv().unwrap());
    (database, move || go_on.send(()).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_that_waited_together_do_not_disturb_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let (database, go_on) = busy(&dir);
    database.submit(Insert("one".into())).await.unwrap();
    let mut before = Box::pin(database.read(count));
    let mut panics = Box::pin(database.read(|_| -> Result<i64, StoreError> { panic!("a test panics in a reader") }));
    let mut ends = Box::pin(database.read(|connection| {
        connection.execute_batch("COMMIT")?;
        count(connection)
    }));
    // what comes after is one state again, although the one before ended the transaction
    let mut after = Box::pin(database.read(|connection| {
        assert!(!connection.is_autocommit());
        count(connection)
    }));
    for read in [
        &mut before as &mut (dyn Future<Output = _> + Unpin),
        &mut panics,
        &mut ends,
        &mut after,
    ] {
        assert!(read.now_or_never().is_none());
    }
    go_on();
    assert_eq!(before.await.unwrap(), 1);
    assert!(matches!(panics.await, Err(StoreError::Panicked)));
    assert_eq!(ends.await.unwrap(), 1);
    assert_eq!(after.await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_waits_for_any_more_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let (database, go_on) = busy(&dir);
    let (reads, read) = channel();
    let mut given_up = Box::pin(database.read(move |_| {
        reads.send(()).unwrap();
        Ok::<_, StoreError>(())
    }));
    assert!((&mut given_up).now_or_never().is_none());
    drop(given_up);
    go_on();
    // behind it in the line
    assert_eq!(database.read(count).await.unwrap(), 0);
    assert!(read.recv().is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_waits_for_those_who_read() {
    let dir = tempfile::tempdir().unwrap();
    let (database, go_on) = busy(&dir);
    let mut waits = Box::pin(database.read(count));
    assert!((&mut waits).now_or_never().is_none());
    let mut closing = Box::pin(database.close());
    assert!((&mut closing).now_or_never().is_none());
    assert!(matches!(database.read(count).await, Err(StoreError::Closed)));
    go_on();
    assert_eq!(waits.await.unwrap(), 0);
    closing.await;
}

#[tokio::test]
async fn a_closed_database_reads_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&dir.path().join("a.db"));
    database.close().await;
    assert!(matches!(database.read(count).await, Err(StoreError::Closed)));
}
