//! Why a client did not do what it was asked.

use chancery_base::{Category, ErrorCode};
use chancery_xmtp_wire::{
    content::ContentError,
    group::GroupError as PartError,
    identity::{InboxId, ParseError, SignatureError},
};

use crate::{
    commit::Rule,
    group::GroupError,
    identity::{DirectoryError, IdentityError},
    network::NodeError,
    storage::StorageError,
    welcome::WelcomeError,
};

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The file has no installation.
    #[error("no inbox is registered here")]
    NotRegistered,
    /// The file has an installation of another inbox.
    #[error("this is the file of inbox {here}")]
    OtherInbox {
        /// Whose it is.
        here: InboxId,
    },
    /// The network knows no such inbox.
    #[error("there is no inbox {0}")]
    NoInbox(InboxId),
    /// There is no such conversation here.
    #[error("there is no such conversation")]
    NoConversation,
    /// We were removed from the conversation, or left it.
    #[error("we are no member of the conversation any more")]
    NotAMember,
    /// Somebody named is no member.
    #[error("inbox {0} is no member")]
    NoSuchMember(InboxId),
    /// The conversation waits for a newer program.
    #[error("the conversation waits for version {0}")]
    Paused(String),
    /// A rule of the group, or of all groups, does not allow it.
    #[error("the group does not allow it: {0}")]
    Refused(Rule),
    /// Not possible in a DM, or only there.
    #[error("not in this kind of conversation")]
    WrongKind,
    /// A super admin cannot leave.
    #[error("a super admin cannot leave")]
    SuperAdminLeaves,
    /// It was tried again and again, and others were always first.
    #[error("it could not be done in {0} attempts")]
    Attempts(u32),
    /// The same request failed for all who made it together; the first was told why.
    #[error("it failed together with others: {0}")]
    Together(String),
    /// A commit adds somebody whose key package is good by everybody else's clock, and not yet by ours: nothing of the
    /// conversation is read before it is.
    #[error("this machine's clock is behind the network's")]
    ClockBehind,
    /// The node does not have the identity logs that are needed to go on.
    #[error("identity logs that are needed are not to be had")]
    Logs,
    /// The context of the group.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// A part of the group's context: a field that is too long.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The identity logs of others.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Content that is none.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The inbox's file.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The node.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// Our own keys.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A signature of ours.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// An address or key.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// A welcome.
    #[error(transparent)]
    Welcome(#[from] WelcomeError),
    /// MLS refused. The text is openmls'.
    #[error("MLS refused to {doing}: {said}")]
    Mls {
        /// What it was to do.
        doing: &'static str,
        /// What it said.
        said: String,
    },
}

impl ClientError {
    /// Whether the same may do later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Node(error) => error.is_retryable(),
            Self::Directory(error) => error.is_retryable(),
            Self::Storage(StorageError::Full)
            | Self::Attempts(_)
            | Self::ClockBehind
            | Self::Logs
            | Self::Together(_) => true,
            _ => false,
        }
    }

    /// What openmls said while it was `doing` something.
    pub(super) fn mls<E: std::fmt::Display>(doing: &'static str) -> impl FnOnce(E) -> Self {
        move |said| Self::Mls {
            doing,
            said: said.to_string(),
        }
    }
}

impl ErrorCode for ClientError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotRegistered => "XMTP_CLIENT_NOT_REGISTERED",
            Self::OtherInbox { .. } => "XMTP_CLIENT_OTHER_INBOX",
            Self::NoInbox(_) => "XMTP_CLIENT_NO_INBOX",
            Self::NoConversation => "XMTP_CLIENT_NO_CONVERSATION",
            Self::NotAMember => "XMTP_CLIENT_NOT_A_MEMBER",
            Self::NoSuchMember(_) => "XMTP_CLIENT_NO_SUCH_MEMBER",
            Self::Paused(_) => "XMTP_CLIENT_PAUSED",
            Self::Refused(rule) => rule.code(),
            Self::WrongKind => "XMTP_CLIENT_WRONG_KIND",
            Self::SuperAdminLeaves => "XMTP_CLIENT_SUPER_ADMIN_LEAVES",
            Self::Attempts(_) => "XMTP_CLIENT_ATTEMPTS",
            Self::Together(_) => "XMTP_CLIENT_TOGETHER",
            Self::Logs => "XMTP_CLIENT_LOGS",
            Self::ClockBehind => "XMTP_CLIENT_CLOCK_BEHIND",
            Self::Mls { .. } => "XMTP_CLIENT_MLS",
            Self::Group(error) => error.code(),
            Self::Part(error) => error.code(),
            Self::Directory(error) => error.code(),
            Self::Content(error) => error.code(),
            Self::Storage(error) => error.code(),
            Self::Node(error) => error.code(),
            Self::Identity(error) => error.code(),
            Self::Signature(error) => error.code(),
            Self::Parse(error) => error.code(),
            Self::Welcome(error) => error.code(),
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::NotRegistered | Self::NoInbox(_) | Self::NoConversation | Self::NoSuchMember(_) => Category::NotFound,
            Self::OtherInbox { .. } | Self::NotAMember | Self::Paused(_) | Self::Attempts(_) => Category::Conflict,
            Self::Refused(_) | Self::SuperAdminLeaves => Category::Forbidden,
            Self::WrongKind => Category::Input,
            Self::Mls { .. } => Category::Internal,
            Self::Together(_) | Self::Logs | Self::ClockBehind => Category::Unavailable,
            Self::Group(error) => error.category(),
            Self::Part(error) => error.category(),
            Self::Directory(error) => error.category(),
            Self::Content(error) => error.category(),
            Self::Storage(error) => error.category(),
            Self::Node(error) => error.category(),
            Self::Identity(error) => error.category(),
            Self::Signature(error) => error.category(),
            Self::Parse(error) => error.category(),
            Self::Welcome(error) => error.category(),
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotRegistered => Some("register an inbox first"),
            Self::NoInbox(_) => Some("check the id; on this network nobody has registered it"),
            Self::NoConversation => Some("sync, and look at the list of conversations"),
            Self::Paused(_) => Some("use a newer version of the program"),
            Self::ClockBehind => Some("set this machine's clock"),
            Self::SuperAdminLeaves => Some("make somebody else a super admin and step down first"),
            Self::Storage(error) => error.hint(),
            Self::Node(error) => error.hint(),
            Self::Identity(error) => error.hint(),
            _ => None,
        }
    }
}
