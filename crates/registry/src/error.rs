//! The registry's codes.

use chancery_base::{Category, ErrorCode};
use chancery_serve::ApiError;
use chancery_store::StoreError;

use crate::config::ConfigError;

/// Why a registry does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The configuration contradicts itself.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store failed.
    #[error("the registry's store failed")]
    Store(#[from] StoreError),
    /// There is no such person.
    #[error("there is no such person")]
    NoSuchHuman,
}

impl ErrorCode for RegistryError {
    fn code(&self) -> &'static str {
        match self {
            Self::Config(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::NoSuchHuman => "HUMAN_NOT_FOUND",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Config(error) => error.category(),
            Self::Store(error) => error.category(),
            Self::NoSuchHuman => Category::NotFound,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Config(error) => error.hint(),
            Self::Store(error) => error.hint(),
            Self::NoSuchHuman => None,
        }
    }
}

macro_rules! refusals {
    ($($variant:ident = $code:literal, $category:ident, $message:literal;)*) => {
        /// What the registry refuses, with the codes and messages of `spec/clawdentity.md` section 4. The status follows
        /// the category.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
        #[non_exhaustive]
        pub enum Refusal {
            $(
                #[doc = concat!("`", $code, "`: ", $message, ".")]
                #[error($message)]
                $variant,
            )*
        }

        impl Refusal {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
        }

        impl ErrorCode for Refusal {
            fn code(&self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            fn category(&self) -> Category {
                match self { $(Self::$variant => Category::$category,)* }
            }

            fn hint(&self) -> Option<&'static str> {
                hint(*self)
            }

            fn retry_after_secs(&self) -> Option<u64> {
                (self.category() == Category::Limited).then_some(60)
            }
        }
    };
}

refusals! {
    ApiKeyMissing = "API_KEY_MISSING", Unauthenticated, "Authorization header is required";
    ApiKeyInvalid = "API_KEY_INVALID", Unauthenticated, "API key is invalid";
    ApiKeyRevoked = "API_KEY_REVOKED", Unauthenticated, "API key is revoked";
    BootstrapDisabled = "ADMIN_BOOTSTRAP_DISABLED", Unavailable, "Admin bootstrap is disabled";
    BootstrapUnauthorized = "ADMIN_BOOTSTRAP_UNAUTHORIZED", Unauthenticated, "Bootstrap secret is invalid";
    BootstrapInvalid = "ADMIN_BOOTSTRAP_INVALID", Input, "Bootstrap payload is invalid";
    BootstrapAlreadyCompleted = "ADMIN_BOOTSTRAP_ALREADY_COMPLETED", Conflict, "Admin bootstrap has already completed";
    InviteCreateInvalid = "INVITE_CREATE_INVALID", Input, "Invite payload is invalid";
    InviteCreateForbidden = "INVITE_CREATE_FORBIDDEN", Forbidden, "Admin role is required";
    InviteRedeemInvalid = "INVITE_REDEEM_INVALID", Input, "Invite redeem payload is invalid";
    InviteRedeemCodeInvalid = "INVITE_REDEEM_CODE_INVALID", Input, "Invite code is invalid";
    InviteRedeemExpired = "INVITE_REDEEM_EXPIRED", Input, "Invite code has expired";
    InviteRedeemAlreadyUsed = "INVITE_REDEEM_ALREADY_USED", Conflict, "Invite code has already been redeemed";
    AgentListInvalidQuery = "AGENT_LIST_INVALID_QUERY", Input, "Agent list query is invalid";
    AgentOwnershipInvalidPath = "AGENT_OWNERSHIP_INVALID_PATH", Input, "Agent ownership path is invalid";
    AgentResolveInvalidPath = "AGENT_RESOLVE_INVALID_PATH", Input, "Agent resolve path is invalid";
    AgentNotFound = "AGENT_NOT_FOUND", NotFound, "Agent not found";
    ChallengeInvalid = "AGENT_REGISTRATION_CHALLENGE_INVALID", Input,
        "Agent registration challenge payload is invalid";
    RegistrationInvalid = "AGENT_REGISTRATION_INVALID", Input, "Agent registration payload is invalid";
    ChallengeNotFound = "AGENT_REGISTRATION_CHALLENGE_NOT_FOUND", Input, "Registration challenge is not found";
    ChallengeReplayed = "AGENT_REGISTRATION_CHALLENGE_REPLAYED", Input,
        "Registration challenge has already been used";
    ChallengeExpired = "AGENT_REGISTRATION_CHALLENGE_EXPIRED", Input, "Registration challenge has expired";
    ProofMismatch = "AGENT_REGISTRATION_PROOF_MISMATCH", Input,
        "Registration public key does not match the challenge";
    ProofInvalid = "AGENT_REGISTRATION_PROOF_INVALID", Input, "Registration signature is invalid";
    NameTaken = "AGENT_REGISTRATION_NAME_TAKEN", Conflict, "You have an active agent of this name already";
    KeyTaken = "AGENT_REGISTRATION_KEY_TAKEN", Conflict, "An active agent has this public key already";
    AgentRevokeInvalidPath = "AGENT_REVOKE_INVALID_PATH", Input, "Agent path is invalid";
    AgentRevokeInvalidState = "AGENT_REVOKE_INVALID_STATE", Conflict, "Agent cannot be revoked";
    AgentReissueInvalidState = "AGENT_REISSUE_INVALID_STATE", Conflict, "Agent cannot be reissued";
    RefreshUnauthorized = "AGENT_AUTH_REFRESH_UNAUTHORIZED", Unauthenticated,
        "Identity token or request proof is invalid";
    RefreshInvalid = "AGENT_AUTH_REFRESH_INVALID", Unauthenticated, "Refresh token is invalid";
    RefreshRevoked = "AGENT_AUTH_REFRESH_REVOKED", Unauthenticated, "Agent session is revoked";
    RefreshExpired = "AGENT_AUTH_REFRESH_EXPIRED", Unauthenticated, "Refresh token has expired";
    RefreshConflict = "AGENT_AUTH_REFRESH_CONFLICT", Conflict, "Refresh token was rotated by another request";
    ValidateInvalid = "AGENT_AUTH_VALIDATE_INVALID", Input, "Agent access validation payload is invalid";
    ValidateUnauthorized = "AGENT_AUTH_VALIDATE_UNAUTHORIZED", Unauthenticated, "Agent access token is invalid";
    ValidateExpired = "AGENT_AUTH_VALIDATE_EXPIRED", Unauthenticated, "Agent access token has expired";
    ApiKeyCreateInvalid = "API_KEY_CREATE_INVALID", Input, "API key payload is invalid";
    ApiKeyNotFound = "API_KEY_NOT_FOUND", NotFound, "API key not found";
    ApiKeyRevokeInvalidPath = "API_KEY_REVOKE_INVALID_PATH", Input, "API key path is invalid";
    OwnershipInvalid = "AGENT_OWNERSHIP_INVALID", Input, "Agent ownership payload is invalid";
    ServiceUnauthorized = "INTERNAL_SERVICE_UNAUTHORIZED", Unauthenticated, "Internal service credentials are invalid";
    ServiceForbidden = "INTERNAL_SERVICE_FORBIDDEN", Forbidden, "Internal service lacks the required scope";
    ServiceConfigInvalid = "INTERNAL_SERVICE_CONFIG_INVALID", Internal,
        "Internal service credentials are not configured";
    ServiceCreateForbidden = "INTERNAL_SERVICE_CREATE_FORBIDDEN", Forbidden, "Admin role is required";
    ServiceListForbidden = "INTERNAL_SERVICE_LIST_FORBIDDEN", Forbidden, "Admin role is required";
    ServiceRotateForbidden = "INTERNAL_SERVICE_ROTATE_FORBIDDEN", Forbidden, "Admin role is required";
    ServiceInvalid = "INTERNAL_SERVICE_INVALID", Input, "Internal service payload is invalid";
    ServiceInvalidPath = "INTERNAL_SERVICE_INVALID_PATH", Input, "Internal service path is invalid";
    ServiceAlreadyExists = "INTERNAL_SERVICE_ALREADY_EXISTS", Conflict, "Internal service already exists";
    ServiceNotFound = "INTERNAL_SERVICE_NOT_FOUND", NotFound, "Internal service not found";
    ServiceInvalidState = "INTERNAL_SERVICE_INVALID_STATE", Conflict, "Internal service is not active";
    RevocationsInvalidQuery = "REVOCATIONS_INVALID_QUERY", Input,
        "after and Last-Event-ID must be positions of the feed";
    RevocationsTooManyReaders = "REVOCATIONS_TOO_MANY_READERS", Limited, "Too many readers of the revocation feed";
    TooManyChallenges = "AGENT_REGISTRATION_CHALLENGE_LIMIT_REACHED", Limited,
        "Too many open registration challenges";
    TooManyRefreshes = "AGENT_AUTH_REFRESH_LIMIT_REACHED", Limited, "Too many refreshes of this agent";
    CrlBuildFailed = "CRL_BUILD_FAILED", Internal, "CRL snapshot could not be built";
}

fn hint(refusal: Refusal) -> Option<&'static str> {
    Some(match refusal {
        Refusal::ApiKeyMissing => "redeem an invite, or set the API key",
        Refusal::ApiKeyRevoked => "create another API key",
        Refusal::BootstrapDisabled => "start the registry with a bootstrap secret",
        Refusal::InviteRedeemExpired | Refusal::InviteRedeemAlreadyUsed => "ask an administrator for a new invite",
        Refusal::ChallengeExpired | Refusal::ChallengeReplayed => "ask for a new challenge",
        Refusal::NameTaken => "choose another name, or revoke the other agent",
        Refusal::KeyTaken => "make a new key pair",
        Refusal::RefreshExpired | Refusal::RefreshRevoked => "create the agent anew",
        Refusal::ServiceConfigInvalid => "start the registry with service credentials",
        _ => return None,
    })
}

/// A failure of the store as a client is told: a defect is a defect, and what passes says so.
pub(crate) fn store_failure(error: StoreError) -> ApiError {
    if error.category() == Category::Internal {
        let source = std::error::Error::source(&error)
            .map(|source| format!(": {source}"))
            .unwrap_or_default();
        return ApiError::internal(format!("{error}{source}"));
    }
    ApiError::from(error)
}
