//! Who owns an agent: asked by people of themselves, and by services of anybody.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State, rejection::PathRejection},
    http::HeaderMap,
};
use chancery_identity::{AgentDid, HumanDid};
use chancery_relay_wire::registry::{InternalOwnershipResponse, OwnershipResponse};
use chancery_serve::ApiError;

use super::body::{Fields, parse};
use crate::{
    auth::{Person, scope},
    engine::Shared,
    error::Refusal,
    store::queries::AgentById,
};

/// `GET /v1/agents/:id/ownership`.
pub(super) async fn of_caller(
    State(registry): State<Shared>,
    person: Person,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<OwnershipResponse>, ApiError> {
    let id = registry.path_ulid(path, Refusal::AgentOwnershipInvalidPath)?;
    let agent = registry.find(AgentById { id }).await?;
    let owns_agent = agent.is_some_and(|agent| agent.owner == person.human.did);
    Ok(Json(OwnershipResponse { owns_agent }))
}

/// `POST /internal/v1/identity/agent-ownership`. A DID of another registry is nobody's here.
pub(super) async fn of_anybody(
    State(registry): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<InternalOwnershipResponse>, ApiError> {
    registry.service(&headers, scope::IDENTITY_READ).await?;
    let mut fields = Fields::of_json(&body);
    let owner = fields.required("ownerDid", parse::<HumanDid>);
    let agent = fields.required("agentDid", parse::<AgentDid>);
    let checked = fields.check();
    let (Ok(()), Some(owner), Some(did)) = (&checked, owner, agent) else {
        return Err(registry.invalid(Refusal::OwnershipInvalid, checked.err().unwrap_or_default()));
    };
    let agent = registry
        .find(AgentById { id: did.ulid() })
        .await?
        .filter(|agent| agent.did == did);
    Ok(Json(InternalOwnershipResponse {
        owns_agent: agent.as_ref().is_some_and(|agent| agent.owner == owner),
        agent_status: agent.map(|agent| agent.status),
    }))
}
