//! Opening an SQLite file.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// Opens `path`, or a database in memory for `:memory:`. Every connection of a program comes from here.
///
/// SQLCipher's libcrypto cleans up when the process exits, and threads that end in that moment, as ours do, then reach into
/// what is gone (`SIGSEGV` instead of the exit code). It can be told to leave that to the system, once, before its first use.
///
/// # Errors
/// SQLite's.
pub fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    openssl_sys::init();
    Connection::open_with_flags(path, flags)
}
