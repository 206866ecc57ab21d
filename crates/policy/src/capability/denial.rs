//! The answer no, as the seed prints it.

use std::fmt;

use chancery_base::{Category, ErrorCode};

use super::{Capability, Dimension, Mismatch};

/// A capability was refused. `Display` is the seed's short form, [`detail`](Self::detail) the original's long one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The skill.
    pub skill_id: String,
    /// What it wanted to use.
    pub capability: Capability,
    /// Why not.
    pub reason: DenialReason,
}

/// Why a capability was refused (safeclaw spec 6.4).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DenialReason {
    /// Nothing of the kind was granted.
    NoGrant,
    /// The value lies outside of every grant.
    Outside(Dimension, String),
    /// What was granted is limited along the dimension, and the call names nothing along it.
    ContextMissing(Dimension),
    /// The call names something that means nothing for this capability.
    Foreign(Dimension),
    /// The grant's time is over.
    Expired,
    /// The grant, the key or the skill was revoked.
    Revoked,
    /// The skill is signed by another key than the grant was given to.
    KeyChanged,
    /// The grant was used as often as it may be.
    Exhausted,
    /// Nothing proves that the skill is what was granted for: it is not signed, or its files changed.
    Unverified,
    /// What is found is not what was granted: another directory in its place, other bytes in the program.
    Changed(Dimension),
    /// The program lies where the skill may write: it could run whatever it wants.
    Writable,
}

impl DenialReason {
    fn long(&self) -> String {
        match self {
            Self::Outside(dimension, value) => {
                format!("{} \"{value}\" {}", dimension.singular(), self.not_in(*dimension))
            }
            _ => self.short(),
        }
    }

    fn short(&self) -> String {
        match self {
            Self::NoGrant => "no grant found".to_owned(),
            Self::Outside(dimension, _) => format!("{} {}", dimension.singular(), self.not_in(*dimension)),
            Self::ContextMissing(dimension) => format!("no {} given", dimension.singular()),
            Self::Foreign(dimension) => format!("{} does not belong to this capability", dimension.singular()),
            Self::Expired => "grant expired".to_owned(),
            Self::Revoked => "grant revoked".to_owned(),
            Self::KeyChanged => "signing key changed since the grant".to_owned(),
            Self::Exhausted => "grant used up".to_owned(),
            Self::Unverified => "skill not verified".to_owned(),
            Self::Changed(dimension) => format!("{} is not what was granted", dimension.singular()),
            Self::Writable => "executable can be written by the skill".to_owned(),
        }
    }

    fn not_in(&self, dimension: Dimension) -> String {
        format!("not in allowed {}", dimension.member())
    }
}

impl From<Mismatch> for DenialReason {
    fn from(mismatch: Mismatch) -> Self {
        match mismatch {
            Mismatch::Capability => Self::NoGrant,
            Mismatch::Outside(dimension, value) => Self::Outside(dimension, value),
            Mismatch::ContextMissing(dimension) => Self::ContextMissing(dimension),
            Mismatch::Foreign(dimension) => Self::Foreign(dimension),
        }
    }
}

impl Denial {
    /// `capability` refused to `skill_id`.
    #[must_use]
    pub fn new(skill_id: impl Into<String>, capability: Capability, reason: impl Into<DenialReason>) -> Self {
        Self {
            skill_id: skill_id.into(),
            capability,
            reason: reason.into(),
        }
    }

    /// The original's message: skill, capability, an em dash, and the value that was refused.
    #[must_use]
    pub fn detail(&self) -> String {
        format!(
            "Capability denied: skill \"{}\" requires \"{}\" \u{2014} {}",
            self.skill_id,
            self.capability,
            self.reason.long()
        )
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Capability denied: {}", self.reason.short())
    }
}

impl std::error::Error for Denial {}

impl ErrorCode for Denial {
    fn code(&self) -> &'static str {
        match self.reason {
            DenialReason::NoGrant => "CAPABILITY_NOT_GRANTED",
            DenialReason::Outside(..) => "CAPABILITY_OUTSIDE_GRANT",
            DenialReason::ContextMissing(_) => "CAPABILITY_CONTEXT_MISSING",
            DenialReason::Foreign(_) => "CAPABILITY_CONTEXT_FOREIGN",
            DenialReason::Expired => "CAPABILITY_GRANT_EXPIRED",
            DenialReason::Revoked => "CAPABILITY_GRANT_REVOKED",
            DenialReason::KeyChanged => "CAPABILITY_KEY_CHANGED",
            DenialReason::Exhausted => "CAPABILITY_GRANT_EXHAUSTED",
            DenialReason::Unverified => "CAPABILITY_SKILL_UNVERIFIED",
            DenialReason::Changed(_) => "CAPABILITY_RESOURCE_CHANGED",
            DenialReason::Writable => "CAPABILITY_EXECUTABLE_WRITABLE",
        }
    }

    fn category(&self) -> Category {
        match self.reason {
            DenialReason::ContextMissing(_) | DenialReason::Foreign(_) => Category::Input,
            _ => Category::Forbidden,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self.reason {
            DenialReason::NoGrant | DenialReason::Outside(..) | DenialReason::Expired | DenialReason::Exhausted => {
                Some("the owner can grant it: safeclaw skill grant")
            }
            DenialReason::KeyChanged => {
                Some("a rotation statement by the old key, or the owner, must name the new one")
            }
            _ => None,
        }
    }
}
