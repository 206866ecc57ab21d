//! Sessions of agents.

use chancery_base::{Millis, Ulid};
use chancery_identity::revocation::Scope;
use chancery_relay_wire::registry::{HumanStatus, Status};
use chancery_store::{
    StoreError,
    rusqlite::{self, Connection, OptionalExtension as _, params},
};

use super::{
    FindInSqlite, OnSqlite, agents,
    rows::{Columns, HUMAN, SESSION, status_text},
};
use crate::store::{
    Failure,
    commands::{Never, NotFound, Refresh, RefreshOutcome, RevokeSession, Seq, TouchAccess},
    model::{AuthEventKind, Session, reason},
    queries::{SessionOf, SessionView},
    rules::{self, RefreshDecision},
};

fn session(connection: &Connection, agent: Ulid) -> rusqlite::Result<Option<Session>> {
    connection
        .prepare_cached(&format!(
            "SELECT {SESSION} FROM agent_auth_sessions WHERE agent_id = ?1"
        ))?
        .query_row([agent.to_string()], |row| Columns::new(row).session())
        .optional()
}

pub(super) fn insert(tx: &Connection, session: &Session) -> rusqlite::Result<()> {
    let (tokens, previous) = (&session.tokens, session.previous.as_ref());
    tx.prepare_cached(&format!(
        "INSERT INTO agent_auth_sessions ({SESSION})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
    ))?
    .execute(params![
        session.id.to_string(),
        session.agent.to_string(),
        tokens.refresh.prefix,
        tokens.refresh.hash,
        tokens.access.prefix,
        tokens.access.hash,
        tokens.issued_at.0,
        tokens.refresh_expires_at.0,
        tokens.access_expires_at.0,
        session.access_last_used_at.map(|at| at.0),
        previous.map(|previous| &previous.hash),
        previous.map(|previous| previous.until.0),
        previous.and_then(|previous| previous.successor.as_ref()),
        status_text(session.status),
        session.revoked_at.map(|at| at.0),
        session.created_at.0,
        session.updated_at.0,
    ])?;
    Ok(())
}

pub(super) fn note(
    tx: &Connection,
    session: &Session,
    kind: AuthEventKind,
    reason: Option<&str>,
    at: Millis,
) -> rusqlite::Result<()> {
    let agent = session.agent.to_string();
    tx.prepare_cached("DELETE FROM agent_auth_events WHERE agent_id = ?1 AND created_at_ms < ?2")?
        .execute(params![agent, rules::events_end(at).0])?;
    tx.prepare_cached(
        "INSERT INTO agent_auth_events (agent_id, session_id, event_type, reason, created_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![agent, session.id.to_string(), kind.as_str(), reason, at.0])?;
    Ok(())
}

/// Ends an active session; `false` when there is none.
pub(super) fn end(tx: &Connection, agent: Ulid, reason: &str, now: Millis) -> rusqlite::Result<bool> {
    let Some(session) = session(tx, agent)?.filter(|session| session.status == Status::Active) else {
        return Ok(false);
    };
    tx.prepare_cached(
        "UPDATE agent_auth_sessions SET status = 'revoked', revoked_at_ms = ?2, updated_at_ms = ?2,
             previous_hash = NULL, previous_until_ms = NULL, sealed_successor = NULL
         WHERE agent_id = ?1",
    )?
    .execute(params![agent.to_string(), now.0])?;
    note(tx, &session, AuthEventKind::Revoked, Some(reason), now)?;
    Ok(true)
}

fn view(connection: &Connection, query: &SessionOf) -> rusqlite::Result<Option<SessionView>> {
    let id = query.agent.ulid();
    let Some(agent) = agents::agent(connection, id)?.filter(|agent| agent.did == query.agent) else {
        return Ok(None);
    };
    let owner = connection
        .prepare_cached(&format!("SELECT {HUMAN} FROM humans WHERE id = ?1"))?
        .query_row([agent.owner.ulid().to_string()], |row| Columns::new(row).human())
        .optional()?;
    let owner_active = owner.is_some_and(|owner| owner.status == HumanStatus::Active);
    Ok(Some(SessionView {
        agent,
        owner_active,
        session: session(connection, id)?,
    }))
}

/// Uses up a nonce, or says why not.
fn use_nonce(tx: &Connection, request: &Refresh) -> rusqlite::Result<Option<RefreshOutcome>> {
    tx.prepare_cached("DELETE FROM agent_auth_nonces WHERE until_ms <= ?1")?
        .execute([request.now.0])?;
    let agent = request.agent.ulid().to_string();
    if tx
        .prepare_cached("SELECT 1 FROM agent_auth_nonces WHERE agent_id = ?1 AND nonce = ?2")?
        .exists(params![agent, request.nonce])?
    {
        return Ok(Some(RefreshOutcome::Replayed));
    }
    let held: i64 = tx
        .prepare_cached("SELECT count(*) FROM agent_auth_nonces WHERE agent_id = ?1")?
        .query_row([&agent], |row| row.get(0))?;
    if usize::try_from(held).unwrap_or_default() >= rules::MAX_NONCES_PER_AGENT {
        return Ok(Some(RefreshOutcome::TooManyNonces));
    }
    tx.prepare_cached("INSERT INTO agent_auth_nonces (agent_id, nonce, until_ms) VALUES (?1, ?2, ?3)")?
        .execute(params![agent, request.nonce, request.remember_until.0])?;
    Ok(None)
}

impl OnSqlite for RevokeSession {
    fn on_sqlite(self, tx: &Connection) -> Result<Seq, Failure<NotFound>> {
        let agent = agents::owned(tx, self.owner, self.id)?.ok_or(Failure::Refused(NotFound))?;
        if !end(tx, self.id, reason::OWNER_AUTH_REVOKE, self.now)? {
            return Ok(None);
        }
        Ok(Some(agents::revoke(
            tx,
            &agent,
            Scope::Session,
            Some(reason::OWNER_AUTH_REVOKE),
            self.now,
        )?))
    }
}

impl OnSqlite for Refresh {
    fn on_sqlite(self, tx: &Connection) -> Result<RefreshOutcome, Failure<Never>> {
        if let Some(outcome) = use_nonce(tx, &self)? {
            return Ok(outcome);
        }
        let id = self.agent.ulid();
        let view = view(
            tx,
            &SessionOf {
                agent: self.agent.clone(),
            },
        )?;
        let found = view
            .as_ref()
            .and_then(|view| Some((&view.agent, view.session.as_ref()?)));
        let outcome = match (rules::refresh(view.as_ref(), &self), found) {
            (RefreshDecision::Revoked, _) => RefreshOutcome::Revoked,
            (RefreshDecision::Successor(sealed, tokens), _) => RefreshOutcome::Successor {
                sealed: sealed.to_vec(),
                tokens: tokens.clone(),
            },
            (RefreshDecision::WrongToken { reused }, Some((_, session))) => {
                let why = if reused {
                    reason::REFRESH_TOKEN_REUSED
                } else {
                    reason::INVALID_REFRESH_TOKEN
                };
                note(tx, session, AuthEventKind::RefreshRejected, Some(why), self.now)?;
                RefreshOutcome::Invalid
            }
            (RefreshDecision::Expired, Some((agent, _))) => {
                end(tx, id, reason::REFRESH_TOKEN_EXPIRED, self.now)?;
                let why = Some(reason::REFRESH_TOKEN_EXPIRED);
                RefreshOutcome::Expired {
                    seq: agents::revoke(tx, agent, Scope::Session, why, self.now)?,
                }
            }
            (RefreshDecision::Rotate, Some((_, session))) => {
                rotate(tx, &self, session)?;
                note(tx, session, AuthEventKind::Refreshed, None, self.now)?;
                RefreshOutcome::Rotated
            }
            (_, _) => RefreshOutcome::Invalid,
        };
        Ok(outcome)
    }
}

fn rotate(tx: &Connection, request: &Refresh, session: &Session) -> rusqlite::Result<()> {
    let tokens = &request.tokens;
    tx.prepare_cached(
        "UPDATE agent_auth_sessions SET refresh_prefix = ?2, refresh_hash = ?3, access_prefix = ?4, access_hash = ?5,
             issued_at_ms = ?6, refresh_expires_at_ms = ?7, access_expires_at_ms = ?8, access_last_used_at_ms = NULL,
             previous_hash = ?9, previous_until_ms = ?10, sealed_successor = ?11, updated_at_ms = ?12
         WHERE agent_id = ?1",
    )?
    .execute(params![
        session.agent.to_string(),
        tokens.refresh.prefix,
        tokens.refresh.hash,
        tokens.access.prefix,
        tokens.access.hash,
        tokens.issued_at.0,
        tokens.refresh_expires_at.0,
        tokens.access_expires_at.0,
        session.tokens.refresh.hash,
        request.grace_until.0,
        request.successor,
        request.now.0,
    ])?;
    Ok(())
}

impl OnSqlite for TouchAccess {
    fn on_sqlite(self, tx: &Connection) -> Result<(), Failure<Never>> {
        tx.prepare_cached(
            "UPDATE agent_auth_sessions SET access_last_used_at_ms = ?3, sealed_successor = NULL
             WHERE agent_id = ?1 AND access_hash = ?2",
        )?
        .execute(params![self.agent.to_string(), self.access_hash, self.now.0])?;
        Ok(())
    }
}

impl FindInSqlite for SessionOf {
    fn find_in_sqlite(&self, connection: &Connection) -> Result<Option<SessionView>, StoreError> {
        Ok(view(connection, self)?)
    }
}
