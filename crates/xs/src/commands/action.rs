//! `xs action`: actions that wait for the owner.

use chancery_signet_wire::{
    Reference, Uuid,
    action::{
        Call,
        input::{ActionList, ByAction},
    },
    frame::EventKind,
};
use clap::{Args, Subcommand};

use crate::{
    step::{Step, Then},
    view::View,
};

const COLUMNS: View = View::TableAt(
    "actions",
    &[
        ("action", "actionId"),
        ("credential", "credentialId"),
        ("type", "actionType"),
        ("payload", "payload"),
        ("expires", "expiresAt"),
    ],
);
const NEWS: &[EventKind] = &[EventKind::ActionConfirmationRequired];

/// Decide on actions that wait for the owner.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// List the actions that wait, the oldest first
    #[command(after_help = "Examples:\n  xs action list\n  xs action list --watch")]
    List {
        /// Only those of this credential
        #[arg(long, value_name = "CREDENTIAL")]
        cred: Option<Reference>,
        /// Go on until interrupted: a line of JSON for each action that waits
        #[arg(long)]
        watch: bool,
    },
    /// Show exactly what an action will do
    #[command(after_help = "Examples:\n  xs action show 5b1c…")]
    Show(Named),
    /// Let an action be done, once. The owner is asked to prove to be the owner
    #[command(after_help = "Examples:\n  xs action approve 5b1c…")]
    Approve(Named),
    /// Do not let it
    #[command(after_help = "Examples:\n  xs action deny 5b1c…")]
    Deny(Named),
}

/// What names an action.
#[derive(Debug, Args)]
pub struct Named {
    /// The action, with its whole id: what is decided on is not guessed
    #[arg(value_name = "ACTION")]
    action: Uuid,
}

impl From<Named> for ByAction {
    fn from(named: Named) -> Self {
        Self {
            action_id: named.action,
        }
    }
}

impl Group {
    pub(crate) fn step(self) -> Step {
        let call = match self {
            Self::List { cred, watch } => {
                let step = Step::ask(Call::ActionList(ActionList { credential_id: cred }), COLUMNS);
                return if watch {
                    step.then(Then::Watch(NEWS, "actions"))
                } else {
                    step
                };
            }
            Self::Show(named) => Call::ActionShow(named.into()),
            Self::Approve(named) => Call::ActionApprove(named.into()),
            Self::Deny(named) => Call::ActionDeny(named.into()),
        };
        Step::ask(call, View::Auto)
    }
}
