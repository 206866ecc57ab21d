//! One file or folder a command.

pub mod completions;
pub mod onboard;
pub mod skill;
pub mod vault;

use crate::{Context, Result, cli::Command};

/// Runs `command`.
///
/// # Errors
/// Whatever the command fails with.
pub fn run(command: Command, context: &Context) -> Result<()> {
    match command {
        Command::Skill(group) => skill::run(group, context),
        Command::Onboard(arguments) => onboard::run(&arguments, context),
        Command::Vault(group) => vault::run(group, context),
        Command::Completions(arguments) => completions::run(&arguments, context),
    }
}
