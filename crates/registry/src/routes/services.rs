//! Administering internal services.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
};
use chancery_base::Millis;
use chancery_identity::token::{ServiceSecret, Token};
use chancery_relay_wire::registry::Status;
use chancery_serve::ApiError;
use serde_json::{Value, json};

use super::body::{Fields, Problems};
use crate::{
    auth::{Person, scope},
    config::is_service_id,
    engine::{Engine, Shared},
    error::Refusal,
    store::{
        commands::{AlreadyExists, CreateService, RotateRefusal, RotateService},
        model::Service,
        queries::Services,
    },
};

/// Two to 64 letters, digits, hyphens and underscores, beginning with a letter or digit.
fn name(text: &str) -> Result<String, &'static str> {
    let sound = (2..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if sound {
        Ok(text.to_owned())
    } else {
        Err("must have 2 to 64 letters, digits, '-' and '_', and begin with a letter or digit")
    }
}

fn body(service: &Service) -> Value {
    json!({
        "id": service.id,
        "name": service.name,
        "scopes": service.scopes,
        "status": service.status,
        "createdAt": service.created_at.to_rfc3339(),
        "updatedAt": service.updated_at.to_rfc3339(),
        "rotatedAt": service.rotated_at.map(Millis::to_rfc3339),
        "lastUsedAt": service.last_used_at.map(Millis::to_rfc3339),
    })
}

fn with_secret(service: &Service, secret: &Token<ServiceSecret>) -> Value {
    let mut body = body(service);
    if let Some(members) = body.as_object_mut() {
        members.insert("secret".to_owned(), secret.expose().into());
    }
    json!({ "internalService": body })
}

/// `POST /v1/admin/internal-services`.
pub(super) async fn create(
    State(registry): State<Shared>,
    person: Person,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    person.require_admin(Refusal::ServiceCreateForbidden)?;
    let mut fields = Fields::of_json(&body);
    let name = fields.required("name", name);
    let scopes = fields.texts("scopes");
    if let Some(scopes) = &scopes {
        if scopes.is_empty() {
            fields.wrong::<()>("scopes", "scopes must not be empty".to_owned());
        }
        if let Some(unknown) = scopes.iter().find(|held| !scope::ALL.contains(&held.as_str())) {
            let known = scope::ALL.join(", ");
            fields.wrong::<()>("scopes", format!("{unknown:?} is not a scope; there are {known}"));
        }
    }
    let checked = fields.check();
    let (Ok(()), Some(name), Some(mut scopes)) = (&checked, name, scopes) else {
        return Err(registry.invalid(Refusal::ServiceInvalid, checked.err().unwrap_or_default()));
    };
    scopes.sort_unstable();
    scopes.dedup();
    let now = registry.now();
    let secret = Token::<ServiceSecret>::generate(&registry.rng);
    let service = Service {
        id: registry.ulid(now).to_string(),
        name,
        secret: secret.stored(),
        scopes,
        status: Status::Active,
        created_by: person.human.did.ulid(),
        rotated_at: None,
        last_used_at: None,
        created_at: now,
        updated_at: now,
    };
    let response = with_secret(&service, &secret);
    registry
        .run(CreateService { service }, |AlreadyExists| Refusal::ServiceAlreadyExists)
        .await?;
    Ok((StatusCode::CREATED, Json(response)))
}

/// `GET /v1/admin/internal-services`.
pub(super) async fn list(State(registry): State<Shared>, person: Person) -> Result<Json<Value>, ApiError> {
    person.require_admin(Refusal::ServiceListForbidden)?;
    let services = registry.find(Services {}).await?;
    Ok(Json(
        json!({ "internalServices": services.iter().map(body).collect::<Vec<_>>() }),
    ))
}

/// `POST /v1/admin/internal-services/:id/rotate`. The old secret ends at once, and with it the feeds it opened.
pub(super) async fn rotate(
    State(registry): State<Shared>,
    person: Person,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, ApiError> {
    person.require_admin(Refusal::ServiceRotateForbidden)?;
    // the first service's id comes from the configuration and need not be a ULID
    let id = path
        .ok()
        .map(|Path(id)| id)
        .filter(|id| is_service_id(id))
        .ok_or_else(|| {
            let what = "id must be 1 to 128 visible ASCII characters";
            registry.invalid(Refusal::ServiceInvalidPath, Problems::of("id", what))
        })?;
    let secret = Token::<ServiceSecret>::generate(&registry.rng);
    let step = RotateService {
        id,
        secret: secret.stored(),
        now: registry.now(),
    };
    let engine = Shared::clone(&registry);
    let rotated = Engine::to_the_end(async move {
        let refusal = |why| match why {
            RotateRefusal::NotFound => Refusal::ServiceNotFound,
            RotateRefusal::InvalidState => Refusal::ServiceInvalidState,
        };
        let service = engine.run(step, refusal).await?;
        engine.feed.credentials_changed();
        Ok(service)
    });
    let service = rotated.await?;
    Ok(Json(with_secret(&service, &secret)))
}
