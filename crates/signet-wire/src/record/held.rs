//! What waits for the owner: actions that are held, and reveals that were asked for (signet spec 4.1, 12).

use chancery_policy::messaging::{Reveal, RevealAccess};

use crate::{CredentialId, Json, Timestamp, Uuid};

shape! {
    /// An action that waits for the owner's word.
    record PendingAction {
        /// Its id.
        action_id: Uuid,
        /// Whose it is.
        credential_id: CredentialId,
        /// The request that it came as, such as `send_message`.
        action_type: String,
        /// The request, word for word.
        payload: Json,
        /// Since when it waits.
        created_at: Timestamp,
        /// Until when.
        expires_at: Timestamp,
        /// SHA-256 in hex of what is approved: action, parameters, credential, policy version, seal and expiry.
        digest?: String,
    }
}

words! {
    /// What became of something that waited.
    pub enum Verdict {
        /// The owner agreed.
        Approved = "approved",
        /// The owner did not, or whoever asked took it back.
        Denied = "denied",
        /// Nobody answered in time.
        Expired = "expired",
    }
}

shape! {
    /// The actions that wait.
    record PendingActions {
        /// Each, the oldest first.
        actions: Vec<PendingAction>,
    }
}

shape! {
    /// The owner's word on an action.
    record ActionResolved {
        /// The action.
        action_id: Uuid,
        /// The word.
        verdict: Verdict,
        /// What came of doing it.
        data?: Json,
    }
}

shape! {
    /// A reveal that was asked for and not yet answered.
    record PendingReveal {
        /// Whose it would be.
        credential_id: CredentialId,
        /// What was asked for.
        request: chancery_policy::messaging::RevealRequest,
        /// Since when it waits.
        created_at: Timestamp,
    }
}

shape! {
    /// Reveals of a credential, or of all.
    record Reveals {
        /// Those in force.
        active_reveals: Vec<Reveal>,
        /// Those that wait for the owner.
        pending_reveals?: Vec<PendingReveal>,
    }
}

shape! {
    /// A reveal waits for the owner.
    record RevealPending {
        /// Always `true`.
        pending: bool,
        /// Its id.
        reveal_id: Uuid,
    }
}

shape! {
    /// The owner did not grant a reveal.
    record RevealDenied {
        /// Always `true`.
        denied: bool,
        /// The reveal.
        reveal_id: Uuid,
    }
}

/// What asking for a reveal answers.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum RevealAnswer {
    /// It was granted at once.
    Granted(RevealAccess),
    /// The owner is asked.
    Pending(RevealPending),
}
