//! From text to frames.

use std::borrow::Cow;

use chancery_base::{Millis, Ulid, ed25519::Signature, jws};
use chancery_identity::AgentDid;
use serde_json::value::RawValue;

use super::{
    Deliver, DeliverAck, DeliverExtra, Enqueue, EnqueueAck, EnqueueSigned, Frame, FrameError, Receipt, ReceiptStatus,
    members::{Member, Members},
    tidy_reason,
};
use crate::limits;

/// Longest time, bytes: nine decimals and an offset need 35.
const MAX_TIME_BYTES: usize = 64;

impl<'a> Frame<'a> {
    /// Reads one frame.
    ///
    /// # Errors
    /// [`FrameError`]; a frame of an unknown type is an error that the caller may ignore.
    pub fn parse(text: &'a str) -> Result<Self, FrameError> {
        let members = Members::read(text)?;
        let unknown = Reader {
            kind: "frame",
            id: None,
        };
        let id = unknown
            .text(members.id, "id")
            .ok()
            .flatten()
            .and_then(|id| id.parse().ok());
        let unknown = Reader { id, ..unknown };
        match unknown.number(members.v, "v")? {
            Some(1) => {}
            Some(other) => return Err(FrameError::Version(other)),
            None => return Err(unknown.bad("v")),
        }
        let kind = match unknown
            .text(members.r#type, "type")?
            .ok_or_else(|| unknown.bad("type"))?
            .as_ref()
        {
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
        Reader { kind, id }.read(&members)
    }
}

/// Turns members into a frame, naming the one that is wrong.
struct Reader {
    kind: &'static str,
    id: Option<Ulid>,
}

impl Reader {
    fn read<'a>(&self, members: &Members<'a>) -> Result<Frame<'a>, FrameError> {
        let id = self.id.ok_or_else(|| self.bad("id"))?;
        self.required(self.time(members.ts, "ts")?, "ts")?;
        Ok(match self.kind {
            "heartbeat" => Frame::Heartbeat { id },
            "heartbeat_ack" => Frame::HeartbeatAck {
                ack_id: self.ack_id(members)?,
            },
            "receipt_ack" => Frame::ReceiptAck {
                ack_id: self.ack_id(members)?,
            },
            "deliver_ack" => Frame::DeliverAck(DeliverAck {
                ack_id: self.ack_id(members)?,
                accepted: self.required(self.flag(members.accepted, "accepted")?, "accepted")?,
                reason: self.remark(members.reason, "reason")?,
            }),
            "enqueue_ack" => Frame::EnqueueAck(EnqueueAck {
                ack_id: self.ack_id(members)?,
                accepted: self.required(self.flag(members.accepted, "accepted")?, "accepted")?,
                reason: self.remark(members.reason, "reason")?,
                code: self.remark(members.code, "code")?,
                retryable: self.flag(members.retryable, "retryable")?,
            }),
            "enqueue" => Frame::Enqueue(self.enqueue(id, members)?),
            "deliver" => Frame::Deliver(self.deliver(id, members)?),
            _ => Frame::Receipt(self.receipt(id, members)?),
        })
    }

    fn enqueue<'a>(&self, id: Ulid, members: &Members<'a>) -> Result<Enqueue<'a>, FrameError> {
        let signs = [members.message_id, members.sent_at, members.sig]
            .into_iter()
            .any(Member::is_given);
        Ok(Enqueue {
            id,
            to: self.did(members.to_agent_did, "toAgentDid")?,
            payload: self.payload(members)?,
            content_type: self.word(members.content_type, "contentType", limits::MAX_CONTENT_TYPE_BYTES)?,
            conversation_id: self.conversation(members)?,
            reply_to: self.word(members.reply_to, "replyTo", limits::MAX_URL_BYTES)?,
            signed: if signs {
                Some(EnqueueSigned {
                    message_id: self.message_id(members.message_id, "messageId")?,
                    sent_at: self.required(self.time(members.sent_at, "sentAt")?, "sentAt")?,
                    sig: self.required(self.signature(members.sig)?, "sig")?,
                })
            } else {
                None
            },
        })
    }

    fn deliver<'a>(&self, id: Ulid, members: &Members<'a>) -> Result<Deliver<'a>, FrameError> {
        let Members {
            message_id,
            lane_seq,
            attempt,
            sent_at,
            sig,
            from_ait,
            ..
        } = *members;
        let negotiated = [message_id, lane_seq, attempt, sent_at, sig, from_ait]
            .into_iter()
            .any(Member::is_given);
        Ok(Deliver {
            id,
            from: self.did(members.from_agent_did, "fromAgentDid")?,
            to: self.did(members.to_agent_did, "toAgentDid")?,
            payload: self.payload(members)?,
            content_type: self.word(members.content_type, "contentType", limits::MAX_CONTENT_TYPE_BYTES)?,
            conversation_id: self.conversation(members)?,
            reply_to: self.word(members.reply_to, "replyTo", limits::MAX_URL_BYTES)?,
            extra: if negotiated {
                let sig = self.signature(sig)?;
                let sent_at = self.time(sent_at, "sentAt")?;
                if sig.is_some() && sent_at.is_none() {
                    // the signature covers it
                    return Err(self.bad("sentAt"));
                }
                Some(DeliverExtra {
                    message_id: self.message_id(message_id, "messageId")?,
                    lane_seq: self.ordinal(lane_seq, "laneSeq")?,
                    attempt: self.ordinal(attempt, "attempt")?,
                    sent_at,
                    sig,
                    from_ait: self.word(from_ait, "fromAit", jws::MAX_TOKEN_BYTES)?,
                })
            } else {
                None
            },
        })
    }

    fn receipt<'a>(&self, id: Ulid, members: &Members<'a>) -> Result<Receipt<'a>, FrameError> {
        let status = match self.required(self.text(members.status, "status")?, "status")?.as_ref() {
            "delivered_to_webhook" | "processed_by_openclaw" => ReceiptStatus::DeliveredToWebhook,
            "dead_lettered" => ReceiptStatus::DeadLettered,
            _ => return Err(self.bad("status")),
        };
        Ok(Receipt {
            id,
            message_id: self.message_id(members.original_frame_id, "originalFrameId")?,
            from: self.did(members.from_agent_did, "fromAgentDid")?,
            to: self.did(members.to_agent_did, "toAgentDid")?,
            status,
            // it is signed: cut or tidied here, it would no longer verify
            reason: self.word(members.reason, "reason", limits::MAX_REASON_BYTES)?,
            at: self.required(self.time(members.at, "at")?, "at")?,
            sig: self.signature(members.sig)?,
            ait: self.word(members.ait, "ait", jws::MAX_TOKEN_BYTES)?,
        })
    }

    fn bad(&self, member: &'static str) -> FrameError {
        FrameError::Member {
            kind: self.kind,
            member,
            id: self.id,
        }
    }

    fn required<T>(&self, value: Option<T>, member: &'static str) -> Result<T, FrameError> {
        value.ok_or_else(|| self.bad(member))
    }

    /// Any string.
    fn text<'a>(&self, value: Member<'a>, member: &'static str) -> Result<Option<Cow<'a, str>>, FrameError> {
        let json = match value {
            Member::Absent => return Ok(None),
            Member::Plain(text) => return Ok(Some(text.into())),
            Member::Json(json) => json,
        };
        match json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            // without an escape the text is the value
            Some(plain) if !plain.contains('\\') => Ok(Some(plain.into())),
            Some(_) => serde_json::from_str(json)
                .map(|text: String| Some(text.into()))
                .map_err(|_| self.bad(member)),
            None => Err(self.bad(member)),
        }
    }

    /// A string of at most `max` bytes that is not blank and has no control characters.
    fn word<'a>(
        &self,
        value: Member<'a>,
        member: &'static str,
        max: usize,
    ) -> Result<Option<Cow<'a, str>>, FrameError> {
        match self.text(value, member)? {
            Some(text) if text.trim().is_empty() || text.len() > max || has_control(&text) => Err(self.bad(member)),
            other => Ok(other),
        }
    }

    /// Words to people, made to fit.
    fn remark<'a>(&self, value: Member<'a>, member: &'static str) -> Result<Option<Cow<'a, str>>, FrameError> {
        Ok(match self.text(value, member)? {
            Some(Cow::Borrowed(text)) => tidy_reason(text),
            Some(Cow::Owned(text)) => tidy_reason(&text).map(|text| text.into_owned().into()),
            None => None,
        })
    }

    fn time<'a>(&self, value: Member<'a>, member: &'static str) -> Result<Option<Cow<'a, str>>, FrameError> {
        match self.word(value, member, MAX_TIME_BYTES)? {
            Some(text) if Millis::parse_rfc3339(&text).is_none() => Err(self.bad(member)),
            other => Ok(other),
        }
    }

    fn message_id<'a>(&self, value: Member<'a>, member: &'static str) -> Result<Cow<'a, str>, FrameError> {
        self.required(self.word(value, member, limits::MAX_MESSAGE_ID_BYTES)?, member)
    }

    /// The conversation. The lane is signed, and it is the conversation: two names for it must not differ.
    fn conversation<'a>(&self, members: &Members<'a>) -> Result<Option<Cow<'a, str>>, FrameError> {
        let conversation = self.word(
            members.conversation_id,
            "conversationId",
            limits::MAX_CONVERSATION_BYTES,
        )?;
        match self.text(members.lane, "lane")? {
            Some(lane) if lane != conversation.as_deref().unwrap_or_default() => Err(self.bad("lane")),
            _ => Ok(conversation),
        }
    }

    fn payload<'a>(&self, members: &Members<'a>) -> Result<&'a RawValue, FrameError> {
        self.required(members.payload, "payload")
    }

    fn ack_id(&self, members: &Members<'_>) -> Result<Ulid, FrameError> {
        let text = self.required(self.text(members.ack_id, "ackId")?, "ackId")?;
        text.parse().map_err(|_| self.bad("ackId"))
    }

    fn did(&self, value: Member<'_>, member: &'static str) -> Result<AgentDid, FrameError> {
        let text = self.required(self.text(value, member)?, member)?;
        text.parse().map_err(|_| self.bad(member))
    }

    fn signature(&self, value: Member<'_>) -> Result<Option<Signature>, FrameError> {
        let Some(text) = self.text(value, "sig")? else {
            return Ok(None);
        };
        Signature::from_b64(&text).map(Some).map_err(|_| self.bad("sig"))
    }

    fn flag(&self, value: Member<'_>, member: &'static str) -> Result<Option<bool>, FrameError> {
        value
            .json()
            .map(|json| json.parse().map_err(|_| self.bad(member)))
            .transpose()
    }

    fn number<N: std::str::FromStr>(&self, value: Member<'_>, member: &'static str) -> Result<Option<N>, FrameError> {
        value
            .json()
            .map(|json| json.parse().map_err(|_| self.bad(member)))
            .transpose()
    }

    /// A count that begins with 1.
    fn ordinal<N: std::str::FromStr + Default + PartialEq>(
        &self,
        value: Member<'_>,
        member: &'static str,
    ) -> Result<N, FrameError> {
        self.required(self.number(value, member)?.filter(|n| *n != N::default()), member)
    }
}

fn has_control(text: &str) -> bool {
    // most texts are printable ASCII, which is seen many bytes at a time
    let printable = text
        .bytes()
        .fold(true, |printable, byte| printable & (b' '..0x7f).contains(&byte));
    !printable && text.chars().any(char::is_control)
}
