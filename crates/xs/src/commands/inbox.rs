//! `xs inbox`: the identities that speak.

use chancery_signet_wire::{
    Label, Reference,
    action::{
        Call,
        input::{ByInbox, InboxCreate, InboxLink, InboxRemove, Nothing},
    },
};
use clap::Subcommand;

use crate::{
    arguments::{given, quoted},
    step::Step,
    view::View,
};

const COLUMNS: View = View::Table(&[
    ("id", "id"),
    ("label", "label"),
    ("network inbox", "networkInboxId"),
    ("operator", "operatorId"),
    ("created", "createdAt"),
]);

/// Keep inboxes.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Register an identity
    #[command(after_help = "Examples:\n  xs inbox create --label qa-inbox\n  xs inbox create --label qa --op op_a7f3")]
    Create {
        /// Its name
        #[arg(long)]
        label: Option<Label>,
        /// The operator that it belongs to
        #[arg(long, value_name = "OPERATOR")]
        op: Option<Reference>,
    },
    /// List the identities
    #[command(after_help = "Examples:\n  xs inbox list")]
    List,
    /// Show an identity
    #[command(after_help = "Examples:\n  xs inbox info qa-inbox\n  xs inbox info qa-inbox --network")]
    Info {
        /// The inbox
        #[arg(value_name = "INBOX")]
        inbox: Reference,
        /// Only what the network calls it
        #[arg(long, conflicts_with = "only")]
        network: bool,
        /// Only this member of the answer
        #[arg(long, value_name = "FIELD")]
        only: Option<String>,
    },
    /// Give an identity to an operator
    #[command(after_help = "Examples:\n  xs inbox link qa-inbox --op op_a7f3")]
    Link {
        /// The inbox
        #[arg(value_name = "INBOX")]
        inbox: Reference,
        /// The operator
        #[arg(long, value_name = "OPERATOR")]
        op: Reference,
    },
    /// Take an identity from its operator
    #[command(after_help = "Examples:\n  xs inbox unlink qa-inbox")]
    Unlink {
        /// The inbox
        #[arg(value_name = "INBOX")]
        inbox: Reference,
    },
    /// Remove an identity and its files
    #[command(after_help = "Examples:\n  xs inbox rm qa-inbox\n  xs inbox rm qa-inbox --force")]
    Rm {
        /// The inbox
        #[arg(value_name = "INBOX")]
        inbox: Reference,
        /// Do it; otherwise the answer is what would be done
        #[arg(long)]
        force: bool,
    },
}

impl Group {
    pub(crate) fn step(self) -> Step {
        match self {
            Self::Create { label, op } => {
                Step::ask(Call::InboxCreate(InboxCreate { label, operator_id: op }), View::Auto)
            }
            Self::List => Step::ask(Call::InboxList(Nothing {}), COLUMNS),
            Self::Info { inbox, network, only } => {
                let only = if network {
                    Some("networkInboxId".to_owned())
                } else {
                    only
                };
                Step::ask(Call::InboxInfo(ByInbox { inbox_id: inbox }), View::Auto).only(only)
            }
            Self::Link { inbox, op } => {
                let input = InboxLink {
                    inbox_id: inbox,
                    operator_id: op,
                };
                Step::ask(Call::InboxLink(input), View::Auto)
            }
            Self::Unlink { inbox } => Step::ask(Call::InboxUnlink(ByInbox { inbox_id: inbox }), View::Auto),
            Self::Rm { inbox, force } => {
                let what = format!("remove inbox {} and its files", quoted(&inbox));
                let input = InboxRemove {
                    inbox_id: inbox,
                    execute: given(force),
                };
                Step::destroy_by_plan(force, what, Call::InboxRemove(input))
            }
        }
    }
}
