//! Why a file was not opened.

use std::io;

use chancery_base::{Category, ErrorCode};
use chancery_policy::Denial;

/// Why the broker opened nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// Not granted, or it lies outside once it is opened.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// The kernel has no `openat2`, or a filter hides it; nothing can be opened safely.
    #[error("this kernel does not open files beneath a directory (openat2)")]
    Unsupported,
    /// It is granted, and the system said no all the same.
    #[error("cannot {action} {path}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// On what.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

impl ErrorCode for BrokerError {
    fn code(&self) -> &'static str {
        match self {
            Self::Denied(denial) => denial.code(),
            Self::Unsupported => "SKILLS_OPENAT2_MISSING",
            Self::Io { .. } => "SKILLS_FILE_FAILED",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Denied(denial) => denial.category(),
            Self::Unsupported => Category::Internal,
            Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => Category::NotFound,
            Self::Io { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => Category::Conflict,
            Self::Io { .. } => Category::Internal,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Denied(denial) => denial.hint(),
            Self::Unsupported => Some("use Linux 5.6 or later, and let the container's filter pass openat2"),
            Self::Io { .. } => None,
        }
    }
}
