//! The local HTTP API, for the agent's platform and its owner on the same machine.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Query, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
    routing::{get, post},
};
use chancery_base::{ErrorCode as _, Ulid, json};
use chancery_relay_wire::{limits, route};
use chancery_serve::ApiError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

use crate::{
    core::Core,
    delivery,
    error::{ConnectorError, SendError},
    outbox::{self, OutboundRequest, Recipient},
    status::{self, Status},
    store::{InboundState, InboundView, OutboundState, OutboundView},
};

/// State of one outbound message.
const OUTBOUND_ONE: &str = "/v1/outbound/{messageId}";
/// Outbound messages that were given up.
const OUTBOUND_DEAD_LETTER: &str = "/v1/outbound/dead-letter";
/// Inbound messages that are held.
const HELD: &str = "/v1/inbound/held";
/// Deliver them after all.
const HELD_RELEASE: &str = "/v1/inbound/held/release";
/// Entries of a list when the caller does not say.
const DEFAULT_LIST: u32 = 100;
/// Most entries of a list.
const MAX_LIST: u32 = 1000;

/// The routes. The body limit is a frame's worth, and some for the names around the payload.
pub(crate) fn router(core: Arc<Core>) -> Router {
    Router::new()
        .route(route::CONNECTOR_STATUS, get(get_status))
        .route(route::CONNECTOR_OUTBOUND, post(post_outbound))
        .route(OUTBOUND_DEAD_LETTER, get(outbound_dead_letters))
        .route(OUTBOUND_ONE, get(get_outbound))
        .route(route::CONNECTOR_DEAD_LETTER, get(dead_letters))
        .route(route::CONNECTOR_DEAD_LETTER_REPLAY, post(replay))
        .route(route::CONNECTOR_DEAD_LETTER_PURGE, post(purge))
        .route(HELD, get(held))
        .route(HELD_RELEASE, post(release))
        .layer(DefaultBodyLimit::max(limits::MAX_FRAME_BYTES))
        .with_state(core)
}

async fn get_status(State(core): State<Arc<Core>>) -> Result<Json<Status>, ApiError> {
    Ok(Json(status::report(&core).await?))
}

/// Body of `POST /v1/outbound`: what the seed's transform sends, what the original takes, and what is ours. Members that
/// are not listed are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OutboundBody<'a> {
    #[serde(default)]
    to_agent_did: Option<String>,
    #[serde(default)]
    peer_did: Option<String>,
    #[serde(default)]
    peer: Option<String>,
    #[serde(borrow, default, deserialize_with = "present")]
    payload: Option<&'a RawValue>,
    #[serde(default)]
    conversation_id: Option<String>,
    #[serde(default)]
    reply_to: Option<String>,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    message_id: Option<String>,
}

/// `null` is a payload too, and no missing one.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    accepted: bool,
    frame_id: Ulid,
}

async fn post_outbound(
    State(core): State<Arc<Core>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Accepted>), ApiError> {
    let body = body.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => SendError::TooLarge(limits::MAX_FRAME_BYTES),
        _ => SendError::Json(error.body_text()),
    });
    let request = body.and_then(|body| read_outbound(&headers, &body)).map_err(told)?;
    let frame_id = outbox::send(&core, request).await.map_err(told)?;
    Ok((
        StatusCode::ACCEPTED,
        Json(Accepted {
            accepted: true,
            frame_id,
        }),
    ))
}

/// The answer, with what to do about it: whoever reads it sits at this machine.
fn told(error: SendError) -> ApiError {
    let hint = error.hint();
    let answer = ApiError::from(error);
    match hint {
        Some(hint) => answer.with_details(json!({ "hint": hint })),
        None => answer,
    }
}

fn read_outbound(headers: &HeaderMap, body: &[u8]) -> Result<OutboundRequest, SendError> {
    if !is_json(headers) {
        return Err(SendError::MediaType);
    }
    let body: OutboundBody<'_> = read_object(body).map_err(SendError::Json)?;
    let dids = [body.to_agent_did, body.peer_did];
    let to = match (dids.into_iter().flatten().next(), body.peer) {
        (Some(did), _) => Recipient::Did(did.trim().parse().map_err(|_| SendError::Recipient)?),
        (None, Some(alias)) => Recipient::Alias(alias),
        (None, None) => return Err(SendError::Recipient),
    };
    let payload = body.payload.ok_or(SendError::Member {
        member: "payload",
        rule: "is missing",
    })?;
    let message_id = body
        .message_id
        .map(|id| {
            id.parse().map_err(|_| SendError::Member {
                member: "messageId",
                rule: "must be a ULID",
            })
        })
        .transpose()?;
    Ok(OutboundRequest {
        to,
        payload: payload.to_owned(),
        conversation_id: body.conversation_id,
        reply_to: body.reply_to,
        content_type: body.content_type,
        message_id,
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

async fn get_outbound(State(core): State<Arc<Core>>, Path(id): Path<String>) -> Result<Json<OutboundView>, ApiError> {
    let id = id.parse().map_err(|_| ConnectorError::NotFound)?;
    let view = core.store.outbound_view(id).await.map_err(ConnectorError::Store)?;
    Ok(Json(view.ok_or(ConnectorError::NotFound)?))
}

#[derive(Deserialize)]
struct ListQuery {
    #[serde(default)]
    limit: Option<u32>,
}

impl ListQuery {
    fn limit(&self) -> u32 {
        self.limit.unwrap_or(DEFAULT_LIST).min(MAX_LIST)
    }
}

/// `count` is how many there are; `items` are the oldest of them.
#[derive(Serialize)]
struct List<T> {
    status: &'static str,
    count: u64,
    items: Vec<T>,
}

async fn outbound_dead_letters(
    State(core): State<Arc<Core>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<OutboundView>>, ApiError> {
    let found = core
        .store
        .list_outbound(OutboundState::DeadLettered, query.limit())
        .await;
    let (count, items) = found.map_err(ConnectorError::Store)?;
    Ok(Json(List {
        status: "ok",
        count,
        items,
    }))
}

async fn dead_letters(
    State(core): State<Arc<Core>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<InboundView>>, ApiError> {
    list(&core, InboundState::DeadLettered, &query).await
}

async fn held(
    State(core): State<Arc<Core>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<InboundView>>, ApiError> {
    list(&core, InboundState::Held, &query).await
}

async fn list(core: &Core, state: InboundState, query: &ListQuery) -> Result<Json<List<InboundView>>, ApiError> {
    let found = core.store.list_inbound(state, query.limit()).await;
    let (count, items) = found.map_err(ConnectorError::Store)?;
    Ok(Json(List {
        status: "ok",
        count,
        items,
    }))
}

async fn replay(State(core): State<Arc<Core>>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let count = delivery::replay_dead(&core, read_ids(&body)?).await?;
    Ok(Json(json!({ "status": "ok", "replayedCount": count })))
}

async fn purge(State(core): State<Arc<Core>>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let ids = read_ids(&body)?;
    let count = core
        .store
        .purge_dead(ids, core.now())
        .await
        .map_err(ConnectorError::Store)?;
    Ok(Json(json!({ "status": "ok", "purgedCount": count })))
}

async fn release(State(core): State<Arc<Core>>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let count = delivery::release_held(&core, read_ids(&body)?).await?;
    Ok(Json(json!({ "status": "ok", "releasedCount": count })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Selection {
    #[serde(default)]
    request_ids: Option<Vec<Ulid>>,
}

/// Which messages an order is about; all of them when the body does not say, or is empty.
fn read_ids(body: &[u8]) -> Result<Option<Vec<Ulid>>, ConnectorError> {
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let selection: Selection = read_object(body).map_err(ConnectorError::Body)?;
    Ok(selection.request_ids)
}

/// Reads a body that must be an object: a list would be read member by member, and an empty one would select everything.
/// A key that is there twice is refused, because two readers could differ about what was signed.
fn read_object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err("not an object".to_owned());
    }
    let _: serde::de::IgnoredAny = json::from_slice_strict(body).map_err(|error| error.to_string())?;
    serde_json::from_slice(body).map_err(|error| error.to_string())
}
