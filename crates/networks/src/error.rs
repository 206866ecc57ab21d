//! What can go wrong between us and a server, told apart by who can do something about it.

use std::fmt;

use chancery_base::{Category, ErrorCode};

/// The server understood the request and refused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteError {
    /// HTTP status.
    pub status: u16,
    /// The server's name for it, such as `INVITE_REDEEM_EXPIRED`; `HTTP_ERROR` when it names none.
    pub code: String,
    /// The server's words on one line, without control characters.
    pub message: String,
    /// Id under which the server logged it, when it said so.
    pub request_id: Option<String>,
    /// Seconds that the server asks to wait.
    pub retry_after_secs: Option<u64>,
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "unexpected http status {}: {} ({})",
            self.status, self.message, self.code
        )
    }
}

impl std::error::Error for RemoteError {}

/// Why a request brought no answer that can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// Plain HTTP to another machine: whoever is between could read and change everything.
    #[error("refusing plain http to {origin}: it would show every secret to the network; use https")]
    Insecure {
        /// The server.
        origin: String,
    },
    /// Not a URL, or none of HTTP.
    #[error("not an http or https URL: {0}")]
    Url(String),
    /// A header value that HTTP cannot carry, such as one with a line break.
    #[error("the value of the header {0} cannot be sent")]
    Header(String),
    /// No connection, or it broke before the answer was complete.
    #[error("cannot reach {origin}: {reason}")]
    Unreachable {
        /// The server.
        origin: String,
        /// The innermost reason.
        reason: String,
    },
    /// No complete answer in time.
    #[error("{origin} did not answer within {secs} seconds")]
    Timeout {
        /// The server.
        origin: String,
        /// The limit.
        secs: u64,
    },
    /// The server refused.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The answer is longer than this call accepts.
    #[error("{origin} answered with more than {limit} bytes")]
    TooLarge {
        /// The server.
        origin: String,
        /// The limit, bytes.
        limit: usize,
    },
    /// The answer is a success of another shape than this call has.
    #[error("{origin} answered with something else than expected: {reason}")]
    Unexpected {
        /// The server.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The request cannot be written as JSON, or the client cannot be set up.
    #[error("cannot make the request: {0}")]
    Request(String),
}

impl HttpError {
    /// The server's refusal, when this is one.
    #[must_use]
    pub fn remote(&self) -> Option<&RemoteError> {
        match self {
            Self::Remote(error) => Some(error),
            _ => None,
        }
    }

    /// The status of the server's refusal.
    #[must_use]
    pub fn remote_status(&self) -> Option<u16> {
        self.remote().map(|error| error.status)
    }

    /// Whether the server named this code in its refusal.
    #[must_use]
    pub fn is_code(&self, code: &str) -> bool {
        self.remote().is_some_and(|error| error.code == code)
    }
}

impl ErrorCode for HttpError {
    fn code(&self) -> &'static str {
        match self {
            Self::Insecure { .. } => "NETWORK_INSECURE_URL",
            Self::Url(_) => "NETWORK_INVALID_URL",
            Self::Header(_) => "NETWORK_INVALID_HEADER",
            Self::Unreachable { .. } => "NETWORK_UNREACHABLE",
            Self::Timeout { .. } => "NETWORK_TIMEOUT",
            Self::Remote(_) => "NETWORK_REFUSED",
            Self::TooLarge { .. } => "NETWORK_ANSWER_TOO_LARGE",
            Self::Unexpected { .. } => "NETWORK_UNEXPECTED_ANSWER",
            Self::Request(_) => "NETWORK_REQUEST_INVALID",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Insecure { .. } | Self::Url(_) | Self::Header(_) => Category::Input,
            Self::Unreachable { .. } | Self::Timeout { .. } => Category::Unavailable,
            Self::Remote(error) => match error.status {
                401 => Category::Unauthenticated,
                403 => Category::Forbidden,
                404 | 410 => Category::NotFound,
                409 => Category::Conflict,
                413 | 429 | 507 => Category::Limited,
                400..=499 => Category::Input,
                _ => Category::Unavailable,
            },
            Self::TooLarge { .. } | Self::Unexpected { .. } => Category::Unavailable,
            Self::Request(_) => Category::Internal,
        }
    }

    fn retry_after_secs(&self) -> Option<u64> {
        self.remote().and_then(|error| error.retry_after_secs)
    }
}
