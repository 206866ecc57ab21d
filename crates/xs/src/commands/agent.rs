//! `xs agent`: adapters, which set harnesses up and look after them.

use chancery_signet_wire::adapter::AdapterName;
use clap::{Args, Subcommand};

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
    /// Find out what is wrong with a harness
    #[command(after_help = "Examples:\n  xs agent doctor openclaw")]
    Doctor(Named),
}

/// What names a harness.
#[derive(Debug, Args)]
pub struct Named {
    /// The harness
    harness: Option<AdapterName>,
}

/// Runs it. No adapter is built in yet.
pub(crate) fn run(group: &Group, context: &Context) -> Result<()> {
    let harness = match group {
        Group::Setup { harness, .. } => harness,
        Group::Status(Named { harness }) | Group::Doctor(Named { harness }) => harness,
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
