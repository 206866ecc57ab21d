//! Which content types pass (signet spec 3).

use std::collections::BTreeSet;

use chancery_base::{Category, ErrorCode};
use serde::{Deserialize, Serialize};

use super::{ContentTypeId, MessageType, WellKnown};

/// The content types that pass, at least one. Any other does not, known or unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeSet<ContentTypeId>", into = "BTreeSet<ContentTypeId>")]
pub struct Allowlist(BTreeSet<ContentTypeId>);

/// The lists have nothing in common: a credential that lets nothing through is a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no content type is allowed by every list")]
pub struct EmptyAllowlist;

impl Allowlist {
    /// What all three tiers let through: the signet's list, or the five baseline types when none is configured; then the
    /// operator's; then the credential's. A tier that has no list takes nothing away, and no list adds to one above it.
    ///
    /// # Errors
    /// [`EmptyAllowlist`] when that is nothing.
    pub fn effective(
        signet: Option<&BTreeSet<ContentTypeId>>,
        operator: Option<&BTreeSet<ContentTypeId>>,
        credential: Option<&BTreeSet<ContentTypeId>>,
    ) -> Result<Self, EmptyAllowlist> {
        let mut types = signet.cloned().unwrap_or_else(|| Self::default().0);
        for tier in [operator, credential].into_iter().flatten() {
            types.retain(|id| tier.contains(id));
        }
        types.try_into()
    }

    /// Whether `id` passes.
    #[must_use]
    pub fn contains(&self, id: &ContentTypeId) -> bool {
        self.0.contains(id)
    }

    /// Whether a message passes: its type, and the type of what it holds when it is a reply.
    #[must_use]
    pub fn permits(&self, message: MessageType<'_>) -> bool {
        self.contains(message.id)
            && match message.nested {
                Some(nested) => self.contains(nested),
                None => !message.id.is_reply(),
            }
    }

    /// The types, in order.
    pub fn iter(&self) -> impl Iterator<Item = &ContentTypeId> {
        self.0.iter()
    }
}

/// The five baseline types.
impl Default for Allowlist {
    fn default() -> Self {
        Self(WellKnown::BASELINE.into_iter().map(Into::into).collect())
    }
}

impl TryFrom<BTreeSet<ContentTypeId>> for Allowlist {
    type Error = EmptyAllowlist;

    fn try_from(types: BTreeSet<ContentTypeId>) -> Result<Self, EmptyAllowlist> {
        if types.is_empty() {
            Err(EmptyAllowlist)
        } else {
            Ok(Self(types))
        }
    }
}

impl From<Allowlist> for BTreeSet<ContentTypeId> {
    fn from(allowlist: Allowlist) -> Self {
        allowlist.0
    }
}

impl ErrorCode for EmptyAllowlist {
    fn code(&self) -> &'static str {
        "SIGNET_CONTENT_TYPES_EMPTY"
    }

    fn category(&self) -> Category {
        Category::Input
    }
}
