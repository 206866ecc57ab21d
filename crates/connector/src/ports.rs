//! What the engine needs of the world: a way to the relay, tokens, the agent's webhook, and the keys of peers.
//!
//! Every port is a trait that works as `dyn`, with boxed futures, so that a simulation can stand in for all of them.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use chancery_base::{Millis, Ulid};
use chancery_identity::{
    AgentDid, VerifiedAit,
    block::Identity,
    token::{AgentAccess, Token},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

/// A future behind a pointer.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// All ports of one connector.
#[derive(Clone)]
pub struct Ports {
    /// The way to the relay.
    pub dial: Arc<dyn Dial>,
    /// The agent's session tokens.
    pub credentials: Arc<dyn Credentials>,
    /// The agent's webhook.
    pub deliver: Arc<dyn Deliver>,
    /// Whose identity tokens are believed.
    pub peer_keys: Arc<dyn PeerKeys>,
    /// What peers are called here.
    pub peers: Arc<dyn Peers>,
}

// --- the relay ------------------------------------------------------------------------------------------------------

/// Opens connections to the relay.
pub trait Dial: Send + Sync {
    /// One attempt, with a fresh proof and the current access token.
    fn dial(&self) -> BoxFuture<'_, Result<Link, DialError>>;
}

/// An open connection: text frames in, text frames out.
///
/// Dropping `tx` asks for an orderly close; dropping `rx` as well ends the connection at once if need be.
#[derive(Debug)]
pub struct Link {
    /// Frames to the relay, in order. Its capacity is what may wait for the network.
    pub tx: mpsc::Sender<String>,
    /// What comes from the relay. [`LinkEvent::Closed`] is the last; an end without it counts as a lost connection.
    pub rx: mpsc::Receiver<LinkEvent>,
    /// Whether the relay agreed to signed messages and receipt frames
    /// ([`FEATURE_MESSAGES`](chancery_relay_wire::header::FEATURE_MESSAGES)).
    pub negotiated: bool,
}

/// What comes over a [`Link`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent {
    /// One text frame.
    Text(String),
    /// The connection is over.
    Closed {
        /// WebSocket close code; `None` when it broke without one.
        code: Option<u16>,
        /// Why, for people.
        reason: String,
    },
}

/// Why there is no connection.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The relay answered and said no.
    #[error("the relay refused the connection with {status} {}: {message}", code.as_deref().unwrap_or("(no code)"))]
    Refused {
        /// HTTP status.
        status: u16,
        /// Code of the error envelope, such as `PROXY_AUTH_REPLAY`.
        code: Option<String>,
        /// Its message.
        message: String,
        /// What `Retry-After` asked for.
        retry_after: Option<Duration>,
    },
    /// No answer.
    #[error("the relay cannot be reached: {0}")]
    Unreachable(String),
    /// The address or an answer breaks a rule; trying again helps only after somebody changed something.
    #[error("{0}")]
    Invalid(String),
}

// --- session tokens -------------------------------------------------------------------------------------------------

/// An access token and its end.
#[derive(Debug, Clone)]
pub struct Access {
    /// The token.
    pub token: Token<AgentAccess>,
    /// When it ceases to be valid.
    pub expires: Millis,
}

/// The agent's session at its registry.
pub trait Credentials: Send + Sync {
    /// The access token now; `None` when there is none that could be read.
    fn current(&self) -> Option<Access>;

    /// Rotates the tokens at the registry and makes the new ones durable before it returns. The engine never runs two
    /// at the same time.
    fn refresh(&self) -> BoxFuture<'_, Result<Access, CredentialError>>;
}

/// Why there are no new tokens.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The registry refused, as when the refresh token is used up. Only the owner can help.
    #[error("the registry refused to refresh the session: {0}")]
    Refused(String),
    /// The registry says that the agent or its session was revoked. That is for good.
    #[error("the registry says that the agent or its session was revoked: {0}")]
    Revoked(String),
    /// The registry could not be asked, or the answer could not be stored.
    #[error("the session could not be refreshed: {0}")]
    Unavailable(String),
}

// --- the agent's webhook --------------------------------------------------------------------------------------------

/// Hands messages to the agent.
pub trait Deliver: Send + Sync {
    /// One attempt. Done means that the receiver answered 2xx.
    fn deliver(&self, delivery: Delivery) -> BoxFuture<'_, Result<(), DeliverError>>;

    /// Whether the receiver recognises a repeat by its `Idempotency-Key`. If not, a message whose first attempt may have
    /// arrived before a crash is held for the owner instead of being sent again.
    fn deduplicates(&self) -> bool;

    /// Where deliveries go, for the status; no secrets in it.
    fn target(&self) -> Option<String> {
        None
    }
}

/// A message for the agent.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The relay's delivery id: the `Idempotency-Key`, the same for every attempt.
    pub id: Ulid,
    /// 1 for the first attempt; more means that the receiver may have it already.
    pub attempt: u32,
    /// Id that the sender chose.
    pub message_id: String,
    /// Sender.
    pub from: AgentDid,
    /// Recipient: this agent.
    pub to: AgentDid,
    /// The payload, verbatim.
    pub payload: Box<RawValue>,
    /// Its media type; plain JSON when absent.
    pub content_type: Option<String>,
    /// Conversation.
    pub conversation_id: Option<String>,
    /// Where the sender wants receipts posted.
    pub reply_to: Option<String>,
    /// When it was sent, as the sender wrote it.
    pub sent_at: Option<String>,
    /// Who vouches for sender and content.
    pub verified: Verified,
    /// Who the sender is according to its identity token, when that was verified.
    pub identity: Option<Identity<'static>>,
}

/// Who vouches for a message or receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verified {
    /// The relay alone.
    RelayAsserted,
    /// The other agent, by its signature.
    EndToEnd,
}

impl Verified {
    /// The word in status and webhook.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RelayAsserted => "relay-asserted",
            Self::EndToEnd => "end-to-end",
        }
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct DeliverError {
    /// Whether time alone may help.
    pub retryable: bool,
    /// What happened, for people; no secrets in it.
    pub reason: String,
}

// --- peers ----------------------------------------------------------------------------------------------------------

/// Says whose identity tokens are believed: the registries that are trusted and their keys.
pub trait PeerKeys: Send + Sync {
    /// Checks a sender's identity token, with keys at hand if possible.
    fn verify_ait<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<VerifiedAit, PeerKeyError>>;
}

/// Why a sender's token is not believed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PeerKeyError {
    /// It is not valid, or its registry is not trusted.
    #[error("the sender's identity token is not valid: {0}")]
    Invalid(String),
    /// The keys to check it with cannot be had now.
    #[error("the sender's identity token cannot be checked now: {0}")]
    Unavailable(String),
}

/// Resolves local names of peers.
pub trait Peers: Send + Sync {
    /// The agent that is called `alias` here.
    fn resolve<'a>(&'a self, alias: &'a str) -> BoxFuture<'a, Option<AgentDid>>;
}
