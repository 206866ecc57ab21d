//! Agents, their nonces, and connecting.

use chancery_base::Ulid;
use chancery_identity::AgentDid;
use chancery_store::rusqlite::{self, OptionalExtension as _, params};

use super::{Tx, schema::nonce_kind};
use crate::store::{Connect, Connected, NonceSeen, NonceUse, Perform, Refusal, SenderAit, UseNonce};

/// What the writer needs to know of an agent.
pub(super) struct AgentRow {
    pub(super) id: i64,
    pub(super) revoked: bool,
    pub(super) ait_jti: Option<Ulid>,
}

impl Tx<'_> {
    pub(super) fn agent(&self, did: &AgentDid) -> rusqlite::Result<Option<AgentRow>> {
        self.0
            .prepare_cached("SELECT id, revoked_at IS NOT NULL, ait_jti FROM agents WHERE did = ?1")?
            .query_row([did.as_str()], |row| {
                let jti = row.get::<_, Option<[u8; 16]>>(2)?.map(Ulid::from_bytes);
                Ok(AgentRow {
                    id: row.get(0)?,
                    revoked: row.get(1)?,
                    ait_jti: jti,
                })
            })
            .optional()
    }

    /// The agent's row, made when it is not there.
    pub(super) fn agent_or_new(&self, did: &AgentDid) -> rusqlite::Result<AgentRow> {
        if let Some(row) = self.agent(did)? {
            return Ok(row);
        }
        let id = self
            .0
            .prepare_cached("INSERT INTO agents (did) VALUES (?1) RETURNING id")?
            .query_row([did.as_str()], |row| row.get(0))?;
        Ok(AgentRow {
            id,
            revoked: false,
            ait_jti: None,
        })
    }

    /// Keeps the agent's identity token, which recipients of its waiting messages are shown.
    pub(super) fn keep_ait(&self, agent: i64, ait: &SenderAit) -> rusqlite::Result<()> {
        self.0
            .prepare_cached("UPDATE agents SET ait_jti = ?2 WHERE id = ?1")?
            .execute(params![agent, ait.jti.to_bytes()])?;
        self.0
            .prepare_cached(
                "INSERT INTO identities (agent, token) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET token = ?2",
            )?
            .execute(params![agent, ait.token])
            .map(drop)
    }

    pub(super) fn spend(&self, agent: i64, nonce: &NonceUse) -> Result<(), Refusal> {
        self.spend_as(agent, nonce, nonce_kind::REQUEST, false)
    }

    fn spend_as(&self, agent: i64, nonce: &NonceUse, kind: i64, allow_reuse: bool) -> Result<(), Refusal> {
        let fresh = self
            .0
            .prepare_cached(
                "INSERT INTO nonces (agent, nonce, kind, remember_until) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![agent, nonce.nonce, kind, nonce.remember_until.0])?;
        if fresh == 1 {
            return Ok(());
        }
        let earlier: i64 = self
            .0
            .prepare_cached("SELECT kind FROM nonces WHERE agent = ?1 AND nonce = ?2")?
            .query_row(params![agent, nonce.nonce], |row| row.get(0))?;
        if allow_reuse && earlier == kind {
            Ok(())
        } else {
            Err(Refusal::Replay)
        }
    }
}

impl Perform<UseNonce> for Tx<'_> {
    fn perform(&mut self, UseNonce(nonce): UseNonce) -> Result<(), Refusal> {
        let agent = self.agent_or_new(&nonce.agent)?;
        self.spend(agent.id, &nonce)
    }
}

impl Perform<NonceSeen> for Tx<'_> {
    fn perform(&mut self, step: NonceSeen) -> Result<bool, Refusal> {
        let seen = self
            .0
            .prepare_cached(
                "SELECT 1 FROM nonces JOIN agents ON agents.id = nonces.agent WHERE agents.did = ?1 AND nonce = ?2",
            )?
            .exists(params![step.agent.as_str(), step.nonce])?;
        Ok(seen)
    }
}

impl Perform<Connect> for Tx<'_> {
    fn perform(&mut self, step: Connect) -> Result<Connected, Refusal> {
        self.count_by_sql()?;
        let agent = self.agent_or_new(&step.agent)?;
        if agent.revoked {
            return Err(Refusal::SenderRevoked);
        }
        self.spend_as(agent.id, &step.nonce, nonce_kind::CONNECT, step.allow_reuse)?;
        if agent.ait_jti != Some(step.ait.jti) {
            self.keep_ait(agent.id, &step.ait)?;
        }
        let connected = self
            .0
            .prepare_cached("UPDATE agents SET epoch = epoch + 1 WHERE id = ?1 RETURNING epoch, depth")?
            .query_row([agent.id], |row| {
                Ok(Connected {
                    epoch: row.get(0)?,
                    depth: row.get(1)?,
                })
            })?;
        Ok(connected)
    }
}
