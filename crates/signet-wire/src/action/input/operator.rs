//! Inputs about operators.

use chancery_policy::messaging::ScopeMode;

use super::foreign;
use crate::{
    Label, List, Reference,
    record::operator::{Disclosures, Provider, Role},
};

shape! {
    /// `operator.create`.
    input OperatorCreate {
        /// Its name.
        label: Label,
        /// What it may administer.
        role: Role,
        /// Whether each of its chats has an identity of its own.
        #[schemars(with = "foreign::ScopeModeWord")]
        scope_mode: ScopeMode,
        /// Who holds its keys; `internal` when absent.
        provider?: Provider,
        /// Its wallet.
        wallet_id?: Reference,
        /// Its inboxes.
        inbox_ids?: List<Reference>,
        /// What it says of itself.
        operator_disclosures?: Disclosures,
    }
}

impl OperatorCreate {
    /// Who holds its keys.
    #[must_use]
    pub fn provider(&self) -> Provider {
        self.provider.unwrap_or(Provider::Internal)
    }
}

shape! {
    /// What becomes of an operator; what is absent stays.
    #[derive(Default)]
    input OperatorChanges {
        /// Its name.
        label?: Label,
        /// What it may administer.
        role?: Role,
        /// Whether each of its chats has an identity of its own.
        #[schemars(with = "foreign::ScopeModeWord")]
        scope_mode?: ScopeMode,
        /// Who holds its keys.
        provider?: Provider,
        /// Its wallet.
        wallet_id?: Reference,
        /// Its inboxes.
        inbox_ids?: List<Reference>,
        /// What it says of itself.
        operator_disclosures?: Disclosures,
    }
}

shape! {
    /// `operator.update`.
    input OperatorUpdate {
        /// The operator.
        operator_id: Reference,
        /// What becomes of it.
        changes: OperatorChanges,
    }
}

shape! {
    /// What names an operator.
    input ByOperator {
        /// The operator.
        operator_id: Reference,
    }
}
