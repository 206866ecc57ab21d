//! The first administrator.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use chancery_base::{Millis, Ulid, digest};
use chancery_identity::{
    HumanDid,
    name::DisplayName,
    token::{ApiKey as ApiKeyKind, Token},
};
use chancery_relay_wire::{
    header,
    registry::{BootstrapResponse, HumanStatus, Role, ServiceRef, Status},
};
use chancery_serve::ApiError;

use super::{
    body::{Fields, parse},
    view,
};
use crate::{
    auth::{scope, single},
    config::Config,
    engine::{Engine, Shared},
    error::Refusal,
    store::{
        commands::{Bootstrap, BootstrapRefusal},
        model::{ApiKey, Human, Service},
    },
};

/// Name of the service that the relay calls as.
const SERVICE_NAME: &str = "proxy-pairing";

/// The service of the configuration, as it is kept.
pub(crate) fn service_row(config: &Config, now: Millis) -> Option<Service> {
    config.bootstrap_service.as_ref().map(|service| Service {
        id: service.id.clone(),
        name: SERVICE_NAME.to_owned(),
        secret: service.secret.stored(),
        scopes: vec![scope::IDENTITY_READ.to_owned(), scope::REVOCATIONS_READ.to_owned()],
        status: Status::Active,
        created_by: Ulid::NIL,
        rotated_at: None,
        last_used_at: None,
        created_at: now,
        updated_at: now,
    })
}

impl Engine {
    /// A new API key of `human`: its token, and what is kept of it.
    pub(super) fn new_key(&self, human: Ulid, name: DisplayName, now: Millis) -> (Token<ApiKeyKind>, ApiKey) {
        let token = Token::<ApiKeyKind>::generate(&self.rng);
        let row = ApiKey {
            id: self.ulid(now),
            human,
            token: token.stored(),
            name,
            status: Status::Active,
            created_at: now,
            last_used_at: None,
        };
        (token, row)
    }

    /// A new person.
    pub(super) fn new_human(&self, id: Ulid, display_name: DisplayName, role: Role, now: Millis) -> Human {
        Human {
            did: HumanDid::new(&self.authority, id),
            display_name,
            role,
            status: HumanStatus::Active,
            created_at: now,
            updated_at: now,
        }
    }
}

/// `POST /v1/admin/bootstrap`.
pub(super) async fn bootstrap(
    State(registry): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<BootstrapResponse>), ApiError> {
    let expected = registry
        .config
        .bootstrap_secret
        .as_ref()
        .ok_or(Refusal::BootstrapDisabled)?;
    let given = single(&headers, header::BOOTSTRAP_SECRET).ok_or(Refusal::BootstrapUnauthorized)?;
    // hashed first, so that not even the length can be told from the time it takes
    if !digest::secrets_equal(&digest::sha256(given), &digest::sha256(expected.expose())) {
        return Err(Refusal::BootstrapUnauthorized.into());
    }
    let mut fields = Fields::of_json(&body);
    let display_name = fields.optional("displayName", parse::<DisplayName>);
    let key_name = fields.optional("apiKeyName", parse::<DisplayName>);
    fields
        .check()
        .map_err(|problems| registry.invalid(Refusal::BootstrapInvalid, problems))?;

    let now = registry.now();
    let service = service_row(&registry.config, now).ok_or(Refusal::ServiceConfigInvalid)?;
    let internal_service = ServiceRef {
        id: service.id.clone(),
        name: service.name.clone(),
    };
    let display_name = display_name.map_or_else(|| registry.default_name("Admin"), Ok)?;
    let key_name = key_name.map_or_else(|| registry.default_name("bootstrap-admin"), Ok)?;
    let human = registry.new_human(Ulid::NIL, display_name, Role::Admin, now);
    let (token, key) = registry.new_key(Ulid::NIL, key_name, now);
    let response = BootstrapResponse {
        human: view::human(&human),
        api_key: view::new_key(&key, &token),
        internal_service,
    };
    let step = Bootstrap { human, key, service };
    registry
        .run(step, |BootstrapRefusal::AlreadyCompleted| {
            Refusal::BootstrapAlreadyCompleted
        })
        .await?;
    Ok((StatusCode::CREATED, Json(response)))
}

impl Engine {
    /// The name that an absent member stands for.
    pub(super) fn default_name(&self, name: &'static str) -> Result<DisplayName, ApiError> {
        name.parse()
            .map_err(|_| ApiError::internal(format!("the default {name:?} breaks the rule of names")))
    }
}
