//! What the relay needs from outside: the registry's word on tokens and people, and its feed of revocations.

use std::sync::Arc;

use chancery_base::Ulid;
use chancery_identity::{AgentDid, HumanDid, Origin, key_set::KeySet};
use chancery_relay_wire::registry::{FeedEvent, Status};
use futures_util::{future::BoxFuture, stream::BoxStream};

/// The registry could not be asked, or did not answer as one.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the registry is unavailable: {0}")]
pub struct Unavailable(pub String);

/// Why an access token is not good.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// Unknown, revoked, of another agent, or expired.
    #[error("the access token is not valid")]
    Invalid,
    /// Nobody could say.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why ownership could not be told.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum OwnershipError {
    /// The registry refuses this relay's credentials.
    #[error("the registry refuses this relay's service credentials")]
    Unauthorized,
    /// Nobody could say.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Whether somebody owns an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ownership {
    /// Whether the person owns the agent.
    pub owns_agent: bool,
    /// The agent's status, when it exists.
    pub agent_status: Option<Status>,
}

/// The registry as the relay sees it.
pub trait Directory: Send + Sync + 'static {
    /// Issuer of the identity tokens that this relay believes.
    fn issuer(&self) -> &Origin;

    /// The registry's keys; with `fresh`, fetched now instead of from a cache (at most one fetch at a time).
    fn keys(&self, fresh: bool) -> BoxFuture<'_, Result<Arc<KeySet>, Unavailable>>;

    /// Whether `access_token` is a good access token of `agent` under the identity token `jti`.
    fn validate<'a>(
        &'a self,
        agent: &'a AgentDid,
        jti: Ulid,
        access_token: &'a str,
    ) -> BoxFuture<'a, Result<(), AccessError>>;

    /// Whether `owner` owns `agent`.
    fn ownership<'a>(
        &'a self,
        owner: &'a HumanDid,
        agent: &'a AgentDid,
    ) -> BoxFuture<'a, Result<Ownership, OwnershipError>>;
}

/// The registry's feed of revocations.
pub trait Revocations: Send + Sync + 'static {
    /// Events after position `after`, as they come. The stream ends when the connection does; the relay calls again.
    fn follow(&self, after: u64) -> BoxFuture<'_, Result<BoxStream<'static, FeedEvent>, Unavailable>>;
}
