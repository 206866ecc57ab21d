//! All tables as the oracle holds them.

use std::collections::BTreeMap;

use chancery_base::Millis;
use chancery_store::{
    StoreError,
    rusqlite::{self, Connection, Row},
};

use super::rows::{AGENT, API_KEY, CHALLENGE, Columns, HUMAN, INVITE, REVOCATION, SERVICE, SESSION};
use crate::store::{
    memory::{AuthEvent, State},
    model::AuthEventKind,
};

fn all<T>(
    connection: &Connection,
    sql: &str,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare(sql)?.query_map([], |row| read(row))?.collect()
}

fn keyed<K: Ord, T>(rows: Vec<T>, key: impl Fn(&T) -> K) -> BTreeMap<K, T> {
    rows.into_iter().map(|row| (key(&row), row)).collect()
}

pub(super) fn dump(db: &Connection) -> Result<State, StoreError> {
    let humans = all(db, &format!("SELECT {HUMAN} FROM humans"), |row| {
        Columns::new(row).human()
    })?;
    let keys = all(db, &format!("SELECT {API_KEY} FROM api_keys k"), |row| {
        Columns::new(row).api_key()
    })?;
    let invites = all(db, &format!("SELECT {INVITE} FROM invites"), |row| {
        Columns::new(row).invite()
    })?;
    let challenges = format!("SELECT {CHALLENGE} FROM agent_registration_challenges");
    let challenges = all(db, &challenges, |row| Columns::new(row).challenge())?;
    let agents = all(db, &format!("SELECT {AGENT} FROM agents"), |row| {
        Columns::new(row).agent()
    })?;
    let sessions = format!("SELECT {SESSION} FROM agent_auth_sessions");
    let sessions = all(db, &sessions, |row| Columns::new(row).session())?;
    let services = all(db, &format!("SELECT {SERVICE} FROM internal_services"), |row| {
        Columns::new(row).service()
    })?;
    let nonces = all(db, "SELECT agent_id, nonce, until_ms FROM agent_auth_nonces", |row| {
        let agent: String = row.get(0)?;
        Ok(((agent.parse().unwrap(), row.get(1)?), Millis(row.get(2)?)))
    })?;
    let events = "SELECT agent_id, session_id, event_type, reason, created_at_ms FROM agent_auth_events ORDER BY id";
    let kinds = [
        AuthEventKind::Issued,
        AuthEventKind::Refreshed,
        AuthEventKind::Revoked,
        AuthEventKind::RefreshRejected,
    ];
    let events = all(db, events, |row| {
        let text = |at| row.get::<_, String>(at);
        let kind = text(2)?;
        Ok(AuthEvent {
            agent: text(0)?.parse().unwrap(),
            session: text(1)?.parse().unwrap(),
            kind: kinds.into_iter().find(|known| known.as_str() == kind).unwrap(),
            reason: row.get(3)?,
            at: Millis(row.get(4)?),
        })
    })?;
    let revocations = format!("SELECT {REVOCATION} FROM revocations ORDER BY seq");
    Ok(State {
        humans: keyed(humans, |human| human.did.ulid()),
        api_keys: keyed(keys, |key| key.id),
        invites: keyed(invites, |invite| invite.id),
        challenges: keyed(challenges, |challenge| challenge.id),
        agents: keyed(agents, |agent| agent.did.ulid()),
        sessions: keyed(sessions, |session| session.agent),
        revocations: all(db, &revocations, |row| Columns::new(row).revocation())?,
        services: keyed(services, |service| service.id.clone()),
        nonces: nonces.into_iter().collect(),
        events,
    })
}
