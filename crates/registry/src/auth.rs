//! Who is calling: people by API key, services by id and secret, strangers by address.

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderName, header::AUTHORIZATION, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use chancery_base::Millis;
use chancery_identity::token::{ApiKey as ApiKeyKind, ServiceSecret, Token};
use chancery_relay_wire::{
    header,
    registry::{HumanStatus, Role, Status},
};
use chancery_serve::{ApiError, ClientAddr, RateLimit};

use crate::{
    engine::{Engine, Rates, Shared},
    error::Refusal,
    limits::LAST_USED_RESOLUTION_MS,
    store::{
        commands::{TouchApiKey, TouchService},
        model::{ApiKey, Human, Service},
        queries::{ApiKeysByPrefix, ServiceById},
    },
};

/// Scopes that a service can have.
pub(crate) mod scope {
    /// Ask who owns an agent.
    pub(crate) const IDENTITY_READ: &str = "identity.read";
    /// Ask who is in a group.
    pub(crate) const GROUPS_READ: &str = "groups.read";
    /// Read the revocation feed.
    pub(crate) const REVOCATIONS_READ: &str = "revocations.read";
    /// All of them.
    pub(crate) const ALL: &[&str] = &[IDENTITY_READ, GROUPS_READ, REVOCATIONS_READ];
}

/// A person who proved to hold an API key that is in force. As an extractor it comes before the body.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) human: Human,
    pub(crate) key: ApiKey,
}

impl Person {
    /// Refuses everybody but administrators.
    pub(crate) fn require_admin(&self, refusal: Refusal) -> Result<(), Refusal> {
        if self.human.role == Role::Admin {
            Ok(())
        } else {
            Err(refusal)
        }
    }
}

impl FromRequestParts<Shared> for Person {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, registry: &Shared) -> Result<Self, ApiError> {
        registry.person(&parts.headers).await
    }
}

/// The value of a header that occurs exactly once and is text.
pub(crate) fn single(headers: &HeaderMap, name: impl TryInto<HeaderName>) -> Option<&str> {
    let name = name.try_into().ok()?;
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    value.to_str().ok()
}

impl Engine {
    async fn person(&self, headers: &HeaderMap) -> Result<Person, ApiError> {
        let header = single(headers, AUTHORIZATION).ok_or(Refusal::ApiKeyMissing)?;
        let (scheme, text) = header.split_once(' ').ok_or(Refusal::ApiKeyMissing)?;
        let text = text.trim();
        if !scheme.eq_ignore_ascii_case("bearer") || text.is_empty() {
            return Err(Refusal::ApiKeyMissing.into());
        }
        let token: Token<ApiKeyKind> = text.parse().map_err(|_| Refusal::ApiKeyInvalid)?;
        let found = self
            .find(ApiKeysByPrefix {
                prefix: token.prefix().to_owned(),
            })
            .await?;
        let found = found.into_iter().find(|(key, _)| token.matches(&key.token.hash));
        let (key, human) = found.ok_or(Refusal::ApiKeyInvalid)?;
        if key.status != Status::Active {
            return Err(Refusal::ApiKeyRevoked.into());
        }
        if human.status != HumanStatus::Active {
            return Err(Refusal::ApiKeyInvalid.into());
        }
        let now = self.now();
        if stale(key.last_used_at, now) {
            self.apply(TouchApiKey { id: key.id, now }).await?;
        }
        Ok(Person { human, key })
    }

    /// The service that calls, when its credentials are in force and it may do `scope`.
    pub(crate) async fn service(&self, headers: &HeaderMap, scope: &str) -> Result<Service, ApiError> {
        let service = self
            .authenticate_service(headers)
            .await?
            .ok_or(Refusal::ServiceUnauthorized)?;
        if !service.scopes.iter().any(|held| held == scope) {
            return Err(Refusal::ServiceForbidden.into());
        }
        let now = self.now();
        if stale(service.last_used_at, now) {
            self.apply(TouchService {
                id: service.id.clone(),
                now,
            })
            .await?;
        }
        Ok(service)
    }

    async fn authenticate_service(&self, headers: &HeaderMap) -> Result<Option<Service>, ApiError> {
        let (Some(id), Some(secret)) = (
            single(headers, header::SERVICE_ID),
            single(headers, header::SERVICE_SECRET),
        ) else {
            return Ok(None);
        };
        let Ok(secret) = secret.trim().parse::<Token<ServiceSecret>>() else {
            return Ok(None);
        };
        let found = self
            .find(ServiceById {
                id: id.trim().to_owned(),
            })
            .await?;
        Ok(found.filter(|service| secret.matches(&service.secret.hash) && service.status == Status::Active))
    }

    /// Counts a request of a stranger; services that authenticate are not counted.
    async fn admit(&self, limit: &RateLimit, headers: &HeaderMap, client: ClientAddr) -> Result<(), ApiError> {
        if headers.contains_key(header::SERVICE_SECRET) && self.authenticate_service(headers).await?.is_some() {
            return Ok(());
        }
        Ok(limit.check(&client.network().to_string(), self.now())?)
    }
}

/// Whether a use at `now` is to be noted.
fn stale(last: Option<Millis>, now: Millis) -> bool {
    last.is_none_or(|last| now.since(last).abs() >= LAST_USED_RESOLUTION_MS)
}

/// A limit in front of a route.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) registry: Shared,
    pub(crate) limit: fn(&Rates) -> &RateLimit,
}

/// Lets a request through when its address has not used up the limit.
pub(crate) async fn gate(State(gate): State<Gate>, client: ClientAddr, request: Request, next: Next) -> Response {
    let limit = (gate.limit)(&gate.registry.rates);
    match gate.registry.admit(limit, request.headers(), client).await {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}
