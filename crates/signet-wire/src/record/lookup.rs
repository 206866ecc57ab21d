//! What a name stands for (signet spec 9.8).

use crate::{
    ConversationId, CredentialId, Label, OperatorId, PolicyId, Timestamp,
    record::{
        credential::CredentialStatus,
        inbox::InboxSummary,
        operator::{OperatorStatus, Role},
    },
};

words! {
    /// What a search may look for.
    pub enum ResourceType {
        /// Operators.
        Operator = "operator",
        /// Policies.
        Policy = "policy",
        /// Credentials.
        Credential = "credential",
        /// Chats.
        Conversation = "conversation",
    }
}

shape! {
    /// Something that a search found.
    record ResourceMatch {
        /// What it is.
        r#type: ResourceType,
        /// Its id.
        id: String,
        /// Its name.
        label: String,
    }
}

shape! {
    /// What a search found.
    record ResourceMatches {
        /// What was searched for.
        query: String,
        /// Each.
        matches: Vec<ResourceMatch>,
        /// How many there are.
        total: u64,
    }
}

shape! {
    /// Our id and the network's for one thing.
    record IdMapping {
        /// Ours.
        local_id: String,
        /// The network's.
        network_id: String,
    }
}

shape! {
    /// An operator, in short.
    record OperatorBrief {
        /// Its id.
        id: OperatorId,
        /// Its name.
        label: Label,
        /// What it may administer.
        role: Role,
        /// Whether it is in force.
        status: OperatorStatus,
    }
}

shape! {
    /// A policy, in short.
    record PolicyBrief {
        /// Its id.
        id: PolicyId,
        /// Its name.
        label: Label,
        /// When it was changed last.
        updated_at: Timestamp,
    }
}

shape! {
    /// A credential, in short.
    record CredentialBrief {
        /// Its id.
        id: CredentialId,
        /// Whose it is.
        operator_id: OperatorId,
        /// Its policy.
        policy_id|null: PolicyId,
        /// The chats that it covers.
        chat_ids: Vec<ConversationId>,
        /// Whether it is in force.
        status: CredentialStatus,
        /// Until when.
        expires_at: Timestamp,
    }
}

shape! {
    /// What a name stands for. Nothing is an answer too.
    record Lookup {
        /// The name.
        query: String,
        /// Whether it stands for something.
        found: bool,
        /// An id of the network's, or ours for one.
        mapping|null: IdMapping,
        /// An inbox.
        inbox|null: InboxSummary,
        /// An operator.
        operator|null: OperatorBrief,
        /// A policy.
        policy|null: PolicyBrief,
        /// A credential.
        credential|null: CredentialBrief,
    }
}
