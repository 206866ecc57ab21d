//! `xs chat member`: who is in a chat.

use chancery_signet_wire::{
    Reference,
    action::{
        Call,
        input::{ByChat, ChatMember, ChatMemberRole},
    },
};
use clap::{Args, Subcommand};

use crate::{step::Step, view::View};

const MEMBERS: View = View::TableAt("members", &[("inbox", "inboxId"), ("role", "role")]);

/// See and change who is in a chat.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// List who is in a chat
    #[command(after_help = "Examples:\n  xs chat member list conv_9e2d")]
    List {
        /// The chat
        #[arg(value_name = "CHAT")]
        chat: Reference,
    },
    /// Add somebody
    #[command(after_help = "Examples:\n  xs chat member add conv_9e2d 0x52908400098527886e0f7030069857d2e4169ee7")]
    Add(Change),
    /// Remove somebody
    #[command(after_help = "Examples:\n  xs chat member rm conv_9e2d 5f0b…")]
    Rm(Change),
    /// Make a member an admin
    #[command(after_help = "Examples:\n  xs chat member promote conv_9e2d 5f0b…")]
    Promote(Role),
    /// Make an admin a member
    #[command(after_help = "Examples:\n  xs chat member demote conv_9e2d 5f0b…")]
    Demote(Role),
}

/// Who comes or goes.
#[derive(Debug, Args)]
pub struct Change {
    /// The chat
    #[arg(value_name = "CHAT")]
    chat: Reference,
    /// Who: an inbox id of the network's, or an address
    #[arg(value_name = "INBOX")]
    inbox: Reference,
    /// The inbox that does it
    #[arg(long = "as", value_name = "INBOX")]
    acting: Option<Reference>,
}

/// Whose role changes.
#[derive(Debug, Args)]
pub struct Role {
    /// The chat
    #[arg(value_name = "CHAT")]
    chat: Reference,
    /// Who: an inbox id of the network's
    #[arg(value_name = "INBOX")]
    inbox: Reference,
}

impl Group {
    pub(crate) fn step(self) -> Step {
        let (call, view) = match self {
            Self::List { chat } => (Call::ChatMembers(ByChat { chat_id: chat }), MEMBERS),
            Self::Add(change) => (Call::ChatAddMember(change.into()), View::Auto),
            Self::Rm(change) => (Call::ChatRemoveMember(change.into()), View::Auto),
            Self::Promote(role) => (Call::ChatPromoteMember(role.into()), View::Auto),
            Self::Demote(role) => (Call::ChatDemoteMember(role.into()), View::Auto),
        };
        Step::ask(call, view)
    }
}

impl From<Change> for ChatMember {
    fn from(change: Change) -> Self {
        Self {
            chat_id: change.chat,
            inbox_id: change.inbox,
            identity_label: change.acting,
        }
    }
}

impl From<Role> for ChatMemberRole {
    fn from(role: Role) -> Self {
        Self {
            chat_id: role.chat,
            inbox_id: role.inbox,
        }
    }
}
