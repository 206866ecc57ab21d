//! `clawdentity invite`.

pub mod create;
pub mod redeem;

use clap::Subcommand;

use crate::{context::Context, error::Result};

/// Subcommands of `invite`.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Create an invite (administrators only)
    Create(create::Arguments),
    /// Redeem an invite: become a person of the registry and get an API key
    Redeem(redeem::Arguments),
}

/// Runs a subcommand.
///
/// # Errors
/// Whatever it fails with.
pub async fn run(group: Group, context: &Context) -> Result<()> {
    match group {
        Group::Create(arguments) => create::run(arguments, context).await,
        Group::Redeem(arguments) => redeem::run(arguments, context).await,
    }
}
