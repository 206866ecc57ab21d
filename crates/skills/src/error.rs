//! What can go wrong with the engine itself, and with what its owner decides.

use std::io;

use chancery_audit::AuditError;
use chancery_base::{Category, ErrorCode};
use chancery_store::StoreError;

use crate::{contents::ContentError, owner::OwnerError, store::Failure};

/// A failure of the engine, or a decision that it refuses. What an install refuses is an
/// [`InstallError`](crate::InstallError), what a skill is refused a [`Denial`](chancery_policy::Denial).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SkillsError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The audit chain failed; nothing was done, because what cannot be recorded is not done.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A row does not read as one of ours; nothing is believed then.
    #[error("a row of the table {0} cannot be read")]
    Row(&'static str),
    /// The content store failed.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The owner's key did not sign.
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// A decision was offered by another key than the owner's.
    #[error("this is not the owner's key")]
    NotTheOwner,
    /// A file or directory could not be worked on.
    #[error("cannot {action}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// No skill of that id is installed.
    #[error("the skill {id} is not installed")]
    NotInstalled {
        /// The id.
        id: String,
    },
    /// What is installed is not what the owner installed, or was revoked.
    #[error("the skill {id} is not in force")]
    NotInForce {
        /// The id.
        id: String,
    },
    /// The grant would go beyond what the manifest asks for.
    #[error("the skill {id} does not ask for {what}")]
    NotAsked {
        /// The skill.
        id: String,
        /// What it did not ask for.
        what: String,
    },
    /// The terms of a grant contradict themselves or cannot be read.
    #[error("the grant cannot be made: {0}")]
    BadTerms(&'static str),
    /// A program that the skill could write itself.
    #[error("the skill {id} may write {path}: it could run whatever it wants")]
    Writable {
        /// The skill.
        id: String,
        /// The program.
        path: String,
    },
    /// Something else was decided meanwhile.
    #[error("something else was decided meanwhile; nothing was changed")]
    Stale,
    /// A revocation list is not newer than the one that is known.
    #[error("the revocation list is older than the one that is known")]
    OldList,
    /// A revocation list that nobody trusted signed.
    #[error("the revocation list is not signed by the owner or a trusted publisher")]
    UntrustedList,
    /// A text is not what it should be.
    #[error("{0} is not valid")]
    Invalid(&'static str),
}

impl SkillsError {
    pub(crate) fn io(action: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io { action, source }
    }
}

impl From<Failure> for SkillsError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => Self::Store(error),
            Failure::Audit(error) => Self::Audit(error),
            Failure::Row(table) => Self::Row(table),
        }
    }
}

impl ErrorCode for SkillsError {
    fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::Audit(error) => error.code(),
            Self::Content(error) => error.code(),
            Self::Row(_) => "SKILLS_ROW_UNREADABLE",
            Self::Owner(_) => "SKILLS_OWNER_KEY_UNAVAILABLE",
            Self::NotTheOwner => "SKILLS_NOT_THE_OWNER",
            Self::Io { .. } => "SKILLS_IO_FAILED",
            Self::NotInstalled { .. } => "SKILLS_NOT_INSTALLED",
            Self::NotInForce { .. } => "SKILLS_NOT_IN_FORCE",
            Self::NotAsked { .. } => "SKILLS_NOT_ASKED",
            Self::BadTerms(_) => "SKILLS_GRANT_TERMS_INVALID",
            Self::Writable { .. } => "SKILLS_PROGRAM_WRITABLE",
            Self::Stale => "SKILLS_DECISION_STALE",
            Self::OldList => "SKILLS_REVOCATION_LIST_OLD",
            Self::UntrustedList => "SKILLS_REVOCATION_LIST_UNTRUSTED",
            Self::Invalid(_) => "SKILLS_TEXT_INVALID",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Store(error) => error.category(),
            Self::Audit(error) => error.category(),
            Self::Content(error) => error.category(),
            Self::Row(_) | Self::Io { .. } => Category::Internal,
            Self::Owner(_) | Self::NotTheOwner => Category::Unauthenticated,
            Self::NotInstalled { .. } => Category::NotFound,
            Self::NotInForce { .. } | Self::NotAsked { .. } | Self::Writable { .. } | Self::UntrustedList => {
                Category::Forbidden
            }
            Self::BadTerms(_) | Self::Invalid(_) => Category::Input,
            Self::Stale | Self::OldList => Category::Conflict,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Audit(error) => error.hint(),
            Self::Content(error) => error.hint(),
            Self::Stale => Some("look at the state and decide again"),
            Self::NotAsked { .. } => Some("grant what the manifest asks for, or less"),
            Self::NotInForce { .. } => Some("install the skill again, or remove it"),
            Self::OldList => Some("pass the newest list of that publisher, or none"),
            _ => None,
        }
    }
}
