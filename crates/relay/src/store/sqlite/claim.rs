//! Claims: what waits, lane by lane, for a session with room.

use std::sync::Arc;

use bytes::Bytes;
use chancery_base::{Millis, Ulid, ed25519::Signature};
use chancery_identity::AgentDid;
use chancery_store::rusqlite::{self, OptionalExtension as _, Row, params};

use super::{Tx, corrupt, did, ulid};
use crate::store::{Claim, Claimed, Item, LaneId, NewMessage, Perform, Refusal, SenderAit};

impl Perform<Claim> for Tx<'_> {
    fn perform(&mut self, step: Claim) -> Result<Claimed, Refusal> {
        let Some(recipient) = self.current(&step.recipient, step.epoch)? else {
            return Ok(Claimed::nothing());
        };
        let mut claimed = Claimed {
            next_lane: step.from_lane,
            complete: true,
            ..Claimed::default()
        };
        let mut budget = Budget {
            messages: step.max_messages,
            bytes: step.max_bytes,
            any: false,
        };
        let mut wrapped = false;
        let mut cursor = step.from_lane;
        loop {
            let lane = self
                .next_waiting_lane(recipient, cursor)?
                .filter(|lane| !wrapped || *lane <= step.from_lane);
            let Some(lane) = lane else {
                if wrapped {
                    break;
                }
                wrapped = true;
                cursor = LaneId::MIN;
                continue;
            };
            cursor = lane;
            let hold = step.holds.iter().find(|hold| hold.lane == lane);
            let room = hold.map_or(step.per_lane, |hold| hold.room);
            if !self.claim_lane(&step, recipient, lane, room, &mut budget, &mut claimed)? {
                claimed.left.push(lane);
            }
            if budget.messages == 0 || budget.bytes == 0 {
                claimed.complete = false;
                break;
            }
            claimed.next_lane = lane;
        }
        Ok(claimed)
    }
}

struct Budget {
    messages: usize,
    bytes: usize,
    any: bool,
}

impl Tx<'_> {
    /// The next lane after `cursor` of which something waits and whose sender is not muted.
    fn next_waiting_lane(&self, recipient: i64, cursor: LaneId) -> rusqlite::Result<Option<LaneId>> {
        let mut cursor = cursor;
        loop {
            let lane: Option<LaneId> = self
                .0
                .prepare_cached(
                    "SELECT lane FROM deliveries INDEXED BY deliveries_waiting
                     WHERE recipient = ?1 AND state = 0 AND lane > ?2 ORDER BY lane LIMIT 1",
                )?
                .query_row([recipient, cursor], |row| row.get(0))
                .optional()?;
            let Some(lane) = lane else { return Ok(None) };
            let muted = self
                .0
                .prepare_cached(
                    "SELECT 1 FROM lanes JOIN peers ON peers.owner = lanes.recipient AND peers.peer = lanes.sender
                     WHERE lanes.id = ?1 AND peers.muted = 1",
                )?
                .exists([lane])?;
            if !muted {
                return Ok(Some(lane));
            }
            cursor = lane;
        }
    }

    /// Claims what fits of one lane. Whether nothing was left behind.
    fn claim_lane(
        &self,
        step: &Claim,
        recipient: i64,
        lane: LaneId,
        room: usize,
        budget: &mut Budget,
        claimed: &mut Claimed,
    ) -> Result<bool, Refusal> {
        let wanted = room.min(budget.messages);
        let mut statement = self.0.prepare_cached(
            "SELECT d.seq, d.delivery_id, d.lane_seq, d.position, d.attempts, d.accepted_at,
                    d.message_id, coalesce(p.content_type, d.content_type), coalesce(p.reply_to, d.reply_to),
                    coalesce(p.sent_at, d.sent_at), coalesce(p.sig, d.sig), p.body,
                    l.conversation, a.did, i.token, a.ait_jti
             FROM deliveries AS d INDEXED BY deliveries_waiting
             JOIN payloads AS p ON p.seq = d.seq JOIN lanes AS l ON l.id = d.lane JOIN agents AS a ON a.id = d.sender
             LEFT JOIN identities AS i ON i.agent = d.sender
             WHERE d.recipient = ?1 AND d.lane = ?2 AND d.state = 0 AND d.claimed < ?3 AND d.accepted_at > ?5
             ORDER BY d.position LIMIT ?4",
        )?;
        let limit = i64::try_from(wanted).unwrap_or(i64::MAX).saturating_add(1);
        let mut rows = statement.query(params![recipient, lane, step.epoch, limit, step.expired_before.0])?;
        let mut taken = 0;
        while let Some(row) = rows.next()? {
            let size = row.get_ref(11)?.as_bytes().map_or(0, <[u8]>::len);
            let full = budget.any && size > budget.bytes;
            if taken == wanted || full {
                // a lane that may take no more says nothing about the others
                if full && taken < wanted {
                    budget.bytes = 0;
                }
                return Ok(false);
            }
            let mut item = read_item(row, lane, &step.recipient)?;
            item.attempt += 1;
            self.0
                .prepare_cached("UPDATE deliveries SET attempts = attempts + 1, claimed = ?2 WHERE seq = ?1")?
                .execute([item.seq, step.epoch])?;
            taken += 1;
            budget.any = true;
            budget.messages -= 1;
            budget.bytes = budget.bytes.saturating_sub(size);
            claimed.items.push(item);
        }
        Ok(true)
    }
}

fn read_item(row: &Row<'_>, lane: LaneId, recipient: &AgentDid) -> rusqlite::Result<Item> {
    let sig = row.get::<_, Option<[u8; 64]>>(10)?.map(Signature::from_bytes);
    let conversation = row.get::<_, String>(12)?;
    let jti = row.get::<_, Option<[u8; 16]>>(15)?.map_or(Ulid::NIL, Ulid::from_bytes);
    let token = row.get::<_, Option<String>>(14)?.unwrap_or_default();
    let body = row
        .get_ref(11)?
        .as_blob()
        .map_err(|e| corrupt(11, rusqlite::types::Type::Blob, e))?;
    Ok(Item {
        seq: row.get(0)?,
        delivery_id: ulid(row, 1)?,
        lane,
        lane_seq: row.get(2)?,
        position: row.get(3)?,
        attempt: row.get(4)?,
        accepted_at: Millis(row.get(5)?),
        message: Arc::new(NewMessage {
            sender: did(row, 13)?,
            recipient: recipient.clone(),
            message_id: row.get(6)?,
            conversation: (!conversation.is_empty()).then_some(conversation),
            content_type: row.get(7)?,
            reply_to: row.get(8)?,
            sent_at: row.get(9)?,
            sig,
            payload: Bytes::copy_from_slice(body),
            sender_ait: Arc::new(SenderAit { token, jti }),
        }),
    })
}
