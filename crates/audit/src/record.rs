//! What a writer has to say.

use chancery_base::Millis;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How what is recorded ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Outcome {
    /// Asked for and allowed.
    Allowed,
    /// Asked for and denied.
    Denied,
    /// Done: an install, a grant, a change of trust.
    Done,
    /// Tried and failed.
    Failed,
}

impl Outcome {
    /// The word that is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// The outcome of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Allowed, Self::Denied, Self::Done, Self::Failed]
            .into_iter()
            .find(|outcome| outcome.as_str() == word)
    }
}

/// One thing to record. Secrets do not belong into it: arguments go through [`redact`](crate::redact) first.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// When it happened.
    pub at: Millis,
    /// What it was, such as `capability.check`; at most [`MAX_KIND_BYTES`](crate::limits::MAX_KIND_BYTES), not empty, and
    /// not [`CHECKPOINT_KIND`](crate::CHECKPOINT_KIND).
    pub kind: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Who did or asked; at most [`MAX_ACTOR_BYTES`](crate::limits::MAX_ACTOR_BYTES).
    pub actor: String,
    /// On what; at most [`MAX_SUBJECT_BYTES`](crate::limits::MAX_SUBJECT_BYTES).
    pub subject: String,
    /// Everything else; at most [`MAX_DETAIL_BYTES`](crate::limits::MAX_DETAIL_BYTES) in canonical form, whole numbers
    /// within [`MAX_SAFE_INTEGER`](crate::limits::MAX_SAFE_INTEGER).
    pub detail: Value,
}
