//! One file or folder a command.

pub mod audit;
pub mod completions;
pub mod doctor;
pub mod key;
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
        Command::Key(group) => key::run(group, context),
        Command::Vault(group) => vault::run(group, context),
        Command::Audit(arguments) => audit::run(&arguments, context),
        Command::Doctor(arguments) => doctor::run(&arguments, context),
        Command::Completions(arguments) => completions::run(&arguments, context),
    }
}
