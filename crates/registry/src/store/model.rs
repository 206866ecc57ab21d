//! What the registry keeps, one struct a table.

use std::fmt;

use chancery_base::{Millis, Ulid, ed25519::PublicKey};
use chancery_identity::{
    AgentDid, HumanDid,
    name::{AgentName, DisplayName, Framework},
    revocation::Scope,
    token::StoredToken,
};
use chancery_relay_wire::registry::{HumanStatus, Role, Status};

/// A person. Its id is the ULID of its DID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Human {
    pub(crate) did: HumanDid,
    pub(crate) display_name: DisplayName,
    pub(crate) role: Role,
    pub(crate) status: HumanStatus,
    pub(crate) created_at: Millis,
    pub(crate) updated_at: Millis,
}

/// An API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiKey {
    pub(crate) id: Ulid,
    pub(crate) human: Ulid,
    pub(crate) token: StoredToken,
    pub(crate) name: DisplayName,
    pub(crate) status: Status,
    pub(crate) created_at: Millis,
    pub(crate) last_used_at: Option<Millis>,
}

/// An invite; its code is kept as a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invite {
    pub(crate) id: Ulid,
    pub(crate) code_hash: String,
    pub(crate) created_by: Ulid,
    pub(crate) redeemed_by: Option<Ulid>,
    pub(crate) expires_at: Option<Millis>,
    pub(crate) created_at: Millis,
}

/// A registration challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) id: Ulid,
    pub(crate) owner: Ulid,
    pub(crate) public_key: PublicKey,
    pub(crate) nonce: String,
    pub(crate) expires_at: Millis,
    pub(crate) used_at: Option<Millis>,
    pub(crate) created_at: Millis,
}

/// An agent. Its id is the ULID of its DID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Agent {
    pub(crate) did: AgentDid,
    pub(crate) owner: HumanDid,
    pub(crate) name: AgentName,
    pub(crate) framework: Framework,
    pub(crate) public_key: PublicKey,
    pub(crate) current_jti: Ulid,
    pub(crate) ttl_days: u32,
    pub(crate) status: Status,
    /// Expiry of the current identity token.
    pub(crate) expires_at: Millis,
    pub(crate) created_at: Millis,
    pub(crate) updated_at: Millis,
}

/// The session of an agent: one a agent, until it is revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) id: Ulid,
    pub(crate) agent: Ulid,
    pub(crate) tokens: SessionTokens,
    /// First use of the current access token, then about every minute.
    pub(crate) access_last_used_at: Option<Millis>,
    /// What the tokens replaced.
    pub(crate) previous: Option<Previous>,
    pub(crate) status: Status,
    pub(crate) revoked_at: Option<Millis>,
    pub(crate) created_at: Millis,
    pub(crate) updated_at: Millis,
}

/// The two tokens of a session as they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionTokens {
    pub(crate) refresh: StoredToken,
    pub(crate) access: StoredToken,
    pub(crate) issued_at: Millis,
    pub(crate) refresh_expires_at: Millis,
    pub(crate) access_expires_at: Millis,
}

/// The refresh token before the current one, which may be presented again for a while: the answer to it may have been
/// lost.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Previous {
    /// SHA-256 of the token in hex.
    pub(crate) hash: String,
    /// End of the grace.
    pub(crate) until: Millis,
    /// The current tokens under a key that only the previous token yields. Wiped when the access token is first used.
    pub(crate) successor: Option<Vec<u8>>,
}

impl fmt::Debug for Previous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Previous")
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

/// One position of the revocation feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Revocation {
    pub(crate) seq: u64,
    pub(crate) agent: AgentDid,
    pub(crate) jti: Ulid,
    pub(crate) scope: Scope,
    pub(crate) reason: Option<String>,
    pub(crate) revoked_at: Millis,
    /// When the token would have expired by itself: afterwards no list need name it.
    pub(crate) token_expires_at: Millis,
}

/// A service that may call internal routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    /// Any text: the first one's comes from the configuration.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) secret: StoredToken,
    pub(crate) scopes: Vec<String>,
    pub(crate) status: Status,
    pub(crate) created_by: Ulid,
    pub(crate) rotated_at: Option<Millis>,
    pub(crate) last_used_at: Option<Millis>,
    pub(crate) created_at: Millis,
    pub(crate) updated_at: Millis,
}

/// What happened to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthEventKind {
    Issued,
    Refreshed,
    Revoked,
    RefreshRejected,
}

impl AuthEventKind {
    /// Its name in the table and on an event bus.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Refreshed => "refreshed",
            Self::Revoked => "revoked",
            Self::RefreshRejected => "refresh_rejected",
        }
    }
}

/// Reasons of revocations and events, as the original names them.
pub(crate) mod reason {
    pub(crate) const AGENT_REVOKED: &str = "agent_revoked";
    pub(crate) const INVALID_REFRESH_TOKEN: &str = "invalid_refresh_token";
    pub(crate) const OWNER_AUTH_REVOKE: &str = "owner_auth_revoke";
    pub(crate) const REFRESH_TOKEN_EXPIRED: &str = "refresh_token_expired";
    pub(crate) const REFRESH_TOKEN_REUSED: &str = "refresh_token_reused";
    pub(crate) const REISSUED: &str = "reissued";
}
