//! Entries of the audit log, as the original's readers expect them (signet spec 9.10).

use crate::{Json, Timestamp};

shape! {
    /// Something that was done, or tried.
    record AuditEntry {
        /// When.
        timestamp: Timestamp,
        /// What, such as `operator.create`.
        action: String,
        /// Who: `admin`, `system`, or an id.
        actor: String,
        /// To what.
        target?: String,
        /// What else there is to know.
        detail?: Json,
        /// Whether it was done.
        success: bool,
    }
}

shape! {
    /// Whether the log is whole.
    record AuditVerified {
        /// It is.
        ok: bool,
        /// How many entries were looked at.
        entries: u64,
        /// The first thing that is wrong.
        problem?: String,
    }
}
