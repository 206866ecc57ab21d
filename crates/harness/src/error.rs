//! Why a connection is refused before it is a WebSocket.

use chancery_base::{Category, ErrorCode};

/// Why a request for a WebSocket is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// A browser asks, for a page that is not let in.
    #[error("Web pages may not connect here.")]
    Origin,
    /// It is no request for a WebSocket.
    #[error("This path takes WebSocket connections only.")]
    NoUpgrade,
    /// The signet ends.
    #[error("The signet is ending.")]
    Ending,
}

impl ErrorCode for Refused {
    fn code(&self) -> &'static str {
        match self {
            Self::Origin => "HARNESS_ORIGIN_REFUSED",
            Self::NoUpgrade => "HARNESS_UPGRADE_REQUIRED",
            Self::Ending => "HARNESS_ENDING",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Origin => Category::Forbidden,
            Self::NoUpgrade => Category::Input,
            Self::Ending => Category::Unavailable,
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::Origin => 403,
            Self::NoUpgrade => 426,
            Self::Ending => 503,
        }
    }
}
