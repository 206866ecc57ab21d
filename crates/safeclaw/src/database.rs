//! The database, for whoever only reads.

use std::path::Path;

use chancery_store::{
    connect,
    rusqlite::{Connection, OpenFlags},
};

use crate::{CliError, Code, Result};

/// A connection that cannot write, makes no file, follows no link, and runs no migration.
pub(crate) fn read_only(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    connect(path, flags)
        .map_err(|error| CliError::new(Code::FileFailed, format!("cannot open {}: {error}", path.display())))
}
