//! Why a skill is not installed.

use chancery_base::{Category, ErrorCode, Millis};
use chancery_manifest::{EnvelopeError, Problems};
use semver::Version;

use crate::{error::SkillsError, package::LoadError};

/// Why a skill is not installed. Whichever it is, registry, grants, trust and content are as they were.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// The skill could not be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Nobody signed it. The text is the original's.
    #[error("Skill \"{id}\" is unsigned. Use --allow-unsigned to install unsigned skills.")]
    Unsigned {
        /// The skill.
        id: String,
    },
    /// The signature is worth nothing. The text is the original's.
    #[error("Skill \"{id}\" has an invalid signature: {detail}")]
    InvalidSignature {
        /// The skill.
        id: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A signature of the original's kind, which does not cover all of the manifest.
    #[error("the signature of skill \"{id}\" does not cover {pointer}: anybody may have changed it")]
    Partial {
        /// The skill.
        id: String,
        /// The first member that is not covered, as a JSON pointer.
        pointer: String,
    },
    /// Not signed by a key that the owner trusts with this id.
    #[error("skill \"{id}\" is signed by {keys}, which is not trusted to publish it")]
    Untrusted {
        /// The skill.
        id: String,
        /// The names of the keys that signed, or are said to have.
        keys: String,
    },
    /// The id belongs to another key.
    #[error("skill \"{id}\" belongs to {pinned} and is now signed by {found}")]
    KeyChanged {
        /// The skill.
        id: String,
        /// Whose it is.
        pinned: String,
        /// Who signed this.
        found: String,
    },
    /// The statement that hands over is none, or not for this.
    #[error("the rotation statement does not hand \"{id}\" over: {detail}")]
    Rotation {
        /// The skill.
        id: String,
        /// Why not.
        detail: String,
    },
    /// The key, the manifest or the version was revoked.
    #[error("the {what} of skill \"{id}\" {version} is revoked")]
    Revoked {
        /// The skill.
        id: String,
        /// Its version.
        version: Version,
        /// What of it.
        what: &'static str,
    },
    /// A revocation list is too old to tell.
    #[error("the revocation list of {issuer} ended at {ended}")]
    StaleRevocations {
        /// Who signed it.
        issuer: String,
        /// When.
        ended: Millis,
    },
    /// A lower version than the highest that was installed.
    #[error("skill \"{id}\" was installed as {highest}; {version} is older")]
    Downgrade {
        /// The skill.
        id: String,
        /// The version that is offered.
        version: Version,
        /// The highest that was installed.
        highest: Version,
    },
    /// A version that was installed with another content.
    #[error("skill \"{id}\" {version} was installed before with another content")]
    Republished {
        /// The skill.
        id: String,
        /// The version.
        version: Version,
    },
    /// The manifest says that it is not to be installed any more.
    #[error("skill \"{id}\" was to be installed until {ended}")]
    Expired {
        /// The skill.
        id: String,
        /// Until when.
        ended: Millis,
    },
    /// The skill needs a newer host.
    #[error("skill \"{id}\" needs version {needs} of this program")]
    HostTooOld {
        /// The skill.
        id: String,
        /// The oldest that will do.
        needs: Version,
    },
    /// The owner said no.
    #[error("skill \"{id}\" was not approved")]
    Declined {
        /// The skill.
        id: String,
    },
    /// The engine failed, or refused a grant.
    #[error(transparent)]
    Engine(#[from] SkillsError),
}

impl From<Problems> for InstallError {
    fn from(problems: Problems) -> Self {
        Self::Load(problems.into())
    }
}

impl From<EnvelopeError> for InstallError {
    fn from(error: EnvelopeError) -> Self {
        Self::Load(error.into())
    }
}

impl ErrorCode for InstallError {
    fn code(&self) -> &'static str {
        match self {
            Self::Load(error) => error.code(),
            Self::Unsigned { .. } => "SKILL_UNSIGNED",
            Self::InvalidSignature { .. } => "SKILL_SIGNATURE_INVALID",
            Self::Partial { .. } => "SKILL_SIGNATURE_PARTIAL",
            Self::Untrusted { .. } => "SKILL_UNTRUSTED",
            Self::KeyChanged { .. } => "SKILL_KEY_CHANGED",
            Self::Rotation { .. } => "SKILL_ROTATION_REFUSED",
            Self::Revoked { .. } => "SKILL_REVOKED",
            Self::StaleRevocations { .. } => "SKILL_REVOCATIONS_STALE",
            Self::Downgrade { .. } => "SKILL_DOWNGRADE",
            Self::Republished { .. } => "SKILL_REPUBLISHED",
            Self::Expired { .. } => "SKILL_EXPIRED",
            Self::HostTooOld { .. } => "SKILL_HOST_TOO_OLD",
            Self::Declined { .. } => "SKILL_DECLINED",
            Self::Engine(error) => error.code(),
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Load(error) => error.category(),
            Self::Unsigned { .. } | Self::InvalidSignature { .. } | Self::Partial { .. } => Category::Unauthenticated,
            Self::Untrusted { .. }
            | Self::KeyChanged { .. }
            | Self::Rotation { .. }
            | Self::Revoked { .. }
            | Self::Declined { .. } => Category::Forbidden,
            Self::StaleRevocations { .. } => Category::Unavailable,
            Self::Downgrade { .. } | Self::Republished { .. } | Self::Expired { .. } | Self::HostTooOld { .. } => {
                Category::Conflict
            }
            Self::Engine(error) => error.category(),
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Load(error) => error.hint(),
            Self::Partial { .. } => Some("ask the publisher to sign with scheme 2, which covers everything"),
            Self::Untrusted { .. } => Some("compare the fingerprint with the publisher's, then trust the key in full"),
            Self::KeyChanged { .. } => Some("ask the publisher for a rotation statement signed by the old key"),
            Self::StaleRevocations { .. } => Some("fetch the current revocation list"),
            Self::Downgrade { .. } => Some("an older version may have known holes; it can be allowed once"),
            Self::Republished { .. } => Some("ask the publisher for a new version number"),
            Self::HostTooOld { .. } => Some("update this program"),
            Self::Engine(error) => error.hint(),
            _ => None,
        }
    }
}
