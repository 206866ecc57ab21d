//! The relay's routes. Everything but health asks who is calling, also paths that do not exist.

mod connect;
mod hooks;
mod pairs;
mod receipts;

use std::sync::Arc;

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use chancery_relay_wire::{limits::MAX_BODY_BYTES, route};
use chancery_serve::{ApiError, ClientAddr};
use serde_json::json;

use crate::{
    auth::{self, Caller, Needs, RequestHead},
    error::RelayError,
    feed::FeedState,
    limiter::Public,
    relay::Shared,
};

type Ctx = State<Arc<Shared>>;
type Answer<T> = Result<T, ApiError>;

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let limited = |routes: Router<Arc<Shared>>, what: Public| {
        let state = (Arc::clone(&shared), what);
        routes.route_layer(middleware::from_fn_with_state(state, public_limit))
    };
    let messages = Router::new()
        .route(route::HOOKS_AGENT, post(hooks::send))
        .route(route::HOOKS_MESSAGE, post(hooks::send))
        .route(route::CONNECT, get(connect::connect));
    let pairing = Router::new()
        .route(route::PAIR_START, post(pairs::start))
        .route(route::PAIR_CONFIRM, post(pairs::confirm))
        .route(route::PAIR_STATUS, post(pairs::status))
        .route(route::PAIR_STATEMENT, post(pairs::statement))
        .route(route::PAIRS, get(pairs::list).delete(pairs::remove).patch(pairs::mark));
    let receipts = Router::new().route(route::RECEIPTS, get(receipts::find).post(receipts::record));
    Router::new()
        .merge(limited(messages, Public::Message))
        .merge(limited(pairing, Public::Pair))
        .merge(limited(receipts, Public::Receipt))
        .route(route::HEALTH, get(health))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(shared)
}

/// The limit that comes before any verification.
async fn public_limit(
    State((shared, what)): State<(Arc<Shared>, Public)>,
    client: ClientAddr,
    request: Request,
    next: Next,
) -> Response {
    let limiter = shared.hub.limiter();
    match limiter.address(what, request.uri().path(), client, shared.clock.now()) {
        Ok(()) => next.run(request).await,
        Err(error) => ApiError::from(error).into_response(),
    }
}

/// Reads the whole request and checks its caller.
async fn authenticated(
    shared: &Shared,
    request: Request,
    needs: Needs,
) -> Answer<(Caller, axum::http::HeaderMap, Bytes)> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| {
        ApiError::new(
            413,
            "PAYLOAD_TOO_LARGE",
            format!("the body is larger than {MAX_BODY_BYTES} bytes"),
        )
    })?;
    let head = RequestHead {
        method: &parts.method,
        uri: &parts.uri,
        headers: &parts.headers,
    };
    let caller = auth::authenticate(shared, head, &body, needs).await?;
    Ok((caller, parts.headers, body))
}

async fn unknown(State(shared): Ctx, client: ClientAddr, request: Request<Body>) -> ApiError {
    let limiter = shared.hub.limiter();
    if let Err(error) = limiter.address(Public::Unknown, request.uri().path(), client, shared.clock.now()) {
        return error.into();
    }
    match authenticated(
        &shared,
        request,
        Needs {
            counted: true,
            ..Needs::default()
        },
    )
    .await
    {
        Ok(_) => RelayError::NotFound.into(),
        Err(error) => error,
    }
}

async fn health(State(shared): Ctx) -> (StatusCode, Json<serde_json::Value>) {
    let feed = shared.feed.state();
    let state = match feed {
        FeedState::Fresh => "fresh",
        FeedState::Degraded => "degraded",
        FeedState::Stale => "stale",
    };
    let body = json!({
        "status": "ok",
        "ready": feed != FeedState::Stale,
        "version": shared.config.version,
        "environment": shared.config.environment,
        "readiness": {
            "versionSource": "package",
            "registryUrlConfigured": true,
            "internalServiceCredentialsConfigured": true,
            "relaySessionNamespaceConfigured": true,
            "trustStateBindingConfigured": true,
            "openclawBaseUrlConfigured": false,
            "revocationFeed": state,
        },
    });
    (StatusCode::OK, Json(body))
}
