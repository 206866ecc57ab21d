//! Checks of what passes the relay's door.

use chancery_relay::store::Row;
use chancery_relay_wire::{
    Frame,
    frame::{Deliver, ReceiptStatus},
};

use super::{
    ledger::{Book, Ledger},
    violation::Kind,
};

/// The word in `type`, which is written first.
pub(super) fn kind_of(text: &str) -> &'static str {
    const KINDS: [&str; 8] = [
        "heartbeat",
        "heartbeat_ack",
        "deliver",
        "deliver_ack",
        "enqueue",
        "enqueue_ack",
        "receipt",
        "receipt_ack",
    ];
    let word = text
        .strip_prefix("{\"type\":\"")
        .and_then(|rest| rest.split('"').next());
    KINDS.into_iter().find(|kind| word == Some(kind)).unwrap_or("unknown")
}

impl Ledger {
    /// The relay has written a frame to `agent`. `rows` are those of its store behind the one named.
    pub(super) fn relay_wrote(&self, agent: usize, text: &str, rows: &dyn Fn(i64) -> Vec<Row>) {
        if !matches!(kind_of(text), "deliver" | "enqueue_ack" | "receipt") {
            return;
        }
        match Frame::parse(text) {
            Ok(Frame::Deliver(deliver)) => self.deliver(agent, &deliver, rows),
            Ok(Frame::EnqueueAck(ack)) if ack.accepted => {
                let key = (agent, ack.ack_id.to_string());
                if !self.is_stored(&key, rows) {
                    self.complain(Kind::Premature, format!("{key:?} was acknowledged and is not stored"));
                }
                let mut book = self.book();
                self.permitted(&mut book, &[agent], &format!("{key:?} was accepted"));
            }
            Ok(Frame::Receipt(receipt)) => {
                self.receipt(self.agent(&receipt.from), &receipt.message_id, receipt.status);
            }
            Ok(_) => {}
            Err(error) => self.complain(Kind::Altered, format!("the relay wrote no frame: {error}: {text}")),
        }
    }

    /// A connector has written a frame.
    pub(super) fn connector_wrote(&self, text: &str) {
        if kind_of(text) == "receipt"
            && let Ok(Frame::Receipt(receipt)) = Frame::parse(text)
        {
            self.receipt(self.agent(&receipt.from), &receipt.message_id, receipt.status);
        }
    }

    fn deliver(&self, agent: usize, deliver: &Deliver<'_>, rows: &dyn Fn(i64) -> Vec<Row>) {
        let from = self.agent(&deliver.from);
        let Some(extra) = &deliver.extra else {
            return self.complain(Kind::Altered, format!("{} came bare", deliver.id));
        };
        let key = (from, extra.message_id.clone().into_owned());
        if !self.is_stored(&key, rows) {
            self.complain(Kind::Premature, format!("{key:?} was delivered and is not stored"));
        }
        let mut book = self.book();
        let Some(message) = book.messages.get_mut(&key) else {
            return self.flag(
                &mut book,
                Kind::Altered,
                format!("{key:?} was delivered and never sent"),
            );
        };
        let lane = deliver.conversation_id.as_deref().map(str::to_owned);
        let same = message.to == agent
            && self.agent(&deliver.to) == agent
            && message.payload == deliver.payload.get()
            && message.lane == lane;
        if !same {
            self.flag(
                &mut book,
                Kind::Altered,
                format!("{key:?} was delivered otherwise than it was sent"),
            );
        }
        self.permitted(&mut book, &[from, agent], &format!("{key:?} was delivered"));
        let numbers = &mut book.lanes.entry((from, agent, lane)).or_default().numbers;
        let number = extra.lane_seq;
        let last = numbers.last_key_value().map_or(0, |(last, _)| *last);
        match numbers.get(&number) {
            Some(known) if *known == key => {}
            Some(known) => {
                let what = format!("{key:?} and {known:?} have the same number {number} in their lane");
                self.flag(&mut book, Kind::Position, what);
            }
            None => {
                numbers.insert(number, key.clone());
                if number < last {
                    let what = format!("{key:?} is number {number} of its lane and comes after number {last}");
                    self.flag(&mut book, Kind::OutOfOrder, what);
                }
            }
        }
    }

    /// Nothing may be done for the revoked, nor while revocations are not heard of.
    fn permitted(&self, book: &mut Book, agents: &[usize], what: &str) {
        if let Some(agent) = agents.iter().find(|agent| book.revoked(**agent)) {
            self.flag(book, Kind::Revoked, format!("{what}, and agent {agent} is revoked"));
        }
        if book.stale(self.stale_after) {
            self.flag(book, Kind::Stale, format!("{what}, and the feed is stale"));
        }
    }

    fn receipt(&self, from: usize, message_id: &str, status: ReceiptStatus) {
        let mut book = self.book();
        let key = (from, message_id.to_owned());
        let effects = book.messages.get(&key).map_or(0, |message| message.effects);
        if status == ReceiptStatus::DeliveredToWebhook && effects == 0 {
            self.flag(
                &mut book,
                Kind::FalseReceipt,
                format!("{key:?} is said to be delivered"),
            );
        }
    }
}
