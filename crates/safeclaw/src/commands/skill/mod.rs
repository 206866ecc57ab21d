//! `safeclaw skill`: write, sign, install and limit skills. One file a command.

use clap::Subcommand;

use crate::{Context, Result};

/// Commands about skills.
#[derive(Debug, Subcommand)]
pub enum Group {}

/// Runs one of them.
///
/// # Errors
/// Whatever the command fails with.
pub fn run(group: Group, _context: &Context) -> Result<()> {
    match group {}
}
