//! What the commands take and return.

use chancery_base::{
    Millis, Ulid,
    ed25519::{PublicKey, Signature},
};
use chancery_identity::AgentDid;
use chancery_relay_wire::frame::ReceiptStatus;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ports::Verified;

/// An outbound message, as it was taken and signed.
#[derive(Debug, Clone)]
pub(crate) struct Outbound {
    /// Message id and frame id.
    pub id: Ulid,
    pub to: AgentDid,
    pub payload: Box<RawValue>,
    pub content_type: Option<String>,
    pub conversation_id: Option<String>,
    pub reply_to: Option<String>,
    pub sent_at: String,
    pub sig: Signature,
    pub created: Millis,
}

impl Outbound {
    /// Stands for what is said to whom, when the payload is gone; time and signature may differ.
    pub(crate) fn digest(&self) -> String {
        let parts = [
            self.to.as_str(),
            self.conversation_id.as_deref().unwrap_or_default(),
            self.content_type.as_deref().unwrap_or_default(),
            self.reply_to.as_deref().unwrap_or_default(),
            self.payload.get(),
        ];
        chancery_base::digest::sha256_b64(parts.join("\n"))
    }
}

/// Answer to a new outbound message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AcceptedOutbound {
    /// Stored at this position.
    Stored(i64),
    /// The same message was stored before.
    Repeat,
    /// The id stands for another message.
    Conflict,
    /// Too many wait.
    Full,
}

/// An entry of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueuedOutbound {
    pub seq: i64,
    pub id: Ulid,
    pub to: AgentDid,
    pub conversation_id: Option<String>,
    pub created: Millis,
}

/// Where an outbound message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutboundState {
    /// Waits for the relay.
    Queued,
    /// In the recipient's mailbox.
    Accepted,
    /// The recipient's webhook took it.
    DeliveredToWebhook,
    /// Given up.
    DeadLettered,
}

impl OutboundState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Accepted => "accepted",
            Self::DeliveredToWebhook => "delivered_to_webhook",
            Self::DeadLettered => "dead_lettered",
        }
    }

    pub(crate) fn of(status: ReceiptStatus) -> Self {
        match status {
            ReceiptStatus::DeliveredToWebhook => Self::DeliveredToWebhook,
            ReceiptStatus::DeadLettered => Self::DeadLettered,
        }
    }

    /// Whether a receipt may turn a message in this state, vouched for by `known`, into `next`, vouched for by `word`:
    /// an end is final, except that an agent's word goes above a relay's, and that a dead letter may be replayed.
    pub(crate) fn may_become(self, known: Option<Verified>, next: Self, word: Verified) -> bool {
        match self {
            Self::Queued | Self::Accepted => true,
            // our own verdict, without anybody's word
            Self::DeadLettered if known.is_none() => true,
            _ => match known {
                Some(known) if word > known => true,
                Some(known) if word == known => self == Self::DeadLettered && next == Self::DeliveredToWebhook,
                _ => false,
            },
        }
    }
}

/// Answer of `GET /v1/outbound/{messageId}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboundView {
    /// Message id and frame id.
    pub message_id: Ulid,
    /// Recipient.
    pub to_agent_did: AgentDid,
    /// Conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// Where it is.
    pub state: OutboundState,
    /// Why it was refused or given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who vouches for a final state; absent while there is no receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<Verified>,
    /// How often the relay refused it for the time being.
    pub refusals: u32,
    /// When it was taken, Unix milliseconds.
    pub created_at_ms: Millis,
    /// When its state last changed, Unix milliseconds.
    pub updated_at_ms: Millis,
}

/// A receipt that came for one of our messages.
#[derive(Debug, Clone)]
pub(crate) struct InReceipt {
    pub id: Ulid,
    /// Recipient of the message, who says so.
    pub by: AgentDid,
    pub status: ReceiptStatus,
    pub reason: Option<String>,
    pub verified: Verified,
    pub now: Millis,
}

/// What a receipt did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReceiptEffect {
    /// It was recorded; `was_queued` tells whether the message still waited for the relay.
    Recorded { was_queued: bool },
    /// Nothing new.
    Ignored,
    /// No such message to that agent.
    Unknown,
}

/// An inbound message, verified.
#[derive(Debug, Clone)]
pub(crate) struct Inbound {
    /// The relay's delivery id.
    pub id: Ulid,
    pub from: AgentDid,
    pub to: AgentDid,
    pub message_id: String,
    pub payload: Box<RawValue>,
    pub content_type: Option<String>,
    pub conversation_id: Option<String>,
    pub reply_to: Option<String>,
    pub sent_at: Option<String>,
    pub verified: Verified,
    pub identity: Option<SenderIdentity>,
    /// Whether the relay understands a receipt for it.
    pub receipt_wanted: bool,
    pub received: Millis,
}

impl Inbound {
    pub(crate) fn bytes(&self) -> u64 {
        self.payload.get().len() as u64
    }

    /// What tells two messages with the same id apart.
    pub(crate) fn payload_hash(&self) -> String {
        chancery_base::digest::sha256_b64(self.payload.get())
    }
}

/// Who the sender is, from its verified token: what the identity block says beside the DID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SenderIdentity {
    pub owner: String,
    pub issuer: String,
    pub jti: Ulid,
}

/// Limits of the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caps {
    pub messages: u64,
    pub bytes: u64,
}

/// Answer to a new inbound message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AcceptedInbound {
    /// Stored at this position.
    Stored(i64),
    /// It is there already.
    Repeat,
    /// The sender used this message id for other bytes.
    Conflict,
    /// The inbox holds as many messages as it may.
    FullMessages,
    /// The inbox holds as many bytes as it may.
    FullBytes,
}

/// Where an inbound message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InboundState {
    /// Waits for an attempt.
    Pending,
    /// An attempt runs.
    Attempting,
    /// An attempt may have arrived before a crash, and the receiver would not recognise a repeat: the owner decides.
    Held,
    /// Given up.
    DeadLettered,
    /// The receiver took it.
    Delivered,
    /// A purged dead letter: kept only to recognise a repeat.
    Purged,
}

impl InboundState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Attempting => "attempting",
            Self::Held => "held",
            Self::DeadLettered => "dead_lettered",
            Self::Delivered => "delivered",
            Self::Purged => "purged",
        }
    }
}

/// An entry of the inbox that waits for its delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WaitingInbound {
    pub seq: i64,
    pub id: Ulid,
    pub from: AgentDid,
    pub conversation_id: Option<String>,
    pub next_attempt: Millis,
}

/// Why a message is held.
pub(crate) const HELD_REASON: &str =
    "the connector died while it delivered this message: the receiver may have it, and would not recognise a repeat";

/// What [`recover`](super::Store::recover) found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recovered {
    pub redelivered: u64,
    pub held: u64,
}

/// A message and the number of the attempt that begins.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub message: Inbound,
    pub attempt: u32,
    /// From when its age counts: when it was received, or replayed.
    pub since: Millis,
    /// Attempts since then, this one too: they decide the wait before the next one.
    pub tries: u32,
    /// Failures since then that time does not mend.
    pub refusals: u32,
}

/// How an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttemptFailure {
    pub reason: String,
    pub refused: bool,
    pub next_attempt: Millis,
}

/// An entry of a list of inbound messages; snake case, as the original's rows are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InboundView {
    /// The relay's delivery id: the `Idempotency-Key` of its attempts.
    pub request_id: Ulid,
    /// Id that the sender chose.
    pub message_id: String,
    /// Sender.
    pub from_agent_did: AgentDid,
    /// Recipient: this agent.
    pub to_agent_did: AgentDid,
    /// Length of the payload.
    pub payload_bytes: u64,
    /// Conversation.
    pub conversation_id: Option<String>,
    /// Who vouches for it.
    pub verified: Verified,
    /// Attempts so far.
    pub attempt_count: u32,
    /// When it came, Unix milliseconds.
    pub received_at_ms: Millis,
    /// When the last attempt began, Unix milliseconds.
    pub last_attempt_at_ms: Option<Millis>,
    /// How the last attempt failed, or why it was held or given up.
    pub last_error: Option<String>,
    /// Where it is.
    pub state: InboundState,
    /// Since when it is there, Unix milliseconds.
    pub state_changed_at_ms: Millis,
}

/// A receipt on its way to a sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OutReceipt {
    /// Id of its frame, the same for every attempt.
    pub frame: Ulid,
    pub message_id: String,
    pub from: AgentDid,
    pub to: AgentDid,
    pub status: ReceiptStatus,
    pub reason: Option<String>,
    pub at: String,
    pub sig: Signature,
}

/// A sender whose token was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PeerRecord {
    /// SHA-256 of the token, base64url: the same token need not be verified twice.
    pub token_hash: String,
    pub key: PublicKey,
    pub identity: SenderIdentity,
    pub expires: Millis,
}

/// How many of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub outbound_queued: u64,
    pub outbound_dead: u64,
    pub outbound_oldest: Option<Millis>,
    pub pending: u64,
    pub pending_bytes: u64,
    pub attempting: u64,
    pub held: u64,
    pub dead: u64,
    pub dead_bytes: u64,
    pub oldest_pending: Option<Millis>,
    pub oldest_dead: Option<Millis>,
    pub receipts: u64,
}
