//! Pairing over HTTP. What it means is in [`crate::pairing`].

use axum::{
    Json,
    extract::{Query, Request, State},
    http::StatusCode,
};
use chancery_identity::AgentDid;
use chancery_relay_wire::relay::{
    PairConfirmRequest, PairConfirmResponse, PairListResponse, PairStartRequest, PairStartResponse,
    PairStatementRequest, PairStatementResponse, PairStatusRequest, PairStatusResponse,
};
use serde::{Deserialize, de::DeserializeOwned};

use super::{Answer, Ctx, authenticated};
use crate::{
    auth::Needs,
    error::RelayError,
    pairing,
    store::{MarkPeer, RemovePair, UseNonce},
};

const NEEDS: Needs = Needs {
    known: false,
    access: false,
    counted: true,
    judge_nonce_later: false,
};

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, RelayError> {
    chancery_base::json::from_slice_strict(body).map_err(|error| RelayError::PairInvalidBody(error.to_string()))
}

pub(super) async fn start(State(shared): Ctx, request: Request) -> Answer<Json<PairStartResponse>> {
    let (caller, _, body) = authenticated(&shared, request, NEEDS).await?;
    let request: PairStartRequest = parse(&body)?;
    Ok(Json(pairing::start(&shared, &caller, request).await?))
}

pub(super) async fn confirm(State(shared): Ctx, request: Request) -> Answer<(StatusCode, Json<PairConfirmResponse>)> {
    let (caller, _, body) = authenticated(&shared, request, NEEDS).await?;
    let request: PairConfirmRequest = parse(&body)?;
    Ok((
        StatusCode::CREATED,
        Json(pairing::confirm(&shared, &caller, request).await?),
    ))
}

pub(super) async fn status(State(shared): Ctx, request: Request) -> Answer<Json<PairStatusResponse>> {
    let (caller, _, body) = authenticated(&shared, request, NEEDS).await?;
    let request: PairStatusRequest = parse(&body)?;
    Ok(Json(pairing::status(&shared, &caller, &request.ticket).await?))
}

pub(super) async fn statement(State(shared): Ctx, request: Request) -> Answer<Json<PairStatementResponse>> {
    let (caller, _, body) = authenticated(&shared, request, NEEDS).await?;
    let request: PairStatementRequest = parse(&body)?;
    Ok(Json(pairing::statement(&shared, &caller, request).await?))
}

pub(super) async fn list(State(shared): Ctx, request: Request) -> Answer<Json<PairListResponse>> {
    let (caller, _, _) = authenticated(&shared, request, NEEDS).await?;
    shared
        .store
        .run(UseNonce(caller.nonce()))
        .await
        .map_err(RelayError::from)?;
    Ok(Json(pairing::list(&shared, caller.agent()).await?))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Peer {
    agent_did: AgentDid,
}

pub(super) async fn remove(State(shared): Ctx, request: Request) -> Answer<StatusCode> {
    let query = Query::<Peer>::try_from_uri(request.uri());
    let (caller, _, _) = authenticated(&shared, request, NEEDS).await?;
    let Query(peer) = query.map_err(|error| RelayError::PairInvalidBody(error.body_text()))?;
    let step = RemovePair {
        agent: caller.agent().clone(),
        peer: peer.agent_did,
        nonce: caller.nonce(),
        now: shared.clock.now(),
    };
    shared.hub.unpair(step).await.map_err(RelayError::from)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Mark {
    agent_did: AgentDid,
    blocked: bool,
    muted: bool,
}

pub(super) async fn mark(State(shared): Ctx, request: Request) -> Answer<StatusCode> {
    let (caller, _, body) = authenticated(&shared, request, NEEDS).await?;
    let mark: Mark = parse(&body)?;
    let step = MarkPeer {
        agent: caller.agent().clone(),
        peer: mark.agent_did,
        blocked: mark.blocked,
        muted: mark.muted,
        nonce: caller.nonce(),
    };
    shared.hub.mark(step).await.map_err(RelayError::from)?;
    Ok(StatusCode::NO_CONTENT)
}
