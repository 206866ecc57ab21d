//! What became of messages.

use std::sync::Arc;

use chancery_base::{Millis, Ulid, ed25519::Signature};
use chancery_relay_wire::frame::ReceiptStatus;
use chancery_store::rusqlite::{self, OptionalExtension as _, Row, params};

use super::{Tx, did, mailbox::to_state, schema::state, ulid};
use crate::store::{
    FindReceipt, MessageRef, PendingReceipts, Perform, ReceiptRow, ReceiptSeen, RecordReceipt, Refusal, SenderAit,
};

const COLUMNS: &str = "d.seq, d.message_id, d.delivery_id, s.did, r.did, d.state, d.reason, d.receipt_at, \
                       d.receipt_sig, d.updated_at, r.ait_jti, i.token";
const TABLES: &str = "deliveries AS d JOIN agents AS s ON s.id = d.sender JOIN agents AS r ON r.id = d.recipient \
                      LEFT JOIN identities AS i ON i.agent = d.recipient";

fn read(row: &Row<'_>) -> rusqlite::Result<ReceiptRow> {
    Ok(ReceiptRow {
        seq: row.get(0)?,
        message_id: row.get(1)?,
        delivery_id: ulid(row, 2)?,
        sender: did(row, 3)?,
        recipient: did(row, 4)?,
        state: to_state(row.get(5)?),
        reason: row.get(6)?,
        at: row.get(7)?,
        sig: row.get::<_, Option<[u8; 64]>>(8)?.map(Signature::from_bytes),
        ait: read_ait(row)?,
        updated_at: Millis(row.get(9)?),
    })
}

/// The recipient's identity token, where it ever showed one.
fn read_ait(row: &Row<'_>) -> rusqlite::Result<Option<Arc<SenderAit>>> {
    let jti = row.get::<_, Option<[u8; 16]>>(10)?.map(Ulid::from_bytes);
    let token = row.get::<_, Option<String>>(11)?;
    Ok(jti.zip(token).map(|(jti, token)| Arc::new(SenderAit { token, jti })))
}

impl Tx<'_> {
    /// The delivery between the two agents that has `id` as message id or, when `either`, as delivery id.
    fn delivery(&self, sender: &str, recipient: &str, id: &str, either: bool) -> rusqlite::Result<Option<ReceiptRow>> {
        let by_message = self
            .0
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM {TABLES} WHERE s.did = ?1 AND r.did = ?2 AND d.message_id = ?3"
            ))?
            .query_row([sender, recipient, id], read)
            .optional()?;
        if by_message.is_some() || !either {
            return Ok(by_message);
        }
        let Ok(delivery_id) = id.parse::<Ulid>() else {
            return Ok(None);
        };
        self.0
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM {TABLES} WHERE s.did = ?1 AND r.did = ?2 AND d.delivery_id = ?3"
            ))?
            .query_row(params![sender, recipient, delivery_id.to_bytes()], read)
            .optional()
    }
}

impl Perform<RecordReceipt> for Tx<'_> {
    fn perform(&mut self, step: RecordReceipt) -> Result<Option<ReceiptRow>, Refusal> {
        if let Some(nonce) = &step.nonce {
            let agent = self.agent_or_new(&step.recipient)?;
            self.spend(agent.id, nonce)?;
        }
        let (id, either) = match &step.message {
            MessageRef::Message(id) => (id, false),
            MessageRef::Either(id) => (id, true),
        };
        let Some(row) = self.delivery(step.sender.as_str(), step.recipient.as_str(), id, either)? else {
            return Ok(None);
        };
        let new = match step.status {
            ReceiptStatus::DeliveredToWebhook => state::PROCESSED,
            ReceiptStatus::DeadLettered => state::DEAD,
        };
        // what the recipient says for the second time, or after the last word, changes nothing
        let changed = self
            .0
            .prepare_cached(
                "UPDATE deliveries SET state = ?2, reason = ?3, receipt_at = ?4, receipt_sig = ?5, updated_at = ?6,
                   receipt_due = 1 WHERE seq = ?1 AND state IN (0, 1)",
            )?
            .execute(params![
                row.seq,
                new,
                step.reason,
                step.at,
                step.sig.map(Signature::to_bytes),
                step.now.0
            ])?;
        if changed == 0 {
            return Ok(None);
        }
        if row.state == chancery_relay_wire::relay::DeliveryState::Queued {
            let (recipient, sender) = self
                .0
                .prepare_cached("SELECT recipient, sender FROM deliveries WHERE seq = ?1")?
                .query_row([row.seq], |ids| Ok((ids.get(0)?, ids.get(1)?)))?;
            self.leave_mailbox(row.seq, recipient, sender)?;
        }
        Ok(Some(ReceiptRow {
            state: to_state(new),
            reason: step.reason,
            at: Some(step.at),
            sig: step.sig,
            updated_at: step.now,
            ..row
        }))
    }
}

impl Perform<FindReceipt> for Tx<'_> {
    fn perform(&mut self, step: FindReceipt) -> Result<Option<ReceiptRow>, Refusal> {
        Ok(self.delivery(step.sender.as_str(), step.recipient.as_str(), &step.id, true)?)
    }
}

impl Perform<PendingReceipts> for Tx<'_> {
    fn perform(&mut self, step: PendingReceipts) -> Result<Vec<ReceiptRow>, Refusal> {
        let mut statement = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM {TABLES}
             WHERE d.sender = (SELECT id FROM agents WHERE did = ?1) AND d.receipt_due = 1 AND d.seq > ?2
             ORDER BY d.seq LIMIT ?3"
        ))?;
        let limit = i64::try_from(step.limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![step.sender.as_str(), step.after, limit], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

impl Perform<ReceiptSeen> for Tx<'_> {
    fn perform(&mut self, step: ReceiptSeen) -> Result<(), Refusal> {
        self.0
            .prepare_cached(
                "UPDATE deliveries SET receipt_due = 0
                 WHERE seq = ?1 AND sender = (SELECT id FROM agents WHERE did = ?2)",
            )?
            .execute(params![step.seq, step.sender.as_str()])?;
        Ok(())
    }
}
