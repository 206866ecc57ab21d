//! What a session sends, and how it is written.

use std::{borrow::Cow, collections::BTreeMap};

use chancery_base::{Clock, ErrorCode as _, Rng, Ulid, json::is_portable};
use chancery_identity::AgentDid;
use chancery_relay_wire::{
    frame::{Deliver, DeliverExtra, EnqueueAck, Frame, FrameError, KeptPayload, Receipt, ReceiptStatus},
    limits,
    relay::DeliveryState,
};
use serde_json::value::RawValue;

use super::{
    identity::{TooLong, with_identity},
    link::CloseReason,
    link::Outbound,
};
use crate::{
    error::RelayError,
    store::{Item, ReceiptRow, SenderAit, reason},
};

/// What a session sends.
pub(crate) enum Out {
    Heartbeat(Ulid),
    HeartbeatAck(Ulid),
    Deliver(Item),
    EnqueueAck {
        ack_id: Ulid,
        outcome: Result<(), Box<RelayError>>,
    },
    Receipt {
        id: Ulid,
        row: Box<ReceiptRow>,
    },
    ReceiptAck(Ulid),
    Close(CloseReason),
}

/// What became of what a session sends.
pub(super) enum Written {
    Frame(Outbound),
    /// A delivery that the other side cannot take, and why.
    Undeliverable(Ulid, &'static str),
}

/// Writes frames for one connection.
pub(super) struct Writer<'a> {
    pub(super) negotiated: bool,
    pub(super) inject_identity: bool,
    pub(super) clock: &'a dyn Clock,
    pub(super) rng: &'a dyn Rng,
    /// Identity tokens that this connection was shown, by agent.
    shown: BTreeMap<AgentDid, Ulid>,
}

/// Agents whose tokens are remembered as shown in one connection; beyond it they are shown again.
const MAX_SHOWN: usize = 10_000;

impl<'a> Writer<'a> {
    pub(super) fn new(negotiated: bool, inject_identity: bool, clock: &'a dyn Clock, rng: &'a dyn Rng) -> Self {
        Self {
            negotiated,
            inject_identity,
            clock,
            rng,
            shown: BTreeMap::new(),
        }
    }

    pub(super) fn write(&mut self, out: Out) -> Result<Written, FrameError> {
        let now = self.clock.now();
        let fresh = |rng: &dyn Rng| Ulid::generate(now, &rng);
        let text = match out {
            Out::Close(reason) => return Ok(Written::Frame(Outbound::Close(reason))),
            Out::Heartbeat(id) => Frame::Heartbeat { id }.encode(id, now)?,
            Out::HeartbeatAck(ack_id) => Frame::HeartbeatAck { ack_id }.encode(fresh(self.rng), now)?,
            Out::ReceiptAck(ack_id) => Frame::ReceiptAck { ack_id }.encode(fresh(self.rng), now)?,
            Out::Deliver(item) => {
                // what is too long before the rest of the frame is around it is not written at all
                let Some(text) = self.deliver(&item)? else {
                    return Ok(Written::Undeliverable(item.delivery_id, reason::TOO_LONG));
                };
                if let Some(reason) = self.why_not(&text) {
                    return Ok(Written::Undeliverable(item.delivery_id, reason));
                }
                text
            }
            Out::EnqueueAck { ack_id, outcome } => {
                let error = outcome.as_ref().err();
                let named = error.filter(|_| self.negotiated);
                let ack = EnqueueAck {
                    ack_id,
                    accepted: outcome.is_ok(),
                    reason: error.map(|error| error.to_string().into()),
                    code: named.map(|error| error.code().into()),
                    retryable: named.map(|error| error.is_retryable()),
                };
                Frame::EnqueueAck(ack).encode(fresh(self.rng), now)?
            }
            Out::Receipt { id, row } => {
                let status = match row.state {
                    DeliveryState::DeadLettered => ReceiptStatus::DeadLettered,
                    _ => ReceiptStatus::DeliveredToWebhook,
                };
                let receipt = Receipt {
                    id,
                    message_id: row.message_id.as_str().into(),
                    from: row.sender.clone(),
                    to: row.recipient.clone(),
                    status,
                    reason: row.reason.as_deref().map(Cow::Borrowed),
                    at: row.at.clone().unwrap_or_else(|| row.updated_at.to_rfc3339()).into(),
                    sig: row.sig,
                    ait: row
                        .ait
                        .as_deref()
                        .filter(|_| row.sig.is_some())
                        .and_then(|ait| self.ait_to_show(&row.recipient, ait)),
                };
                Frame::Receipt(receipt).encode(id, now)?
            }
        };
        Ok(Written::Frame(Outbound::Text(text)))
    }

    /// Why the other side cannot take this `deliver` frame, if it cannot. Those who negotiated read whatever JSON a frame can
    /// hold, so nobody looks into it for them; the others' reader gives up the connection over what it cannot read.
    fn why_not(&self, text: &str) -> Option<&'static str> {
        if text.len() > limits::MAX_DELIVER_FRAME_BYTES {
            Some(reason::TOO_LONG)
        } else if !self.negotiated && !is_portable(text) {
            Some(reason::UNREADABLE)
        } else {
            None
        }
    }

    /// The frame; `None` when the identity block makes the payload longer than a frame may be.
    fn deliver(&mut self, item: &Item) -> Result<Option<String>, FrameError> {
        let message = &*item.message;
        let injected = if self.negotiated || !self.inject_identity {
            None
        } else {
            let (payload, max) = (&message.payload, limits::MAX_DELIVER_FRAME_BYTES);
            match with_identity(payload, &message.sender, &message.sender_ait, max) {
                Ok(injected) => injected,
                Err(TooLong) => return Ok(None),
            }
        };
        let payload = match &injected {
            Some(injected) => serde_json::from_slice::<&RawValue>(injected)?.get(),
            // it was read when it was accepted, and kept as it was
            None => std::str::from_utf8(&message.payload).map_err(<serde_json::Error as serde::de::Error>::custom)?,
        };
        if item.attempt > 1 {
            // it may be that the recipient could not check the token then
            self.shown.remove(&message.sender);
        }
        let extra = self.negotiated.then(|| DeliverExtra {
            message_id: message.message_id.as_str().into(),
            lane_seq: u64::try_from(item.lane_seq).unwrap_or(0),
            attempt: item.attempt,
            sent_at: message.sent_at.as_deref().map(Cow::Borrowed),
            sig: message.sig,
            from_ait: None,
        });
        let extra = extra.map(|extra| DeliverExtra {
            from_ait: self.ait_to_show(&message.sender, &message.sender_ait),
            ..extra
        });
        let deliver = Deliver {
            id: item.delivery_id,
            from: message.sender.clone(),
            to: message.recipient.clone(),
            payload: KeptPayload(payload),
            content_type: message.content_type.as_deref().map(Cow::Borrowed),
            conversation_id: message.conversation.as_deref().map(Cow::Borrowed),
            reply_to: message.reply_to.as_deref().map(Cow::Borrowed),
            extra,
        };
        deliver.encode(self.clock.now()).map(Some)
    }

    /// The identity token of `agent`, unless this connection was shown it.
    fn ait_to_show<'i>(&mut self, agent: &AgentDid, ait: &'i SenderAit) -> Option<Cow<'i, str>> {
        let SenderAit { token, jti } = ait;
        if token.is_empty() || self.shown.get(agent) == Some(jti) {
            return None;
        }
        if self.shown.len() >= MAX_SHOWN {
            self.shown.clear();
        }
        self.shown.insert(agent.clone(), *jti);
        Some(token.as_str().into())
    }
}
