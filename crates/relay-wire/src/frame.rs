//! WebSocket frames: one JSON object per text frame, version 1.
//!
//! Members that a reader does not know are ignored; members without a value are left out. What the first protocol does
//! not have (`messageId`, `lane`, `laneSeq`, `attempt`, `sentAt`, `sig`, `fromAit`, receipt frames) is only sent to peers
//! that negotiated [`FEATURE_MESSAGES`](crate::header::FEATURE_MESSAGES).

use std::borrow::Cow;

use chancery_base::{Millis, Ulid, ed25519::Signature};
use chancery_identity::AgentDid;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::limits;

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

/// A message on its way to its recipient.
#[derive(Debug, Clone)]
pub struct Deliver<'a> {
    /// The relay's delivery id: the same for every attempt.
    pub id: Ulid,
    /// Sender.
    pub from: AgentDid,
    /// Recipient.
    pub to: AgentDid,
    /// The payload, verbatim.
    pub payload: &'a RawValue,
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
    /// Position in the lane, from 1, without gaps.
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
    /// Media type of the payload; plain JSON when absent.
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
    /// Why it was given up.
    pub reason: Option<Cow<'a, str>>,
    /// When, RFC 3339.
    pub at: Cow<'a, str>,
    /// The recipient's signature; absent when the relay itself gave the message up.
    pub sig: Option<Signature>,
}

/// Why a text is not a frame that this side understands.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Not a JSON object of the expected shape.
    #[error("not a frame: {0}")]
    Json(#[from] serde_json::Error),
    /// `v` is not 1.
    #[error("frames of version {0} are not understood")]
    Version(u32),
    /// `type` is not known.
    #[error("frames of type {0:?} are not understood")]
    Type(String),
    /// A member is missing, blank, too long, or has control characters.
    #[error("the member {member} is missing or malformed")]
    Member {
        /// Type of the frame.
        kind: &'static str,
        /// Name of the member.
        member: &'static str,
        /// Id of the frame, when it could be read: the answer can refer to it.
        id: Option<Ulid>,
    },
}

/// All members of all frames. One flat struct, because a tagged enum would have to copy the payload.
#[derive(Deserialize, Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Flat<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    v: u32,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    ts: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    ack_id: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted: Option<bool>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    code: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retryable: Option<bool>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    from_agent_did: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    to_agent_did: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    content_type: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    conversation_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    message_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    lane: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lane_seq: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    sent_at: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sig: Option<Signature>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    from_ait: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    original_frame_id: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<ReceiptStatus>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    at: Option<Cow<'a, str>>,
}

impl<'a> Frame<'a> {
    /// Reads one frame.
    ///
    /// # Errors
    /// [`FrameError`]; a frame of an unknown type is an error that the caller may ignore.
    pub fn parse(text: &'a str) -> Result<Self, FrameError> {
        let flat: Flat<'a> = serde_json::from_str(text)?;
        if flat.v != 1 {
            return Err(FrameError::Version(flat.v));
        }
        let kind = match flat.kind.as_ref() {
            "heartbeat" => "heartbeat",
            "heartbeat_ack" => "heartbeat_ack",
            "deliver" => "deliver",
            "deliver_ack" => "deliver_ack",
            "enqueue" => "enqueue",
            "enqueue_ack" => "enqueue_ack",
            "receipt" => "receipt",
            "receipt_ack" => "receipt_ack",
            other => return Err(FrameError::Type(other.chars().take(64).collect())),
        };
        Reader { kind, id: flat.id.parse().ok() }.read(flat)
    }

    /// Writes the frame; `now` becomes `ts`, and `id` the id of frames that have none of their own.
    ///
    /// # Errors
    /// [`FrameError::Json`], which cannot happen for frames built from their types.
    pub fn encode(&self, id: Ulid, now: Millis) -> Result<String, FrameError> {
        let mut flat = Flat { v: 1, ts: now.to_rfc3339().into(), ..Flat::default() };
        let mut own_id = id;
        match self {
            Self::Heartbeat { id } => {
                flat.kind = "heartbeat".into();
                own_id = *id;
            }
            Self::HeartbeatAck { ack_id } => {
                flat.kind = "heartbeat_ack".into();
                flat.ack_id = Some(ack_id.to_string().into());
            }
            Self::ReceiptAck { ack_id } => {
                flat.kind = "receipt_ack".into();
                flat.ack_id = Some(ack_id.to_string().into());
            }
            Self::Deliver(deliver) => {
                flat.kind = "deliver".into();
                own_id = deliver.id;
                flat.from_agent_did = Some(deliver.from.as_str().into());
                flat.to_agent_did = Some(deliver.to.as_str().into());
                flat.payload = Some(deliver.payload);
                flat.content_type = borrowed(deliver.content_type.as_ref());
                flat.conversation_id = borrowed(deliver.conversation_id.as_ref());
                flat.reply_to = borrowed(deliver.reply_to.as_ref());
                if let Some(extra) = &deliver.extra {
                    flat.message_id = Some(extra.message_id.as_ref().into());
                    flat.lane = Some(deliver.conversation_id.as_deref().unwrap_or_default().into());
                    flat.lane_seq = Some(extra.lane_seq);
                    flat.attempt = Some(extra.attempt);
                    flat.sent_at = borrowed(extra.sent_at.as_ref());
                    flat.sig = extra.sig;
                    flat.from_ait = borrowed(extra.from_ait.as_ref());
                }
            }
            Self::DeliverAck(ack) => {
                flat.kind = "deliver_ack".into();
                flat.ack_id = Some(ack.ack_id.to_string().into());
                flat.accepted = Some(ack.accepted);
                flat.reason = borrowed(ack.reason.as_ref());
            }
            Self::Enqueue(enqueue) => {
                flat.kind = "enqueue".into();
                own_id = enqueue.id;
                flat.to_agent_did = Some(enqueue.to.as_str().into());
                flat.payload = Some(enqueue.payload);
                flat.content_type = borrowed(enqueue.content_type.as_ref());
                flat.conversation_id = borrowed(enqueue.conversation_id.as_ref());
                flat.reply_to = borrowed(enqueue.reply_to.as_ref());
                if let Some(signed) = &enqueue.signed {
                    flat.message_id = Some(signed.message_id.as_ref().into());
                    flat.lane = Some(enqueue.conversation_id.as_deref().unwrap_or_default().into());
                    flat.sent_at = Some(signed.sent_at.as_ref().into());
                    flat.sig = Some(signed.sig);
                }
            }
            Self::EnqueueAck(ack) => {
                flat.kind = "enqueue_ack".into();
                flat.ack_id = Some(ack.ack_id.to_string().into());
                flat.accepted = Some(ack.accepted);
                flat.reason = borrowed(ack.reason.as_ref());
                flat.code = borrowed(ack.code.as_ref());
                flat.retryable = ack.retryable;
            }
            Self::Receipt(receipt) => {
                flat.kind = "receipt".into();
                own_id = receipt.id;
                flat.original_frame_id = Some(receipt.message_id.as_ref().into());
                flat.from_agent_did = Some(receipt.from.as_str().into());
                flat.to_agent_did = Some(receipt.to.as_str().into());
                flat.status = Some(receipt.status);
                flat.reason = borrowed(receipt.reason.as_ref());
                flat.at = Some(receipt.at.as_ref().into());
                flat.sig = receipt.sig;
            }
        }
        flat.id = own_id.to_string().into();
        Ok(serde_json::to_string(&flat)?)
    }
}

fn borrowed<'b>(value: Option<&'b Cow<'_, str>>) -> Option<Cow<'b, str>> {
    value.map(|text| Cow::Borrowed(text.as_ref()))
}

/// Turns the flat struct into a frame, naming the member that is wrong.
struct Reader {
    kind: &'static str,
    id: Option<Ulid>,
}

impl Reader {
    fn read<'a>(&self, flat: Flat<'a>) -> Result<Frame<'a>, FrameError> {
        let id = self.id.ok_or_else(|| self.bad("id"))?;
        if flat.ts.trim().is_empty() || flat.ts.len() > 64 {
            return Err(self.bad("ts"));
        }
        Ok(match self.kind {
            "heartbeat" => Frame::Heartbeat { id },
            "heartbeat_ack" => Frame::HeartbeatAck { ack_id: self.ulid(flat.ack_id.as_ref(), "ackId")? },
            "receipt_ack" => Frame::ReceiptAck { ack_id: self.ulid(flat.ack_id.as_ref(), "ackId")? },
            "deliver_ack" => Frame::DeliverAck(DeliverAck {
                ack_id: self.ulid(flat.ack_id.as_ref(), "ackId")?,
                accepted: flat.accepted.ok_or_else(|| self.bad("accepted"))?,
                reason: flat.reason.map(cut),
            }),
            "enqueue_ack" => Frame::EnqueueAck(EnqueueAck {
                ack_id: self.ulid(flat.ack_id.as_ref(), "ackId")?,
                accepted: flat.accepted.ok_or_else(|| self.bad("accepted"))?,
                reason: flat.reason.map(cut),
                code: flat.code.map(cut),
                retryable: flat.retryable,
            }),
            "enqueue" => self.enqueue(id, flat)?,
            "deliver" => self.deliver(id, flat)?,
            _ => Frame::Receipt(Receipt {
                id,
                message_id: self.word(flat.original_frame_id, "originalFrameId", limits::MAX_MESSAGE_ID_BYTES)?,
                from: self.did(flat.from_agent_did.as_ref(), "fromAgentDid")?,
                to: self.did(flat.to_agent_did.as_ref(), "toAgentDid")?,
                status: flat.status.ok_or_else(|| self.bad("status"))?,
                reason: flat.reason.map(cut),
                at: self.word(flat.at, "at", 64)?,
                sig: flat.sig,
            }),
        })
    }

    fn enqueue<'a>(&self, id: Ulid, flat: Flat<'a>) -> Result<Frame<'a>, FrameError> {
        let signed = match (flat.message_id, flat.sent_at, flat.sig) {
            (None, None, None) => None,
            (message_id, sent_at, sig) => Some(EnqueueSigned {
                message_id: self.word(message_id, "messageId", limits::MAX_MESSAGE_ID_BYTES)?,
                sent_at: self.word(sent_at, "sentAt", 64)?,
                sig: sig.ok_or_else(|| self.bad("sig"))?,
            }),
        };
        let conversation_id = self.optional(flat.conversation_id, "conversationId", limits::MAX_CONVERSATION_BYTES)?;
        // the lane is signed, and it is the conversation: two names for it must not differ
        if flat.lane.is_some_and(|lane| lane != conversation_id.as_deref().unwrap_or_default()) {
            return Err(self.bad("lane"));
        }
        Ok(Frame::Enqueue(Enqueue {
            id,
            to: self.did(flat.to_agent_did.as_ref(), "toAgentDid")?,
            payload: flat.payload.ok_or_else(|| self.bad("payload"))?,
            content_type: self.optional(flat.content_type, "contentType", limits::MAX_CONTENT_TYPE_BYTES)?,
            conversation_id,
            reply_to: self.optional(flat.reply_to, "replyTo", limits::MAX_URL_BYTES)?,
            signed,
        }))
    }

    fn deliver<'a>(&self, id: Ulid, flat: Flat<'a>) -> Result<Frame<'a>, FrameError> {
        let extra = match (flat.message_id, flat.lane_seq, flat.attempt) {
            (None, None, None) => None,
            (message_id, lane_seq, attempt) => Some(DeliverExtra {
                message_id: self.word(message_id, "messageId", limits::MAX_MESSAGE_ID_BYTES)?,
                lane_seq: lane_seq.ok_or_else(|| self.bad("laneSeq"))?,
                attempt: attempt.ok_or_else(|| self.bad("attempt"))?,
                sent_at: self.optional(flat.sent_at, "sentAt", 64)?,
                sig: flat.sig,
                from_ait: flat.from_ait,
            }),
        };
        Ok(Frame::Deliver(Deliver {
            id,
            from: self.did(flat.from_agent_did.as_ref(), "fromAgentDid")?,
            to: self.did(flat.to_agent_did.as_ref(), "toAgentDid")?,
            payload: flat.payload.ok_or_else(|| self.bad("payload"))?,
            content_type: self.optional(flat.content_type, "contentType", limits::MAX_CONTENT_TYPE_BYTES)?,
            conversation_id: self.optional(flat.conversation_id, "conversationId", limits::MAX_CONVERSATION_BYTES)?,
            reply_to: self.optional(flat.reply_to, "replyTo", limits::MAX_URL_BYTES)?,
            extra,
        }))
    }

    fn bad(&self, member: &'static str) -> FrameError {
        FrameError::Member { kind: self.kind, member, id: self.id }
    }

    fn ulid(&self, text: Option<&Cow<'_, str>>, member: &'static str) -> Result<Ulid, FrameError> {
        text.and_then(|text| text.parse().ok()).ok_or_else(|| self.bad(member))
    }

    fn did(&self, text: Option<&Cow<'_, str>>, member: &'static str) -> Result<AgentDid, FrameError> {
        text.and_then(|text| text.parse().ok()).ok_or_else(|| self.bad(member))
    }

    fn word<'a>(
        &self,
        text: Option<Cow<'a, str>>,
        member: &'static str,
        max: usize,
    ) -> Result<Cow<'a, str>, FrameError> {
        self.optional(text, member, max)?.ok_or_else(|| self.bad(member))
    }

    fn optional<'a>(
        &self,
        text: Option<Cow<'a, str>>,
        member: &'static str,
        max: usize,
    ) -> Result<Option<Cow<'a, str>>, FrameError> {
        match text {
            Some(text) if text.trim().is_empty() || text.len() > max || text.chars().any(char::is_control) => {
                Err(self.bad(member))
            }
            other => Ok(other),
        }
    }
}

/// Cuts a reason to its limit at a character boundary.
fn cut(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.len() <= limits::MAX_REASON_BYTES {
        return text;
    }
    let mut end = limits::MAX_REASON_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(text.get(..end).unwrap_or_default().to_owned())
}
