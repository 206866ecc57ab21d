//! What the node asks its store. A query sees one state and changes nothing.

use bytes::Bytes;

use super::model::{CommitEntry, GroupMessage, History, Identifier, Installation, LoggedUpdate, Page, Rows, Welcome};

/// A question to the store.
pub(crate) trait Query: Send + 'static {
    /// The answer.
    type Found: Send + 'static;
}

macro_rules! queries {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? } -> $found:ty;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone)]
            pub(crate) struct $name { $(pub(crate) $field: $type),* }

            impl Query for $name {
                type Found = $found;
            }
        )*
    };
}

queries! {
    /// Messages of a group.
    GroupMessages { group: Bytes, page: Page } -> Rows<GroupMessage>;
    /// Welcomes of an installation.
    Welcomes { installation: Installation, page: Page } -> Rows<Welcome>;
    /// Messages of several groups, each after its own cursor, oldest first and group by group, up to the limits.
    GroupHistory { after: Vec<(Bytes, u64)>, rows: usize, bytes: usize } -> History<GroupMessage>;
    /// The same with welcomes of several installations.
    WelcomeHistory { after: Vec<(Installation, u64)>, rows: usize, bytes: usize } -> History<Welcome>;
    /// The newest message of each group, in their order. Without `content` data and HMAC are empty. `None` when they weigh
    /// more than `bytes` together.
    NewestGroupMessages { groups: Vec<Bytes>, content: bool, bytes: usize } -> Option<Vec<Option<GroupMessage>>>;
    /// Key packages in the order of the installations. One counts as long as its installation is in the inbox that it names.
    /// `None` when they weigh more than `bytes` together.
    KeyPackages { installations: Vec<Installation>, bytes: usize } -> Option<Vec<Option<Bytes>>>;
    /// The updates of an inbox, oldest first.
    InboxLog { inbox: String } -> Vec<LoggedUpdate>;
    /// Updates of each inbox after a sequence id, oldest first. `None` when they weigh more than `bytes` together.
    InboxLogs { after: Vec<(String, u64)>, bytes: usize } -> Option<Vec<Vec<LoggedUpdate>>>;
    /// The inbox that each identifier joined last and has not left, in their order.
    InboxIds { identifiers: Vec<Identifier> } -> Vec<Option<String>>;
    /// The inbox that an installation belongs to.
    InboxOf { installation: Installation } -> Option<String>;
    /// The commit log of a group.
    CommitLog { group: Bytes, page: Page } -> Rows<CommitEntry>;
}
