//! Everything in maps behind one lock. Each step checks all that it needs before it changes anything.

mod agents;
mod people;
mod queries;
mod services;
mod sessions;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chancery_base::{Millis, Ulid};
use chancery_identity::revocation::Scope;

use super::{
    commands::Step,
    model::{Agent, ApiKey, AuthEventKind, Challenge, Human, Invite, Revocation, Service, Session},
    queries::Query,
    rules,
};

/// A store in memory. Clones share it.
#[derive(Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

/// All tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) humans: BTreeMap<Ulid, Human>,
    pub(crate) api_keys: BTreeMap<Ulid, ApiKey>,
    pub(crate) invites: BTreeMap<Ulid, Invite>,
    pub(crate) challenges: BTreeMap<Ulid, Challenge>,
    pub(crate) agents: BTreeMap<Ulid, Agent>,
    /// By agent.
    pub(crate) sessions: BTreeMap<Ulid, Session>,
    /// In order: position 1 is the first.
    pub(crate) revocations: Vec<Revocation>,
    pub(crate) services: BTreeMap<String, Service>,
    /// Until when, by agent and nonce.
    pub(crate) nonces: BTreeMap<(Ulid, String), Millis>,
    pub(crate) events: Vec<AuthEvent>,
}

/// Something that happened to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuthEvent {
    pub(crate) agent: Ulid,
    pub(crate) session: Ulid,
    pub(crate) kind: AuthEventKind,
    pub(crate) reason: Option<String>,
    pub(crate) at: Millis,
}

/// How a step is done here.
pub(crate) trait OnMemory: Step {
    fn on_memory(self, state: &mut State) -> Result<Self::Done, Self::Refusal>;
}

/// How a query is answered here.
pub(crate) trait FindInMemory: Query {
    fn find_in_memory(&self, state: &State) -> Self::Found;
}

impl MemoryStore {
    pub(crate) fn run<S: OnMemory>(&self, step: S) -> Result<S::Done, S::Refusal> {
        step.on_memory(&mut self.lock())
    }

    pub(crate) fn find<Q: FindInMemory>(&self, query: &Q) -> Q::Found {
        query.find_in_memory(&self.lock())
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryStore(..)")
    }
}

impl State {
    /// The next position of the feed.
    fn revoke(&mut self, agent: &Agent, scope: Scope, reason: Option<&str>, now: Millis) -> u64 {
        let seq = self.last_seq() + 1;
        self.revocations.push(Revocation {
            seq,
            agent: agent.did.clone(),
            jti: agent.current_jti,
            scope,
            reason: reason.map(str::to_owned),
            revoked_at: now,
            token_expires_at: agent.expires_at,
        });
        seq
    }

    fn last_seq(&self) -> u64 {
        self.revocations.last().map_or(0, |entry| entry.seq)
    }

    fn note(&mut self, session: &Session, kind: AuthEventKind, reason: Option<&str>, at: Millis) {
        let end = rules::events_end(at);
        self.events
            .retain(|event| event.agent != session.agent || event.at >= end);
        let (agent, session) = (session.agent, session.id);
        self.events.push(AuthEvent {
            agent,
            session,
            kind,
            reason: reason.map(str::to_owned),
            at,
        });
    }

    /// The agent `id`, when `owner` owns it.
    fn owned(&self, owner: Ulid, id: Ulid) -> Option<&Agent> {
        self.agents.get(&id).filter(|agent| agent.owner.ulid() == owner)
    }
}
