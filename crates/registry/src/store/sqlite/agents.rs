//! Challenges, agents and the feed.

use chancery_base::{Millis, Ulid};
use chancery_identity::revocation::Scope;
use chancery_relay_wire::registry::Status;
use chancery_store::{
    StoreError,
    rusqlite::{self, Connection, OptionalExtension as _, params},
};

use super::{
    FindInSqlite, OnSqlite,
    rows::{AGENT, CHALLENGE, Columns, REVOCATION, scope_text, status_text},
    sessions,
};
use crate::store::{
    Failure,
    commands::{
        ChallengeRefusal, CreateAgent, CreateAgentRefusal, CreateChallenge, NotFound, Reissue, ReissueRefusal,
        RevokeAgent, Seq,
    },
    model::{Agent, AuthEventKind, Challenge, Revocation, reason},
    queries::{AgentById, AgentsOf, ChallengeOf, LastSeq, RevocationsAfter, RevokedTokens},
    rules,
};

/// The agent `id`.
pub(super) fn agent(tx: &Connection, id: Ulid) -> rusqlite::Result<Option<Agent>> {
    tx.prepare_cached(&format!("SELECT {AGENT} FROM agents WHERE id = ?1"))?
        .query_row([id.to_string()], |row| Columns::new(row).agent())
        .optional()
}

/// The agent `id`, when `owner` owns it.
pub(super) fn owned(tx: &Connection, owner: Ulid, id: Ulid) -> rusqlite::Result<Option<Agent>> {
    Ok(agent(tx, id)?.filter(|agent| agent.owner.ulid() == owner))
}

/// Writes the next position of the feed.
pub(super) fn revoke(
    tx: &Connection,
    agent: &Agent,
    scope: Scope,
    reason: Option<&str>,
    now: Millis,
) -> rusqlite::Result<u64> {
    let seq = last_seq(tx)? + 1;
    tx.prepare_cached(&format!(
        "INSERT INTO revocations ({REVOCATION}, agent_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
    ))?
    .execute(params![
        seq,
        agent.did.as_str(),
        agent.current_jti.to_string(),
        scope_text(scope),
        reason,
        now.0,
        agent.expires_at.0,
        agent.did.ulid().to_string(),
    ])?;
    Ok(seq.unsigned_abs())
}

fn last_seq(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT coalesce(max(seq), 0) FROM revocations")?
        .query_row([], |row| row.get(0))
}

fn challenge(connection: &Connection, owner: Ulid, id: Ulid) -> rusqlite::Result<Option<Challenge>> {
    connection
        .prepare_cached(&format!(
            "SELECT {CHALLENGE} FROM agent_registration_challenges WHERE id = ?1 AND owner_id = ?2"
        ))?
        .query_row([id.to_string(), owner.to_string()], |row| Columns::new(row).challenge())
        .optional()
}

impl OnSqlite for CreateChallenge {
    fn on_sqlite(self, tx: &Connection) -> Result<(), Failure<ChallengeRefusal>> {
        let new = self.challenge;
        let owner = new.owner.to_string();
        let open: i64 = tx
            .prepare_cached(
                "SELECT count(*) FROM agent_registration_challenges
                 WHERE owner_id = ?1 AND expires_at_ms > ?2 AND used_at_ms IS NULL",
            )?
            .query_row(params![owner, new.created_at.0], |row| row.get(0))?;
        if usize::try_from(open).unwrap_or_default() >= rules::MAX_OPEN_CHALLENGES {
            return Err(Failure::Refused(ChallengeRefusal::TooMany));
        }
        tx.prepare_cached("DELETE FROM agent_registration_challenges WHERE owner_id = ?1 AND expires_at_ms < ?2")?
            .execute(params![owner, self.forget_before.0])?;
        tx.prepare_cached(&format!(
            "INSERT INTO agent_registration_challenges ({CHALLENGE}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        ))?
        .execute(params![
            new.id.to_string(),
            owner,
            new.public_key.to_b64(),
            new.nonce,
            new.expires_at.0,
            new.used_at.map(|at| at.0),
            new.created_at.0,
        ])?;
        Ok(())
    }
}

impl OnSqlite for CreateAgent {
    fn on_sqlite(self, tx: &Connection) -> Result<(), Failure<CreateAgentRefusal>> {
        use CreateAgentRefusal::{ChallengeExpired, ChallengeNotFound, ChallengeReplayed, KeyTaken, NameTaken};
        let agent = &self.agent;
        let owner = agent.owner.ulid();
        let challenge = challenge(tx, owner, self.challenge)?.ok_or(Failure::Refused(ChallengeNotFound))?;
        if challenge.used_at.is_some() {
            return Err(Failure::Refused(ChallengeReplayed));
        }
        if self.now >= challenge.expires_at {
            return Err(Failure::Refused(ChallengeExpired));
        }
        let mut by_name =
            tx.prepare_cached("SELECT 1 FROM agents WHERE owner_id = ?1 AND name = ?2 AND status = 'active'")?;
        if by_name.exists(params![owner.to_string(), agent.name.as_str()])? {
            return Err(Failure::Refused(NameTaken));
        }
        let mut by_key = tx.prepare_cached("SELECT 1 FROM agents WHERE public_key = ?1 AND status = 'active'")?;
        if by_key.exists([agent.public_key.to_b64()])? {
            return Err(Failure::Refused(KeyTaken));
        }
        tx.prepare_cached("UPDATE agent_registration_challenges SET used_at_ms = ?2 WHERE id = ?1")?
            .execute(params![self.challenge.to_string(), self.now.0])?;
        insert_agent(tx, agent)?;
        sessions::insert(tx, &self.session)?;
        sessions::note(tx, &self.session, AuthEventKind::Issued, None, self.now)?;
        Ok(())
    }
}

fn insert_agent(tx: &Connection, agent: &Agent) -> rusqlite::Result<()> {
    tx.prepare_cached(&format!(
        "INSERT INTO agents ({AGENT}, id, owner_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
    ))?
    .execute(params![
        agent.did.as_str(),
        agent.owner.as_str(),
        agent.name.as_str(),
        agent.framework.as_str(),
        agent.public_key.to_b64(),
        agent.current_jti.to_string(),
        agent.ttl_days,
        status_text(agent.status),
        agent.expires_at.0,
        agent.created_at.0,
        agent.updated_at.0,
        agent.did.ulid().to_string(),
        agent.owner.ulid().to_string(),
    ])?;
    Ok(())
}

impl OnSqlite for RevokeAgent {
    fn on_sqlite(self, tx: &Connection) -> Result<Seq, Failure<NotFound>> {
        let agent = owned(tx, self.owner, self.id)?.ok_or(Failure::Refused(NotFound))?;
        if agent.status == Status::Revoked {
            return Ok(None);
        }
        let seq = revoke(tx, &agent, Scope::Agent, None, self.now)?;
        tx.prepare_cached("UPDATE agents SET status = 'revoked', updated_at_ms = ?2 WHERE id = ?1")?
            .execute(params![self.id.to_string(), self.now.0])?;
        sessions::end(tx, self.id, reason::AGENT_REVOKED, self.now)?;
        Ok(Some(seq))
    }
}

impl OnSqlite for Reissue {
    fn on_sqlite(self, tx: &Connection) -> Result<u64, Failure<ReissueRefusal>> {
        let agent = owned(tx, self.owner, self.id)?.ok_or(Failure::Refused(ReissueRefusal::NotFound))?;
        if agent.status == Status::Revoked || agent.current_jti != self.expected_jti {
            return Err(Failure::Refused(ReissueRefusal::InvalidState));
        }
        let seq = revoke(tx, &agent, Scope::Token, Some(reason::REISSUED), self.now)?;
        tx.prepare_cached("UPDATE agents SET current_jti = ?2, expires_at_ms = ?3, updated_at_ms = ?4 WHERE id = ?1")?
            .execute(params![
                self.id.to_string(),
                self.jti.to_string(),
                self.expires_at.0,
                self.now.0
            ])?;
        Ok(seq)
    }
}

impl FindInSqlite for ChallengeOf {
    fn find_in_sqlite(&self, connection: &Connection) -> Result<Option<Challenge>, StoreError> {
        Ok(challenge(connection, self.owner, self.id)?)
    }
}

impl FindInSqlite for AgentById {
    fn find_in_sqlite(&self, connection: &Connection) -> Result<Option<Agent>, StoreError> {
        Ok(agent(connection, self.id)?)
    }
}

impl FindInSqlite for AgentsOf {
    fn find_in_sqlite(&self, connection: &Connection) -> Result<Vec<Agent>, StoreError> {
        let sql = format!(
            "SELECT {AGENT} FROM agents
             WHERE owner_id = ?1 AND (?2 IS NULL OR status = ?2) AND (?3 IS NULL OR framework = ?3)
               AND (?4 IS NULL OR id < ?4)
             ORDER BY id DESC LIMIT ?5"
        );
        let found = connection
            .prepare_cached(&sql)?
            .query_map(
                params![
                    self.owner.to_string(),
                    self.status.map(status_text),
                    self.framework,
                    self.cursor.map(|cursor| cursor.to_string()),
                    self.limit,
                ],
                |row| Columns::new(row).agent(),
            )?
            .collect::<rusqlite::Result<_>>()?;
        Ok(found)
    }
}

impl FindInSqlite for RevocationsAfter {
    fn find_in_sqlite(&self, connection: &Connection) -> Result<Vec<Revocation>, StoreError> {
        let sql = format!("SELECT {REVOCATION} FROM revocations WHERE seq > ?1 ORDER BY seq LIMIT ?2");
        let after = i64::try_from(self.after).unwrap_or(i64::MAX);
        let found = connection
            .prepare_cached(&sql)?
            .query_map(params![after, self.limit], |row| Columns::new(row).revocation())?
            .collect::<rusqlite::Result<_>>()?;
        Ok(found)
    }
}

impl FindInSqlite for LastSeq {
    fn find_in_sqlite(&self, connection: &Connection) -> Result<u64, StoreError> {
        Ok(last_seq(connection)?.unsigned_abs())
    }
}

impl FindInSqlite for RevokedTokens {
    fn find_in_sqlite(&self, connection: &Connection) -> Result<Vec<Revocation>, StoreError> {
        let sql = format!(
            "SELECT {REVOCATION} FROM revocations
             WHERE scope IN ('agent', 'token') AND token_expires_at_ms > ?1 ORDER BY seq DESC"
        );
        let found = connection
            .prepare_cached(&sql)?
            .query_map([self.expired_before.0], |row| Columns::new(row).revocation())?
            .collect::<rusqlite::Result<_>>()?;
        Ok(found)
    }
}
