//! Operators: profiles that agents work under (signet spec 1.4).

use chancery_policy::messaging::ScopeMode;

use crate::{Author, InboxId, Label, OperatorId, Text, Timestamp, Uuid};

words! {
    /// What an operator may administer.
    pub enum Role {
        /// Nothing but its own credentials.
        Operator = "operator",
        /// What it made.
        Admin = "admin",
        /// Anything; reading messages still needs the owner.
        Superadmin = "superadmin",
    }
}

words! {
    /// Who holds the keys of an operator's wallet.
    pub enum Provider {
        /// The signet's vault.
        Internal = "internal",
        /// A program that speaks the Open Wallet Standard.
        Ows = "ows",
    }
}

words! {
    /// Whether an operator is in force.
    pub enum OperatorStatus {
        /// It is.
        Active = "active",
        /// Not for now.
        Suspended = "suspended",
        /// No more.
        Removed = "removed",
    }
}

words! {
    /// Where the model runs that an operator uses.
    pub enum InferenceMode {
        /// On this machine.
        Local = "local",
        /// At a provider.
        Cloud = "cloud",
        /// Both.
        Hybrid = "hybrid",
    }
}

words! {
    /// Where content of messages may go.
    pub enum ContentEgressScope {
        /// Nowhere.
        None = "none",
        /// To the provider of the model.
        ProviderOnly = "provider-only",
        /// Anywhere.
        Unrestricted = "unrestricted",
    }
}

words! {
    /// Where the operator's program runs.
    pub enum HostingMode {
        /// On a machine of its owner's.
        SelfHosted = "self-hosted",
        /// On somebody else's.
        Cloud = "cloud",
        /// In a trusted execution environment.
        Tee = "tee",
    }
}

shape! {
    /// What an operator says of itself. Nobody checks it; seals carry it as declared.
    #[derive(Default)]
    input Disclosures {
        /// Where the model runs.
        inference_mode?: InferenceMode,
        /// Whose models.
        inference_providers?: crate::List<Label>,
        /// Where content may go.
        content_egress_scope?: ContentEgressScope,
        /// What the provider keeps, and for how long.
        retention_at_provider?: Text,
        /// Where the program runs.
        hosting_mode?: HostingMode,
    }
}

shape! {
    /// What is configured of an operator.
    record OperatorConfig {
        /// Its name: unique among those that are not removed.
        label: Label,
        /// What it may administer.
        role: Role,
        /// Whether each of its chats has an identity of its own.
        scope_mode: ScopeMode,
        /// Who holds its keys.
        provider: Provider,
        /// Its wallet.
        wallet_id?: Uuid,
        /// Its inboxes.
        inbox_ids?: Vec<InboxId>,
        /// What it says of itself.
        operator_disclosures?: Disclosures,
    }
}

shape! {
    /// An operator.
    record OperatorRecord {
        /// Its id.
        id: OperatorId,
        /// What is configured.
        config: OperatorConfig,
        /// Since when there is one.
        created_at: Timestamp,
        /// Who made it.
        created_by: Author,
        /// Whether it is in force.
        status: OperatorStatus,
    }
}

shape! {
    /// Something is gone.
    record Removed {
        /// Always `true`.
        removed: bool,
    }
}
