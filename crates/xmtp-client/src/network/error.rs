//! Why a node did not do what it was asked, and whether to ask again.

use chancery_base::{Category, ErrorCode};
use tonic::{Code, Status};

/// A request that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The node is away, or did not answer in time. Whether it did what it was asked is not known.
    #[error("the node cannot be reached: {0}")]
    Unavailable(String),
    /// The node has a limit, and it is reached.
    #[error("the node takes no more just now: {0}")]
    Limited(String),
    /// A stream was cut because its reader was too slow, or other requests came first: go on from the cursor.
    #[error("the node broke off: {0}")]
    Aborted(String),
    /// The node refused what it was sent; sending the same again cannot help.
    #[error("the node refused: {0}")]
    Refused(String),
    /// The node, or what stands before it, does not do that for us: it says nothing of what it was sent. Asking again helps
    /// once somebody has changed that.
    #[error("the node does not serve us: {0}")]
    Denied(String),
    /// What the node answered is not what was asked for.
    #[error("the node answered something else: {0}")]
    Malformed(&'static str),
}

impl NodeError {
    /// Whether the same request may do later by itself.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Limited(_) | Self::Aborted(_) => true,
            Self::Refused(_) | Self::Denied(_) | Self::Malformed(_) => false,
        }
    }
}

impl From<Status> for NodeError {
    fn from(status: Status) -> Self {
        let said = status.message().to_owned();
        match status.code() {
            // cancelled and unknown: what a connection that breaks off looks like from here
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown | Code::Internal => {
                Self::Unavailable(said)
            }
            Code::ResourceExhausted => Self::Limited(said),
            Code::Aborted => Self::Aborted(said),
            Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented => Self::Denied(said),
            _ => Self::Refused(said),
        }
    }
}

impl ErrorCode for NodeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "XMTP_CLIENT_NODE_UNAVAILABLE",
            Self::Limited(_) => "XMTP_CLIENT_NODE_LIMITED",
            Self::Aborted(_) => "XMTP_CLIENT_NODE_ABORTED",
            Self::Refused(_) => "XMTP_CLIENT_NODE_REFUSED",
            Self::Denied(_) => "XMTP_CLIENT_NODE_DENIED",
            Self::Malformed(_) => "XMTP_CLIENT_NODE_MALFORMED",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Limited(_) => Category::Limited,
            Self::Refused(_) => Category::Input,
            Self::Denied(_) => Category::Forbidden,
            Self::Unavailable(_) | Self::Aborted(_) | Self::Malformed(_) => Category::Unavailable,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unavailable(_) => {
                Some("check the node's address, and that it runs: chancery xmtp-node starts one here")
            }
            Self::Limited(_) | Self::Aborted(_) => Some("wait a little, and do it again"),
            Self::Refused(_) | Self::Denied(_) | Self::Malformed(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_do_later_is_tried_again() {
        for code in [
            Code::Unavailable,
            Code::DeadlineExceeded,
            Code::ResourceExhausted,
            Code::Aborted,
        ] {
            assert!(NodeError::from(Status::new(code, "")).is_retryable(), "{code:?}");
        }
        for code in [
            Code::InvalidArgument,
            Code::Unimplemented,
            Code::PermissionDenied,
            Code::NotFound,
        ] {
            assert!(!NodeError::from(Status::new(code, "")).is_retryable(), "{code:?}");
        }
        assert!(!NodeError::Malformed("").is_retryable());
    }

    #[test]
    fn what_is_sent_is_at_fault_only_where_the_node_says_so() {
        for (code, at_fault) in [
            (Code::InvalidArgument, true),
            (Code::OutOfRange, true),
            (Code::FailedPrecondition, true),
            // a gateway whose key has expired, or a way that leads nowhere
            (Code::Unauthenticated, false),
            (Code::PermissionDenied, false),
            (Code::Unimplemented, false),
        ] {
            let error = NodeError::from(Status::new(code, ""));
            assert_eq!(matches!(error, NodeError::Refused(_)), at_fault, "{code:?}");
        }
    }
}
