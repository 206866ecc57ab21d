//! The `chancery` command: runs the parts of Chancery, alone or together.
//!
//! One file a subcommand in [`commands`]; [`servers`] joins each engine with its port, its store and its signals, and the
//! demo starts the same servers in one process.

pub mod cli;
pub mod commands;
pub mod data_dir;
pub mod error;
pub mod listen;
pub mod secrets;
pub mod servers;

use std::{ffi::OsString, process::ExitCode, sync::Arc};

use chancery_terminal::{Failure, Output, logs};
use clap::Parser as _;

use cli::Cli;
use error::Error;

/// Runs the command that `arguments` name (the first is the program) and returns the exit code of the process: 0 done, 1
/// failed, 2 called wrongly.
pub fn run<I, T>(arguments: I) -> ExitCode
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &arguments),
    };
    match cli.command {
        // that an agent is revoked is a step of the demo, which provokes what is warned of and says what came of it
        cli::Command::Demo(_) => logs::init("error,chancery_connector::revoked=off"),
        // as its configuration says
        cli::Command::Signet(_) => {}
        _ => logs::init("warn"),
    }
    chancery_serve::install_crypto();
    let output = Arc::new(Output::new(cli.json));
    match block_on(commands::run(cli.command, Arc::clone(&output))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_shown() {
                output.fail(&failure);
            }
            failure.exit_code()
        }
    }
}

fn block_on(future: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(Error::Runtime)?;
    let result = runtime.block_on(future);
    // what still blocks on a disk must not keep the process from ending
    runtime.shutdown_background();
    result
}

/// Help and version go to stdout and are no failure; what was called wrongly is told on stderr, as JSON with `--json`.
fn usage(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    if error.use_stderr() && arguments.iter().any(|argument| argument == "--json") {
        let text = error.render().to_string();
        let first = text.split("\n\n").next().unwrap_or_default();
        let line = first
            .trim_start_matches("error:")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let failure = Failure::usage("CHANCERY_USAGE", line).with_hint("see chancery --help");
        Output::new(true).fail(&failure);
        return failure.exit_code();
    }
    // without stdout or stderr there is nobody to tell
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(chancery_terminal::EXIT_USAGE))
}
