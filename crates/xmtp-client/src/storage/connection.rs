//! The one connection to an inbox's file.

use std::{fs::OpenOptions, io, os::unix::fs::OpenOptionsExt as _, path::Path};

use chancery_store::rusqlite::{self, Connection, OpenFlags, ffi};

use super::StorageError;

/// Statements that are kept prepared: those of openmls' storage and of the steps beside it.
const STATEMENTS: usize = 64;

pub(super) fn open(path: &Path) -> Result<Connection, StorageError> {
    // SQLite would make it with the mode of the umask; its log takes the mode of the file
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(source) => {
            return Err(StorageError::File {
                path: path.to_owned(),
                source,
            });
        }
    }
    // no SQLITE_OPEN_URI: a path is a path, whatever it starts with
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags)
        .and_then(|connection| configure(connection, "wal"))
        .map_err(|cause| match cause.sqlite_error_code() {
            Some(ffi::ErrorCode::DatabaseBusy | ffi::ErrorCode::DatabaseLocked) => {
                StorageError::Locked { path: path.to_owned() }
            }
            Some(ffi::ErrorCode::DiskFull) => StorageError::Full,
            _ => StorageError::Open {
                path: path.to_owned(),
                cause,
            },
        })
}

pub(super) fn in_memory() -> Result<Connection, StorageError> {
    Ok(configure(Connection::open_in_memory()?, "memory")?)
}

fn configure(connection: Connection, journal: &str) -> rusqlite::Result<Connection> {
    unlock(&connection);
    // before the first look at the log: then the lock is taken once and kept, and there is no memory shared with others
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    let found: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if !found.eq_ignore_ascii_case(journal) {
        return Err(rusqlite::Error::SqliteFailure(
            ffi::Error::new(ffi::SQLITE_CANTOPEN),
            Some("this file system cannot hold a write-ahead log".into()),
        ));
    }
    // FULL syncs the log at every commit; NORMAL would only keep it in order
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "secure_delete", true)?;
    // ours empties the log, which SQLite's own would only write back
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // takes the lock now, not at the first transaction
    connection.execute_batch("BEGIN IMMEDIATE; COMMIT")?;
    Ok(connection)
}

/// Where SQLCipher is told its key (`PRAGMA key`), before anything else. There is none yet.
fn unlock(_: &Connection) {}

/// Writes the log back and cuts it to nothing if it is longer than `bytes`.
pub(super) fn empty_log_beyond(connection: &Connection, bytes: u64) -> Result<(), StorageError> {
    let Some(path) = connection.path().filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let log = std::fs::metadata(format!("{path}-wal")).map_or(0, |found| found.len());
    if log > bytes {
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    Ok(())
}
