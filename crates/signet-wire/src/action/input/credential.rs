//! Inputs about credentials.

use chancery_base::ed25519::PublicKey;
use chancery_policy::messaging::{ContentTypeId, Scopes};

use super::foreign;
use crate::{List, Positive, Reference, record::credential::RevocationReason};

shape! {
    /// `credential.issue`.
    input CredentialIssue {
        /// Whose it is.
        operator_id: Reference,
        /// The chats that it covers.
        chat_ids: List<Reference, 1>,
        /// The policy whose scopes it has.
        policy_id?: Reference,
        /// What it allows beside the policy.
        #[schemars(with = "foreign::ScopeList")]
        allow?: Scopes,
        /// What it denies beside the policy.
        #[schemars(with = "foreign::ScopeList")]
        deny?: Scopes,
        /// How long it lasts, seconds; as configured when absent.
        ttl_seconds?: Positive,
        /// The content types it is limited to.
        #[schemars(with = "List<foreign::ContentTypeText, 1>")]
        content_types?: List<ContentTypeId, 1>,
        /// The Ed25519 key, in base64url, that each connection has to prove to hold.
        #[schemars(with = "foreign::PublicKeyText")]
        harness_key?: PublicKey,
        /// The uid that a local harness has to run under.
        harness_uid?: u32,
    }
}

shape! {
    /// `credential.list`.
    #[derive(Default)]
    input CredentialList {
        /// Only those of this operator.
        operator_id?: Reference,
        /// Those too that are no longer in force.
        all?: bool,
    }
}

shape! {
    /// What names a credential.
    input ByCredential {
        /// The credential.
        credential_id: Reference,
    }
}

shape! {
    /// `credential.revoke`.
    input CredentialRevoke {
        /// The credential.
        credential_id: Reference,
        /// Why; `owner-initiated` when absent.
        reason?: RevocationReason,
    }
}

impl CredentialRevoke {
    /// Why.
    #[must_use]
    pub fn reason(&self) -> RevocationReason {
        self.reason.unwrap_or(RevocationReason::OwnerInitiated)
    }
}

shape! {
    /// What becomes of a credential's own scopes; a list that is absent stays.
    #[derive(Default)]
    input ScopeChange {
        /// What it allows beside the policy.
        #[schemars(with = "foreign::ScopeList")]
        allow?: Scopes,
        /// What it denies beside the policy.
        #[schemars(with = "foreign::ScopeList")]
        deny?: Scopes,
    }
}

shape! {
    /// `credential.updateScopes`.
    input CredentialUpdateScopes {
        /// The credential.
        credential_id: Reference,
        /// What becomes of its own scopes.
        scopes?: ScopeChange,
        /// Another policy.
        policy_id?: Reference,
    }
}
