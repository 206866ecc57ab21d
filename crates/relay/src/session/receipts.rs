//! Receipts: what this agent says of messages it got, and what it is told of messages it sent.

use std::sync::Arc;

use chancery_base::Ulid;
use chancery_relay_wire::{frame::Receipt, limits};
use tokio::time::Instant;

use super::{Out, RECEIPT_WINDOW, Receipts, Session};
use crate::{
    hub::Hub,
    store::{MessageRef, PendingReceipts, ReceiptRow, ReceiptSeen, RecordReceipt},
};

impl Session {
    pub(super) fn receipt(self: &Arc<Self>, hub: &Hub, frame: &Receipt<'_>) {
        if frame.to != self.agent || frame.message_id.len() > limits::MAX_MESSAGE_ID_BYTES {
            // only the recipient may say it; there is no negative answer to a receipt
            return;
        }
        // more than a windowful that waits for its commit is not taken: a connector sends it again, and one that only floods
        // must not fill the writer's queue for all
        let Ok(permit) = Arc::clone(&self.pending).try_acquire_owned() else {
            return;
        };
        let step = RecordReceipt {
            recipient: self.agent.clone(),
            sender: frame.from.clone(),
            message: MessageRef::Message(frame.message_id.to_string()),
            status: frame.status,
            reason: frame.reason.as_deref().map(str::to_owned),
            at: frame.at.to_string(),
            sig: frame.sig,
            nonce: None,
            now: self.clock.now(),
        };
        let (session, hub, id) = (Arc::clone(self), hub.clone(), frame.id);
        self.store.submit(step, move |outcome| {
            match outcome {
                Ok(row) => {
                    session.send(Out::ReceiptAck(id));
                    if let Some(row) = row {
                        hub.tell_sender(row);
                    }
                }
                // without an acknowledgement it is sent again
                Err(refusal) => tracing::error!(error = %refusal, "a receipt could not be stored"),
            }
            drop(permit);
        });
    }

    /// Tells this agent what became of a message of its own.
    pub(crate) fn tell(&self, row: ReceiptRow) {
        if !self.negotiated {
            return;
        }
        let mut receipts = self.receipts();
        if receipts.more || receipts.reading || receipts.outstanding.len() >= RECEIPT_WINDOW {
            // behind what waits in the store, or that would never have its turn
            receipts.more = true;
            return;
        }
        self.send_receipt(&mut receipts, row);
    }

    fn send_receipt(&self, receipts: &mut Receipts, row: ReceiptRow) {
        if receipts.outstanding.values().any(|(seq, _)| *seq == row.seq) {
            // it was read from the store meanwhile
            return;
        }
        let id = Ulid::generate(self.clock.now(), &self.rng);
        let due = Instant::now() + self.config.delivery.ack_timeout;
        if receipts.outstanding.is_empty() {
            self.wake.notify_one();
        }
        receipts.outstanding.insert(id, (row.seq, due));
        self.send(Out::Receipt { id, row: Box::new(row) });
    }

    /// Receipts whose acknowledgement is overdue go again, under another frame id.
    pub(super) fn expire_receipts(self: &Arc<Self>) {
        let (now, mut receipts) = (Instant::now(), self.receipts());
        let before = receipts.outstanding.len();
        receipts.outstanding.retain(|_, (_, due)| *due > now);
        if receipts.outstanding.len() < before {
            receipts.more = true;
            drop(receipts);
            self.more_receipts();
        }
    }

    /// When [`Session::expire_receipts`] has something to do next.
    pub(super) fn next_receipt_deadline(&self) -> Option<Instant> {
        self.receipts().outstanding.values().map(|(_, due)| *due).min()
    }

    /// Receipts may be due that this session was not told of.
    pub(crate) fn receipts_due(self: &Arc<Self>) {
        self.receipts().more = true;
        self.more_receipts();
    }

    pub(super) fn receipt_seen(self: &Arc<Self>, frame_id: Ulid) {
        let Some((seq, _)) = self.receipts().outstanding.remove(&frame_id) else {
            return;
        };
        self.store.submit(
            ReceiptSeen {
                sender: self.agent.clone(),
                seq,
            },
            |outcome| {
                if let Err(refusal) = outcome {
                    tracing::error!(error = %refusal, "a receipt's acknowledgement could not be stored");
                }
            },
        );
        self.more_receipts();
    }

    pub(super) fn more_receipts(self: &Arc<Self>) {
        if !self.negotiated {
            return;
        }
        let mut receipts = self.receipts();
        if !receipts.more || receipts.reading || !receipts.outstanding.is_empty() {
            return;
        }
        receipts.reading = true;
        receipts.more = false;
        drop(receipts);
        let step = PendingReceipts {
            sender: self.agent.clone(),
            after: 0,
            limit: RECEIPT_WINDOW,
        };
        let session = Arc::clone(self);
        self.store.submit(step, move |outcome| {
            let rows = match outcome {
                Ok(rows) => rows,
                Err(refusal) => return session.give_up(&refusal),
            };
            let mut receipts = session.receipts();
            receipts.reading = false;
            receipts.more |= rows.len() == RECEIPT_WINDOW;
            for row in rows {
                session.send_receipt(&mut receipts, row);
            }
            drop(receipts);
            // what was told while this was being read: nobody else will ask when nothing is outstanding
            session.more_receipts();
        });
    }
}
