//! Mailboxes: accept, claim, settle, defer.

use std::sync::Arc;

use chancery_base::Millis;
use chancery_identity::AgentDid;
use chancery_relay_wire::relay::DeliveryState;
use chancery_store::rusqlite::{self, Connection, OptionalExtension as _, params};

use super::{
    Tx,
    cache::Agent,
    rows::{NewRow, Rows, Waiting},
    schema::state,
    ulid,
};
use crate::store::{Accept, Accepted, Defer, Deferred, Epoch, Perform, Refusal, Release, Seq, Settle};

pub(super) fn to_state(number: i64) -> DeliveryState {
    match number {
        state::QUEUED => DeliveryState::Queued,
        state::DELIVERED => DeliveryState::Delivered,
        state::PROCESSED => DeliveryState::ProcessedByOpenclaw,
        _ => DeliveryState::DeadLettered,
    }
}

impl Tx<'_> {
    /// The mailbox of `recipient` when `epoch` is its current one.
    pub(super) fn current(&self, recipient: &AgentDid, epoch: Epoch) -> rusqlite::Result<Option<i64>> {
        self.0
            .prepare_cached("SELECT id FROM agents WHERE did = ?1 AND epoch = ?2")?
            .query_row(params![recipient.as_str(), epoch], |row| row.get(0))
            .optional()
    }

    /// Takes a waiting row out of its mailbox's counters and forgets its body. Its state must have been changed already.
    pub(super) fn leave_mailbox(&mut self, seq: Seq, recipient: i64, sender: i64) -> rusqlite::Result<()> {
        self.count_by_sql()?;
        self.0
            .prepare_cached("DELETE FROM payloads WHERE seq = ?1")?
            .execute([seq])?;
        self.0
            .prepare_cached("UPDATE agents SET depth = depth - 1 WHERE id = ?1")?
            .execute([recipient])?;
        self.0
            .prepare_cached("UPDATE peers SET waiting = waiting - 1 WHERE owner = ?1 AND peer = ?2")?
            .execute([recipient, sender])?;
        Ok(())
    }

    /// Makes a waiting row a dead letter. Its sender, who is to be told.
    pub(super) fn bury(&mut self, seq: Seq, reason: &str, now: Millis) -> rusqlite::Result<Option<i64>> {
        let row = self
            .0
            .prepare_cached(
                "UPDATE deliveries SET state = 3, reason = ?2, updated_at = ?3, receipt_due = 1
                 WHERE seq = ?1 AND state = 0 RETURNING recipient, sender",
            )?
            .query_row(params![seq, reason, now.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((recipient, sender)) = row else {
            return Ok(None);
        };
        self.leave_mailbox(seq, recipient, sender)?;
        Ok(Some(sender))
    }

    /// The earlier acceptance of the same message, or a conflict; `None` when the id is new.
    fn earlier(&mut self, sender: i64, recipient: &Agent, step: &Accept) -> Result<Option<Accepted>, Refusal> {
        let id = &step.message.message_id;
        let connection = self.0;
        let rows = self.counters()?.rows();
        if rows.is_new(connection, sender, id, step.now)? {
            return Ok(None);
        }
        if let Some((same, accepted)) = rows.earlier(sender, id, recipient.id, &step.hash) {
            return match same {
                true => Ok(Some(Accepted {
                    repeat: true,
                    claimed: false,
                    depth: recipient.depth,
                    ..accepted.clone()
                })),
                false => Err(Refusal::Conflict),
            };
        }
        let found = self
            .0
            .prepare_cached(
                "SELECT seq, delivery_id, recipient, hash, lane, lane_seq, position, state FROM deliveries
                 WHERE sender = ?1 AND message_id = ?2",
            )?
            .query_row(params![sender, id], |row| {
                let same = row.get::<_, i64>(2)? == recipient.id && row.get::<_, [u8; 32]>(3)? == step.hash;
                let accepted = Accepted {
                    seq: row.get(0)?,
                    delivery_id: ulid(row, 1)?,
                    position: row.get(6)?,
                    lane: row.get(4)?,
                    lane_seq: row.get(5)?,
                    state: to_state(row.get(7)?),
                    repeat: true,
                    claimed: false,
                    depth: recipient.depth,
                };
                Ok((same, accepted))
            })
            .optional()?;
        match found {
            Some((true, accepted)) => Ok(Some(accepted)),
            Some((false, _)) => Err(Refusal::Conflict),
            None => Ok(None),
        }
    }
}

impl Perform<Accept> for Tx<'_> {
    fn perform(&mut self, step: Accept) -> Result<Accepted, Refusal> {
        let message = &*step.message;
        let to_self = message.sender == message.recipient;
        let connection = self.0;
        if to_self || step.nonce.is_some() {
            self.agent_or_new(&message.sender)?;
        }
        let sender = self
            .counters()?
            .agent(connection, &message.sender)?
            .ok_or(Refusal::NotPaired)?;
        if sender.revoked {
            return Err(Refusal::SenderRevoked);
        }
        if let Some(nonce) = &step.nonce {
            self.spend(sender.id, nonce)?;
        }
        let mailbox = self
            .counters()?
            .agent(connection, &message.recipient)?
            .ok_or(Refusal::NotPaired)?;
        if mailbox.revoked {
            return Err(Refusal::RecipientRevoked);
        }
        let pair = (mailbox.id, sender.id);
        if to_self {
            connection
                .prepare_cached("INSERT INTO peers (owner, peer) VALUES (?1, ?1) ON CONFLICT DO NOTHING")?
                .execute([mailbox.id])?;
        }
        let peer = self
            .counters()?
            .peer(connection, pair.0, pair.1)?
            .ok_or(Refusal::NotPaired)?;
        if peer.blocked {
            return Err(Refusal::Blocked);
        }
        if !peer.paired && !to_self {
            return Err(Refusal::NotPaired);
        }
        if let Some(earlier) = self.earlier(sender.id, &mailbox, &step)? {
            return Ok(earlier);
        }
        if mailbox.depth >= step.max_messages {
            return Err(Refusal::MailboxFull);
        }
        if peer.waiting >= step.max_per_sender {
            return Err(Refusal::SenderShareFull);
        }
        if sender.ait_jti != Some(message.sender_ait.jti) {
            self.keep_ait(sender.id, &message.sender_ait)?;
            self.counters()?.ait_kept(&message.sender, message.sender_ait.jti);
        }
        let conversation = message.conversation.as_deref().unwrap_or_default();
        let (lane, lane_seq) = self.counters()?.lane(connection, pair, conversation)?;
        let position = mailbox.next_position;
        let claimed = step.claim == Some(mailbox.epoch) && !peer.muted;
        let counters = self.counters()?;
        let accepted = Accepted {
            seq: counters.rows().next_seq(connection)?,
            delivery_id: step.delivery_id,
            position,
            lane,
            lane_seq,
            state: DeliveryState::Queued,
            repeat: false,
            claimed,
            depth: mailbox.depth + 1,
        };
        counters.accepted(&message.recipient, pair, conversation);
        counters.rows().add(NewRow {
            accepted: accepted.clone(),
            sender: sender.id,
            recipient: mailbox.id,
            hash: step.hash,
            held_by: claimed.then_some(mailbox.epoch),
            now: step.now,
            message: Arc::clone(&step.message),
        });
        Ok(accepted)
    }
}

impl Perform<Settle> for Tx<'_> {
    fn perform(&mut self, step: Settle) -> Result<bool, Refusal> {
        let connection = self.0;
        let counters = self.counters()?;
        let mailbox = counters.agent(connection, &step.recipient)?;
        let Some(mailbox) = mailbox.filter(|mailbox| mailbox.epoch == step.epoch) else {
            return Ok(false);
        };
        let Some(waiting) = waiting(connection, counters.rows(), step.seq)? else {
            return Ok(false);
        };
        if waiting.recipient != mailbox.id || waiting.delivery_id != step.delivery_id {
            return Ok(false);
        }
        let pair = (mailbox.id, waiting.sender);
        // the entry must be there to be counted in
        counters.peer(connection, pair.0, pair.1)?;
        counters.rows().settle(step.seq, step.now);
        counters.settled(&step.recipient, pair);
        Ok(true)
    }
}

/// The row as its acknowledgement must name it, when it still waits.
fn waiting(connection: &Connection, rows: &Rows, seq: Seq) -> rusqlite::Result<Option<Waiting>> {
    if let Some(waiting) = rows.waiting(seq) {
        return Ok(Some(waiting));
    }
    if rows.is_settled(seq) {
        return Ok(None);
    }
    connection
        .prepare_cached("SELECT delivery_id, sender, recipient FROM deliveries WHERE seq = ?1 AND state = 0")?
        .query_row([seq], |row| {
            Ok(Waiting {
                delivery_id: ulid(row, 0)?,
                sender: row.get(1)?,
                recipient: row.get(2)?,
            })
        })
        .optional()
}

impl Perform<Defer> for Tx<'_> {
    fn perform(&mut self, step: Defer) -> Result<Deferred, Refusal> {
        let Some(recipient) = self.current(&step.recipient, step.epoch)? else {
            return Ok(Deferred::Stale);
        };
        let attempts: Option<u32> = self
            .0
            .prepare_cached(
                "SELECT attempts FROM deliveries WHERE seq = ?1 AND recipient = ?2 AND delivery_id = ?3 AND state = 0",
            )?
            .query_row(params![step.seq, recipient, step.delivery_id.to_bytes()], |row| {
                row.get(0)
            })
            .optional()?;
        match attempts {
            None => Ok(Deferred::Stale),
            Some(attempts) if attempts >= step.max_attempts => {
                let reason = step.last_words(attempts);
                self.bury(step.seq, &reason, step.now)?;
                Ok(Deferred::Dead)
            }
            Some(attempts) => {
                self.0
                    .prepare_cached("UPDATE deliveries SET attempts = attempts + 1, updated_at = ?2 WHERE seq = ?1")?
                    .execute(params![step.seq, step.now.0])?;
                Ok(Deferred::Again { attempt: attempts + 1 })
            }
        }
    }
}

impl Perform<Release> for Tx<'_> {
    fn perform(&mut self, step: Release) -> Result<(), Refusal> {
        for seq in step.seqs {
            self.0
                .prepare_cached(
                    "UPDATE deliveries SET attempts = max(attempts - 1, 0), claimed = 0
                     WHERE seq = ?1 AND recipient = (SELECT id FROM agents WHERE did = ?2) AND state = 0 AND claimed = ?3",
                )?
                .execute(params![seq, step.recipient.as_str(), step.epoch])?;
        }
        Ok(())
    }
}
