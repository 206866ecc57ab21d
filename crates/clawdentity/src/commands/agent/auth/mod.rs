//! `clawdentity agent auth`.

pub mod refresh;
pub mod revoke;

use clap::Subcommand;

use crate::{context::Context, error::Result};

/// Subcommands of `agent auth`.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Exchange an agent's session tokens for new ones
    Refresh(refresh::Arguments),
    /// Revoke an agent at its registry, for good
    Revoke(revoke::Arguments),
}

/// Runs a subcommand.
///
/// # Errors
/// Whatever it fails with.
pub async fn run(group: Group, context: &Context) -> Result<()> {
    match group {
        Group::Refresh(arguments) => refresh::run(arguments, context).await,
        Group::Revoke(arguments) => revoke::run(arguments, context).await,
    }
}
