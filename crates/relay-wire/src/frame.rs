//! WebSocket frames: one JSON object per text frame, version 1.
//!
//! Members that a reader does not know are ignored; members without a value are left out. What the first protocol does
//! not have (`messageId`, `lane`, `laneSeq`, `attempt`, `sentAt`, `sig`, `fromAit`, receipt frames) is only sent to peers
//! that negotiated [`FEATURE_MESSAGES`](crate::header::FEATURE_MESSAGES).

use std::borrow::Cow;

use chancery_base::{Ulid, ed25519::Signature};
use chancery_identity::AgentDid;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::limits;

mod members;
mod read;
mod write;

/// Any frame. `'a` is the text it was read from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Frame<'a> {
    /// Are you there?
    Heartbeat {
        /// Id of the frame.
        id: Ulid,
    },
    /// Yes.
    HeartbeatAck {
        /// Id of the heartbeat.
        ack_id: Ulid,
    },
    /// Relay to connector: a message.
    Deliver(Deliver<'a>),
    /// Connector to relay: the message is in the inbox, or was refused.
    DeliverAck(DeliverAck<'a>),
    /// Connector to relay: a message to pass on.
    Enqueue(Enqueue<'a>),
    /// Relay to connector: the message is in the mailbox, or was refused.
    EnqueueAck(EnqueueAck<'a>),
    /// What became of a message; connector to relay, and on to the sender's connector.
    Receipt(Receipt<'a>),
    /// The receipt is stored.
    ReceiptAck {
        /// Id of the receipt frame.
        ack_id: Ulid,
    },
}

/// The text of a payload that was read before, perhaps by another process: one JSON value, kept verbatim since.
///
/// What is not JSON makes a frame that nobody can read; whoever makes one of these vouches for it.
#[derive(Debug, Clone, Copy)]
pub struct KeptPayload<'a>(pub &'a str);

/// A message on its way to its recipient. `P` is the payload as it was just read, or a [`KeptPayload`].
#[derive(Debug, Clone)]
pub struct Deliver<'a, P = &'a RawValue> {
    /// The relay's delivery id: the same for every attempt.
    pub id: Ulid,
    /// Sender.
    pub from: AgentDid,
    /// Recipient.
    pub to: AgentDid,
    /// The payload, verbatim.
    pub payload: P,
    /// Media type of the payload; plain JSON when absent.
    pub content_type: Option<Cow<'a, str>>,
    /// Conversation.
    pub conversation_id: Option<Cow<'a, str>>,
    /// Where a receipt may be posted.
    pub reply_to: Option<Cow<'a, str>>,
    /// What only negotiated peers are sent.
    pub extra: Option<DeliverExtra<'a>>,
}

/// The negotiated part of [`Deliver`].
#[derive(Debug, Clone)]
pub struct DeliverExtra<'a> {
    /// Chosen by the sender.
    pub message_id: Cow<'a, str>,
    /// Position in the lane: it rises with each message of the lane, by one for as long as the relay remembers any of
    /// them. What was given up leaves a gap; so may a rest that is longer than the relay's memory.
    pub lane_seq: u64,
    /// 1 for the first attempt; more means that the recipient may have it already.
    pub attempt: u32,
    /// When it was sent, as the sender wrote it. Absent in messages from old clients.
    pub sent_at: Option<Cow<'a, str>>,
    /// The sender's signature. Absent in messages from old clients: then the relay alone vouches for the sender.
    pub sig: Option<Signature>,
    /// The sender's identity token, in the first message of each sender in a connection.
    pub from_ait: Option<Cow<'a, str>>,
}

/// Answer to [`Deliver`].
#[derive(Debug, Clone)]
pub struct DeliverAck<'a> {
    /// Id of the deliver frame.
    pub ack_id: Ulid,
    /// Whether the recipient has stored it.
    pub accepted: bool,
    /// Why not.
    pub reason: Option<Cow<'a, str>>,
}

/// A message on its way from its sender.
#[derive(Debug, Clone)]
pub struct Enqueue<'a> {
    /// Id of the frame; the message id of clients that send none.
    pub id: Ulid,
    /// Recipient.
    pub to: AgentDid,
    /// The payload, verbatim.
    pub payload: &'a RawValue,
    /// Media type of the payload; plain JSON when absent. Only for relays that negotiated: the first protocol has it in
    /// [`Deliver`] alone.
    pub content_type: Option<Cow<'a, str>>,
    /// Conversation.
    pub conversation_id: Option<Cow<'a, str>>,
    /// Where a receipt may be posted.
    pub reply_to: Option<Cow<'a, str>>,
    /// Message id, time and signature of a client that signs.
    pub signed: Option<EnqueueSigned<'a>>,
}

/// The negotiated part of [`Enqueue`].
#[derive(Debug, Clone)]
pub struct EnqueueSigned<'a> {
    /// Chosen by the sender; the same whenever it sends this message again.
    pub message_id: Cow<'a, str>,
    /// When it was sent.
    pub sent_at: Cow<'a, str>,
    /// The sender's signature.
    pub sig: Signature,
}

/// Answer to [`Enqueue`].
#[derive(Debug, Clone)]
pub struct EnqueueAck<'a> {
    /// Id of the enqueue frame.
    pub ack_id: Ulid,
    /// Whether the message is durable in the recipient's mailbox.
    pub accepted: bool,
    /// Why not, for people.
    pub reason: Option<Cow<'a, str>>,
    /// Why not, as a stable code; negotiated peers only.
    pub code: Option<Cow<'a, str>>,
    /// Whether sending it again later may work; negotiated peers only.
    pub retryable: Option<bool>,
}

/// What became of a message in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptStatus {
    /// The recipient's webhook answered 2xx. Old peers say `processed_by_openclaw`.
    #[serde(alias = "processed_by_openclaw")]
    DeliveredToWebhook,
    /// It was given up.
    DeadLettered,
}

impl ReceiptStatus {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeliveredToWebhook => "delivered_to_webhook",
            Self::DeadLettered => "dead_lettered",
        }
    }
}

/// A receipt.
#[derive(Debug, Clone)]
pub struct Receipt<'a> {
    /// Id of the frame.
    pub id: Ulid,
    /// Id of the message, chosen by its sender.
    pub message_id: Cow<'a, str>,
    /// Sender of the message.
    pub from: AgentDid,
    /// Recipient of the message.
    pub to: AgentDid,
    /// What became of it.
    pub status: ReceiptStatus,
    /// Why it was given up, as it was signed: [`tidy_reason`] comes before the signature.
    pub reason: Option<Cow<'a, str>>,
    /// When, RFC 3339.
    pub at: Cow<'a, str>,
    /// The recipient's signature; absent when the relay itself gave the message up.
    pub sig: Option<Signature>,
    /// The recipient's identity token, which the relay puts into what it passes on: in the first frame of each agent in a
    /// connection.
    pub ait: Option<Cow<'a, str>>,
}

/// Why a text is not a frame that this side understands.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Not a JSON object, or one that names a member twice.
    #[error("not a frame: {0}")]
    Json(#[from] serde_json::Error),
    /// `v` is a number other than 1.
    #[error("frames of version {0} are not understood")]
    Version(u32),
    /// `type` is not known.
    #[error("frames of type {0:?} are not understood")]
    Type(String),
    /// A member is missing, of another JSON type, blank, too long, has control characters, or is not of its form.
    #[error("the member {member} is missing or malformed")]
    Member {
        /// Type of the frame; `frame` when that is what is wrong.
        kind: &'static str,
        /// Name of the member.
        member: &'static str,
        /// Id of the frame, when it could be read: the answer can refer to it.
        id: Option<Ulid>,
    },
}

/// A reason as acknowledgements and receipts may carry it: control characters become spaces, the ends are trimmed, and it
/// is cut to [`limits::MAX_REASON_BYTES`] at a character. `None` when nothing is left.
#[must_use]
pub fn tidy_reason(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim();
    let text = text
        .get(..text.floor_char_boundary(limits::MAX_REASON_BYTES))
        .unwrap_or_default()
        .trim_end();
    match text {
        "" => None,
        _ if text.chars().any(char::is_control) => Some(text.replace(char::is_control, " ").trim().to_owned().into())
            .filter(|text: &Cow<'_, str>| !text.is_empty()),
        _ => Some(text.into()),
    }
}
