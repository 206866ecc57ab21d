//! Several handles on one database, as several processes have them.
#![allow(clippy::unwrap_used, reason = "tests")]

use chancery_store::{Command, Database, Migration, Options, Sharing, StoreError, rusqlite::Connection};

const SCHEMA: &[Migration] = &[Migration {
    name: "one",
    sql: "CREATE TABLE counts (n INTEGER NOT NULL) STRICT; INSERT INTO counts VALUES (0);",
}];

struct Add;

impl Command for Add {
    type Output = i64;
    type Error = StoreError;

    fn apply(self, tx: &Connection) -> Result<i64, StoreError> {
        Ok(tx.query_row("UPDATE counts SET n = n + 1 RETURNING n", [], |row| row.get(0))?)
    }
}

fn open(path: &std::path::Path) -> Database {
    let options = Options {
        sharing: Sharing::Shared,
        ..Options::default()
    };
    Database::open(path, SCHEMA, options).unwrap()
}

#[test]
fn handles_that_share_a_database_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shared.db");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let database = open(&path);
                for _ in 0..25 {
                    database.run(Add).unwrap();
                }
            });
        }
    });
    assert_eq!(open(&path).run(Add).unwrap(), 101);
}

#[test]
fn a_reader_sees_that_another_handle_has_committed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shared.db");
    let (ours, theirs) = (open(&path), open(&path));
    let reader = ours.reader().unwrap();
    let count = || {
        reader.read(|connection| {
            let n: i64 = connection.query_row("SELECT n FROM counts", [], |row| row.get(0))?;
            Ok::<_, StoreError>(n)
        })
    };
    let before = reader.data_version().unwrap();
    assert_eq!(count().unwrap(), 0);
    assert_eq!(reader.data_version().unwrap(), before);
    theirs.run(Add).unwrap();
    assert_ne!(reader.data_version().unwrap(), before);
    assert_eq!(count().unwrap(), 1);
}

#[test]
fn a_database_is_not_shared_unless_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.db");
    let _first = Database::open(&path, SCHEMA, Options::default()).unwrap();
    assert!(matches!(
        Database::open(&path, SCHEMA, Options::default()),
        Err(StoreError::Locked { .. })
    ));
}
