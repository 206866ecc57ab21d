//! What the writer promises.

mod common;

use std::time::Duration;

use chancery_store::rusqlite::Connection;
use chancery_store::{Options, StoreError};
use common::{Insert, Refusal, Run, notes, occupy, open, open_with};
use futures_util::future::join_all;

#[tokio::test]
async fn a_command_that_fails_takes_back_its_own_work_only() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&dir.path().join("a.db"));
    let release = occupy(&database);
    let before = database.submit(Insert("before".into()));
    let failing = database.submit(Run(|tx: &Connection| {
        tx.execute("INSERT INTO note (body) VALUES ('half')", [])?;
        Err::<(), _>(Refusal::Refused)
    }));
    let twice = database.submit(Insert("before".into()));
    let after = database.submit(Insert("after".into()));
    drop(release);
    assert_eq!(before.await.unwrap(), 1);
    assert!(matches!(failing.await, Err(Refusal::Refused)));
    assert!(matches!(twice.await, Err(Refusal::Store(StoreError::Sql(_)))));
    assert_eq!(after.await.unwrap(), 2);
    assert_eq!(notes(&database).await, ["before", "after"]);
}

#[tokio::test]
async fn commands_run_in_the_order_of_their_calls_before_anybody_polls() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&dir.path().join("a.db"));
    let submitted: Vec<_> = (0..5000).map(|n| database.submit(Insert(format!("{n}")))).collect();
    // polled from the last to the first
    for (n, future) in submitted.into_iter().enumerate().rev() {
        assert_eq!(future.await.unwrap(), i64::try_from(n).unwrap() + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_commands_share_a_commit() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&dir.path().join("a.db"));
    let submitters = (0..64).map(|submitter| {
        let database = database.clone();
        tokio::spawn(async move {
            for n in 0..50 {
                database.submit(Insert(format!("{submitter} {n}"))).await.unwrap();
            }
        })
    });
    for done in join_all(submitters).await {
        done.unwrap();
    }
    let stats = database.stats();
    assert_eq!(stats.commands, 3200);
    assert!(stats.commits * 4 < stats.commands, "{stats:?}");
    assert!(stats.largest_batch > 1 && stats.largest_batch <= 512, "{stats:?}");
}

#[tokio::test]
async fn a_lone_command_does_not_wait_for_company() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&dir.path().join("a.db"));
    database.submit(Insert("alone".into())).await.unwrap();
    let stats = database.stats();
    assert_eq!((stats.commits, stats.commands, stats.last_batch), (1, 1, 1));
}

#[tokio::test]
async fn a_batch_holds_no_more_than_its_limits() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        max_batch_commands: 10,
        max_batch_bytes: 100,
        ..Options::default()
    };
    let database = open_with(&dir.path().join("a.db"), options);
    let release = occupy(&database);
    let small: Vec<_> = (0..20).map(|n| database.submit(Insert(format!("{n}")))).collect();
    let large: Vec<_> = (0..4)
        .map(|n| database.submit(Insert(format!("{n}").repeat(80))))
        .collect();
    let huge = database.submit(Insert("x".repeat(1000)));
    drop(release);
    for future in small.into_iter().chain(large).chain([huge]) {
        future.await.unwrap();
    }
    // the occupier, twice ten small ones, each of the large ones alone
    assert_eq!(database.stats().commits, 1 + 2 + 4 + 1);
    assert_eq!(database.stats().largest_batch, 10);
}

#[tokio::test]
async fn a_dropped_future_does_not_take_its_command_back() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&dir.path().join("a.db"));
    let release = occupy(&database);
    drop(database.submit(Insert("forgotten".into())));
    drop(release);
    database.submit(Insert("awaited".into())).await.unwrap();
    assert_eq!(notes(&database).await, ["forgotten", "awaited"]);
}

#[tokio::test]
async fn a_full_queue_answers_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        max_queued: 3,
        ..Options::default()
    };
    let database = open_with(&dir.path().join("a.db"), options);
    let release = occupy(&database);
    let accepted: Vec<_> = (0..3).map(|n| database.submit(Insert(format!("{n}")))).collect();
    assert_eq!(database.stats().queued, 3);
    let refused = database.submit(Insert("too much".into())).await;
    assert!(matches!(refused, Err(Refusal::Store(StoreError::Overloaded))));
    drop(release);
    for future in accepted {
        future.await.unwrap();
    }
    database.submit(Insert("later".into())).await.unwrap();
    assert_eq!(notes(&database).await, ["0", "1", "2", "later"]);
}

#[tokio::test]
async fn what_waits_is_limited_in_bytes_too() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        max_queued_bytes: 100,
        ..Options::default()
    };
    let database = open_with(&dir.path().join("a.db"), options);
    let release = occupy(&database);
    // one is always let in, else a command above the limit could never be
    let first = database.submit(Insert("a".repeat(150)));
    let refused = database.submit(Insert("b".repeat(10))).await;
    assert!(matches!(refused, Err(Refusal::Store(StoreError::Overloaded))));
    drop(release);
    first.await.unwrap();
    database.submit(Insert("b".repeat(10))).await.unwrap();
}

#[tokio::test]
async fn a_command_that_panics_fails_alone() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&dir.path().join("a.db"));
    let release = occupy(&database);
    let before = database.submit(Insert("before".into()));
    let panicking = database.submit(Run(|tx: &Connection| -> Result<(), Refusal> {
        tx.execute("INSERT INTO note (body) VALUES ('half')", [])?;
        panic!("a test panics in a command");
    }));
    let after = database.submit(Insert("after".into()));
    drop(release);
    before.await.unwrap();
    assert!(matches!(panicking.await, Err(Refusal::Store(StoreError::Panicked))));
    after.await.unwrap();
    assert_eq!(notes(&database).await, ["before", "after"]);
}

#[tokio::test]
async fn a_full_disk_fails_the_commands_that_meet_it_and_no_later_ones() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&dir.path().join("a.db"));
    let set_limit = |pages: &str| {
        let limit = format!("PRAGMA max_page_count = {pages}");
        Run(move |tx: &Connection| Ok(tx.query_row(&limit, [], |_| Ok(()))?))
    };
    database.submit(Insert("first".into())).await.unwrap();
    database.submit(set_limit("20")).await.unwrap();
    let mut full = 0;
    for round in 0..20 {
        // together in one commit: the one that meets the limit costs its neighbours their transaction, and all say so
        let release = occupy(&database);
        let batch: Vec<_> = (0..4)
            .map(|n| database.submit(Insert(format!("{round} {n}").repeat(500))))
            .collect();
        drop(release);
        for result in join_all(batch).await {
            match result {
                Ok(_) => {}
                Err(Refusal::Store(StoreError::Full)) => full += 1,
                Err(Refusal::Store(StoreError::BatchLost)) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    assert!(full > 0);
    let acknowledged = notes(&database).await.len();
    database.submit(set_limit("100000")).await.unwrap();
    database.submit(Insert("x".repeat(100_000))).await.unwrap();
    assert_eq!(notes(&database).await.len(), acknowledged + 1);
    assert_eq!(notes(&database).await.first().map(String::as_str), Some("first"));
}

#[tokio::test]
async fn an_acknowledged_neighbour_of_a_full_disk_is_really_there() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&dir.path().join("a.db"));
    database
        .submit(Run(|tx: &Connection| {
            Ok(tx.query_row("PRAGMA max_page_count = 30", [], |_| Ok(()))?)
        }))
        .await
        .unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..10 {
        let release = occupy(&database);
        let bodies: Vec<_> = (0..5).map(|n| format!("{round} {n} ").repeat(600)).collect();
        let batch: Vec<_> = bodies
            .iter()
            .map(|body| database.submit(Insert(body.clone())))
            .collect();
        drop(release);
        for (body, result) in bodies.into_iter().zip(join_all(batch).await) {
            if result.is_ok() {
                acknowledged.push(body);
            }
        }
    }
    assert_eq!(notes(&database).await, acknowledged);
}

#[tokio::test]
async fn a_command_that_ends_the_transaction_does_not_break_the_writer() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&dir.path().join("a.db"));
    let release = occupy(&database);
    let neighbour = database.submit(Insert("neighbour".into()));
    let rude = database.submit(Run(|tx: &Connection| Ok(tx.execute_batch("ROLLBACK")?)));
    drop(release);
    assert!(matches!(neighbour.await, Err(Refusal::Store(StoreError::BatchLost))));
    assert!(rude.await.is_err());
    database.submit(Insert("later".into())).await.unwrap();
    assert_eq!(notes(&database).await, ["later"]);
}

#[tokio::test]
async fn closing_writes_what_is_queued_and_refuses_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let database = open(&path);
    let queued: Vec<_> = (0..1000).map(|n| database.submit(Insert(format!("{n}")))).collect();
    tokio::join!(database.close(), database.close());
    for future in queued {
        future.await.unwrap();
    }
    let late = database.submit(Insert("late".into())).await;
    assert!(matches!(late, Err(Refusal::Store(StoreError::Closed))));
    // everything is in the file itself
    assert_eq!(
        std::fs::metadata(dir.path().join("a.db-wal")).map_or(0, |wal| wal.len()),
        0
    );
    assert_eq!(notes(&open(&path)).await.len(), 1000);
}

#[tokio::test]
async fn the_last_handle_dropped_writes_what_is_queued() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let database = open(&path);
    let queued: Vec<_> = (0..1000).map(|n| database.submit(Insert(format!("{n}")))).collect();
    drop(database);
    for future in queued {
        future.await.unwrap();
    }
    assert_eq!(notes(&open(&path)).await.len(), 1000);
}

#[tokio::test]
async fn a_command_may_hold_the_last_handle() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&dir.path().join("a.db"));
    let release = occupy(&database);
    let held = database.clone();
    let command = database.submit(Run(move |_: &Connection| {
        drop(held);
        Ok(())
    }));
    drop(database);
    drop(release);
    tokio::time::timeout(Duration::from_secs(10), command)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_short_under_load_and_readers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let database = open(&path);
    // reads that overlap, so that there is never a moment without one
    let reading = [(); 3].map(|()| {
        let database = database.clone();
        tokio::spawn(async move {
            let newest = |connection: &Connection| -> Result<Option<i64>, StoreError> {
                Ok(connection.query_row("SELECT max(id) FROM note", [], |row| row.get(0))?)
            };
            while database.read(newest).await.unwrap() != Some(12_000) {}
        })
    });
    // 100 MiB through the log
    for round in 0..120 {
        let batch = (0..100).map(|n| database.submit(Insert(format!("{:08}", round * 100 + n).repeat(1000))));
        for result in join_all(batch).await {
            result.unwrap();
        }
    }
    for reader in reading {
        reader.await.unwrap();
    }
    let stats = database.stats();
    assert!(stats.checkpoints > 1, "{stats:?}");
    let log = std::fs::metadata(dir.path().join("a.db-wal")).unwrap().len();
    assert!(log < 96 << 20, "the log has {log} bytes, {stats:?}");
}
