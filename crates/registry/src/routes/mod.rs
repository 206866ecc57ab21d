//! The routes, one file a theme.

mod agents;
mod body;
pub(crate) mod bootstrap;
mod discovery;
mod invites;
mod me;
mod ownership;
mod refresh;
mod registration;
mod services;
mod validate;
mod view;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::Response,
    routing::{MethodRouter, delete, get, post},
};
use chancery_relay_wire::{limits::MAX_BODY_BYTES, route};
use chancery_serve::RateLimit;

use crate::{
    auth::{Gate, gate},
    engine::{Rates, Shared},
    feed,
};

/// All routes of `registry`.
pub(crate) fn router(registry: &Shared) -> Router {
    let limited = |routes: MethodRouter<Shared>, limit: fn(&Rates) -> &RateLimit| {
        routes.layer(middleware::from_fn_with_state(
            Gate {
                registry: registry.clone(),
                limit,
            },
            gate,
        ))
    };
    Router::new()
        .route(route::HEALTH, get(discovery::health))
        .route(route::METADATA, get(discovery::metadata))
        .route(route::KEYS, get(discovery::keys))
        .route(route::CRL, limited(get(discovery::crl), |rates| &rates.crl))
        .route(
            route::BOOTSTRAP,
            limited(post(bootstrap::bootstrap), |rates| &rates.bootstrap),
        )
        .route(route::INVITES, post(invites::create))
        .route(
            route::INVITE_REDEEM,
            limited(post(invites::redeem), |rates| &rates.redeem),
        )
        .route(
            route::AGENT_CHALLENGE,
            limited(post(registration::challenge), |rates| &rates.challenge),
        )
        .route(
            route::AGENTS,
            limited(post(registration::create), |rates| &rates.create).get(agents::list),
        )
        .route(route::AGENT, delete(agents::revoke))
        .route(route::AGENT_OWNERSHIP, get(ownership::of_caller))
        .route(route::AGENT_REISSUE, post(agents::reissue))
        .route(route::AGENT_AUTH_REVOKE, delete(agents::revoke_session))
        .route(
            route::AGENT_AUTH_REFRESH,
            limited(post(refresh::refresh), |rates| &rates.refresh),
        )
        .route(
            route::AGENT_AUTH_VALIDATE,
            limited(post(validate::validate), |rates| &rates.validate),
        )
        .route(route::RESOLVE, limited(get(agents::resolve), |rates| &rates.resolve))
        .route(route::ME, get(me::me))
        .route(route::API_KEYS, post(me::create_key).get(me::list_keys))
        .route(route::API_KEY, delete(me::revoke_key))
        .route(route::AGENT_OWNERSHIP_INTERNAL, post(ownership::of_anybody))
        .route(route::INTERNAL_SERVICES, post(services::create).get(services::list))
        .route(route::INTERNAL_SERVICE_ROTATE, post(services::rotate))
        .route(route::REVOCATIONS, get(feed::revocations))
        .layer(middleware::from_fn(never_stored))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(registry.clone())
}

/// Answers hold tokens that exist once: no cache may keep one, unless its route says so.
async fn never_stored(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
