//! `clawdentity config show`: shows all values in force.

use clap::Args;

use super::pretty;
use crate::{context::Context, error::Result, state::config};

/// Arguments of `config show`.
#[derive(Debug, Args)]
#[command(
    after_help = "Shows the values in force: the environment's before the file's. The API key is masked.

Examples:
  clawdentity config show
  clawdentity config show --json"
)]
pub struct Arguments {}

/// Runs it.
///
/// # Errors
/// An unreadable file.
pub fn run(_: &Arguments, context: &Context) -> Result<()> {
    let state = context.state(None)?;
    let shown = state.config(&context.env).masked();
    let path = format!("Path: {}", state.path(config::FILE).display());
    context.show(&shown, &[pretty(&shown), path])
}
