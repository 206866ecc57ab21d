//! Opening, locking, migrating.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

mod common;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use chancery_base::ErrorCode as _;
use chancery_store::{Database, Migration, Options, StoreError};
use common::{Insert, SCHEMA, notes, open};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn open_error(path: &Path, migrations: &[Migration]) -> StoreError {
    Database::open(path, migrations, Options::default()).unwrap_err()
}

#[tokio::test]
async fn nobody_else_may_read_a_database() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("state").join("relay");
    let path = folder.join("a.db");
    let database = open(&path);
    database.submit(Insert("secret".into())).await.unwrap();
    assert_eq!(mode(&dir.path().join("state")), 0o700);
    assert_eq!(mode(&folder), 0o700);
    for file in ["a.db", "a.db-wal", "a.db-shm", "a.db.lock"] {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_database_that_others_could_read_is_made_private() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    open(&path).close().await;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    open(&path).close().await;
    assert_eq!(mode(&path), 0o600);
}

#[tokio::test]
async fn a_second_opener_is_told_who_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let database = open(&path);
    let error = open_error(&path, SCHEMA);
    assert!(
        matches!(error, StoreError::Locked { pid: Some(pid), .. } if pid == std::process::id()),
        "{error}"
    );
    assert_eq!(error.code(), "STORE_LOCKED");
    assert!(
        error
            .to_string()
            .ends_with(&format!("is in use by process {}", std::process::id()))
    );
    database.close().await;
    // the handle still exists; closed is closed
    open(&path).close().await;
}

#[tokio::test]
async fn migrations_run_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let [first] = SCHEMA else { panic!("one migration") };
    open(&path).submit(Insert("old".into())).await.unwrap();
    let second = Migration {
        name: "0002_colour",
        sql: "ALTER TABLE note ADD COLUMN colour TEXT; UPDATE note SET body = body || ' and migrated';",
    };
    for _ in 0..2 {
        let database = Database::open(&path, &[*first, second], Options::default()).unwrap();
        assert_eq!(notes(&database).await, ["old and migrated"]);
        let applied = database
            .read(|connection| -> Result<_, StoreError> {
                let mut statement =
                    connection.prepare("SELECT name, applied_at_ms FROM schema_migrations ORDER BY rowid")?;
                let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
                Ok(rows.collect::<Result<Vec<_>, _>>()?)
            })
            .await
            .unwrap();
        let names: Vec<_> = applied.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["0001_note", "0002_colour"]);
        assert!(applied.iter().all(|(_, at)| *at > 1_700_000_000_000));
        database.close().await;
    }
}

#[test]
fn a_file_that_is_no_database_is_said_so_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    std::fs::write(
        &path,
        "not what you think, and long enough to have a header".repeat(100),
    )
    .unwrap();
    let error = open_error(&path, SCHEMA);
    assert_eq!(
        error.to_string(),
        format!("cannot open the database {}: file is not a database", path.display())
    );
    // whoever prints causes behind the message says it no second time
    assert!(std::error::Error::source(&error).is_none(), "{error:?}");
}

#[tokio::test]
async fn a_migration_that_fails_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let [first] = SCHEMA else { panic!("one migration") };
    let broken = Migration {
        name: "0002_broken",
        sql: "CREATE TABLE half (id INTEGER); INSERT INTO nowhere VALUES (1);",
    };
    let error = open_error(&path, &[*first, broken]);
    assert!(
        matches!(&error, StoreError::Migrate { name, .. } if name == "0002_broken"),
        "{error}"
    );
    let repaired = Migration {
        name: "0002_broken",
        sql: "CREATE TABLE half (id INTEGER);",
    };
    Database::open(&path, &[*first, repaired], Options::default())
        .unwrap()
        .close()
        .await;
}

#[tokio::test]
async fn a_database_of_a_later_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let [first] = SCHEMA else { panic!("one migration") };
    let later = Migration {
        name: "0002_later",
        sql: "CREATE TABLE later (id INTEGER)",
    };
    Database::open(&path, &[*first, later], Options::default())
        .unwrap()
        .close()
        .await;
    assert!(matches!(open_error(&path, SCHEMA), StoreError::Newer { found } if found == "0002_later"));
}

#[test]
fn what_is_no_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    std::fs::write(
        &path,
        "this is a text, and long enough to be no header of a database".repeat(10),
    )
    .unwrap();
    assert_eq!(open_error(&path, SCHEMA).code(), "STORE_OPEN_FAILED");
    assert_eq!(open_error(dir.path(), SCHEMA).code(), "STORE_OPEN_FAILED");
    assert_eq!(open_error(&path.join("below"), SCHEMA).code(), "STORE_FILE_FAILED");
}
