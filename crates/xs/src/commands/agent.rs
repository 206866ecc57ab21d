//! `xs agent`: adapters, which set harnesses up and look after them.

use chancery_signet_wire::adapter::AdapterName;
use clap::{Args, Subcommand};

use super::doctor;
use crate::{Problem, context::Context, problem::Result};

/// Set up harnesses.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Set a harness up
    #[command(after_help = "Examples:\n  xs agent setup openclaw")]
    Setup {
        /// The harness
        harness: Option<AdapterName>,
        /// Write files that are there anew
        #[arg(long)]
        force: bool,
    },
    /// Show whether a harness is set up
    #[command(after_help = "Examples:\n  xs agent status openclaw")]
    Status(Named),
    /// Find out what is wrong with the signet, or with a harness
    #[command(after_help = "Examples:
  xs agent doctor
  xs agent doctor --uid 1001

Whoever runs as the daemon's user can do what an admin can: limits are advisory for a harness of that
user, and this fails. Without --uid the harness is taken to run as you.")]
    Doctor {
        /// The harness
        harness: Option<AdapterName>,
        /// The user that the harness runs as
        #[arg(long, conflicts_with = "harness")]
        uid: Option<u32>,
    },
}

/// What names a harness.
#[derive(Debug, Args)]
pub struct Named {
    /// The harness
    harness: Option<AdapterName>,
}

/// Runs it. No adapter is built in yet, so a harness that is named is not there.
pub(crate) fn run(group: &Group, context: &Context) -> Result<()> {
    let harness = match group {
        Group::Doctor { harness: None, uid } => return doctor::run(*uid, context),
        Group::Setup { harness, .. } | Group::Status(Named { harness }) | Group::Doctor { harness, .. } => harness,
    };
    context.loaded()?;
    let name = harness
        .as_ref()
        .map_or_else(|| "default".to_owned(), ToString::to_string);
    Err(
        Problem::from(chancery_signet_wire::Failure::not_found("adapter", &name))
            .with_hint("no adapter is built in yet; a harness connects by WebSocket with the token of `xs cred issue`"),
    )
}
