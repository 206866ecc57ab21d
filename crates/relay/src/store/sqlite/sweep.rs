//! Giving up and forgetting.

use chancery_store::rusqlite::{self, params};

use super::{Tx, schema::state};
use crate::store::{Perform, Refusal, Seq, Sweep, Swept, reason};

impl Perform<Sweep> for Tx<'_> {
    fn perform(&mut self, step: Sweep) -> Result<Swept, Refusal> {
        let mut swept = Swept::default();
        let stale = step.now.plus(-step.ttl_ms);
        let limit = i64::try_from(step.limit).unwrap_or(i64::MAX);
        let rows = self
            .0
            .prepare_cached(
                "SELECT seq, state, accepted_at, updated_at FROM deliveries WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            )?
            .query_map(params![step.after, limit], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?
            .collect::<rusqlite::Result<Vec<(Seq, i64, i64, i64)>>>()?;
        swept.next = rows.last().filter(|_| rows.len() == step.limit).map(|row| row.0);
        for (seq, state, accepted_at, updated_at) in rows {
            // rows are in the order of their acceptance: all that follow are younger
            if accepted_at > stale.0 {
                swept.next = None;
                break;
            }
            if state == state::QUEUED {
                self.bury(seq, reason::EXPIRED, step.now)?;
                swept.expired += 1;
            } else if updated_at <= stale.0 {
                self.0
                    .prepare_cached("DELETE FROM deliveries WHERE seq = ?1")?
                    .execute([seq])?;
                swept.forgotten += 1;
            }
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
