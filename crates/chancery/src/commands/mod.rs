//! The subcommands, one file each.

pub mod completions;
pub mod demo;
pub mod proxy;
pub mod registry;

use std::sync::Arc;

use chancery_terminal::{Failure, Output};

use crate::cli::Command;

/// Runs a command.
///
/// # Errors
/// Whatever it fails with.
pub async fn run(command: Command, output: Arc<Output>) -> Result<(), Failure> {
    match command {
        Command::Registry(arguments) => Box::pin(registry::run(*arguments, &output)).await,
        Command::Proxy(arguments) => Box::pin(proxy::run(*arguments, &output)).await,
        Command::Demo(arguments) => Box::pin(demo::run(arguments, output)).await,
        Command::Completions(arguments) => completions::run(&arguments, &output),
    }
}

/// A variable of the process; what is not UTF-8 or blank counts as unset.
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}
