//! What is configured, and every limit of the records with its reason.

use std::{collections::BTreeSet, time::Duration};

use chancery_policy::messaging::ContentTypeId;

/// Longest life of a credential: what nobody looked at for a year is issued again.
pub const MAX_TTL: Duration = Duration::from_secs(366 * 24 * 3600);
/// Most credentials in force of one operator that can be configured.
pub const MAX_CONCURRENT: u32 = 64;
/// Operators that are not removed: far more than one owner oversees.
pub const MAX_OPERATORS: usize = 1024;
/// Policies that are not removed.
pub const MAX_POLICIES: usize = 1024;
/// Inboxes: each is a client of the network with a file and a stream of its own.
pub const MAX_INBOXES: usize = 1024;

/// What is configured of credentials (signet spec 9.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialSettings {
    /// Life of a credential that is issued without one; at most [`MAX_TTL`].
    pub default_ttl: Duration,
    /// How many of one operator are in force at a time; at most [`MAX_CONCURRENT`]. One more ends the oldest.
    pub max_concurrent: u32,
    /// How long before its end a credential can be renewed.
    pub renewal_window: Duration,
    /// The content types that pass; the five baseline types when none are given.
    pub content_types: Option<BTreeSet<ContentTypeId>>,
}

/// The values of the original.
impl Default for CredentialSettings {
    fn default() -> Self {
        Self {
            default_ttl: Duration::from_secs(3600),
            max_concurrent: 3,
            renewal_window: Duration::from_secs(300),
            content_types: None,
        }
    }
}
