//! Is this access token good? Relays ask, for each connection.

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use chancery_base::Ulid;
use chancery_identity::{
    AgentDid,
    token::{AgentAccess, Token},
};
use chancery_relay_wire::{header, registry::Status};
use chancery_serve::ApiError;

use super::body::{Fields, parse};
use crate::{
    auth::single,
    engine::Shared,
    error::Refusal,
    limits::ACCESS_USED_RESOLUTION_MS,
    store::{commands::TouchAccess, queries::SessionOf, rules},
};

/// `POST /v1/agents/auth/validate`.
pub(super) async fn validate(
    State(registry): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let mut fields = Fields::of_json(&body);
    let agent = fields.required("agentDid", parse::<AgentDid>);
    let jti = fields.required("aitJti", parse::<Ulid>);
    let checked = fields.check();
    let (Ok(()), Some(agent), Some(jti)) = (&checked, agent, jti) else {
        return Err(registry.invalid(Refusal::ValidateInvalid, checked.err().unwrap_or_default()));
    };
    let refused = Refusal::ValidateUnauthorized;
    let token = single(&headers, header::AGENT_ACCESS).ok_or(refused)?;
    let token: Token<AgentAccess> = token.trim().parse().map_err(|_| refused)?;
    let view = registry.find(SessionOf { agent }).await?.ok_or(refused)?;
    if !rules::may_act(&view, jti) {
        return Err(refused.into());
    }
    let session = view
        .session
        .filter(|session| session.status == Status::Active)
        .ok_or(refused)?;
    if !token.matches(&session.tokens.access.hash) {
        return Err(refused.into());
    }
    let now = registry.now();
    if now >= session.tokens.access_expires_at {
        return Err(Refusal::ValidateExpired.into());
    }
    // the first use ends the grace of the refresh token before, so it is committed before the token is called good
    let last = session.access_last_used_at;
    if last.is_none_or(|last| now.since(last).abs() >= ACCESS_USED_RESOLUTION_MS) {
        let (agent, access_hash) = (session.agent, session.tokens.access.hash);
        registry
            .apply(TouchAccess {
                agent,
                access_hash,
                now,
            })
            .await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
