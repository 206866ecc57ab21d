//! Policies: scopes to use again (signet spec 1.6).

use chancery_policy::messaging::Scopes;

use crate::{Label, PolicyId, Timestamp};

shape! {
    /// What is configured of a policy.
    record PolicyConfig {
        /// Its name: unique.
        label: Label,
        /// What is allowed unless it is denied.
        allow: Scopes,
        /// What is denied.
        deny: Scopes,
        /// Scopes that need the owner's word each time they are used. Not disclosed in seals.
        confirm?: Scopes,
    }
}

shape! {
    /// A policy.
    record PolicyRecord {
        /// Its id.
        id: PolicyId,
        /// What is configured.
        config: PolicyConfig,
        /// Since when there is one.
        created_at: Timestamp,
        /// When it was changed last; later with each change.
        updated_at: Timestamp,
    }
}
