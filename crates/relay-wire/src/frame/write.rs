//! From frames to text.

use std::fmt::{Display, Write as _};

use super::{Deliver, DeliverAck, Enqueue, EnqueueAck, Frame, FrameError, KeptPayload, Receipt, tidy_reason};
use chancery_base::{Millis, Ulid};

impl Frame<'_> {
    /// Writes the frame; `now` becomes `ts`, and `id` the id of frames that have none of their own.
    ///
    /// # Errors
    /// [`FrameError::Json`], which cannot happen for frames built from their types.
    pub fn encode(&self, id: Ulid, now: Millis) -> Result<String, FrameError> {
        match self {
            Self::Heartbeat { id } => Ok(Members::of("heartbeat", *id, now, 0).end()),
            Self::HeartbeatAck { ack_id } => Ok(answer("heartbeat_ack", id, *ack_id, now)),
            Self::ReceiptAck { ack_id } => Ok(answer("receipt_ack", id, *ack_id, now)),
            Self::Deliver(frame) => deliver(frame, frame.payload.get(), now),
            Self::DeliverAck(ack) => deliver_ack(ack, id, now),
            Self::Enqueue(frame) => enqueue(frame, now),
            Self::EnqueueAck(ack) => enqueue_ack(ack, id, now),
            Self::Receipt(frame) => receipt(frame, now),
        }
    }
}

impl Deliver<'_, KeptPayload<'_>> {
    /// Writes the frame, as [`Frame::encode`] does, without reading its payload again.
    ///
    /// # Errors
    /// As [`Frame::encode`].
    pub fn encode(&self, now: Millis) -> Result<String, FrameError> {
        deliver(self, self.payload.0, now)
    }
}

fn answer(kind: &'static str, id: Ulid, ack_id: Ulid, now: Millis) -> String {
    let mut members = Members::of(kind, id, now, 0);
    members.ulid("ackId", ack_id);
    members.end()
}

fn deliver<P>(deliver: &Deliver<'_, P>, payload: &str, now: Millis) -> Result<String, FrameError> {
    let token = deliver.extra.as_ref().and_then(|extra| extra.from_ait.as_deref());
    let mut members = Members::of("deliver", deliver.id, now, payload.len() + token.map_or(0, str::len));
    members.text("fromAgentDid", deliver.from.as_str())?;
    members.text("toAgentDid", deliver.to.as_str())?;
    members.json("payload", payload);
    members.optional("contentType", deliver.content_type.as_deref())?;
    members.optional("conversationId", deliver.conversation_id.as_deref())?;
    members.optional("replyTo", deliver.reply_to.as_deref())?;
    if let Some(extra) = &deliver.extra {
        members.text("messageId", &extra.message_id)?;
        members.text("lane", deliver.conversation_id.as_deref().unwrap_or_default())?;
        members.plain("laneSeq", extra.lane_seq);
        members.plain("attempt", extra.attempt);
        members.optional("sentAt", extra.sent_at.as_deref())?;
        members.optional("sig", extra.sig.map(|sig| sig.to_b64()).as_deref())?;
        members.optional("fromAit", token)?;
    }
    Ok(members.end())
}

fn deliver_ack(ack: &DeliverAck<'_>, id: Ulid, now: Millis) -> Result<String, FrameError> {
    let mut members = Members::of("deliver_ack", id, now, 0);
    members.ulid("ackId", ack.ack_id);
    members.plain("accepted", ack.accepted);
    members.optional("reason", ack.reason.as_deref().and_then(tidy_reason).as_deref())?;
    Ok(members.end())
}

fn enqueue(enqueue: &Enqueue<'_>, now: Millis) -> Result<String, FrameError> {
    let mut members = Members::of("enqueue", enqueue.id, now, enqueue.payload.get().len());
    members.text("toAgentDid", enqueue.to.as_str())?;
    members.json("payload", enqueue.payload.get());
    members.optional("contentType", enqueue.content_type.as_deref())?;
    members.optional("conversationId", enqueue.conversation_id.as_deref())?;
    members.optional("replyTo", enqueue.reply_to.as_deref())?;
    if let Some(signed) = &enqueue.signed {
        members.text("messageId", &signed.message_id)?;
        members.text("lane", enqueue.conversation_id.as_deref().unwrap_or_default())?;
        members.text("sentAt", &signed.sent_at)?;
        members.text("sig", &signed.sig.to_b64())?;
    }
    Ok(members.end())
}

fn enqueue_ack(ack: &EnqueueAck<'_>, id: Ulid, now: Millis) -> Result<String, FrameError> {
    let mut members = Members::of("enqueue_ack", id, now, 0);
    members.ulid("ackId", ack.ack_id);
    members.plain("accepted", ack.accepted);
    members.optional("reason", ack.reason.as_deref().and_then(tidy_reason).as_deref())?;
    members.optional("code", ack.code.as_deref())?;
    if let Some(retryable) = ack.retryable {
        members.plain("retryable", retryable);
    }
    Ok(members.end())
}

fn receipt(receipt: &Receipt<'_>, now: Millis) -> Result<String, FrameError> {
    let mut members = Members::of("receipt", receipt.id, now, receipt.ait.as_deref().map_or(0, str::len));
    members.optional("reason", receipt.reason.as_deref())?;
    members.text("fromAgentDid", receipt.from.as_str())?;
    members.text("toAgentDid", receipt.to.as_str())?;
    members.optional("sig", receipt.sig.map(|sig| sig.to_b64()).as_deref())?;
    members.text("originalFrameId", &receipt.message_id)?;
    members.json("status", &serde_json::to_string(&receipt.status)?);
    members.text("at", &receipt.at)?;
    members.optional("ait", receipt.ait.as_deref())?;
    Ok(members.end())
}

/// What names and short members of a frame take, bytes: with it most frames are written into one allocation.
const SHORT_MEMBERS: usize = 768;

/// An object that is being written, member by member.
///
/// Half of a frame is text that needs no escaping and a payload that is JSON already: a serialiser that looks at each of
/// their bytes costs the relay a tenth of its time.
struct Members(String);

impl Members {
    /// The members that every frame begins with, and room for `long` bytes of long ones.
    fn of(kind: &'static str, id: Ulid, now: Millis, long: usize) -> Self {
        let mut members = Self(String::with_capacity(SHORT_MEMBERS + long));
        // no kind needs escaping
        members.0.push_str("{\"type\":\"");
        members.0.push_str(kind);
        members.0.push_str("\",\"v\":1");
        members.ulid("id", id);
        members.name("ts");
        members.0.push('"');
        now.push_rfc3339(&mut members.0);
        members.0.push('"');
        members
    }

    fn ulid(&mut self, name: &'static str, id: Ulid) {
        self.name(name);
        self.0.push('"');
        self.0.push_str(id.text(&mut [0; Ulid::TEXT_BYTES]));
        self.0.push('"');
    }

    /// `name` needs no escaping.
    fn name(&mut self, name: &'static str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push('"');
        self.0.push_str(name);
        self.0.push_str("\":");
    }

    fn text(&mut self, name: &'static str, value: &str) -> Result<(), FrameError> {
        // RFC 8259, section 7: only these must be escaped
        let plain = value.bytes().fold(true, |plain, byte| {
            plain & (byte >= b' ') & (byte != b'"') & (byte != b'\\')
        });
        if !plain {
            self.json(name, &serde_json::to_string(value)?);
            return Ok(());
        }
        self.name(name);
        self.0.push('"');
        self.0.push_str(value);
        self.0.push('"');
        Ok(())
    }

    fn optional(&mut self, name: &'static str, value: Option<&str>) -> Result<(), FrameError> {
        value.map_or(Ok(()), |value| self.text(name, value))
    }

    /// Integers and booleans, which JSON writes as Rust does.
    fn plain(&mut self, name: &'static str, value: impl Display) {
        self.name(name);
        // writing to a string cannot fail
        let _ = write!(self.0, "{value}");
    }

    /// `value` is JSON.
    fn json(&mut self, name: &'static str, value: &str) {
        self.name(name);
        self.0.push_str(value);
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}
