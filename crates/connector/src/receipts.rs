//! Receipts: what became of a message, signed by its recipient, on the way to its sender.

use std::collections::BTreeMap;

use chancery_base::{Ulid, ed25519::Signature};
use chancery_identity::{
    AgentDid,
    receipt::{self, SignedReceipt},
};
use chancery_relay_wire::{
    Frame,
    frame::{self, ReceiptStatus},
    limits,
};
use tokio::{sync::mpsc, time::Instant};

use crate::{
    core::Core,
    inbox,
    ports::{BoxFuture, Verified},
    store::{InReceipt, Inbound, OutReceipt, PeerRecord, ReceiptEffect},
};

// --- ours, for messages that we got ---------------------------------------------------------------------------------

/// The receipt for `message`, if the relay would understand one.
pub(crate) fn sign(core: &Core, message: &Inbound, status: ReceiptStatus, reason: Option<&str>) -> Option<OutReceipt> {
    if !message.receipt_wanted {
        return None;
    }
    let at = core.now().to_rfc3339();
    let reason = reason.map(one_line);
    let sig = receipt::sign(
        &SignedReceipt {
            message_id: &message.message_id,
            from: &message.from,
            to: &message.to,
            status: status.as_str(),
            reason: reason.as_deref().unwrap_or_default(),
            at: &at,
        },
        &core.config.key,
    );
    Some(OutReceipt {
        frame: core.new_id(),
        message_id: message.message_id.clone(),
        from: message.from.clone(),
        to: message.to.clone(),
        status,
        reason,
        at,
        sig,
    })
}

/// `text` as a reason may be: without control characters, which would move the lines of what is signed, and no longer than
/// a frame carries.
fn one_line(text: &str) -> String {
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut end = limits::MAX_REASON_BYTES.min(line.len());
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.truncate(end);
    line
}

/// Receipts of one session on their way.
#[derive(Debug, Default)]
pub(crate) struct ReceiptWindow {
    /// Frame id to position and the time by which the relay must have confirmed it.
    in_flight: BTreeMap<Ulid, (i64, Instant)>,
    /// Receipts up to here were sent.
    sent: i64,
    /// Whether there may be more behind it.
    more: bool,
}

impl ReceiptWindow {
    pub(crate) fn new() -> Self {
        Self {
            more: true,
            ..Self::default()
        }
    }

    pub(crate) fn look_again(&mut self) {
        self.more = true;
    }

    /// The frames that can go now.
    pub(crate) async fn fill(&mut self, core: &Core) -> Vec<String> {
        let room = core.config.limits.receipt_window.saturating_sub(self.in_flight.len());
        if !self.more || room == 0 {
            return Vec::new();
        }
        let limit = u32::try_from(room).unwrap_or(u32::MAX);
        let found = match core.store.receipts_after(self.sent, limit).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "receipts cannot be read");
                self.more = false;
                return Vec::new();
            }
        };
        self.more = found.len() == room;
        let due = Instant::now() + core.config.timing.ack_timeout;
        let mut frames = Vec::with_capacity(found.len());
        for (seq, receipt) in found {
            self.sent = seq;
            if self.in_flight.insert(receipt.frame, (seq, due)).is_none() {
                frames.extend(encode(core, &receipt));
            }
        }
        frames
    }

    pub(crate) fn acked(&mut self, frame: Ulid) -> bool {
        self.in_flight.remove(&frame).is_some()
    }

    /// What the relay has not confirmed in time goes again.
    pub(crate) fn expire(&mut self, now: Instant) {
        let late = |(seq, due): &(i64, Instant)| (*due <= now).then_some(*seq);
        if let Some(first) = self.in_flight.values().filter_map(late).min() {
            // those behind it that are not late are sent twice, which the relay recognises
            self.in_flight.retain(|_, (seq, _)| *seq < first);
            self.sent = first - 1;
            self.more = true;
        }
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.in_flight.values().map(|(_, due)| *due).min()
    }
}

fn encode(core: &Core, receipt: &OutReceipt) -> Option<String> {
    let frame = Frame::Receipt(frame::Receipt {
        id: receipt.frame,
        message_id: receipt.message_id.as_str().into(),
        from: receipt.from.clone(),
        to: receipt.to.clone(),
        status: receipt.status,
        reason: receipt.reason.as_deref().map(Into::into),
        at: receipt.at.as_str().into(),
        sig: Some(receipt.sig),
        ait: None,
    });
    frame.encode(receipt.frame, core.now()).ok()
}

// --- theirs, for messages that we sent ------------------------------------------------------------------------------

/// A `receipt` frame that owns its content.
pub(crate) struct ArrivedReceipt {
    frame: Ulid,
    message_id: String,
    from: AgentDid,
    to: AgentDid,
    status: ReceiptStatus,
    reason: Option<String>,
    at: String,
    sig: Option<Signature>,
    ait: Option<String>,
}

impl ArrivedReceipt {
    pub(crate) fn new(receipt: frame::Receipt<'_>) -> Self {
        Self {
            frame: receipt.id,
            message_id: receipt.message_id.into_owned(),
            from: receipt.from,
            to: receipt.to,
            status: receipt.status,
            reason: receipt.reason.map(Into::into),
            at: receipt.at.into_owned(),
            sig: receipt.sig,
            ait: receipt.ait.map(Into::into),
        }
    }
}

/// Verifies a receipt and queues its write; the future ends with its acknowledgement. One that does not verify is
/// acknowledged too, so that it does not come again, and changes nothing.
pub(crate) async fn take<'a>(
    core: &'a Core,
    arrived: ArrivedReceipt,
    reply: mpsc::Sender<String>,
) -> BoxFuture<'a, ()> {
    let frame = arrived.frame;
    let ack = move || {
        if let Ok(text) = (Frame::ReceiptAck { ack_id: frame }).encode(core.new_id(), core.now()) {
            let _ = reply.try_send(text);
        }
    };
    let verified = verify(core, &arrived).await;
    let (Some(verified), Ok(id)) = (verified, arrived.message_id.parse()) else {
        tracing::warn!(message = arrived.message_id, by = %arrived.to, "receipt refused");
        core.gauges().receipts_refused += 1;
        ack();
        return Box::pin(std::future::ready(()));
    };
    let commit = core.store.outbound_receipt(InReceipt {
        id,
        by: arrived.to,
        status: arrived.status,
        reason: arrived.reason,
        verified,
        now: core.now(),
    });
    Box::pin(async move {
        match commit.await {
            Ok(ReceiptEffect::Recorded { .. } | ReceiptEffect::Ignored) => ack(),
            Ok(ReceiptEffect::Unknown) => {
                tracing::debug!(message = %id, "receipt for a message that is not known here");
                ack();
            }
            // not acknowledged: the relay sends it again
            Err(error) => tracing::error!(%error, message = %id, "receipt could not be stored"),
        }
    })
}

/// Who vouches for a receipt; `None` when its signature is bad or it is not for us.
async fn verify(core: &Core, arrived: &ArrivedReceipt) -> Option<Verified> {
    if arrived.from != core.config.agent {
        return None;
    }
    let Some(sig) = &arrived.sig else {
        return Some(Verified::RelayAsserted);
    };
    // its own receipts an agent can always check
    let key = if arrived.to == core.config.agent {
        core.config.key.public()
    } else {
        match peer(core, arrived).await {
            Some(peer) => peer.key,
            None => return Some(Verified::RelayAsserted),
        }
    };
    let signed = SignedReceipt {
        message_id: &arrived.message_id,
        from: &arrived.from,
        to: &arrived.to,
        status: arrived.status.as_str(),
        reason: arrived.reason.as_deref().unwrap_or_default(),
        at: &arrived.at,
    };
    receipt::verify(&signed, sig, &key).ok().map(|()| Verified::EndToEnd)
}

/// What is known of the recipient of our message: its token may come with its receipt. A token that is not believed, or is
/// another agent's, counts as none.
async fn peer(core: &Core, arrived: &ArrivedReceipt) -> Option<PeerRecord> {
    if let Some(token) = &arrived.ait {
        match inbox::learn(core, &arrived.to, token).await {
            Ok(peer) => return Some(peer),
            Err(reason) => {
                tracing::warn!(agent = %arrived.to, reason, "the identity token of a receipt is not believed")
            }
        }
    }
    inbox::known(core, &arrived.to).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_and_fits() {
        assert_eq!(one_line("a\nb\u{0}c"), "a b c");
        assert_eq!(one_line(&"ä".repeat(200)).len(), 280);
        assert!(one_line(&format!("a{}", "ä".repeat(200))).len() <= 280);
    }
}
