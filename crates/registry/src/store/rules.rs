//! Decisions that all backends take alike, as functions of what they found.

use chancery_base::{Millis, Ulid, digest};
use chancery_relay_wire::registry::Status;

use super::{
    commands::Refresh,
    model::{Service, SessionTokens},
    queries::SessionView,
};

/// Nonces of one agent that are remembered at a time. They are kept for eleven minutes, and no agent refreshes more than
/// once a second; beyond it the agent has to wait.
pub(crate) const MAX_NONCES_PER_AGENT: usize = 1024;

/// Open challenges of one owner at a time; they end after five minutes.
pub(crate) const MAX_OPEN_CHALLENGES: usize = 1000;

/// How long session events are kept, milliseconds: 90 days, the longest life of an identity token.
pub(crate) const EVENT_RETENTION_MS: i64 = 90 * 24 * 3600 * 1000;

/// What a refresh comes to, after its nonce was found to be new.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RefreshDecision<'a> {
    /// Agent or session missing, or not the right ones: nothing to note.
    Invalid,
    /// Not the session's token.
    WrongToken {
        /// It was, before.
        reused: bool,
    },
    /// The session is revoked.
    Revoked,
    /// The token has expired.
    Expired,
    /// The previous token within its grace.
    Successor(&'a [u8], &'a SessionTokens),
    /// The current token.
    Rotate,
}

/// The order of checks of a refresh: agent, session, session's status, token, expiry.
pub(crate) fn refresh<'a>(view: Option<&'a SessionView>, request: &Refresh) -> RefreshDecision<'a> {
    let Some(view) = view.filter(|view| may_act(view, request.jti)) else {
        return RefreshDecision::Invalid;
    };
    let Some(session) = &view.session else {
        return RefreshDecision::Invalid;
    };
    if session.status != Status::Active {
        return RefreshDecision::Revoked;
    }
    let presented = |hash: &str| digest::secrets_equal(hash.as_bytes(), request.presented_hash.as_bytes());
    if !presented(&session.tokens.refresh.hash) {
        let Some(previous) = session.previous.as_ref().filter(|previous| presented(&previous.hash)) else {
            return RefreshDecision::WrongToken { reused: false };
        };
        let in_grace = request.now < previous.until && session.access_last_used_at.is_none();
        return match &previous.successor {
            Some(sealed) if in_grace => RefreshDecision::Successor(sealed, &session.tokens),
            _ => RefreshDecision::WrongToken { reused: true },
        };
    }
    if request.now >= session.tokens.refresh_expires_at {
        return RefreshDecision::Expired;
    }
    RefreshDecision::Rotate
}

/// Whether the agent is in force, its owner too, and `jti` is its current identity token.
pub(crate) fn may_act(view: &SessionView, jti: Ulid) -> bool {
    view.agent.status == Status::Active && view.owner_active && view.agent.current_jti == jti
}

/// Whether session events of this time are to be forgotten.
pub(crate) fn events_end(now: Millis) -> Millis {
    now.plus(-EVENT_RETENTION_MS)
}

/// The name of a service whose name another one has.
pub(crate) fn distinct_name(service: &Service) -> String {
    format!("{}-{}", service.name, service.id)
}
