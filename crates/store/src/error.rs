//! What can go wrong with a database.

use std::path::PathBuf;

use chancery_base::{Category, ErrorCode};
use rusqlite::ffi;

use crate::files::FileError;

/// A failure of the database itself. What a command refuses for its own reasons is an error of that command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file could not be opened or is no database that this program can use.
    #[error("cannot open the database {}: {cause}", path.display())]
    Open {
        /// The database file.
        path: PathBuf,
        /// What SQLite said. Not a `source`: that one's own source says it once more, in other words.
        cause: rusqlite::Error,
    },
    /// A file or folder beside the database could not be made or read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A migration failed; those before it stay applied.
    #[error("migration {name} failed: {cause}")]
    Migrate {
        /// The migration.
        name: String,
        /// What SQLite said. Not a `source`, as in [`Self::Open`].
        cause: rusqlite::Error,
    },
    /// The file carries a migration that this program does not have at that place.
    #[error("the database has migration {found}, which this version of the program does not know")]
    Newer {
        /// The recorded migration.
        found: String,
    },
    /// A statement failed.
    #[error("the database refused a statement")]
    Sql(#[source] rusqlite::Error),
    /// The disk, or the limit set on the file, is full.
    #[error("the disk is full")]
    Full,
    /// Another process, or another handle of this one, has the database open.
    #[error("the database {} is in use{}", path.display(), holder(*pid))]
    Locked {
        /// The database file.
        path: PathBuf,
        /// Process id of the holder, when it could be read.
        pid: Option<u32>,
    },
    /// The writer's queue is full; nothing was written.
    #[error("the database has more work queued than it accepts")]
    Overloaded,
    /// The database is closed; nothing was written.
    #[error("the database is closed")]
    Closed,
    /// Another command broke the transaction that this one shared with it; nothing was written.
    #[error("the transaction was rolled back because of another command in it")]
    BatchLost,
    /// The command or the reader panicked; its effect was rolled back.
    #[error("a database operation panicked")]
    Panicked,
    /// A thread of the database could not be started.
    #[error("cannot start a database thread")]
    Thread(#[source] std::io::Error),
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" by process {pid}"))
}

impl StoreError {
    /// The same failure once more, for the next of those that failed as a whole. What cannot be told again is
    /// [`Self::BatchLost`].
    #[must_use]
    pub fn again(&self) -> Self {
        match self {
            Self::Sql(rusqlite::Error::SqliteFailure(code, message)) => {
                Self::Sql(rusqlite::Error::SqliteFailure(*code, message.clone()))
            }
            Self::Full => Self::Full,
            Self::Closed => Self::Closed,
            Self::Overloaded => Self::Overloaded,
            _ => Self::BatchLost,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ffi::ErrorCode::DiskFull) => Self::Full,
            _ => Self::Sql(error),
        }
    }
}

impl ErrorCode for StoreError {
    fn code(&self) -> &'static str {
        match self {
            Self::Open { .. } => "STORE_OPEN_FAILED",
            Self::File(error) => error.code(),
            Self::Migrate { .. } => "STORE_MIGRATION_FAILED",
            Self::Newer { .. } => "STORE_SCHEMA_NEWER",
            Self::Sql(_) => "STORE_STATEMENT_FAILED",
            Self::Full => "STORE_FULL",
            Self::Locked { .. } => "STORE_LOCKED",
            Self::Overloaded => "STORE_OVERLOADED",
            Self::Closed => "STORE_CLOSED",
            Self::BatchLost => "STORE_BATCH_LOST",
            Self::Panicked => "STORE_PANICKED",
            Self::Thread(_) => "STORE_THREAD_FAILED",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::File(error) => error.category(),
            Self::Locked { .. } => Category::Conflict,
            Self::Full | Self::Overloaded | Self::Closed | Self::BatchLost => Category::Unavailable,
            Self::Open { .. }
            | Self::Migrate { .. }
            | Self::Newer { .. }
            | Self::Sql(_)
            | Self::Panicked
            | Self::Thread(_) => Category::Internal,
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::Full => 507,
            Self::File(error) => error.status(),
            _ => match self.category() {
                Category::Conflict => 409,
                Category::Unavailable => 503,
                _ => 500,
            },
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::File(error) => error.hint(),
            Self::Locked { .. } => Some("stop the other process, or give this one its own data directory"),
            Self::Newer { .. } => Some("run the version that wrote this database, or a later one"),
            Self::Full => Some("free space on the disk that holds the data directory"),
            _ => None,
        }
    }

    fn retry_after_secs(&self) -> Option<u64> {
        match self {
            Self::Overloaded | Self::BatchLost => Some(1),
            Self::Full => Some(30),
            _ => None,
        }
    }
}
