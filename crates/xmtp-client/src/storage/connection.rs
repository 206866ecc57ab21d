//! The one connection to an inbox's file.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use chancery_store::{
    StoreError, connect, lock,
    rusqlite::{self, Connection, MAIN_DB, OpenFlags, config::DbConfig, ffi},
};
use zeroize::Zeroizing;

use super::{InboxKey, StorageError};

/// Statements that are kept prepared: those of openmls' storage and of the steps beside it.
const STATEMENTS: usize = 64;

/// Keeps others away from the file.
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // closing it is not enough: a child that is just being started has the descriptor for a moment, too
        let _ = self.0.unlock();
    }
}

/// Opens the file, encrypted with `key`. The lock must live as long as the connection.
pub(super) fn open(path: &Path, key: Option<&InboxKey>) -> Result<(Connection, Lock), StorageError> {
    let lock = lock::acquire(path).map(Lock).map_err(|error| match error {
        StoreError::Locked { pid, .. } => StorageError::Locked {
            path: path.to_owned(),
            pid,
        },
        StoreError::File(error) if is_denied(error.kind()) => StorageError::ReadOnly { path: path.to_owned() },
        StoreError::File(error) => file_failed(path, error.kind().into()),
        other => file_failed(path, io::Error::other(other)),
    })?;
    // SQLite would make it with the mode of the umask; its log takes the mode of the file
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(source) => return Err(file_failed(path, source)),
    }
    // no SQLITE_OPEN_URI: a path is a path, whatever it starts with
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags)
        .and_then(|connection| configure(connection, key, "wal"))
        .map_err(|cause| match cause.sqlite_error_code() {
            Some(ffi::ErrorCode::DatabaseBusy | ffi::ErrorCode::DatabaseLocked) => StorageError::Locked {
                path: path.to_owned(),
                pid: None,
            },
            Some(ffi::ErrorCode::NotADatabase) => StorageError::Key { path: path.to_owned() },
            Some(ffi::ErrorCode::ReadOnly) => StorageError::ReadOnly { path: path.to_owned() },
            Some(ffi::ErrorCode::DiskFull) => StorageError::Full,
            _ => StorageError::Open {
                path: path.to_owned(),
                cause,
            },
        })?;
    Ok((connection, lock))
}

fn is_denied(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    )
}

fn file_failed(path: &Path, source: io::Error) -> StorageError {
    StorageError::File {
        path: path.to_owned(),
        source,
    }
}

pub(super) fn in_memory() -> Result<Connection, StorageError> {
    Ok(configure(
        connect(Path::new(":memory:"), OpenFlags::default())?,
        None,
        "memory",
    )?)
}

fn configure(connection: Connection, key: Option<&InboxKey>, journal: &str) -> rusqlite::Result<Connection> {
    if let Some(key) = key {
        unlock(&connection, key)?;
    }
    // SQLite opens for reading what it may not write, and would say so at the first write only
    if connection.is_readonly(MAIN_DB)? {
        return Err(rusqlite::Error::SqliteFailure(
            ffi::Error::new(ffi::SQLITE_READONLY),
            None,
        ));
    }
    // before the first look at the log: then the lock is taken once and kept, and there is no memory shared with others
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    // whoever has the wrong key leaves the log where it is, too
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
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

/// Tells SQLCipher its key, before anything else. As raw bytes: from 32 random ones there is nothing to derive.
fn unlock(connection: &Connection, key: &InboxKey) -> rusqlite::Result<()> {
    // it writes what it thinks of a wrong key to stderr, which is not its
    connection.execute_batch("PRAGMA cipher_log_level = NONE")?;
    let mut pragma = Zeroizing::new(String::with_capacity(100));
    for part in ["PRAGMA key = \"x'", &key.hex(), "'\""] {
        pragma.push_str(part);
    }
    connection.execute_batch(&pragma)
}

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
