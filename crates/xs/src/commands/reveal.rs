//! `xs reveal`: what harnesses see of what is hidden.

use chancery_signet_wire::{
    Reference, Timestamp, Uuid,
    action::{
        Call,
        input::{ByReveal, RevealApprove, RevealList},
    },
};
use clap::Subcommand;

use crate::{step::Step, tree::Tree, view::View};

/// Decide what harnesses see.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// List what is revealed, and what is asked for
    #[command(after_help = "Examples:\n  xs reveal list\n  xs reveal list --cred cred_b2c1")]
    List {
        /// Only those of this credential
        #[arg(long, value_name = "CREDENTIAL")]
        cred: Option<Reference>,
    },
    /// Let a harness see what it asked for. The owner is asked to prove to be the owner
    #[command(after_help = "Examples:
  xs reveal approve 9d0e…
  xs reveal approve 9d0e… --until 2026-01-01T00:00:00Z")]
    Approve {
        /// The reveal, with its whole id: what is decided on is not guessed
        #[arg(value_name = "REVEAL")]
        reveal: Uuid,
        /// Until when, if that is sooner than what was asked for
        #[arg(long, value_name = "TIME")]
        until: Option<Timestamp>,
    },
    /// Do not let it
    #[command(after_help = "Examples:\n  xs reveal deny 9d0e…")]
    Deny {
        /// The reveal
        #[arg(value_name = "REVEAL")]
        reveal: Uuid,
    },
}

impl Group {
    pub(crate) fn step(self) -> Step {
        let (call, view) = match self {
            Self::List { cred } => (
                Call::RevealList(RevealList { credential_id: cred }),
                View::Lines(reveals),
            ),
            Self::Approve { reveal, until } => {
                let input = RevealApprove {
                    reveal_id: reveal,
                    expires_at: until,
                };
                (Call::RevealApprove(input), View::Auto)
            }
            Self::Deny { reveal } => (Call::RevealDeny(ByReveal { reveal_id: reveal }), View::Auto),
        };
        Step::ask(call, view)
    }
}

/// Two tables: what waits, and what is in force.
fn reveals(data: &Tree) -> Vec<String> {
    const ACTIVE: &[(&str, &str)] = &[
        ("reveal", "access.revealId"),
        ("chat", "request.groupId"),
        ("scope", "request.scope"),
        ("target", "request.targetId"),
        ("expires", "access.expiresAt"),
    ];
    const PENDING: &[(&str, &str)] = &[
        ("reveal", "request.revealId"),
        ("credential", "credentialId"),
        ("chat", "request.groupId"),
        ("scope", "request.scope"),
        ("target", "request.targetId"),
        ("asked", "createdAt"),
    ];
    let pending = View::TableAt("pendingReveals", PENDING).lines(data);
    let active = View::TableAt("activeReveals", ACTIVE).lines(data);
    let titled = |title: &str, lines: Vec<String>| {
        let title = (!lines.is_empty()).then(|| title.to_owned());
        title.into_iter().chain(lines).collect::<Vec<_>>()
    };
    [titled("waiting:", pending), titled("in force:", active)].concat()
}
