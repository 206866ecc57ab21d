//! The `safeclaw` command.
//!
//! [`run`] is all that the binary calls. Tests and other programs use [`execute`] with their own [`Context`]: the same
//! steps, the same files, other streams.

pub mod cli;
mod code;
pub mod commands;
mod config;
mod context;
mod database;
mod error;
mod exit;
mod home;
mod owner;
mod passphrase;
pub mod time;
mod write;

use std::{ffi::OsString, process::ExitCode, sync::Arc};

use chancery_terminal::{Failure, Output, logs, usage};
use clap::{CommandFactory as _, FromArgMatches as _};

pub use code::Code;
pub use context::{Context, Unlocked};
pub use error::{CliError, Result};
pub use exit::Exit;
pub use home::Home;
pub use passphrase::Given;

use cli::Cli;

/// Runs the command that `arguments` name (the first is the program) and returns the exit code of the process, one of
/// [`Exit`].
pub fn run<I, T>(arguments: I) -> ExitCode
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    if let Some(code) = commands::doctor::probe::run(&arguments) {
        return code;
    }
    let command = Cli::command().color(usage::color(&arguments).into());
    let parsed = command
        .try_get_matches_from(&arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            return usage::report(&error, &arguments, |_, _, message| {
                Failure::from(CliError::new(Code::Usage, message))
            });
        }
    };
    logs::init_coloured("warn", cli.global.color);
    let output = Arc::new(Output::coloured(cli.global.json, cli.global.color));
    let result = Context::of_process(&cli.global, Arc::clone(&output)).and_then(|context| execute(cli, &context));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let failure = Failure::from(error);
            if !failure.is_shown() {
                output.fail(&failure);
            }
            failure.exit_code()
        }
    }
}

/// Runs `cli`.
///
/// # Errors
/// Whatever the command fails with.
pub fn execute(cli: Cli, context: &Context) -> Result<()> {
    match cli.command {
        Some(command) => commands::run(command, context),
        None => {
            let help = Cli::command().color(cli.global.color.into()).render_help();
            // help is for people, whatever --json says about results
            Ok(Output::new(false)
                .result(&(), |out| write!(out, "{help}"))
                .map_err(|error| Failure::stdout(&error))?)
        }
    }
}
