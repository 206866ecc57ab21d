//! What an owner does with agents: list, revoke, reissue, end a session. And resolving one, which anybody may.

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::StatusCode,
};
use chancery_base::{Millis, Ulid};
use chancery_identity::name::Framework;
use chancery_relay_wire::registry::{
    AgentListItem, AgentListResponse, Pagination, ReissueResponse, ResolveResponse, Status,
};
use chancery_serve::ApiError;

use super::{
    body::{Fields, parse},
    registration::expiry,
    view,
};
use crate::{
    auth::Person,
    engine::Shared,
    error::Refusal,
    store::{
        commands::{NotFound, Reissue, ReissueRefusal, RevokeAgent, RevokeSession},
        queries::{AgentById, AgentsOf},
    },
};

/// Agents a page, when the query does not say.
const DEFAULT_PAGE: u32 = 20;
/// Most agents a page.
const MAX_PAGE: u32 = 100;

/// `GET /v1/agents`.
pub(super) async fn list(
    State(registry): State<Shared>,
    person: Person,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Json<AgentListResponse>, ApiError> {
    let mut fields = Fields::of_query(query);
    let status = fields.optional("status", |text| match text {
        "active" => Ok(Status::Active),
        "revoked" => Ok(Status::Revoked),
        _ => Err("must be active or revoked"),
    });
    let framework = fields.optional("framework", parse::<Framework>);
    let limit = fields.optional("limit", |text| {
        let number = text.parse().ok().filter(|number| (1..=MAX_PAGE).contains(number));
        number.ok_or("must be a whole number from 1 to 100")
    });
    let cursor = fields.optional("cursor", parse::<Ulid>);
    fields
        .check()
        .map_err(|problems| registry.invalid(Refusal::AgentListInvalidQuery, problems))?;

    let limit = limit.unwrap_or(DEFAULT_PAGE);
    let found = registry.find(AgentsOf {
        owner: person.human.did.ulid(),
        status,
        framework: framework.map(|framework| framework.as_str().to_owned()),
        cursor,
        // one more tells whether there is another page
        limit: limit + 1,
    });
    let mut found = found.await?;
    let more = found.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    if more {
        found.pop();
    }
    let next_cursor = found.last().filter(|_| more).map(|agent| agent.did.ulid());
    let item = |agent: &crate::store::model::Agent| AgentListItem {
        id: agent.did.ulid(),
        did: agent.did.clone(),
        name: agent.name.clone(),
        status: agent.status,
        expires: Some(agent.expires_at.to_rfc3339()),
    };
    Ok(Json(AgentListResponse {
        agents: found.iter().map(item).collect(),
        pagination: Pagination { limit, next_cursor },
    }))
}

/// `GET /v1/resolve/:id`.
pub(super) async fn resolve(
    State(registry): State<Shared>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<ResolveResponse>, ApiError> {
    let id = registry.path_ulid(path, Refusal::AgentResolveInvalidPath)?;
    let agent = registry.find(AgentById { id }).await?.ok_or(Refusal::AgentNotFound)?;
    Ok(Json(ResolveResponse {
        did: agent.did,
        name: agent.name,
        framework: agent.framework,
        status: agent.status,
        owner_did: agent.owner,
    }))
}

/// `DELETE /v1/agents/:id`.
pub(super) async fn revoke(
    State(registry): State<Shared>,
    person: Person,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    let id = registry.path_ulid(path, Refusal::AgentRevokeInvalidPath)?;
    let step = RevokeAgent {
        owner: person.human.did.ulid(),
        id,
        now: registry.now(),
    };
    registry.take_back(step, |NotFound| Refusal::AgentNotFound).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /v1/agents/:id/auth/revoke`.
pub(super) async fn revoke_session(
    State(registry): State<Shared>,
    person: Person,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    let id = registry.path_ulid(path, Refusal::AgentRevokeInvalidPath)?;
    let step = RevokeSession {
        owner: person.human.did.ulid(),
        id,
        now: registry.now(),
    };
    registry.take_back(step, |NotFound| Refusal::AgentNotFound).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/agents/:id/reissue`.
pub(super) async fn reissue(
    State(registry): State<Shared>,
    person: Person,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<ReissueResponse>, ApiError> {
    let id = registry.path_ulid(path, Refusal::AgentRevokeInvalidPath)?;
    let owner = person.human.did.ulid();
    let found = registry
        .find(AgentById { id })
        .await?
        .filter(|agent| agent.owner.ulid() == owner);
    let mut agent = found.ok_or(Refusal::AgentNotFound)?;
    if agent.status == Status::Revoked {
        return Err(Refusal::AgentReissueInvalidState.into());
    }
    let now = registry.now();
    let expected_jti = std::mem::replace(&mut agent.current_jti, registry.ulid(now));
    if agent.expires_at <= Millis::from_secs(now.secs()) {
        agent.expires_at = expiry(now, agent.ttl_days);
    }
    agent.updated_at = now;
    let response = ReissueResponse {
        ait: registry.issue_ait(&agent, now)?,
        agent: view::agent(&agent),
    };
    let step = Reissue {
        owner,
        id,
        expected_jti,
        jti: agent.current_jti,
        expires_at: agent.expires_at,
        now,
    };
    registry
        .take_back(step, |why| match why {
            ReissueRefusal::NotFound => Refusal::AgentNotFound,
            ReissueRefusal::InvalidState => Refusal::AgentReissueInvalidState,
        })
        .await?;
    Ok(Json(response))
}
