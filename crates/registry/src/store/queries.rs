//! What the registry asks its store. A query sees one state and changes nothing.

use chancery_base::{Millis, Ulid};
use chancery_identity::AgentDid;
use chancery_relay_wire::registry::Status;

use super::model::{Agent, ApiKey, Challenge, Human, Revocation, Service, Session};

/// A question to the store.
pub(crate) trait Query: Send + 'static {
    /// The answer.
    type Found: Send + 'static;
}

macro_rules! queries {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? } -> $found:ty;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone)]
            pub(crate) struct $name { $(pub(crate) $field: $type),* }

            impl Query for $name {
                type Found = $found;
            }
        )*
    };
}

queries! {
    /// API keys whose token begins with `prefix`, with their owners.
    ApiKeysByPrefix { prefix: String } -> Vec<(ApiKey, Human)>;
    /// API keys of a person, newest first.
    ApiKeysOf { human: Ulid } -> Vec<ApiKey>;
    /// A challenge of `owner`.
    ChallengeOf { owner: Ulid, id: Ulid } -> Option<Challenge>;
    /// An agent.
    AgentById { id: Ulid } -> Option<Agent>;
    /// Agents of `owner` with ids below `cursor`, newest first.
    AgentsOf { owner: Ulid, status: Option<Status>, framework: Option<String>, cursor: Option<Ulid>, limit: u32 }
        -> Vec<Agent>;
    /// What validating an access token looks at.
    SessionOf { agent: AgentDid } -> Option<SessionView>;
    /// A service.
    ServiceById { id: String } -> Option<Service>;
    /// All services, newest first.
    Services {} -> Vec<Service>;
    /// Positions after `after`, oldest first.
    RevocationsAfter { after: u64, limit: u32 } -> Vec<Revocation>;
    /// The last position of the feed, 0 when it is empty.
    LastSeq {} -> u64;
    /// Identity tokens taken back that had not expired by `expired_before`, newest first.
    RevokedTokens { expired_before: Millis } -> Vec<Revocation>;
}

/// An agent with what decides whether it may act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionView {
    /// The agent.
    pub(crate) agent: Agent,
    /// Whether its owner may act.
    pub(crate) owner_active: bool,
    /// Its session.
    pub(crate) session: Option<Session>,
}
