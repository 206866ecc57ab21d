//! What can go wrong with an inbox's file.

use std::{io, path::PathBuf};

use chancery_base::{Category, ErrorCode};
use chancery_store::rusqlite::{self, ffi};

/// A failure of an inbox's file. Whatever a transaction did before is undone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The file could not be made.
    #[error("cannot make the inbox {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is no database that this program can use, or may not be written.
    #[error("cannot open the inbox {}: {cause}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said. Not a `source`: that one's own source says it once more, in other words.
        cause: rusqlite::Error,
    },
    /// Another process, or another handle of this one, has the file open.
    #[error("the inbox {} is in use{}", path.display(), holder(*pid))]
    Locked {
        /// The file.
        path: PathBuf,
        /// The process that has it, when it said so.
        pid: Option<u32>,
    },
    /// The file, or its folder, may not be written.
    #[error("the inbox {} may only be read", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The key is not the one with which the file is encrypted, or the file is no inbox. Nothing was changed.
    #[error("the key does not open the inbox {}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
    },
    /// A later version of the program wrote the file.
    #[error("the inbox was written by a later version of the program (schema {found})")]
    Newer {
        /// The version of its tables.
        found: i64,
    },
    /// The disk, or the limit set on the file, is full.
    #[error("the disk is full")]
    Full,
    /// The disk did not do what it was told.
    #[error("the disk failed")]
    Disk(#[source] rusqlite::Error),
    /// A statement failed.
    #[error("the inbox refused a statement")]
    Sql(#[source] rusqlite::Error),
    /// A value of openmls could not be put into bytes.
    #[error("a value of MLS could not be written down")]
    Encode(#[from] rmp_serde::encode::Error),
    /// What is stored is no value of openmls of that kind.
    #[error("a stored value of MLS could not be read")]
    Decode(#[from] rmp_serde::decode::Error),
    /// What is stored is written in a format that this version does not know, or is none of ours.
    #[error("a stored value is in an unknown format")]
    Format,
    /// An earlier write in the same transaction failed, and its error was not passed on: nothing is committed.
    #[error("an earlier write of the same transaction failed")]
    Broken,
    /// A cursor was to go back: what lies between would be processed twice.
    #[error("a cursor goes forward only: {from} to {to}")]
    Backwards {
        /// Where it is.
        from: u64,
        /// Where it was to go.
        to: u64,
    },
    /// There is no such intent, or it is past that step.
    #[error("the intent is not in a state for this step")]
    Intent,
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" by process {pid}"))
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ffi::ErrorCode::DiskFull) => Self::Full,
            Some(ffi::ErrorCode::SystemIoFailure) => Self::Disk(error),
            _ => Self::Sql(error),
        }
    }
}

impl ErrorCode for StorageError {
    fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "XMTP_INBOX_FILE",
            Self::Open { .. } => "XMTP_INBOX_OPEN",
            Self::Locked { .. } => "XMTP_INBOX_LOCKED",
            Self::ReadOnly { .. } => "XMTP_INBOX_READ_ONLY",
            Self::Key { .. } => "XMTP_INBOX_KEY",
            Self::Disk(_) => "XMTP_INBOX_DISK",
            Self::Newer { .. } => "XMTP_INBOX_NEWER",
            Self::Full => "XMTP_INBOX_FULL",
            Self::Sql(_) => "XMTP_INBOX_SQL",
            Self::Encode(_) => "XMTP_INBOX_ENCODE",
            Self::Decode(_) => "XMTP_INBOX_DECODE",
            Self::Format => "XMTP_INBOX_FORMAT",
            Self::Broken => "XMTP_INBOX_BROKEN",
            Self::Backwards { .. } => "XMTP_INBOX_BACKWARDS",
            Self::Intent => "XMTP_INBOX_INTENT",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Locked { .. } | Self::Intent => Category::Conflict,
            Self::Full => Category::Limited,
            Self::Key { .. } => Category::Input,
            _ => Category::Internal,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Locked { .. } => Some("stop the other program that has this inbox open"),
            Self::ReadOnly { .. } => Some("check who owns the file and its folder"),
            Self::Key { .. } => Some("name the key that was made with this inbox"),
            Self::Full => Some("free space on that disk"),
            Self::Newer { .. } => Some("use the version of the program that wrote it, or a later one"),
            _ => None,
        }
    }
}
