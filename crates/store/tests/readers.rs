//! Reading beside the writer.

mod common;

use std::sync::mpsc::channel;

use chancery_store::rusqlite::Connection;
use chancery_store::{Options, StoreError};
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

#[tokio::test]
async fn a_closed_database_reads_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&dir.path().join("a.db"));
    database.close().await;
    assert!(matches!(database.read(count).await, Err(StoreError::Closed)));
}
