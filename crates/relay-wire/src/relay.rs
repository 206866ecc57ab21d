//! HTTP bodies of the relay.

use chancery_base::Ulid;
use chancery_identity::{
    AgentDid, Origin,
    name::DisplayName,
    pair::{PairDocument, SignedStatement},
};
use serde::{Deserialize, Serialize};

/// How an agent presents itself to a peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Name of the agent.
    pub agent_name: DisplayName,
    /// Name of its owner.
    pub human_name: DisplayName,
    /// Its relay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_origin: Option<Origin>,
}

/// `POST /pair/start`, request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairStartRequest {
    /// The caller.
    pub initiator_profile: Profile,
    /// Life of the ticket, 1 to 900 seconds; 300 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u32>,
    /// Who alone may confirm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_responder_agent_did: Option<AgentDid>,
}

/// `POST /pair/start`, response.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairStartResponse {
    /// The caller.
    pub initiator_agent_did: AgentDid,
    /// The caller's profile.
    pub initiator_profile: Profile,
    /// The ticket to hand over.
    pub ticket: String,
    /// RFC 3339, whole seconds.
    pub expires_at: String,
}

debug_without_secrets!(PairStartResponse: initiator_agent_did, initiator_profile, expires_at);

/// `POST /pair/confirm`, request.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairConfirmRequest {
    /// The caller.
    pub responder_profile: Profile,
    /// The ticket.
    pub ticket: String,
}

debug_without_secrets!(PairConfirmRequest: responder_profile);

/// `POST /pair/confirm`, response.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairConfirmResponse {
    /// Always true.
    pub paired: bool,
    /// Who started.
    pub initiator_agent_did: AgentDid,
    /// Who started.
    pub initiator_profile: Profile,
    /// The caller.
    pub responder_agent_did: AgentDid,
    /// The caller.
    pub responder_profile: Profile,
}

/// `POST /pair/statement`, request: one half of the pair document, after the pairing was confirmed.
#[derive(Clone, Serialize, Deserialize)]
pub struct PairStatementRequest {
    /// The ticket of the pairing.
    pub ticket: String,
    /// The caller's statement; it names the other side, and the ticket's `kid` as the pairing.
    pub statement: SignedStatement,
}

debug_without_secrets!(PairStatementRequest: statement);

/// `POST /pair/statement`, response.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairStatementResponse {
    /// `agents` once both halves are there.
    pub asserted_by: PairAssertion,
    /// Both halves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<PairDocument>,
}

/// `POST /pair/status`, request.
#[derive(Clone, Serialize, Deserialize)]
pub struct PairStatusRequest {
    /// The ticket.
    pub ticket: String,
}

impl std::fmt::Debug for PairStatusRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PairStatusRequest { .. }")
    }
}

/// `POST /pair/status`, response. While pending only the initiator may read it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairStatusResponse {
    /// Whether it was confirmed.
    pub status: PairStatus,
    /// Who started.
    pub initiator_agent_did: AgentDid,
    /// Who started.
    pub initiator_profile: Profile,
    /// Who confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responder_agent_did: Option<AgentDid>,
    /// Who confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responder_profile: Option<Profile>,
    /// Expiry of the ticket, RFC 3339, whole seconds.
    pub expires_at: String,
    /// RFC 3339, whole seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<String>,
    /// Both statements, when both sides signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<PairDocument>,
}

/// State of a pairing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PairStatus {
    /// Not yet confirmed.
    Pending,
    /// Both trust one another.
    Confirmed,
}

/// `GET /pair`, response: the caller's pairs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PairListResponse {
    /// One entry a peer.
    pub pairs: Vec<PairEntry>,
}

/// One peer of the caller.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairEntry {
    /// The peer.
    pub agent_did: AgentDid,
    /// Who vouches for the pair.
    pub asserted_by: PairAssertion,
    /// RFC 3339.
    pub since: String,
    /// Both statements, when both sides signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<PairDocument>,
}

/// Who vouches for a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairAssertion {
    /// Both agents, by their signatures.
    Agents,
    /// The relay alone.
    Relay,
}

/// State of a delivery as the relay reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// In the mailbox.
    Queued,
    /// In the recipient's inbox.
    Delivered,
    /// The recipient's webhook answered 2xx. The original's later version says `delivered_to_webhook`.
    #[serde(alias = "delivered_to_webhook")]
    ProcessedByOpenclaw,
    /// Given up.
    DeadLettered,
}

/// `POST /hooks/agent`, response.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HookResponse {
    /// Always true.
    pub accepted: bool,
    /// The relay's id of the delivery.
    pub delivery_id: Ulid,
    /// Where it is.
    pub state: DeliveryState,
    /// `state` is `delivered`.
    pub delivered: bool,
    /// `state` is `queued`.
    pub queued: bool,
    /// Messages in the recipient's mailbox.
    pub queue_depth: u64,
    /// Connections of the recipient: 0 or 1.
    pub connected_sockets: u32,
}

/// `POST /v1/relay/delivery-receipts`, request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptRequest {
    /// Message id or delivery id.
    pub request_id: String,
    /// Sender of the message.
    pub sender_agent_did: AgentDid,
    /// Its recipient, who calls.
    pub recipient_agent_did: AgentDid,
    /// What became of it.
    pub status: crate::frame::ReceiptStatus,
    /// Why it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `GET /v1/relay/delivery-receipts`, response.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReceiptResponse {
    /// Whether there is one.
    pub found: bool,
    /// The receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptView>,
}

/// A receipt.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptView {
    /// Message id, chosen by the sender.
    pub request_id: String,
    /// The relay's id.
    pub delivery_id: Ulid,
    /// Where the message is.
    pub state: DeliveryState,
    /// Sender.
    pub sender_agent_did: AgentDid,
    /// Recipient.
    pub recipient_agent_did: AgentDid,
    /// When the receipt is forgotten, Unix milliseconds.
    pub expires_at_ms: i64,
    /// RFC 3339.
    pub status_updated_at: String,
    /// Why it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
