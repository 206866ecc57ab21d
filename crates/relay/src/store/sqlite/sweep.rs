//! Giving up and forgetting.

use std::collections::BTreeMap;

use chancery_store::rusqlite::{self, OptionalExtension as _, params};

use super::{Tx, schema::state};
use crate::store::{LaneId, Perform, Refusal, Seq, Sweep, Swept, reason};

/// A message as the sweep looks at it.
struct Row {
    seq: Seq,
    state: i64,
    accepted_at: i64,
    updated_at: i64,
    lane: LaneId,
    lane_seq: i64,
}

impl Perform<Sweep> for Tx<'_> {
    fn perform(&mut self, step: Sweep) -> Result<Swept, Refusal> {
        let mut swept = Swept::default();
        let stale = step.now.plus(-step.ttl_ms);
        let limit = i64::try_from(step.limit).unwrap_or(i64::MAX);
        let rows = self
            .0
            .prepare_cached(
                "SELECT seq, state, accepted_at, updated_at, lane, lane_seq FROM deliveries
                 WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            )?
            .query_map(params![step.after, limit], |row| {
                Ok(Row {
                    seq: row.get(0)?,
                    state: row.get(1)?,
                    accepted_at: row.get(2)?,
                    updated_at: row.get(3)?,
                    lane: row.get(4)?,
                    lane_seq: row.get(5)?,
                })
            })?
            .collect::<rusqlite::Result<Vec<Row>>>()?;
        swept.next = rows.last().filter(|_| rows.len() == step.limit).map(|row| row.seq);
        let mut lanes: BTreeMap<LaneId, i64> = BTreeMap::new();
        let mut expired: BTreeMap<i64, u64> = BTreeMap::new();
        for row in rows {
            // rows are in the order of their acceptance: all that follow are younger
            if row.accepted_at > stale.0 {
                swept.next = None;
                break;
            }
            if row.state == state::QUEUED {
                if let Some(sender) = self.bury(row.seq, reason::EXPIRED, step.now)? {
                    *expired.entry(sender).or_default() += 1;
                }
            } else if row.updated_at <= stale.0 {
                self.0
                    .prepare_cached("DELETE FROM deliveries WHERE seq = ?1")?
                    .execute([row.seq])?;
                swept.forgotten += 1;
                let last = lanes.entry(row.lane).or_insert(row.lane_seq);
                *last = row.lane_seq.max(*last);
            }
        }
        self.counters()?.rows().rows_deleted();
        swept.expired = self.buried(expired)?;
        for (lane, last) in lanes {
            swept.lanes += u64::from(self.forget_lane(lane, last)?);
        }
        for table in ["nonces WHERE remember_until", "tickets WHERE forget_at"] {
            let forgotten = self
                .0
                .prepare_cached(&format!("DELETE FROM {table} < ?1"))?
                .execute([step.now.0])?;
            swept.forgotten += forgotten as u64;
        }
        Ok(swept)
    }
}

impl Tx<'_> {
    /// Forgets the lane when `last` was the position of its last message; whether it was. No index over lanes is needed for
    /// that: its next position tells.
    fn forget_lane(&mut self, id: LaneId, last: i64) -> Result<bool, Refusal> {
        let connection = self.0;
        let lane: Option<(i64, i64, String, i64)> = connection
            .prepare_cached("SELECT recipient, sender, conversation, next_seq FROM lanes WHERE id = ?1")?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
        let Some((recipient, sender, conversation, next_seq)) = lane else {
            return Ok(false);
        };
        let counters = self.counters()?;
        let pair = (recipient, sender);
        let next_seq = counters.next_in_lane(pair, &conversation).unwrap_or(next_seq);
        if next_seq != last + 1 {
            return Ok(false);
        }
        let waits = connection
            .prepare_cached(
                "SELECT 1 FROM deliveries INDEXED BY deliveries_waiting
                 WHERE recipient = ?1 AND lane = ?2 AND state = 0",
            )?
            .exists([recipient, id])?;
        if waits {
            return Ok(false);
        }
        counters.forget_lane(pair, &conversation);
        connection
            .prepare_cached("UPDATE peers SET lane_base = max(lane_base, ?3) WHERE owner = ?1 AND peer = ?2")?
            .execute([recipient, sender, last])?;
        connection
            .prepare_cached("UPDATE lane_ids SET last = max(last, ?1) WHERE id = 1")?
            .execute([id])?;
        connection
            .prepare_cached("DELETE FROM lanes WHERE id = ?1")?
            .execute([id])?;
        Ok(true)
    }
}
