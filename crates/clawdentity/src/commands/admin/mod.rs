//! `clawdentity admin`.

pub mod bootstrap;

use clap::Subcommand;

use crate::{context::Context, error::Result};

/// Subcommands of `admin`.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Create the first administrator of a new registry
    Bootstrap(bootstrap::Arguments),
}

/// Runs a subcommand.
///
/// # Errors
/// Whatever it fails with.
pub async fn run(group: Group, context: &Context) -> Result<()> {
    match group {
        Group::Bootstrap(arguments) => bootstrap::run(arguments, context).await,
    }
}
