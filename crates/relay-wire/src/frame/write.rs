//! From frames to text.

use std::borrow::Cow;

use chancery_base::{Millis, Ulid, ed25519::Signature};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Frame, FrameError, ReceiptStatus, tidy_reason};

/// All members of all frames, in the order in which they are written.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Flat<'a> {
    #[serde(rename = "type")]
    kind: Cow<'a, str>,
    v: u32,
    id: Cow<'a, str>,
    ts: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ack_id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retryable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_agent_did: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_agent_did: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lane: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lane_seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sig: Option<Signature>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_ait: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_frame_id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<ReceiptStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ait: Option<Cow<'a, str>>,
}

impl Frame<'_> {
    /// Writes the frame; `now` becomes `ts`, and `id` the id of frames that have none of their own.
    ///
    /// # Errors
    /// [`FrameError::Json`], which cannot happen for frames built from their types.
    pub fn encode(&self, id: Ulid, now: Millis) -> Result<String, FrameError> {
        let mut flat = Flat {
            v: 1,
            ts: now.to_rfc3339().into(),
            ..Flat::default()
        };
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
                flat.reason = ack.reason.as_deref().and_then(tidy_reason);
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
                flat.reason = ack.reason.as_deref().and_then(tidy_reason);
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
                flat.ait = borrowed(receipt.ait.as_ref());
            }
        }
        flat.id = own_id.to_string().into();
        Ok(serde_json::to_string(&flat)?)
    }
}

fn borrowed<'b>(value: Option<&'b Cow<'_, str>>) -> Option<Cow<'b, str>> {
    value.map(|text| Cow::Borrowed(text.as_ref()))
}
