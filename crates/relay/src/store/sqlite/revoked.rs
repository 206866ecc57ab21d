//! Revocations, as the registry's feed tells them.

use chancery_identity::revocation::Scope;
use chancery_store::rusqlite::{self, params};

use super::{Tx, did, ulid};
use crate::store::{ApplyRevocation, LoadRevocations, Perform, Refusal, ResetFeed, Revoked, reason};

impl Perform<ApplyRevocation> for Tx<'_> {
    fn perform(&mut self, step: ApplyRevocation) -> Result<u64, Refusal> {
        self.count_by_sql()?;
        let cursor = i64::try_from(step.seq).unwrap_or(i64::MAX);
        self.0
            .prepare_cached("UPDATE feed SET cursor = ?1 WHERE id = 1")?
            .execute([cursor])?;
        if matches!(step.scope, Scope::Agent | Scope::Token) {
            self.0
                .prepare_cached("INSERT INTO revoked_tokens (jti) VALUES (?1) ON CONFLICT DO NOTHING")?
                .execute([step.jti.to_bytes()])?;
        }
        if step.scope != Scope::Agent {
            return Ok(0);
        }
        let agent = self.agent_or_new(&step.agent)?;
        self.0
            .prepare_cached("UPDATE agents SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1")?
            .execute(params![agent.id, step.now.0])?;
        let peers = self
            .0
            .prepare_cached("SELECT peer FROM peers WHERE owner = ?1 UNION SELECT owner FROM peers WHERE peer = ?1")?
            .query_map([agent.id], |row| row.get(0))?
            .collect::<rusqlite::Result<Vec<i64>>>()?;
        let mut buried = 0;
        for peer in peers {
            buried += self.distrust(agent.id, peer, reason::REVOKED, step.now)?;
            if peer != agent.id {
                buried += self.distrust(peer, agent.id, reason::REVOKED, step.now)?;
            }
        }
        Ok(buried)
    }
}

impl Perform<ResetFeed> for Tx<'_> {
    fn perform(&mut self, _: ResetFeed) -> Result<(), Refusal> {
        self.0
            .prepare_cached("UPDATE feed SET cursor = 0 WHERE id = 1")?
            .execute([])?;
        Ok(())
    }
}

impl Perform<LoadRevocations> for Tx<'_> {
    fn perform(&mut self, _: LoadRevocations) -> Result<Revoked, Refusal> {
        let cursor = self
            .0
            .query_row("SELECT cursor FROM feed WHERE id = 1", [], |row| row.get(0))?;
        let agents = self
            .0
            .prepare_cached("SELECT did FROM agents WHERE revoked_at IS NOT NULL ORDER BY did")?
            .query_map([], |row| did(row, 0))?
            .collect::<rusqlite::Result<_>>()?;
        let tokens = self
            .0
            .prepare_cached("SELECT jti FROM revoked_tokens ORDER BY jti")?
            .query_map([], |row| ulid(row, 0))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Revoked { cursor, agents, tokens })
    }
}
