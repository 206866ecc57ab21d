//! Why a commit is refused: one variant a rule.

use chancery_base::{Category, ErrorCode};
use chancery_xmtp_wire::{group::evaluate::Denied, identity::InboxId};

/// Why a commit did not take effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// It breaks a rule, and all who follow the rules refuse it: pass over it, and stay in the epoch.
    #[error("the commit is refused: {0}")]
    Refused(#[from] Rule),
    /// Identity logs are needed that are not here, each up to this entry. Fetch them and check again; the commit is not
    /// decided, and the cursor must not move.
    #[error("identity logs are needed to judge the commit")]
    NeedsLog(Vec<(InboxId, u64)>),
}

/// A rule for commits. The codes are stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// The group's context, before or after the commit, lacks one of XMTP's parts, or it cannot be read.
    #[error("the group's context cannot be read")]
    Context,
    /// A field of the metadata would become longer than all clients allow.
    #[error("a field of the metadata is too long")]
    FieldLength,
    /// Who is no member proposes nothing.
    #[error("a proposal is not from a member")]
    ProposerNotMember,
    /// Only members can be removed. No commit gets as far as this: openmls stages none that removes an empty leaf. The types do
    /// not say so, so it has its answer here.
    #[error("who is removed is no member")]
    UnknownMember,
    /// Without a new leaf of the committer's it must have exactly one proposer. Only who keeps proposals that stand alone can
    /// be sent such a commit; [`Client`](crate::client::Client) keeps none.
    #[error("nobody can be said to have made the commit")]
    NoActor,
    /// A leaf whose credential does not name an inbox.
    #[error("a credential names no inbox")]
    Credential,
    /// No pre-shared keys.
    #[error("pre-shared keys are not supported")]
    PreSharedKey,
    /// The sequence id of a member only increases.
    #[error("a sequence id would go back")]
    SequenceDecreased,
    /// The membership names an entry that the identity log does not have.
    #[error("an identity log has no such entry")]
    SequenceUnknown,
    /// The identity log of a member does not verify up to the entry that the membership names.
    #[error("the identity log of a member is invalid")]
    IdentityLog,
    /// An installation is added that does not come with the new membership.
    #[error("an installation is added that nothing accounts for")]
    UnexpectedAdd,
    /// The installations that are removed are not those which the new membership loses.
    #[error("the removed installations are not those that the membership loses")]
    UnexpectedRemove,
    /// Who acts is in the membership, also after the commit.
    #[error("the actor is not in the membership")]
    NotInMembership,
    /// Who acts is an installation of its inbox.
    #[error("the actor is no installation of its inbox")]
    NotAnInstallation,
    /// The permissions do not let the actor do this.
    #[error("the permissions do not allow it: {0:?}")]
    Denied(Denied),
    /// The version that the group demands is none.
    #[error("the demanded protocol version cannot be read")]
    Version,
}

impl Rule {
    /// The stable name.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Context => "XMTP_COMMIT_CONTEXT",
            Self::FieldLength => "XMTP_COMMIT_FIELD_LENGTH",
            Self::ProposerNotMember => "XMTP_COMMIT_PROPOSER_NOT_MEMBER",
            Self::UnknownMember => "XMTP_COMMIT_UNKNOWN_MEMBER",
            Self::NoActor => "XMTP_COMMIT_NO_ACTOR",
            Self::Credential => "XMTP_COMMIT_CREDENTIAL",
            Self::PreSharedKey => "XMTP_COMMIT_PRE_SHARED_KEY",
            Self::SequenceDecreased => "XMTP_COMMIT_SEQUENCE_DECREASED",
            Self::SequenceUnknown => "XMTP_COMMIT_SEQUENCE_UNKNOWN",
            Self::IdentityLog => "XMTP_COMMIT_IDENTITY_LOG",
            Self::UnexpectedAdd => "XMTP_COMMIT_UNEXPECTED_ADD",
            Self::UnexpectedRemove => "XMTP_COMMIT_UNEXPECTED_REMOVE",
            Self::NotInMembership => "XMTP_COMMIT_NOT_IN_MEMBERSHIP",
            Self::NotAnInstallation => "XMTP_COMMIT_NOT_AN_INSTALLATION",
            Self::Denied(denied) => denied_code(denied),
            Self::Version => "XMTP_COMMIT_VERSION",
        }
    }
}

fn denied_code(denied: &Denied) -> &'static str {
    match denied {
        Denied::AddMember => "XMTP_COMMIT_DENIED_ADD_MEMBER",
        Denied::RemoveMember => "XMTP_COMMIT_DENIED_REMOVE_MEMBER",
        Denied::RemoveSuperAdminMember => "XMTP_COMMIT_DENIED_REMOVE_SUPER_ADMIN_MEMBER",
        Denied::Metadata(_) => "XMTP_COMMIT_DENIED_METADATA",
        Denied::AddAdmin => "XMTP_COMMIT_DENIED_ADD_ADMIN",
        Denied::RemoveAdmin => "XMTP_COMMIT_DENIED_REMOVE_ADMIN",
        Denied::AddSuperAdmin => "XMTP_COMMIT_DENIED_ADD_SUPER_ADMIN",
        Denied::RemoveSuperAdmin => "XMTP_COMMIT_DENIED_REMOVE_SUPER_ADMIN",
        Denied::LastSuperAdmin => "XMTP_COMMIT_DENIED_LAST_SUPER_ADMIN",
        Denied::Permissions => "XMTP_COMMIT_DENIED_PERMISSIONS",
        _ => "XMTP_COMMIT_DENIED",
    }
}

impl ErrorCode for CommitError {
    fn code(&self) -> &'static str {
        match self {
            Self::Refused(rule) => rule.code(),
            Self::NeedsLog(_) => "XMTP_COMMIT_NEEDS_LOG",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Refused(_) => Category::Forbidden,
            Self::NeedsLog(_) => Category::Unavailable,
        }
    }
}
