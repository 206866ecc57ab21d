//! Frames of the harness WebSocket (`/v1/agent`): one JSON object per text frame (signet spec 5).

mod auth;
mod close;
mod event;
mod request;
mod response;
mod server;

pub use auth::{Auth, AuthProblem, ClientFrame, proof_text};
pub use close::{CloseCode, Reconnect};
pub use event::{
    ActionConfirmationRequired, ActionResolved, AgentRevoked, CredentialExpired, CredentialIssued, Event, EventError,
    EventKind, Gap, Heartbeat, MessageRevealed, MessageVisible, ReauthorizationRequired, RecoveryComplete,
    ScopesUpdated, SealStamped, SignetShutdown,
};
pub use request::{
    Ack, ConfirmAction, GetConversationInfo, HeartbeatRequest, ListConversations, ListMembers, ReactionAction,
    ReadHistory, Request, RequestKind, RequestProblem, RevealContent, SendMessage, SendReaction, SendReply,
    UpdateScopes,
};
pub use response::{
    ActionDenied, ConversationInfo, ConversationList, ConversationMembers, EventList, History, Provenance,
    ProvenanceStatus, Response, SendHeld, SendResult,
};
pub use server::{AuthError, Authenticated, Backpressure, Challenge, Sequenced, ServerFrame, ServerFrameError};

/// Path of the WebSocket.
pub const PATH: &str = "/v1/agent";

/// What this signet can beyond the first protocol; in `authenticated.features`.
pub const FEATURES: [&str; 5] = ["epoch", "history", "idempotency", "ack", "proof"];
