//! What a client shows of its conversations, and what it is told to do to them.

use chancery_xmtp_wire::{
    content::{EncodedContent, MessageId},
    group::{Disappearing, MemberRule, PermissionRule, Policy, PolicySet, Role},
    identity::{InboxId, InstallationKey},
};
use openmls::group::GroupId;

use crate::storage::{IntentId, Position};

/// What a new group is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupOptions {
    /// Its name, at most 100 bytes.
    pub name: String,
    /// What it is about, at most 1000 bytes.
    pub description: String,
    /// The URL of a square picture, at most 2048 bytes.
    pub image: String,
    /// Who may do what.
    pub permissions: PolicySet,
    /// From when and after how long its messages disappear.
    pub disappearing: Option<Disappearing>,
}

impl Default for GroupOptions {
    /// No name, everybody adds and renames: what official clients make when nothing is asked for.
    fn default() -> Self {
        Self {
            name: String::new(),
            description: String::new(),
            image: String::new(),
            permissions: PolicySet::all_members(),
            disappearing: None,
        }
    }
}

/// What kind of conversation it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A group.
    Group,
    /// Between us and another inbox.
    Dm {
        /// The other.
        peer: InboxId,
    },
}

/// Whether we want a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Nothing was decided: somebody else added us.
    Unknown,
    /// We want it.
    Allowed,
    /// We do not.
    Denied,
}

/// A conversation of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its group; of a DM for which several groups stand, the one in which we write.
    pub id: GroupId,
    /// Its kind.
    pub kind: Kind,
    /// Its name; empty when it has none.
    pub name: String,
    /// When we made or joined it, nanoseconds since the Unix epoch.
    pub created_ns: u64,
    /// Whether we are a member still.
    pub active: bool,
    /// Whether we want it.
    pub consent: Consent,
    /// The protocol version that it waits for: nothing is read or sent before this program is as new as that.
    pub paused_for: Option<String>,
}

/// A member of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The inbox.
    pub inbox: InboxId,
    /// What it is in the group.
    pub role: Role,
    /// Its installations that are in the group.
    pub installations: Vec<InstallationKey>,
}

/// How far a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The network has it.
    Sent,
    /// It is ours, and the network may not have it yet. It will be sent again.
    Pending,
    /// It is ours, and is not sent any more: we are no member any more, or the node refused it for good.
    Failed,
}

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id, the same for all members.
    pub id: MessageId,
    /// Its group.
    pub group: GroupId,
    /// Who said it.
    pub sender: InboxId,
    /// With which of their installations.
    pub installation: InstallationKey,
    /// When the network took it, or, before that, when we wrote it; nanoseconds since the Unix epoch.
    pub sent_ns: u64,
    /// What it says. `None` if it is nothing that can be read as content at all.
    pub content: Option<EncodedContent>,
    /// How far it is.
    pub delivery: Delivery,
    /// Where it stands in the order in which this inbox learned of things; `None` until the network has ordered it.
    pub position: Option<Position>,
}

/// What happened while we follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A conversation is there that was not there before.
    Conversation(Conversation),
    /// A message is there that was not there before.
    Message(Message),
}

/// What a sync brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Synced {
    /// Conversations that we joined.
    pub conversations: usize,
    /// Messages that are new here.
    pub messages: usize,
}

/// A change of who is an admin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum AdminChange {
    /// Becomes an admin.
    AddAdmin,
    /// Is no admin any more.
    RemoveAdmin,
    /// Becomes a super admin.
    AddSuperAdmin,
    /// Is no super admin any more.
    RemoveSuperAdmin,
}

/// A change of who may do what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyChange {
    /// Who may add members.
    AddMember(Policy<MemberRule>),
    /// Who may remove members.
    RemoveMember(Policy<MemberRule>),
    /// Who may change a field of the metadata.
    Metadata {
        /// The field.
        field: String,
        /// Who may.
        policy: Policy<MemberRule>,
    },
    /// Who may make admins.
    AddAdmin(Policy<PermissionRule>),
    /// Who may unmake admins.
    RemoveAdmin(Policy<PermissionRule>),
    /// All of it.
    All(PolicySet),
}

/// What there is to know of a group when something seems wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debug {
    /// The epoch of MLS.
    pub epoch: u64,
    /// A commit for our epoch or a later one could not be processed: we may have parted from the others.
    pub maybe_forked: bool,
    /// The id of the last message of the group that took effect.
    pub cursor: u64,
    /// The same for all members that agree on the epoch: hex.
    pub epoch_authenticator: String,
    /// Who is in it, and up to where their identity logs were looked at.
    pub members: Vec<(InboxId, u64)>,
    /// What we still mean to do to it.
    pub intents: Vec<IntentId>,
}
