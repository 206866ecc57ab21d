//! `clawdentity connector`.

mod bind;
mod deliver;
mod relay;
mod settings;
pub mod start;

use clap::Subcommand;

use crate::{context::Context, error::Result};

/// Subcommands of `connector`.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Run an agent's connector in the foreground
    Start(start::Arguments),
}

/// Runs a subcommand.
///
/// # Errors
/// Whatever it fails with.
pub async fn run(group: Group, context: &Context) -> Result<()> {
    match group {
        Group::Start(arguments) => start::run(arguments, context).await,
    }
}
