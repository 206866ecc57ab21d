//! Checks of what reaches a webhook.

use chancery_connector::{Delivery, Verified};

use super::{
    ledger::{Key, Ledger},
    violation::Kind,
};

impl Ledger {
    /// Who sent what `delivery` brings.
    pub(super) fn key_of(&self, delivery: &Delivery) -> Key {
        (self.agent(&delivery.from), delivery.message_id.clone())
    }

    /// A request has reached the webhook of `agent`; `effect` is whether it is a new one to it, and taken.
    pub(super) fn posted(&self, agent: usize, delivery: &Delivery, effect: bool) {
        let key = self.key_of(delivery);
        let mut book = self.book();
        let Some(message) = book.messages.get_mut(&key) else {
            return self.flag(&mut book, Kind::Altered, format!("{key:?} was posted and never sent"));
        };
        let mut wrong = Vec::new();
        message.arrivals += 1;
        if message.arrivals > 1 && delivery.attempt == 1 {
            wrong.push((
                Kind::Repeated,
                format!("{key:?} was posted again, not marked as a repeat"),
            ));
        }
        if *message.delivery.get_or_insert(delivery.id) != delivery.id {
            wrong.push((Kind::Repeated, format!("{key:?} was posted under two keys")));
        }
        let same = message.to == agent
            && message.payload == delivery.payload.get()
            && message.lane == delivery.conversation_id
            && message.content_type == delivery.content_type;
        if !same {
            let what = format!(
                "{key:?} was posted otherwise than it was sent: {}",
                delivery.payload.get()
            );
            wrong.push((Kind::Altered, what));
        }
        if message.signed && delivery.verified != Verified::EndToEnd {
            wrong.push((Kind::Unverified, format!("{key:?} is {}", delivery.verified.as_str())));
        }
        if effect {
            message.effects += 1;
            if message.effects > 1 + message.cut_off {
                let (effects, cut_off) = (message.effects, message.cut_off);
                let what = format!("{key:?} was taken {effects} times, and {cut_off} attempts were cut off");
                wrong.push((Kind::Repeated, what));
            }
            let (order, first, excused) = (message.order, message.effects == 1, message.out_of_line);
            let lane = book
                .lanes
                .entry((key.0, agent, delivery.conversation_id.clone()))
                .or_default();
            if first && !excused && order < lane.delivered {
                let what = format!(
                    "{key:?} is number {order} of its lane and came after number {}",
                    lane.delivered
                );
                wrong.push((Kind::OutOfOrder, what));
            }
            lane.delivered = lane.delivered.max(order);
        }
        for (kind, what) in wrong {
            self.flag(&mut book, kind, what);
        }
    }
}
