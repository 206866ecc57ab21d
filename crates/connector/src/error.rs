//! Errors with stable codes.

use chancery_base::{Category, ErrorCode};
use chancery_store::StoreError;

/// Why a message was not taken. The codes are those that the original's local API answers with, where it had one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Neither a valid DID nor an alias.
    #[error("toAgentDid or peerDid must be the DID of an agent: did:cdi:<authority>:agent:<ULID>")]
    Recipient,
    /// No peer is called that.
    #[error("no peer is called {0:?} here")]
    UnknownPeer(String),
    /// The body is not JSON, or names a key twice.
    #[error("the body is not JSON: {0}")]
    Json(String),
    /// The body is not declared as JSON.
    #[error("the content type must be application/json")]
    MediaType,
    /// A member breaks a rule.
    #[error("{member}: {rule}")]
    Member {
        /// Name of the member.
        member: &'static str,
        /// The rule.
        rule: &'static str,
    },
    /// The media type is set aside for a later version.
    #[error("the content type {0:?} is reserved")]
    Reserved(String),
    /// The message does not fit into one frame.
    #[error("the message is larger than a frame may be ({0} bytes)")]
    TooLarge(usize),
    /// Too many messages wait for the relay.
    #[error("{0} messages wait for the relay already")]
    QueueFull(u64),
    /// The message id was used for another message.
    #[error("the message id was used for another message")]
    IdConflict,
    /// The message could not be made durable.
    #[error("the message could not be stored")]
    Persist(#[from] StoreError),
    /// The agent was revoked: nothing of it is sent any more.
    #[error("this agent was revoked, so it sends nothing any more: {0}")]
    Revoked(String),
    /// The connector is stopping.
    #[error("the connector is stopping")]
    Stopping,
}

impl ErrorCode for SendError {
    fn code(&self) -> &'static str {
        match self {
            Self::Recipient => "INVALID_TO_AGENT_DID",
            Self::UnknownPeer(_) => "CONNECTOR_OUTBOUND_UNKNOWN_PEER",
            Self::Json(_) => "CONNECTOR_OUTBOUND_INVALID_JSON",
            Self::MediaType => "CONNECTOR_OUTBOUND_UNSUPPORTED_MEDIA_TYPE",
            Self::Member { .. } => "CONNECTOR_OUTBOUND_INVALID_REQUEST",
            Self::Reserved(_) => "CONNECTOR_OUTBOUND_RESERVED_CONTENT_TYPE",
            Self::TooLarge(_) => "CONNECTOR_OUTBOUND_TOO_LARGE",
            Self::QueueFull(_) => "CONNECTOR_OUTBOUND_QUEUE_FULL",
            Self::IdConflict => "CONNECTOR_OUTBOUND_ID_CONFLICT",
            Self::Persist(_) => "OUTBOUND_PERSIST_FAILED",
            Self::Revoked(_) => "CONNECTOR_AGENT_REVOKED",
            Self::Stopping => "CONNECTOR_STOPPING",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Recipient | Self::Json(_) | Self::MediaType | Self::Member { .. } | Self::Reserved(_) => {
                Category::Input
            }
            Self::TooLarge(_) => Category::Input,
            Self::UnknownPeer(_) | Self::IdConflict => Category::Conflict,
            Self::QueueFull(_) => Category::Limited,
            Self::Revoked(_) => Category::Forbidden,
            Self::Persist(_) => Category::Internal,
            Self::Stopping => Category::Unavailable,
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::MediaType => 415,
            Self::TooLarge(_) => 413,
            Self::UnknownPeer(_) | Self::IdConflict => 409,
            Self::QueueFull(_) => 507,
            Self::Revoked(_) => 403,
            Self::Persist(_) => 500,
            Self::Stopping => 503,
            Self::Recipient | Self::Json(_) | Self::Member { .. } | Self::Reserved(_) => 400,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::UnknownPeer(_) => Some("pair with that agent first, or name it by its DID"),
            Self::QueueFull(_) => Some("see GET /v1/status: is the relay connected?"),
            Self::Revoked(_) => Some("its owner can create another agent: clawdentity agent create <NAME>"),
            _ => None,
        }
    }

    fn retry_after_secs(&self) -> Option<u64> {
        match self {
            Self::QueueFull(_) => Some(30),
            Self::Stopping => Some(5),
            _ => None,
        }
    }
}

/// Why a question about the state or an order of the owner was not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectorError {
    /// There is no such message, or it is forgotten already.
    #[error("no such message")]
    NotFound,
    /// The body is not of the expected shape.
    #[error("the body must be an object with an optional list requestIds of ULIDs: {0}")]
    Body(String),
    /// The store failed.
    #[error("the store of the connector failed")]
    Store(#[from] StoreError),
}

impl ErrorCode for ConnectorError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "CONNECTOR_MESSAGE_NOT_FOUND",
            Self::Body(_) => "CONNECTOR_INVALID_REQUEST",
            Self::Store(_) => "CONNECTOR_STORE_FAILED",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::NotFound => Category::NotFound,
            Self::Body(_) => Category::Input,
            Self::Store(_) => Category::Internal,
        }
    }
}
