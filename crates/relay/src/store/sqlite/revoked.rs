//! Revocations, as the registry's feed tells them.

use std::collections::BTreeMap;

use chancery_identity::revocation::Scope;
use chancery_store::rusqlite::{self, params};

use super::{Tx, did, ulid};
use crate::store::{ApplyRevocation, Buried, LoadRevocations, Perform, Refusal, ResetFeed, Revoked, reason};

impl Perform<ApplyRevocation> for Tx<'_> {
    fn perform(&mut self, step: ApplyRevocation) -> Result<Buried, Refusal> {
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
            return Ok(Buried::default());
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
        let mut senders = BTreeMap::new();
        for peer in peers {
            let received = self.distrust(agent.id, peer, reason::REVOKED, step.now)?;
            *senders.entry(peer).or_default() += received;
            if peer != agent.id {
                let sent = self.distrust(peer, agent.id, reason::REVOKED, step.now)?;
                *senders.entry(agent.id).or_default() += sent;
            }
        }
        Ok(self.buried(senders)?)
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

impl Tx<'_> {
    /// What became a dead letter, by the sender's row.
    pub(super) fn buried(&self, senders: BTreeMap<i64, u64>) -> rusqlite::Result<Buried> {
        let mut buried = Buried::default();
        for (sender, count) in senders.into_iter().filter(|(_, count)| *count > 0) {
            let name = self
                .0
                .prepare_cached("SELECT did FROM agents WHERE id = ?1")?
                .query_row([sender], |row| did(row, 0))?;
            buried.count += count;
            buried.senders.insert(name);
        }
        Ok(buried)
    }
}
