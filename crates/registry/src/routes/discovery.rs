//! What anybody may know: health, metadata, keys, the revocation list.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue, header},
};
use chancery_identity::key_set::KeySet;
use chancery_relay_wire::registry::{CrlResponse, Metadata};
use chancery_serve::ApiError;
use serde_json::{Value, json};

use crate::{engine::Shared, store::queries::LastSeq};

/// Keys and list may be five minutes old everywhere.
const CACHED: [(HeaderName, HeaderValue); 1] = [(
    header::CACHE_CONTROL,
    HeaderValue::from_static("public, max-age=300, s-maxage=300, stale-while-revalidate=60"),
)];

/// `GET /health`.
pub(super) async fn health(State(registry): State<Shared>) -> Json<Value> {
    let config = &registry.config;
    let database = registry.find(LastSeq {}).await.is_ok();
    Json(json!({
        "status": "ok",
        "ready": database,
        "version": config.version,
        "environment": config.environment.as_str(),
        "readiness": {
            "dbBindingConfigured": database,
            "eventBusBackendConfigured": true,
            "eventBusBindingConfigured": true,
            "proxyUrlConfigured": true,
            "issuerUrlConfigured": true,
            "bootstrapSecretConfigured": config.bootstrap_secret.is_some(),
            "internalServiceCredentialsConfigured": config.bootstrap_service.is_some(),
            "signingConfigured": true,
        },
    }))
}

/// `GET /v1/metadata`. The registry's origin is the configured one: a `Host` header makes no issuer.
pub(super) async fn metadata(State(registry): State<Shared>) -> Json<Metadata> {
    let config = &registry.config;
    Json(Metadata {
        status: "ok".to_owned(),
        environment: config.environment.as_str().to_owned(),
        version: config.version.clone(),
        registry_url: config.issuer.as_str().to_owned(),
        proxy_url: config.proxy_url.as_str().to_owned(),
    })
}

/// `GET /.well-known/claw-keys.json`. Retired keys verify, so readers that know two states must take them for active.
pub(super) async fn keys(State(registry): State<Shared>) -> ([(HeaderName, HeaderValue); 1], Json<KeySet>) {
    (CACHED, Json(registry.config.signing_keys.set().for_old_readers()))
}

/// `GET /v1/crl`.
pub(super) async fn crl(
    State(registry): State<Shared>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<CrlResponse>), ApiError> {
    let crl = registry.revocation_list().await?;
    Ok((CACHED, Json(CrlResponse { crl })))
}
