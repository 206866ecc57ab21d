//! Why nothing was recorded or read.

use chancery_base::{Category, ErrorCode};
use chancery_store::{StoreError, rusqlite};

/// A record that cannot be written, or records that cannot be read. That a chain is broken is no error but the finding of
/// a [`Report`](crate::Report).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The named part of a record is empty where it must not be, or larger than its [limit](crate::limits).
    #[error("the {0} of an audit record is empty or too large")]
    Limit(&'static str),
    /// The detail nests too deep or holds numbers that JSON readers do not agree on.
    #[error("the detail of an audit record is not JSON that all readers read alike")]
    Detail,
    /// The kind is the one of checkpoints, which only the chain writes.
    #[error("audit records of that kind are written by the chain alone")]
    Reserved,
    /// There is no notary to sign a checkpoint.
    #[error("there is no key to sign a checkpoint with")]
    NoNotary,
    /// The chain has no id yet, or one that cannot be read.
    #[error("the audit chain has not begun")]
    NotBegun,
    /// A stored record cannot be read.
    #[error("audit record {seq} cannot be read")]
    Unreadable {
        /// Its place.
        seq: u64,
    },
    /// An export is no export of ours, already in its first line.
    #[error("not an export of an audit chain")]
    NotAnExport,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An export could not be read or written.
    #[error("the audit export could not be read or written")]
    Io(#[from] std::io::Error),
}

impl From<rusqlite::Error> for AuditError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl ErrorCode for AuditError {
    fn code(&self) -> &'static str {
        match self {
            Self::Limit(_) => "AUDIT_RECORD_TOO_LARGE",
            Self::Detail => "AUDIT_DETAIL_INVALID",
            Self::Reserved => "AUDIT_KIND_RESERVED",
            Self::NoNotary => "AUDIT_NO_NOTARY",
            Self::NotBegun => "AUDIT_NOT_BEGUN",
            Self::Unreadable { .. } => "AUDIT_RECORD_UNREADABLE",
            Self::NotAnExport => "AUDIT_NOT_AN_EXPORT",
            Self::Store(error) => error.code(),
            Self::Io(_) => "AUDIT_EXPORT_IO",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Limit(_) | Self::Detail | Self::Reserved | Self::NotAnExport => Category::Input,
            Self::NoNotary => Category::Unavailable,
            Self::NotBegun | Self::Unreadable { .. } | Self::Io(_) => Category::Internal,
            Self::Store(error) => error.category(),
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::Store(error) => error.status(),
            Self::Limit(_) | Self::Detail | Self::Reserved | Self::NotAnExport => 400,
            Self::NoNotary => 503,
            Self::NotBegun | Self::Unreadable { .. } | Self::Io(_) => 500,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unreadable { .. } => Some("verify the audit chain: it names the first broken record"),
            Self::Store(error) => error.hint(),
            _ => None,
        }
    }

    fn retry_after_secs(&self) -> Option<u64> {
        match self {
            Self::Store(error) => error.retry_after_secs(),
            _ => None,
        }
    }
}
