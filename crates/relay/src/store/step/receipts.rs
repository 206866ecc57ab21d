//! Receipts: what became of messages.

use std::sync::Arc;

use chancery_base::{Millis, Ulid, ed25519::Signature};
use chancery_identity::AgentDid;
use chancery_relay_wire::{frame::ReceiptStatus, relay::DeliveryState};

use super::{NonceUse, SenderAit, Seq, Step};

/// How a receipt names its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageRef {
    /// By the id that its sender chose.
    Message(String),
    /// By either id: old clients know only the relay's.
    Either(String),
}

/// The recipient says what became of a message.
pub struct RecordReceipt {
    /// Recipient of the message, who says it.
    pub recipient: AgentDid,
    /// Sender of the message.
    pub sender: AgentDid,
    /// Which message.
    pub message: MessageRef,
    /// What became of it.
    pub status: ReceiptStatus,
    /// Why it was given up.
    pub reason: Option<String>,
    /// When, as the recipient wrote it.
    pub at: String,
    /// The recipient's signature.
    pub sig: Option<Signature>,
    /// The nonce of the request, where it has one.
    pub nonce: Option<NonceUse>,
    /// Now.
    pub now: Millis,
}

impl Step for RecordReceipt {
    /// The receipt as the sender is to be told, when the message is known and its state changed.
    type Output = Option<ReceiptRow>;
}

/// A delivery and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptRow {
    /// Row.
    pub seq: Seq,
    /// Chosen by the sender.
    pub message_id: String,
    /// The relay's id.
    pub delivery_id: Ulid,
    /// Sender.
    pub sender: AgentDid,
    /// Recipient.
    pub recipient: AgentDid,
    /// Where the message is.
    pub state: DeliveryState,
    /// Why it was given up.
    pub reason: Option<String>,
    /// When the recipient said so, as it wrote it.
    pub at: Option<String>,
    /// The recipient's signature.
    pub sig: Option<Signature>,
    /// The recipient's last identity token, when it ever showed one: its signature is checked with it.
    pub ait: Option<Arc<SenderAit>>,
    /// When the relay last changed it.
    pub updated_at: Millis,
}

/// Read: a receipt, for the sender.
pub struct FindReceipt {
    /// Who asks.
    pub sender: AgentDid,
    /// Recipient of the message.
    pub recipient: AgentDid,
    /// Message id or delivery id.
    pub id: String,
}

impl Step for FindReceipt {
    type Output = Option<ReceiptRow>;
}

/// Read: receipts that the sender's connector has not acknowledged.
pub struct PendingReceipts {
    /// Who is to be told.
    pub sender: AgentDid,
    /// Only rows after this one.
    pub after: Seq,
    /// At most so many.
    pub limit: usize,
}

impl Step for PendingReceipts {
    type Output = Vec<ReceiptRow>;
}

/// The sender's connector has a receipt.
pub struct ReceiptSeen {
    /// Who was told.
    pub sender: AgentDid,
    /// Row.
    pub seq: Seq,
}

impl Step for ReceiptSeen {
    type Output = ();

    fn needs_savepoint(&self) -> bool {
        false
    }
}
