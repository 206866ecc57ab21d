//! What became of messages.

use chancery_identity::AgentDid;
use chancery_relay_wire::{frame::ReceiptStatus, relay::DeliveryState};

use super::state::{Delivery, NonceKind, State};
use crate::store::{
    FindReceipt, MessageRef, PendingReceipts, Perform, ReceiptRow, ReceiptSeen, RecordReceipt, Refusal, Seq,
};

impl State {
    fn receipt(&self, seq: Seq, d: &Delivery) -> ReceiptRow {
        let recipient = self.agents.get(&d.message.recipient);
        ReceiptRow {
            seq,
            message_id: d.message.message_id.clone(),
            delivery_id: d.id,
            sender: d.message.sender.clone(),
            recipient: d.message.recipient.clone(),
            state: d.state,
            reason: d.reason.clone(),
            at: d.receipt_at.clone(),
            sig: d.receipt_sig,
            ait: recipient.and_then(|agent| agent.ait.clone()),
            updated_at: d.updated_at,
        }
    }

    fn find(&self, sender: &AgentDid, recipient: &AgentDid, id: &str, either: bool) -> Option<(Seq, &Delivery)> {
        let between = |d: &Delivery| d.message.sender == *sender && d.message.recipient == *recipient;
        let mut rows = self
            .deliveries
            .iter()
            .filter(|(_, d)| between(d))
            .map(|(seq, d)| (*seq, d));
        rows.clone()
            .find(|(_, d)| d.message.message_id == id)
            .or_else(|| rows.find(|(_, d)| either && d.id.to_string() == id))
    }
}

impl Perform<RecordReceipt> for State {
    fn perform(&mut self, step: RecordReceipt) -> Result<Option<ReceiptRow>, Refusal> {
        if let Some(nonce) = &step.nonce {
            self.spend(nonce, NonceKind::Request, false)?;
        }
        let (id, either) = match &step.message {
            MessageRef::Message(id) => (id, false),
            MessageRef::Either(id) => (id, true),
        };
        let Some((seq, _)) = self.find(&step.sender, &step.recipient, id, either) else {
            return Ok(None);
        };
        let Some(d) = self.deliveries.get_mut(&seq) else {
            return Ok(None);
        };
        if !matches!(d.state, DeliveryState::Queued | DeliveryState::Delivered) {
            return Ok(None);
        }
        d.state = match step.status {
            ReceiptStatus::DeliveredToWebhook => DeliveryState::ProcessedByOpenclaw,
            ReceiptStatus::DeadLettered => DeliveryState::DeadLettered,
        };
        d.reason = step.reason;
        d.receipt_at = Some(step.at);
        d.receipt_sig = step.sig;
        d.updated_at = step.now;
        d.receipt_due = true;
        let row = self.deliveries.get(&seq).map(|d| self.receipt(seq, d));
        Ok(row)
    }
}

impl Perform<FindReceipt> for State {
    fn perform(&mut self, step: FindReceipt) -> Result<Option<ReceiptRow>, Refusal> {
        Ok(self
            .find(&step.sender, &step.recipient, &step.id, true)
            .map(|(seq, d)| self.receipt(seq, d)))
    }
}

impl Perform<PendingReceipts> for State {
    fn perform(&mut self, step: PendingReceipts) -> Result<Vec<ReceiptRow>, Refusal> {
        let due = |seq: &Seq, d: &Delivery| d.receipt_due && d.message.sender == step.sender && *seq > step.after;
        let rows = self.deliveries.iter().filter(|(seq, d)| due(seq, d)).take(step.limit);
        Ok(rows.map(|(seq, d)| self.receipt(*seq, d)).collect())
    }
}

impl Perform<ReceiptSeen> for State {
    fn perform(&mut self, step: ReceiptSeen) -> Result<(), Refusal> {
        if let Some(d) = self
            .deliveries
            .get_mut(&step.seq)
            .filter(|d| d.message.sender == step.sender)
        {
            d.receipt_due = false;
        }
        Ok(())
    }
}
