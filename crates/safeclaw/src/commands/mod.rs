//! One file or folder a command.

pub mod completions;
pub mod skill;

use crate::{Context, Result, cli::Command};

/// Runs `command`.
///
/// # Errors
/// Whatever the command fails with.
pub fn run(command: Command, context: &Context) -> Result<()> {
    match command {
        Command::Skill(group) => skill::run(group, context),
        Command::Completions(arguments) => completions::run(&arguments, context),
    }
}
