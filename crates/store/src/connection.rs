//! Opening one connection with the settings that all of them share.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use crate::{
    connect::connect,
    options::{BUSY_TIMEOUT, Durability, Options, STATEMENT_CACHE},
};

/// Bytes of a page of a new file. Messages are often a KiB: of those 7 fit into 8 KiB where 3 fit into 4 KiB, and the log takes
/// half the system calls.
const PAGE_BYTES: i64 = 8 << 10;
/// Bytes to which the log's file is cut when it begins anew after a burst.
const LOG_FILE_LIMIT: i64 = 96 << 20;

/// The one connection that writes; it makes the database a write-ahead-logged one.
pub(crate) fn writer(path: &Path, options: &Options) -> rusqlite::Result<Connection> {
    let connection = open(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE,
        options.cache_kib,
        options.durability,
    )?;
    // a file that is there already keeps the size that it has
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
            Some("this file system cannot hold a write-ahead log".into()),
        ));
    }
    connection.pragma_update(None, "journal_size_limit", LOG_FILE_LIMIT)?;
    Ok(connection)
}

/// The connection of the checkpoint thread: it needs hardly any cache.
pub(crate) fn checkpointer(path: &Path, options: &Options) -> rusqlite::Result<Connection> {
    open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, 256, options.durability)
}

/// A connection that cannot write.
pub(crate) fn reader(path: &Path, options: &Options) -> rusqlite::Result<Connection> {
    let cache = (options.cache_kib / 4).max(256);
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, cache, options.durability)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn open(path: &Path, mode: OpenFlags, cache_kib: i64, durability: Durability) -> rusqlite::Result<Connection> {
    // no SQLITE_OPEN_URI: a path is a path, whatever it starts with
    let connection = connect(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    match durability {
        // FULL syncs the log at every commit; NORMAL would only keep it in order
        Durability::Fsync => connection.pragma_update(None, "synchronous", "FULL")?,
    }
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", cache_kib.saturating_neg())?;
    // a statement is compiled once, whatever values it is given later
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    Ok(connection)
}
