//! HTTP bodies of the registry. Optional members of requests may be `null`, which means absent.
//!
//! Requests hold plain text where the registry must answer with the name of the member that is wrong; it checks them
//! against the types of `chancery-identity`.

use chancery_base::{Ulid, ed25519::PublicKey};
use chancery_identity::{
    AgentDid, HumanDid,
    name::{AgentName, DisplayName, Framework},
};
use serde::{Deserialize, Serialize};

/// Role of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May invite and administer.
    Admin,
    /// May have agents.
    User,
}

/// Whether a person may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HumanStatus {
    /// Yes.
    Active,
    /// No.
    Suspended,
}

/// Whether an agent or key is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Yes.
    Active,
    /// Taken back, for good.
    Revoked,
}

/// `GET /v1/metadata`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Always `ok`.
    pub status: String,
    /// `local`, `development` or `production`.
    pub environment: String,
    /// Version of the server.
    pub version: String,
    /// The registry's origin.
    pub registry_url: String,
    /// Its relay's origin.
    pub proxy_url: String,
}

/// A person.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Human {
    /// Id within the registry.
    pub id: Ulid,
    /// DID.
    pub did: HumanDid,
    /// Name.
    pub display_name: DisplayName,
    /// Role.
    pub role: Role,
    /// Whether the person may act.
    pub status: HumanStatus,
}

/// An API key at the only moment when its token is known.
#[derive(Clone, Serialize, Deserialize)]
pub struct NewApiKey {
    /// Id.
    pub id: Ulid,
    /// Name.
    pub name: String,
    /// The token.
    pub token: String,
}

/// `POST /v1/admin/bootstrap`, request.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BootstrapRequest {
    /// Name of the API key; `bootstrap-admin` when absent.
    pub api_key_name: Option<String>,
    /// Name of the administrator; `Admin` when absent.
    pub display_name: Option<String>,
}

/// `POST /v1/admin/bootstrap`, response.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BootstrapResponse {
    /// The administrator.
    pub human: Human,
    /// The API key.
    pub api_key: NewApiKey,
    /// The service that the relay calls as.
    pub internal_service: ServiceRef,
}

/// A service by id and name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServiceRef {
    /// Id; any text.
    pub id: String,
    /// Name.
    pub name: String,
}

/// `POST /v1/invites`, request.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InviteCreateRequest {
    /// RFC 3339 time in the future; never when absent.
    pub expires_at: Option<String>,
}

/// `POST /v1/invites`, response.
#[derive(Clone, Serialize, Deserialize)]
pub struct InviteCreateResponse {
    /// The invite.
    pub invite: Invite,
}

/// An invite at the only moment when its code is known.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Invite {
    /// Id.
    pub id: Ulid,
    /// The code.
    pub code: String,
    /// Who created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<Ulid>,
    /// When it expires, RFC 3339.
    #[serde(default)]
    pub expires_at: Option<String>,
    /// When it was created, RFC 3339.
    pub created_at: String,
}

/// `POST /v1/invites/redeem`, request.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RedeemRequest {
    /// Name of the API key; `invite` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_name: Option<String>,
    /// The code.
    #[serde(default)]
    pub code: String,
    /// Name of the person; `User` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

debug_without_secrets!(RedeemRequest: api_key_name, display_name);

/// `POST /v1/invites/redeem`, response.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RedeemResponse {
    /// The person.
    pub human: Human,
    /// The API key.
    pub api_key: NewApiKey,
    /// The relay's origin.
    pub proxy_url: String,
}

/// `POST /v1/agents/challenge`, request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChallengeRequest {
    /// The agent's public key.
    pub public_key: String,
}

/// `POST /v1/agents/challenge`, response.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChallengeResponse {
    /// Id, to send back.
    pub challenge_id: Ulid,
    /// 24 random bytes in base64url.
    pub nonce: String,
    /// DID of the calling person.
    pub owner_did: HumanDid,
    /// RFC 3339.
    pub expires_at: String,
    /// Always `Ed25519`.
    pub algorithm: String,
    /// The text to sign, with its blanks.
    pub message_template: String,
}

/// `POST /v1/agents`, request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentCreateRequest {
    /// From the challenge.
    pub challenge_id: String,
    /// The agent's signature over the registration text.
    pub challenge_signature: String,
    /// Framework; `openclaw` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub framework: Option<String>,
    /// Name.
    pub name: String,
    /// The agent's public key.
    pub public_key: String,
    /// Life of the identity token in days, 1 to 90; 30 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_days: Option<u32>,
}

/// `POST /v1/agents`, response.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentCreateResponse {
    /// The agent.
    pub agent: Agent,
    /// Its identity token.
    pub ait: String,
    /// Its session.
    pub agent_auth: AgentAuth,
}

/// An agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Agent {
    /// Id within the registry: the ULID of the DID.
    pub id: Ulid,
    /// DID.
    pub did: AgentDid,
    /// Owner.
    pub owner_did: HumanDid,
    /// Name.
    pub name: AgentName,
    /// Framework.
    pub framework: Framework,
    /// Public key.
    pub public_key: PublicKey,
    /// Id of its identity token.
    pub current_jti: Ulid,
    /// Life of its identity token in days.
    pub ttl_days: u32,
    /// Whether it is in force.
    pub status: Status,
    /// Expiry of its identity token, RFC 3339.
    pub expires_at: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub updated_at: String,
}

/// Session tokens of an agent.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentAuth {
    /// Always `Bearer`.
    pub token_type: String,
    /// Access token.
    pub access_token: String,
    /// RFC 3339.
    pub access_expires_at: String,
    /// Refresh token.
    pub refresh_token: String,
    /// RFC 3339.
    pub refresh_expires_at: String,
}

/// `POST /v1/agents/auth/refresh`, request.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefreshRequest {
    /// The refresh token.
    pub refresh_token: String,
}

/// `POST /v1/agents/auth/refresh`, response.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefreshResponse {
    /// The next tokens.
    pub agent_auth: AgentAuth,
}

/// `POST /v1/agents/auth/validate`, request; the access token is in a header.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidateRequest {
    /// The agent.
    pub agent_did: AgentDid,
    /// Its identity token.
    pub ait_jti: Ulid,
}

/// `POST /v1/agents/:id/reissue`, response.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReissueResponse {
    /// The agent.
    pub agent: Agent,
    /// Its new identity token.
    pub ait: String,
}

/// `GET /v1/agents/:id/ownership`, response.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnershipResponse {
    /// Whether the caller owns it.
    pub owns_agent: bool,
}

/// `POST /internal/v1/identity/agent-ownership`, request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InternalOwnershipRequest {
    /// The agent.
    pub agent_did: AgentDid,
    /// Its supposed owner.
    pub owner_did: HumanDid,
}

/// `POST /internal/v1/identity/agent-ownership`, response.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InternalOwnershipResponse {
    /// Whether that person owns that agent.
    pub owns_agent: bool,
    /// The agent's status; absent (`null`) when it does not exist.
    pub agent_status: Option<Status>,
}

/// `GET /v1/resolve/:id`, response.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResolveResponse {
    /// DID.
    pub did: AgentDid,
    /// Name.
    pub name: AgentName,
    /// Framework.
    pub framework: Framework,
    /// Whether it is in force.
    pub status: Status,
    /// Owner.
    pub owner_did: HumanDid,
}

/// One line of `GET /v1/agents`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AgentListItem {
    /// Id.
    pub id: Ulid,
    /// DID.
    pub did: AgentDid,
    /// Name.
    pub name: AgentName,
    /// Whether it is in force.
    pub status: Status,
    /// Expiry of its identity token, RFC 3339.
    pub expires: Option<String>,
}

/// `GET /v1/agents`, response.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AgentListResponse {
    /// Newest first.
    pub agents: Vec<AgentListItem>,
    /// Where the next page begins.
    pub pagination: Pagination,
}

/// Position in a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pagination {
    /// Entries a page.
    pub limit: u32,
    /// Value of `cursor` for the next page; `null` at the end.
    pub next_cursor: Option<Ulid>,
}

/// `GET /v1/me`, response.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MeResponse {
    /// The calling person.
    pub human: Me,
}

/// The calling person.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// Id.
    pub id: Ulid,
    /// DID.
    pub did: HumanDid,
    /// Name.
    pub display_name: DisplayName,
    /// Role.
    pub role: Role,
    /// The key of this call.
    pub api_key: ApiKeyRef,
}

/// An API key by id and name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApiKeyRef {
    /// Id.
    pub id: Ulid,
    /// Name.
    pub name: String,
}

/// `POST /v1/me/api-keys`, request.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ApiKeyCreateRequest {
    /// Name; `api-key` when absent.
    pub name: Option<String>,
}

/// An API key.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Id.
    pub id: Ulid,
    /// Name.
    pub name: String,
    /// Whether it is in force.
    pub status: Status,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339; `null` when it was never used.
    #[serde(default)]
    pub last_used_at: Option<String>,
    /// The token, only in the answer to its creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// `POST /v1/me/api-keys`, response.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyCreateResponse {
    /// The key.
    pub api_key: ApiKey,
}

/// `GET /v1/me/api-keys`, response.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyListResponse {
    /// All keys of the caller.
    pub api_keys: Vec<ApiKey>,
}

/// `GET /v1/crl`, response.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CrlResponse {
    /// The signed list.
    pub crl: String,
}

/// `data` of one server-sent event of the revocation feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FeedEvent {
    /// A signed entry (`chancery_identity::revocation`); its `seq` is the event's id.
    Entry {
        /// Compact JWS.
        token: String,
    },
    /// Nothing new; `seq` is the last position. Every 250 ms.
    Heartbeat {
        /// Last position of the feed.
        seq: u64,
    },
    /// The reader asked for a position beyond the feed's end (the registry was restored from a copy): it must forget what
    /// it knows and read from the beginning.
    Reset {
        /// Last position of the feed.
        seq: u64,
    },
}
