//! Managed identities (signet spec 1.9).

use crate::{InboxId, Label, OperatorId, Timestamp};

shape! {
    /// An inbox.
    record InboxSummary {
        /// Its id.
        id: InboxId,
        /// What the network calls it; `null` until it is registered there.
        network_inbox_id|null: String,
        /// Its name: unique.
        label|null: Label,
        /// The group that it was made for.
        group_id|null: String,
        /// Since when there is one.
        created_at: Timestamp,
        /// The one operator that it belongs to.
        operator_id|null: OperatorId,
    }
}

shape! {
    /// What is done, or would be done.
    record CleanupPlan {
        /// Whether it was done.
        executed: bool,
        /// Each step, in order, for people.
        actions: Vec<String>,
    }
}
