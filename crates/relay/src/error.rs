//! The relay's codes.

use chancery_base::{Category, ErrorCode};
use chancery_store::StoreError;

/// Everything that a caller of the relay can be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant says itself what it means, in its message")]
pub enum RelayError {
    #[error("too many requests from this address")]
    PublicRateLimit { retry_after_secs: u64 },
    #[error("the Authorization header is missing")]
    MissingToken,
    #[error("the Authorization header is not of the form: Claw <identity token>")]
    InvalidScheme,
    #[error("the identity token is not believed: {0}")]
    InvalidAit(String),
    #[error("the header x-claw-timestamp is missing or not unix seconds")]
    InvalidTimestamp,
    #[error("the timestamp is more than 300 seconds away from this server's clock")]
    TimestampSkew,
    #[error("the proof does not fit this request")]
    InvalidProof,
    #[error("the nonce is missing or malformed")]
    InvalidNonce,
    #[error("this proof was used before")]
    Replay,
    #[error("the agent's identity was revoked")]
    Revoked,
    #[error("the registry cannot be asked: {0}")]
    DependencyUnavailable(String),
    #[error("the agent is not trusted for this")]
    Forbidden,
    #[error("the header x-claw-agent-access is missing")]
    AccessRequired,
    #[error("the access token is not valid")]
    AccessInvalid,
    #[error("too many requests of this agent")]
    RateLimit { retry_after_secs: u64 },
    #[error("there is nothing at this path")]
    NotFound,

    #[error("the body is not valid: {0}")]
    PairInvalidBody(String),
    #[error("the relay has no service credentials for the registry")]
    InternalAuthConfig,
    #[error("the registry could not tell who owns the agent: {0}")]
    OwnershipUnavailable(String),
    #[error("the registry refuses this relay's service credentials")]
    InternalAuthUnauthorized,
    #[error("the agent is not active, or not owned by who its token says")]
    OwnershipForbidden,
    #[error("the pairing state is unavailable")]
    PairStateUnavailable(#[source] StoreError),
    #[error("not a pairing ticket")]
    TicketInvalidFormat,
    #[error("a pairing ticket of a version that is not supported")]
    TicketUnsupportedVersion,
    #[error("the ticket was issued by another relay")]
    TicketInvalidIssuer,
    #[error("the ticket's signature does not verify")]
    TicketInvalidSignature,
    #[error("the ticket is unknown")]
    TicketNotFound,
    #[error("the ticket has expired")]
    TicketExpired,
    #[error("the ticket was confirmed already")]
    TicketAlreadyConfirmed,
    #[error("the ticket is for another responder")]
    ResponderForbidden,
    #[error("an agent cannot be paired with itself")]
    SelfPairing,
    #[error("only the two agents of the pairing may ask for its state")]
    StatusForbidden,
    #[error("the statement does not fit the pairing: {0}")]
    StatementInvalid(String),
    #[error("there is no such pair")]
    PairNotFound,

    #[error("the media type must be application/json")]
    UnsupportedMediaType,
    #[error("the media type {0} is reserved and not supported yet")]
    ReservedMediaType(String),
    #[error("the body is not valid JSON")]
    HookInvalidJson,
    #[error("the header x-claw-recipient-agent-did is missing")]
    RecipientRequired,
    #[error("the header x-claw-recipient-agent-did is not an agent DID")]
    RecipientInvalid,
    #[error("a header is malformed: {0}")]
    HookInvalidHeader(&'static str),
    #[error("the receipt address is not an absolute http(s) URL")]
    InvalidReplyTo,
    #[error("the recipient's mailbox is full")]
    QueueFull,
    #[error("this sender's share of the recipient's mailbox is full")]
    SenderShareFull,
    #[error("this message id was used for another message")]
    MessageIdConflict,
    #[error("the recipient's identity was revoked")]
    RecipientRevoked,
    #[error("the relay's storage is unavailable")]
    RelayUnavailable(#[source] StoreError),
    #[error("revocations have not been heard of for too long, so new messages are not accepted")]
    RevocationsStale,
    #[error("the request is not a WebSocket upgrade")]
    UpgradeRequired,
    #[error("the frame is not understood: {0}")]
    FrameInvalid(String),
    #[error("the message is too long to be delivered in one frame")]
    MessageTooLarge,

    #[error("the receipt is not valid: {0}")]
    ReceiptInvalidInput(String),
    #[error("the query is not valid: {0}")]
    ReceiptInvalidQuery(String),
    #[error("only the recipient of a message may send its receipt")]
    ReceiptForbidden,
    #[error("the receipt could not be stored")]
    ReceiptWriteFailed(#[source] StoreError),
    #[error("receipts could not be read")]
    ReceiptReadFailed(#[source] StoreError),
}

impl ErrorCode for RelayError {
    fn code(&self) -> &'static str {
        self.row().0
    }

    fn category(&self) -> Category {
        self.row().1
    }

    fn status(&self) -> u16 {
        self.row().2
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Replay => "sign each request anew, with a fresh nonce",
            Self::TimestampSkew => "set the clock of this machine",
            Self::Forbidden => "pair the two agents first: pair start, then pair confirm",
            Self::TicketExpired | Self::TicketNotFound => "ask the other side for a new ticket",
            Self::AccessInvalid => "refresh the agent's session: agent auth refresh",
            Self::MessageIdConflict => "choose a new id for each message",
            _ => return None,
        })
    }

    fn retry_after_secs(&self) -> Option<u64> {
        match self {
            Self::PublicRateLimit { retry_after_secs } | Self::RateLimit { retry_after_secs } => {
                Some(*retry_after_secs)
            }
            Self::DependencyUnavailable(_) | Self::RevocationsStale | Self::OwnershipUnavailable(_) => Some(1),
            _ => None,
        }
    }
}

impl RelayError {
    /// Whether the same request may work later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.category(),
            Category::Limited | Category::Unavailable | Category::Internal
        )
    }

    fn row(&self) -> (&'static str, Category, u16) {
        use Category::{Conflict, Forbidden, Input, Internal, Limited, NotFound, Unauthenticated, Unavailable};
        match self {
            Self::PublicRateLimit { .. } => ("PROXY_PUBLIC_RATE_LIMIT_EXCEEDED", Limited, 429),
            Self::MissingToken => ("PROXY_AUTH_MISSING_TOKEN", Unauthenticated, 401),
            Self::InvalidScheme => ("PROXY_AUTH_INVALID_SCHEME", Unauthenticated, 401),
            Self::InvalidAit(_) => ("PROXY_AUTH_INVALID_AIT", Unauthenticated, 401),
            Self::InvalidTimestamp => ("PROXY_AUTH_INVALID_TIMESTAMP", Unauthenticated, 401),
            Self::TimestampSkew => ("PROXY_AUTH_TIMESTAMP_SKEW", Unauthenticated, 401),
            Self::InvalidProof => ("PROXY_AUTH_INVALID_PROOF", Unauthenticated, 401),
            Self::InvalidNonce => ("PROXY_AUTH_INVALID_NONCE", Unauthenticated, 401),
            Self::Replay => ("PROXY_AUTH_REPLAY", Unauthenticated, 401),
            Self::Revoked => ("PROXY_AUTH_REVOKED", Unauthenticated, 401),
            Self::DependencyUnavailable(_) => ("PROXY_AUTH_DEPENDENCY_UNAVAILABLE", Unavailable, 503),
            Self::Forbidden => ("PROXY_AUTH_FORBIDDEN", Forbidden, 403),
            Self::AccessRequired => ("PROXY_AGENT_ACCESS_REQUIRED", Unauthenticated, 401),
            Self::AccessInvalid => ("PROXY_AGENT_ACCESS_INVALID", Unauthenticated, 401),
            Self::RateLimit { .. } => ("PROXY_RATE_LIMIT_EXCEEDED", Limited, 429),
            Self::NotFound => ("NOT_FOUND", NotFound, 404),
            Self::PairInvalidBody(_) => ("PROXY_PAIR_INVALID_BODY", Input, 400),
            Self::InternalAuthConfig => ("PROXY_INTERNAL_AUTH_CONFIG_INVALID", Internal, 500),
            Self::OwnershipUnavailable(_) => ("PROXY_PAIR_OWNERSHIP_UNAVAILABLE", Unavailable, 503),
            Self::InternalAuthUnauthorized => ("PROXY_INTERNAL_AUTH_UNAUTHORIZED", Unavailable, 503),
            Self::OwnershipForbidden => ("PROXY_PAIR_OWNERSHIP_FORBIDDEN", Forbidden, 403),
            Self::PairStateUnavailable(_) => ("PROXY_PAIR_STATE_UNAVAILABLE", Unavailable, 503),
            Self::TicketInvalidFormat => ("PROXY_PAIR_TICKET_INVALID_FORMAT", Input, 400),
            Self::TicketUnsupportedVersion => ("PROXY_PAIR_TICKET_UNSUPPORTED_VERSION", Input, 400),
            Self::TicketInvalidIssuer => ("PROXY_PAIR_TICKET_INVALID_ISSUER", Input, 400),
            Self::TicketInvalidSignature => ("PROXY_PAIR_TICKET_INVALID_SIGNATURE", Input, 400),
            Self::TicketNotFound => ("PROXY_PAIR_TICKET_NOT_FOUND", NotFound, 404),
            Self::TicketExpired => ("PROXY_PAIR_TICKET_EXPIRED", NotFound, 410),
            Self::TicketAlreadyConfirmed => ("PROXY_PAIR_TICKET_ALREADY_CONFIRMED", Conflict, 409),
            Self::ResponderForbidden => ("PROXY_PAIR_RESPONDER_FORBIDDEN", Forbidden, 403),
            Self::SelfPairing => ("PROXY_PAIR_SELF_FORBIDDEN", Conflict, 409),
            Self::StatusForbidden => ("PROXY_PAIR_STATUS_FORBIDDEN", Forbidden, 403),
            Self::StatementInvalid(_) => ("PROXY_PAIR_STATEMENT_INVALID", Input, 400),
            Self::PairNotFound => ("PROXY_PAIR_NOT_FOUND", NotFound, 404),
            Self::UnsupportedMediaType => ("PROXY_HOOK_UNSUPPORTED_MEDIA_TYPE", Input, 415),
            Self::ReservedMediaType(_) => ("PROXY_HOOK_RESERVED_MEDIA_TYPE", Input, 415),
            Self::HookInvalidJson => ("PROXY_HOOK_INVALID_JSON", Input, 400),
            Self::RecipientRequired => ("PROXY_HOOK_RECIPIENT_REQUIRED", Input, 400),
            Self::RecipientInvalid => ("PROXY_HOOK_RECIPIENT_INVALID", Input, 400),
            Self::HookInvalidHeader(_) => ("PROXY_HOOK_INVALID_HEADER", Input, 400),
            Self::InvalidReplyTo => ("PROXY_RELAY_DELIVERY_FAILED", Input, 502),
            Self::QueueFull => ("PROXY_RELAY_QUEUE_FULL", Limited, 507),
            Self::SenderShareFull => ("PROXY_RELAY_SENDER_SHARE_FULL", Limited, 507),
            Self::MessageIdConflict => ("PROXY_RELAY_MESSAGE_ID_CONFLICT", Conflict, 409),
            Self::RecipientRevoked => ("PROXY_RELAY_RECIPIENT_REVOKED", Forbidden, 403),
            Self::RelayUnavailable(_) => ("PROXY_RELAY_UNAVAILABLE", Unavailable, 503),
            Self::RevocationsStale => ("PROXY_RELAY_REVOCATIONS_STALE", Unavailable, 503),
            Self::UpgradeRequired => ("PROXY_RELAY_UPGRADE_REQUIRED", Input, 426),
            Self::FrameInvalid(_) => ("PROXY_RELAY_FRAME_INVALID", Input, 400),
            Self::MessageTooLarge => ("PROXY_RELAY_MESSAGE_TOO_LARGE", Input, 413),
            Self::ReceiptInvalidInput(_) => ("PROXY_RELAY_RECEIPT_INVALID_INPUT", Input, 400),
            Self::ReceiptInvalidQuery(_) => ("PROXY_RELAY_RECEIPT_INVALID_QUERY", Input, 400),
            Self::ReceiptForbidden => ("PROXY_RELAY_RECEIPT_FORBIDDEN", Forbidden, 403),
            Self::ReceiptWriteFailed(_) => ("PROXY_RELAY_RECEIPT_WRITE_FAILED", Unavailable, 502),
            Self::ReceiptReadFailed(_) => ("PROXY_RELAY_RECEIPT_READ_FAILED", Unavailable, 502),
        }
    }
}

/// What the store refuses, as the caller is told.
impl From<crate::store::Refusal> for RelayError {
    fn from(refusal: crate::store::Refusal) -> Self {
        use crate::store::Refusal;
        match refusal {
            Refusal::NotPaired | Refusal::Blocked => Self::Forbidden,
            Refusal::Replay => Self::Replay,
            Refusal::SenderRevoked => Self::Revoked,
            Refusal::RecipientRevoked => Self::RecipientRevoked,
            Refusal::Conflict => Self::MessageIdConflict,
            Refusal::MailboxFull => Self::QueueFull,
            Refusal::SenderShareFull => Self::SenderShareFull,
            Refusal::TicketNotFound => Self::TicketNotFound,
            Refusal::TicketExpired => Self::TicketExpired,
            Refusal::TicketAlreadyConfirmed => Self::TicketAlreadyConfirmed,
            Refusal::TicketMismatch => Self::TicketInvalidSignature,
            Refusal::TicketNotConfirmed => Self::StatementInvalid("the pairing is not confirmed yet".to_owned()),
            Refusal::SelfPairing => Self::SelfPairing,
            Refusal::ResponderForbidden => Self::ResponderForbidden,
            Refusal::NotParticipant => Self::StatusForbidden,
            Refusal::PairNotFound => Self::PairNotFound,
            Refusal::Store(error) => Self::RelayUnavailable(error),
        }
    }
}
