//! The registry's API, typed.

use chancery_base::{Ulid, ed25519::PublicKey};
use chancery_identity::{Origin, key_set::KeySet};
use chancery_relay_wire::{
    header,
    registry::{
        AgentCreateRequest, AgentCreateResponse, AgentListResponse, ApiKeyCreateRequest, ApiKeyCreateResponse,
        ApiKeyListResponse, BootstrapRequest, BootstrapResponse, ChallengeRequest, ChallengeResponse, CrlResponse,
        InternalOwnershipRequest, InternalOwnershipResponse, InviteCreateRequest, InviteCreateResponse, MeResponse,
        Metadata, OwnershipResponse, RedeemRequest, RedeemResponse, RefreshRequest, RefreshResponse, ReissueResponse,
        ResolveResponse, Status, ValidateRequest,
    },
    route,
};
use reqwest::Method;

use crate::{
    error::HttpError,
    feed::RevocationFeed,
    http::{Answer, Auth, HttpClient, Request},
    signer::AgentSigner,
};

/// Longest revocation list that is read, bytes: about 150,000 entries.
pub const MAX_CRL_BYTES: usize = 16 * 1024 * 1024;

/// What a service shows to the registry.
#[derive(Clone, Copy)]
pub struct ServiceCredential<'a> {
    /// Id of the service.
    pub id: &'a str,
    /// Its secret.
    pub secret: &'a str,
}

/// Which agents `GET /v1/agents` lists.
#[derive(Debug, Clone, Default)]
pub struct AgentFilter {
    /// Only those of this status.
    pub status: Option<Status>,
    /// Only those of this framework.
    pub framework: Option<String>,
    /// Entries a page, 1 to 100; 20 when absent.
    pub limit: Option<u32>,
    /// Where the page begins.
    pub cursor: Option<Ulid>,
}

/// A registry. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RegistryClient {
    http: HttpClient,
    origin: Origin,
}

/// Every call fails with [`HttpError`]: `Remote` when the registry refused, `Unreachable` or `Timeout` when it is away,
/// `Unexpected` when it answered something else.
#[allow(clippy::missing_errors_doc, reason = "the same for all, said above")]
impl RegistryClient {
    /// The registry at `origin`.
    #[must_use]
    pub fn new(http: HttpClient, origin: Origin) -> Self {
        Self { http, origin }
    }

    /// Where it is.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    async fn send(&self, request: Request<'_>) -> Result<Answer, HttpError> {
        self.http.send(&self.origin, request).await
    }

    /// `GET /health`, whatever it answers.
    pub async fn health(&self) -> Result<Answer, HttpError> {
        self.send(Request::get(route::HEALTH, Auth::None)).await
    }

    /// `GET /v1/metadata`.
    pub async fn metadata(&self) -> Result<Metadata, HttpError> {
        self.send(Request::get(route::METADATA, Auth::None)).await?.json()
    }

    /// `GET /.well-known/claw-keys.json`.
    pub async fn keys(&self) -> Result<KeySet, HttpError> {
        self.send(Request::get(route::KEYS, Auth::None)).await?.json()
    }

    /// `GET /v1/crl`: the signed list, or `None` from an old registry that has revoked nothing (404 `CRL_NOT_FOUND`).
    pub async fn crl(&self) -> Result<Option<String>, HttpError> {
        let answer = self
            .send(Request::get(route::CRL, Auth::None).limit(MAX_CRL_BYTES))
            .await?;
        match answer.json::<CrlResponse>() {
            Ok(response) => Ok(Some(response.crl)),
            Err(error) if answer.status == 404 && error.is_code("CRL_NOT_FOUND") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `POST /v1/admin/bootstrap`.
    pub async fn bootstrap(&self, secret: &str, body: &BootstrapRequest) -> Result<BootstrapResponse, HttpError> {
        let request = Request::post(route::BOOTSTRAP, Auth::None, body)?.header(header::BOOTSTRAP_SECRET, secret);
        self.send(request).await?.json()
    }

    /// `POST /v1/invites`.
    pub async fn invite_create(
        &self,
        api_key: &str,
        body: &InviteCreateRequest,
    ) -> Result<InviteCreateResponse, HttpError> {
        self.send(Request::post(route::INVITES, Auth::ApiKey(api_key), body)?)
            .await?
            .json()
    }

    /// `POST /v1/invites/redeem`.
    pub async fn invite_redeem(&self, body: &RedeemRequest) -> Result<RedeemResponse, HttpError> {
        self.send(Request::post(route::INVITE_REDEEM, Auth::None, body)?)
            .await?
            .json()
    }

    /// `POST /v1/agents/challenge`.
    pub async fn challenge(&self, api_key: &str, key: &PublicKey) -> Result<ChallengeResponse, HttpError> {
        let body = ChallengeRequest {
            public_key: key.to_b64(),
        };
        self.send(Request::post(route::AGENT_CHALLENGE, Auth::ApiKey(api_key), &body)?)
            .await?
            .json()
    }

    /// `POST /v1/agents`.
    pub async fn agent_create(
        &self,
        api_key: &str,
        body: &AgentCreateRequest,
    ) -> Result<AgentCreateResponse, HttpError> {
        self.send(Request::post(route::AGENTS, Auth::ApiKey(api_key), body)?)
            .await?
            .json()
    }

    /// `GET /v1/agents`: one page of the caller's agents.
    pub async fn agents(&self, api_key: &str, filter: &AgentFilter) -> Result<AgentListResponse, HttpError> {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if let Some(status) = filter.status {
            query.append_pair("status", if status == Status::Active { "active" } else { "revoked" });
        }
        if let Some(framework) = &filter.framework {
            query.append_pair("framework", framework);
        }
        if let Some(limit) = filter.limit {
            query.append_pair("limit", &limit.to_string());
        }
        if let Some(cursor) = filter.cursor {
            query.append_pair("cursor", &cursor.to_string());
        }
        let query = query.finish();
        let target = if query.is_empty() {
            route::AGENTS.to_owned()
        } else {
            format!("{}?{query}", route::AGENTS)
        };
        self.send(Request::get(&target, Auth::ApiKey(api_key))).await?.json()
    }

    /// `DELETE /v1/agents/:id`. Idempotent.
    pub async fn agent_revoke(&self, api_key: &str, id: Ulid) -> Result<(), HttpError> {
        let target = with_id(route::AGENT, id);
        self.send(Request::new(Method::DELETE, &target, Auth::ApiKey(api_key)))
            .await?
            .success()
    }

    /// `POST /v1/agents/:id/reissue`.
    pub async fn agent_reissue(&self, api_key: &str, id: Ulid) -> Result<ReissueResponse, HttpError> {
        let target = with_id(route::AGENT_REISSUE, id);
        self.send(Request::new(Method::POST, &target, Auth::ApiKey(api_key)))
            .await?
            .json()
    }

    /// `GET /v1/agents/:id/ownership`.
    pub async fn agent_ownership(&self, api_key: &str, id: Ulid) -> Result<OwnershipResponse, HttpError> {
        let target = with_id(route::AGENT_OWNERSHIP, id);
        self.send(Request::get(&target, Auth::ApiKey(api_key))).await?.json()
    }

    /// `DELETE /v1/agents/:id/auth/revoke`: ends the agent's session only. Idempotent.
    pub async fn agent_auth_revoke(&self, api_key: &str, id: Ulid) -> Result<(), HttpError> {
        let target = with_id(route::AGENT_AUTH_REVOKE, id);
        self.send(Request::new(Method::DELETE, &target, Auth::ApiKey(api_key)))
            .await?
            .success()
    }

    /// `POST /v1/agents/auth/refresh`.
    pub async fn agent_auth_refresh(
        &self,
        signer: &AgentSigner,
        body: &RefreshRequest,
    ) -> Result<RefreshResponse, HttpError> {
        self.send(Request::post(route::AGENT_AUTH_REFRESH, Auth::Agent(signer), body)?)
            .await?
            .json()
    }

    /// `POST /v1/agents/auth/validate`. The service credential, when given, exempts the caller from the public limit.
    pub async fn agent_auth_validate(
        &self,
        access_token: &str,
        body: &ValidateRequest,
        service: Option<ServiceCredential<'_>>,
    ) -> Result<(), HttpError> {
        let mut request =
            Request::post(route::AGENT_AUTH_VALIDATE, Auth::None, body)?.header(header::AGENT_ACCESS, access_token);
        if let Some(service) = service {
            request = request
                .header(header::SERVICE_ID, service.id)
                .header(header::SERVICE_SECRET, service.secret);
        }
        self.send(request).await?.success()
    }

    /// `GET /v1/resolve/:id`.
    pub async fn resolve(&self, id: Ulid) -> Result<ResolveResponse, HttpError> {
        self.send(Request::get(&with_id(route::RESOLVE, id), Auth::None))
            .await?
            .json()
    }

    /// `GET /v1/me`.
    pub async fn me(&self, api_key: &str) -> Result<MeResponse, HttpError> {
        self.send(Request::get(route::ME, Auth::ApiKey(api_key))).await?.json()
    }

    /// `POST /v1/me/api-keys`.
    pub async fn api_key_create(
        &self,
        api_key: &str,
        body: &ApiKeyCreateRequest,
    ) -> Result<ApiKeyCreateResponse, HttpError> {
        self.send(Request::post(route::API_KEYS, Auth::ApiKey(api_key), body)?)
            .await?
            .json()
    }

    /// `GET /v1/me/api-keys`.
    pub async fn api_keys(&self, api_key: &str) -> Result<ApiKeyListResponse, HttpError> {
        self.send(Request::get(route::API_KEYS, Auth::ApiKey(api_key)))
            .await?
            .json()
    }

    /// `DELETE /v1/me/api-keys/:id`. Idempotent.
    pub async fn api_key_revoke(&self, api_key: &str, id: Ulid) -> Result<(), HttpError> {
        let target = with_id(route::API_KEY, id);
        self.send(Request::new(Method::DELETE, &target, Auth::ApiKey(api_key)))
            .await?
            .success()
    }

    /// `POST /internal/v1/identity/agent-ownership`.
    pub async fn ownership(
        &self,
        service: ServiceCredential<'_>,
        body: &InternalOwnershipRequest,
    ) -> Result<InternalOwnershipResponse, HttpError> {
        let request = Request::post(route::AGENT_OWNERSHIP_INTERNAL, Auth::None, body)?
            .header(header::SERVICE_ID, service.id)
            .header(header::SERVICE_SECRET, service.secret);
        self.send(request).await?.json()
    }

    /// `GET /internal/v1/revocations?after=SEQ`: what happens after position `after`, as it happens.
    pub async fn revocations(&self, service: ServiceCredential<'_>, after: u64) -> Result<RevocationFeed, HttpError> {
        let target = format!("{}?after={after}", route::REVOCATIONS);
        let request = Request::get(&target, Auth::None)
            .header("accept", "text/event-stream")
            .header(header::SERVICE_ID, service.id)
            .header(header::SERVICE_SECRET, service.secret);
        RevocationFeed::open(&self.http, &self.origin, request).await
    }
}

fn with_id(route: &str, id: Ulid) -> String {
    route.replace("{id}", &id.to_string())
}
