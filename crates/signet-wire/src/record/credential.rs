//! Credentials: what harnesses are let in with (signet spec 1.7).

use chancery_base::ed25519::PublicKey;
use chancery_policy::messaging::{ContentTypeId, ScopeSet, Scopes};

use crate::{Author, BearerToken, ConversationId, CredentialId, InboxId, OperatorId, PolicyId, Positive, Timestamp};

words! {
    /// Whether a credential is in force.
    pub enum CredentialStatus {
        /// Not yet.
        Pending = "pending",
        /// It is.
        Active = "active",
        /// Its time is over.
        Expired = "expired",
        /// Taken back, for good.
        Revoked = "revoked",
    }
}

words! {
    /// Why a credential was taken back.
    pub enum RevocationReason {
        /// Its owner wanted it.
        OwnerInitiated = "owner-initiated",
        /// Its time was over.
        CredentialExpired = "credential-expired",
        /// Its harness fell silent.
        HeartbeatTimeout = "heartbeat-timeout",
        /// It broke a rule, or was one too many.
        PolicyViolation = "policy-violation",
        /// It was to allow more, which needs a new one.
        ReauthorizationRequired = "reauthorization-required",
    }
}

words! {
    /// Why an agent no longer speaks in a chat, as revocation seals say it.
    pub enum AgentRevocationReason {
        /// Its owner wanted it.
        OwnerInitiated = "owner-initiated",
        /// Its credential's time was over.
        CredentialExpired = "credential-expired",
        /// Its harness fell silent.
        HeartbeatTimeout = "heartbeat-timeout",
        /// It broke a rule.
        PolicyViolation = "policy-violation",
        /// An admin took it out.
        AdminRemoved = "admin-removed",
    }
}

impl From<RevocationReason> for AgentRevocationReason {
    fn from(reason: RevocationReason) -> Self {
        match reason {
            RevocationReason::OwnerInitiated => Self::OwnerInitiated,
            RevocationReason::CredentialExpired => Self::CredentialExpired,
            RevocationReason::HeartbeatTimeout => Self::HeartbeatTimeout,
            RevocationReason::PolicyViolation => Self::PolicyViolation,
            // the chat is not told of what the owner is about to do next
            RevocationReason::ReauthorizationRequired => Self::AdminRemoved,
        }
    }
}

shape! {
    /// What is configured of a credential.
    record CredentialConfig {
        /// Whose it is.
        operator_id: OperatorId,
        /// The chats that it covers; at least one.
        chat_ids: crate::List<ConversationId, 1>,
        /// The policy whose scopes it has.
        policy_id?: PolicyId,
        /// What it allows beside the policy.
        allow?: Scopes,
        /// What it denies beside the policy.
        deny?: Scopes,
        /// How long it lasts, seconds.
        ttl_seconds?: Positive,
        /// The content types it is limited to; all that the operator may have when absent.
        content_types?: Vec<ContentTypeId>,
        /// The harness key that each connection proves to hold.
        harness_key?: PublicKey,
        /// The uid that a local harness has to run under.
        harness_uid?: u32,
    }
}

shape! {
    /// A credential, as its owner sees it.
    record CredentialRecord {
        /// Its id.
        id: CredentialId,
        /// What is configured.
        config: CredentialConfig,
        /// The inboxes that it speaks through.
        inbox_ids: Vec<InboxId>,
        /// Whether it is in force.
        status: CredentialStatus,
        /// Since when.
        issued_at: Timestamp,
        /// Until when.
        expires_at: Timestamp,
        /// Who issued it.
        issued_by: Author,
    }
}

shape! {
    /// A credential at work.
    record CredentialView {
        /// Its id.
        id: CredentialId,
        /// What is configured.
        config: CredentialConfig,
        /// The inboxes that it speaks through.
        inbox_ids: Vec<InboxId>,
        /// Whether it is in force.
        status: CredentialStatus,
        /// Since when.
        issued_at: Timestamp,
        /// Until when.
        expires_at: Timestamp,
        /// Who issued it.
        issued_by: Author,
        /// Its id once more.
        credential_id: CredentialId,
        /// Whose it is.
        operator_id: OperatorId,
        /// What it allows, policy and own lists merged.
        effective_scopes: ScopeSet,
        /// The content types that reach its harness.
        content_types?: Vec<ContentTypeId>,
        /// Whether its time is over.
        is_expired: bool,
        /// When its harness was heard last.
        last_heartbeat|null: Timestamp,
        /// When it was taken back.
        revoked_at?: Timestamp,
        /// Why.
        revocation_reason?: RevocationReason,
    }
}

shape! {
    /// A credential at the only moment when its token is known.
    record IssuedCredential {
        /// The token.
        token: BearerToken,
        /// The credential.
        credential: CredentialRecord,
    }
}

/// Length of a token: 32 random bytes in base64url.
pub const TOKEN_CHARS: usize = 43;

shape! {
    /// What a harness is told of its credential. `id` is `credentialId` once more, as one of the two forms in use has it.
    record TokenMetadata {
        /// The credential.
        credential_id: CredentialId,
        /// Whose it is.
        operator_id: OperatorId,
        /// [`BearerToken::fingerprint`].
        fingerprint: String,
        /// Since when.
        issued_at: Timestamp,
        /// Until when.
        expires_at: Timestamp,
        /// The credential.
        id?: CredentialId,
    }
}

shape! {
    /// What a harness asks of itself over HTTP (`/v1/credential/info`).
    record CredentialInfo {
        /// The credential.
        credential_id: CredentialId,
        /// Whose it is.
        operator_id: OperatorId,
        /// Whether it is in force.
        status: CredentialStatus,
        /// What is configured.
        config: CredentialConfig,
        /// Since when.
        issued_at: Timestamp,
        /// Until when.
        expires_at: Timestamp,
    }
}

shape! {
    /// A credential was taken back.
    record Revoked {
        /// Always `true`.
        revoked: bool,
    }
}

shape! {
    /// What became of a change of scopes.
    record ScopesChanged {
        /// Whether it is in force. When not, the credential was revoked and another has to be issued.
        updated: bool,
        /// Whether it changes what is allowed.
        material: bool,
        /// What changed, for people.
        reason|null: String,
    }
}
