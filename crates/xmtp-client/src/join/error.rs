//! Why a group is not joined: one variant a rule.

use chancery_base::{Category, ErrorCode};
use chancery_xmtp_wire::identity::InboxId;

/// Why a group is not joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// It breaks a rule: pass over the welcome.
    #[error("the welcome is refused: {0}")]
    Refused(#[from] JoinRule),
    /// Identity logs are needed that are not here, each up to this entry. Fetch them and check again; the cursor must not
    /// move.
    #[error("identity logs are needed to judge the welcome")]
    NeedsLog(Vec<(InboxId, u64)>),
}

/// A rule for joining. The codes are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoinRule {
    /// No pre-shared keys.
    #[error("pre-shared keys are not supported")]
    PreSharedKey,
    /// The group's context lacks one of XMTP's parts, or it cannot be read.
    #[error("the group's context cannot be read")]
    Context,
    /// A leaf whose credential does not name an inbox.
    #[error("a credential names no inbox")]
    Credential,
    /// The membership names an entry that the identity log does not have.
    #[error("an identity log has no such entry")]
    SequenceUnknown,
    /// The identity log of a member does not verify up to the entry that the membership names.
    #[error("the identity log of a member is invalid")]
    IdentityLog,
    /// A leaf of an inbox that is not in the membership.
    #[error("a leaf is of no member")]
    NotInMembership,
    /// A leaf that is no installation of the inbox that it names.
    #[error("a leaf is no installation of its inbox")]
    NotAnInstallation,
    /// An installation of a member has no leaf, and nobody says that it could not be added.
    #[error("an installation of a member is missing")]
    Missing,
    /// A DM that is not between us and whoever added us, or in which somebody else is as well.
    #[error("the DM is between others")]
    DmMembers,
    /// A DM in which somebody is above the other.
    #[error("the DM has admins")]
    DmAdmins,
    /// A DM to which members could be added, or from which they could be removed.
    #[error("the permissions are not those of a DM")]
    DmPermissions,
}

impl JoinRule {
    /// The stable name.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::PreSharedKey => "XMTP_JOIN_PRE_SHARED_KEY",
            Self::Context => "XMTP_JOIN_CONTEXT",
            Self::Credential => "XMTP_JOIN_CREDENTIAL",
            Self::SequenceUnknown => "XMTP_JOIN_SEQUENCE_UNKNOWN",
            Self::IdentityLog => "XMTP_JOIN_IDENTITY_LOG",
            Self::NotInMembership => "XMTP_JOIN_NOT_IN_MEMBERSHIP",
            Self::NotAnInstallation => "XMTP_JOIN_NOT_AN_INSTALLATION",
            Self::Missing => "XMTP_JOIN_MISSING",
            Self::DmMembers => "XMTP_JOIN_DM_MEMBERS",
            Self::DmAdmins => "XMTP_JOIN_DM_ADMINS",
            Self::DmPermissions => "XMTP_JOIN_DM_PERMISSIONS",
        }
    }
}

impl ErrorCode for JoinError {
    fn code(&self) -> &'static str {
        match self {
            Self::Refused(rule) => rule.code(),
            Self::NeedsLog(_) => "XMTP_JOIN_NEEDS_LOG",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Refused(_) => Category::Forbidden,
            Self::NeedsLog(_) => Category::Unavailable,
        }
    }
}
