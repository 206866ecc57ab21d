//! Sessions of agents.

use chancery_base::{Millis, Ulid};
use chancery_identity::revocation::Scope;
use chancery_relay_wire::registry::Status;

use super::{FindInMemory as _, OnMemory, State};
use crate::store::{
    commands::{Never, NotFound, Refresh, RefreshOutcome, RevokeSession, Seq, TouchAccess},
    model::{AuthEventKind, Previous, reason},
    queries::SessionOf,
    rules::{self, RefreshDecision},
};

impl State {
    /// Ends an active session; `false` when there is none.
    pub(super) fn end_session(&mut self, agent: Ulid, reason: &str, now: Millis) -> bool {
        let Some(session) = self
            .sessions
            .get_mut(&agent)
            .filter(|session| session.status == Status::Active)
        else {
            return false;
        };
        session.status = Status::Revoked;
        session.revoked_at = Some(now);
        session.updated_at = now;
        session.previous = None;
        let session = session.clone();
        self.note(&session, AuthEventKind::Revoked, Some(reason), now);
        true
    }

    /// Uses up a nonce, or says why not.
    fn use_nonce(&mut self, request: &Refresh) -> Option<RefreshOutcome> {
        self.nonces.retain(|_, until| *until > request.now);
        let agent = request.agent.ulid();
        let key = (agent, request.nonce.clone());
        if self.nonces.contains_key(&key) {
            return Some(RefreshOutcome::Replayed);
        }
        let held = self.nonces.keys().filter(|(of, _)| *of == agent).count();
        if held >= rules::MAX_NONCES_PER_AGENT {
            return Some(RefreshOutcome::TooManyNonces);
        }
        self.nonces.insert(key, request.remember_until);
        None
    }
}

impl OnMemory for RevokeSession {
    fn on_memory(self, state: &mut State) -> Result<Seq, NotFound> {
        let agent = state.owned(self.owner, self.id).ok_or(NotFound)?.clone();
        if !state.end_session(self.id, reason::OWNER_AUTH_REVOKE, self.now) {
            return Ok(None);
        }
        Ok(Some(state.revoke(
            &agent,
            Scope::Session,
            Some(reason::OWNER_AUTH_REVOKE),
            self.now,
        )))
    }
}

impl OnMemory for Refresh {
    fn on_memory(self, state: &mut State) -> Result<RefreshOutcome, Never> {
        if let Some(outcome) = state.use_nonce(&self) {
            return Ok(outcome);
        }
        let id = self.agent.ulid();
        let view = SessionOf {
            agent: self.agent.clone(),
        }
        .find_in_memory(state);
        let session = view.as_ref().and_then(|view| view.session.as_ref());
        let outcome = match rules::refresh(view.as_ref(), &self) {
            RefreshDecision::Invalid => RefreshOutcome::Invalid,
            RefreshDecision::Revoked => RefreshOutcome::Revoked,
            RefreshDecision::Successor(sealed, tokens) => RefreshOutcome::Successor {
                sealed: sealed.to_vec(),
                tokens: tokens.clone(),
            },
            RefreshDecision::WrongToken { reused } => {
                let why = if reused {
                    reason::REFRESH_TOKEN_REUSED
                } else {
                    reason::INVALID_REFRESH_TOKEN
                };
                if let Some(session) = session {
                    state.note(session, AuthEventKind::RefreshRejected, Some(why), self.now);
                }
                RefreshOutcome::Invalid
            }
            RefreshDecision::Expired => {
                state.end_session(id, reason::REFRESH_TOKEN_EXPIRED, self.now);
                let agent = view.as_ref().map(|view| &view.agent);
                let seq = agent
                    .map(|agent| state.revoke(agent, Scope::Session, Some(reason::REFRESH_TOKEN_EXPIRED), self.now));
                RefreshOutcome::Expired {
                    seq: seq.unwrap_or_default(),
                }
            }
            RefreshDecision::Rotate => {
                if let Some(session) = state.sessions.get_mut(&id) {
                    let hash = std::mem::replace(&mut session.tokens, self.tokens).refresh.hash;
                    session.previous = Some(Previous {
                        hash,
                        until: self.grace_until,
                        successor: Some(self.successor),
                    });
                    session.access_last_used_at = None;
                    session.updated_at = self.now;
                    let session = session.clone();
                    state.note(&session, AuthEventKind::Refreshed, None, self.now);
                }
                RefreshOutcome::Rotated
            }
        };
        Ok(outcome)
    }
}

impl OnMemory for TouchAccess {
    fn on_memory(self, state: &mut State) -> Result<(), Never> {
        if let Some(session) = state.sessions.get_mut(&self.agent)
            && session.tokens.access.hash == self.access_hash
        {
            session.access_last_used_at = Some(self.now);
            if let Some(previous) = &mut session.previous {
                previous.successor = None;
            }
        }
        Ok(())
    }
}
