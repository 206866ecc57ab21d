//! The domain commands: one command, one atomic step. Each backend implements every one of them.

use chancery_base::{Millis, Ulid};
use chancery_identity::AgentDid;
use chancery_relay_wire::registry::HumanStatus;

use super::model::{Agent, ApiKey, Challenge, Human, Invite, Service, Session, SessionTokens};
use chancery_identity::token::StoredToken;

/// One atomic step: it does all that it says, or refuses and does nothing.
pub(crate) trait Step: Send + 'static {
    /// What it answers.
    type Done: Send + 'static;
    /// Why it may refuse.
    type Refusal: Send + 'static;
}

/// For steps that refuse nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Never {}

/// Position of the revocation feed that a step wrote, when it wrote one.
pub(crate) type Seq = Option<u64>;

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? } -> $done:ty, or $refusal:ty;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone)]
            pub(crate) struct $name { $(pub(crate) $field: $type),* }

            impl Step for $name {
                type Done = $done;
                type Refusal = $refusal;
            }
        )*
    };
}

steps! {
    /// The service of the configuration exists from the first start on; what an administrator changed since stays.
    EnsureService { service: Service } -> (), or Never;
    /// The first administrator, its key and the service of the configuration.
    Bootstrap { human: Human, key: ApiKey, service: Service } -> (), or BootstrapRefusal;
    /// An invite.
    CreateInvite { invite: Invite } -> (), or Never;
    /// An invite becomes a person with an API key.
    Redeem { code_hash: String, human: Human, key: ApiKey, now: Millis } -> (), or RedeemRefusal;
    /// An API key.
    CreateApiKey { key: ApiKey } -> (), or Never;
    /// Takes back an API key of `human`; once more changes nothing.
    RevokeApiKey { human: Ulid, id: Ulid } -> (), or NotFound;
    /// Notes the use of an API key.
    TouchApiKey { id: Ulid, now: Millis } -> (), or Never;
    /// A person may act, or no longer.
    SetHumanStatus { human: Ulid, status: HumanStatus, now: Millis } -> (), or NotFound;
    /// A registration challenge; forgets the owner's challenges that ended long ago.
    CreateChallenge { challenge: Challenge, forget_before: Millis } -> (), or ChallengeRefusal;
    /// Uses up the challenge, and the agent with its session begins.
    CreateAgent { challenge: Ulid, agent: Agent, session: Session, now: Millis } -> (), or CreateAgentRefusal;
    /// Takes back an agent of `owner`, its identity token and its session.
    RevokeAgent { owner: Ulid, id: Ulid, now: Millis } -> Seq, or NotFound;
    /// Replaces the identity token `expected_jti` of an agent of `owner`.
    Reissue { owner: Ulid, id: Ulid, expected_jti: Ulid, jti: Ulid, expires_at: Millis, now: Millis }
        -> u64, or ReissueRefusal;
    /// Ends the session of an agent of `owner`.
    RevokeSession { owner: Ulid, id: Ulid, now: Millis } -> Seq, or NotFound;
    /// Uses up the nonce and, when all is in order, replaces the tokens of a session.
    Refresh {
        agent: AgentDid, jti: Ulid, nonce: String, remember_until: Millis, presented_hash: String,
        tokens: SessionTokens, successor: Vec<u8>, grace_until: Millis, now: Millis,
    } -> RefreshOutcome, or Never;
    /// Notes the use of an access token; the first use ends the grace of the previous refresh token.
    TouchAccess { agent: Ulid, access_hash: String, now: Millis } -> (), or Never;
    /// A service.
    CreateService { service: Service } -> (), or AlreadyExists;
    /// A new secret for a service.
    RotateService { id: String, secret: StoredToken, now: Millis } -> Service, or RotateRefusal;
    /// Notes the use of a service's secret.
    TouchService { id: String, now: Millis } -> (), or Never;
}

/// There is no such thing, or it belongs to somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotFound;

/// The name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AlreadyExists;

/// Why there is no first administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BootstrapRefusal {
    /// There is one already.
    AlreadyCompleted,
}

/// Why an invite is not redeemed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RedeemRefusal {
    /// No such code.
    Unknown,
    /// Redeemed before.
    AlreadyUsed,
    /// Too late.
    Expired,
}

/// Why there is no challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChallengeRefusal {
    /// The owner has too many open ones.
    TooMany,
}

/// Why an agent is not created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CreateAgentRefusal {
    /// No such challenge of this owner.
    ChallengeNotFound,
    /// The challenge is used up.
    ChallengeReplayed,
    /// The challenge has expired.
    ChallengeExpired,
    /// The owner has an active agent of that name.
    NameTaken,
    /// An active agent has that key.
    KeyTaken,
}

/// Why an identity token is not replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReissueRefusal {
    /// No such agent of this owner.
    NotFound,
    /// The agent is revoked, or its token was replaced meanwhile.
    InvalidState,
}

/// Why a secret is not replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RotateRefusal {
    /// No such service.
    NotFound,
    /// The service is revoked.
    InvalidState,
}

/// What became of a refresh. In every case but the first two the nonce is used up, so it is no refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RefreshOutcome {
    /// The nonce was used before.
    Replayed,
    /// The agent has used too many nonces lately.
    TooManyNonces,
    /// No such agent, or it is revoked, or its owner is suspended, or the identity token is not its current one; or the
    /// token is not the session's.
    Invalid,
    /// The session is revoked.
    Revoked,
    /// The refresh token has expired; the session is revoked.
    Expired {
        /// Position in the feed.
        seq: u64,
    },
    /// The new tokens are in force.
    Rotated,
    /// The previous token was presented within its grace: the current tokens, sealed under it.
    Successor {
        /// Sealed tokens.
        sealed: Vec<u8>,
        /// The current session tokens as they are kept.
        tokens: SessionTokens,
    },
}
