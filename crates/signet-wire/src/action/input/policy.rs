//! Inputs about policies.

use chancery_policy::messaging::Scopes;

use super::foreign;
use crate::{Label, Reference};

shape! {
    /// `policy.create`.
    input PolicyCreate {
        /// Its name.
        label: Label,
        /// What is allowed unless it is denied.
        #[schemars(with = "foreign::ScopeList")]
        allow: Scopes,
        /// What is denied.
        #[schemars(with = "foreign::ScopeList")]
        deny: Scopes,
        /// What needs the owner's word each time.
        #[schemars(with = "foreign::ScopeList")]
        confirm?: Scopes,
    }
}

shape! {
    /// What becomes of a policy; what is absent stays.
    #[derive(Default)]
    input PolicyChanges {
        /// Its name.
        label?: Label,
        /// What is allowed unless it is denied.
        #[schemars(with = "foreign::ScopeList")]
        allow?: Scopes,
        /// What is denied.
        #[schemars(with = "foreign::ScopeList")]
        deny?: Scopes,
        /// What needs the owner's word each time.
        #[schemars(with = "foreign::ScopeList")]
        confirm?: Scopes,
    }
}

shape! {
    /// `policy.update`.
    input PolicyUpdate {
        /// The policy.
        policy_id: Reference,
        /// What becomes of it.
        changes: PolicyChanges,
    }
}

shape! {
    /// What names a policy.
    input ByPolicy {
        /// The policy.
        policy_id: Reference,
    }
}
