//! Frames that arrived together: what asks for the same goes to the store together.

use std::sync::Arc;

use chancery_base::Ulid;
use tokio::sync::OwnedSemaphorePermit;

use super::{Out, Session};
use crate::{
    hub::{Arrival, Hub},
    store::NewMessage,
};

/// What was read and not handed in yet. Of the two, one is empty: the order in which a client says things is kept.
#[derive(Default)]
pub(super) struct Gathered {
    messages: Vec<Arrival<(Ulid, OwnedSemaphorePermit)>>,
    delivered: Vec<Ulid>,
}

impl Gathered {
    /// A message in the frame `id`, with its place among those that wait for their commit.
    pub(super) fn message(
        &mut self,
        id: Ulid,
        message: NewMessage,
        place: OwnedSemaphorePermit,
        session: &Arc<Session>,
        hub: &Hub,
    ) {
        if !self.delivered.is_empty() {
            self.hand_in(session, hub);
        }
        self.messages.push(Arrival {
            message,
            nonce: None,
            waiter: None,
            tag: (id, place),
        });
    }

    /// The recipient has a delivery.
    pub(super) fn delivered(&mut self, delivery_id: Ulid, session: &Arc<Session>, hub: &Hub) {
        if !self.messages.is_empty() {
            self.hand_in(session, hub);
        }
        self.delivered.push(delivery_id);
    }

    /// Hands in what there is.
    pub(super) fn hand_in(&mut self, session: &Arc<Session>, hub: &Hub) {
        if !self.delivered.is_empty() {
            session.delivered(&std::mem::take(&mut self.delivered), hub);
        }
        if self.messages.is_empty() {
            return;
        }
        let session = Arc::clone(session);
        hub.accept(std::mem::take(&mut self.messages), move |outcomes| {
            let (acks, places): (Vec<Out>, Vec<OwnedSemaphorePermit>) = outcomes
                .into_iter()
                .map(|((ack_id, place), outcome)| {
                    let outcome = outcome.map(drop).map_err(Box::new);
                    (Out::EnqueueAck { ack_id, outcome }, place)
                })
                .unzip();
            session.send_all(acks);
            drop(places);
        });
    }
}
