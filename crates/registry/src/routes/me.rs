//! The calling person and their API keys.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
};
use chancery_identity::name::DisplayName;
use chancery_relay_wire::registry::{ApiKeyCreateResponse, ApiKeyListResponse, ApiKeyRef, Me, MeResponse};
use chancery_serve::ApiError;

use super::{
    body::{Fields, parse},
    view,
};
use crate::{
    auth::Person,
    engine::Shared,
    error::Refusal,
    store::{
        commands::{CreateApiKey, NotFound, RevokeApiKey},
        queries::ApiKeysOf,
    },
};

/// `GET /v1/me`.
pub(super) async fn me(person: Person) -> Json<MeResponse> {
    let Person { human, key } = person;
    Json(MeResponse {
        human: Me {
            id: human.did.ulid(),
            did: human.did,
            display_name: human.display_name,
            role: human.role,
            api_key: ApiKeyRef {
                id: key.id,
                name: key.name.as_str().to_owned(),
            },
        },
    })
}

/// `POST /v1/me/api-keys`.
pub(super) async fn create_key(
    State(registry): State<Shared>,
    person: Person,
    body: Bytes,
) -> Result<(StatusCode, Json<ApiKeyCreateResponse>), ApiError> {
    let mut fields = Fields::of_json(&body);
    let name = fields.optional("name", parse::<DisplayName>);
    fields
        .check()
        .map_err(|problems| registry.invalid(Refusal::ApiKeyCreateInvalid, problems))?;
    let name = name.map_or_else(|| registry.default_name("api-key"), Ok)?;
    let (token, key) = registry.new_key(person.human.did.ulid(), name, registry.now());
    let response = ApiKeyCreateResponse {
        api_key: view::api_key(&key, Some(&token)),
    };
    registry.apply(CreateApiKey { key }).await?;
    Ok((StatusCode::CREATED, Json(response)))
}

/// `GET /v1/me/api-keys`.
pub(super) async fn list_keys(
    State(registry): State<Shared>,
    person: Person,
) -> Result<Json<ApiKeyListResponse>, ApiError> {
    let keys = registry
        .find(ApiKeysOf {
            human: person.human.did.ulid(),
        })
        .await?;
    Ok(Json(ApiKeyListResponse {
        api_keys: keys.iter().map(|key| view::api_key(key, None)).collect(),
    }))
}

/// `DELETE /v1/me/api-keys/:id`.
pub(super) async fn revoke_key(
    State(registry): State<Shared>,
    person: Person,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    let id = registry.path_ulid(path, Refusal::ApiKeyRevokeInvalidPath)?;
    let step = RevokeApiKey {
        human: person.human.did.ulid(),
        id,
    };
    registry.run(step, |NotFound| Refusal::ApiKeyNotFound).await?;
    Ok(StatusCode::NO_CONTENT)
}
