//! The `xs` command: the signet's owner and admins talk to its daemon with it.
//!
//! A command line becomes a typed call of an action, which goes over the daemon's admin socket; nothing here links an engine or
//! opens the daemon's vault, but for `init`, which makes it.

mod arguments;
mod ask;
mod build;
pub mod cli;
mod client;
pub mod commands;
mod context;
mod custody;
mod output;
mod problem;
mod qr;
mod step;
mod system;
mod tree;
mod view;

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory as _, FromArgMatches as _, error::ErrorKind};

use chancery_terminal::usage;

pub use output::Format;
pub use problem::{Problem, Result};

use cli::Cli;
use context::Context;
use output::Output;

/// Runs the command that `arguments` name (the first is the program) and returns the exit code of the process.
pub fn run<I, T>(arguments: I) -> ExitCode
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let parsed = Cli::command()
        .try_get_matches_from(&arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return called_wrongly(&error, &arguments),
    };
    let format = cli.global.format();
    let result = Context::of_process(&cli.global).and_then(|context| match cli.command {
        Some(command) => commands::run(command, &context),
        // help is for people, whatever is said about results
        None => Output::new(Format::Human).bytes(&Cli::command().render_help().to_string()),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            if !problem.is_shown() {
                Output::new(format).fail(&problem);
            }
            ExitCode::from(problem.exit_code())
        }
    }
}

/// Help and version as they were asked for, with 0; anything else is a validation failure, with 1.
fn called_wrongly(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // a reader that is gone is nobody to tell
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let (names, reason) = usage::sentence(error);
    let field = if names.is_empty() {
        "command".to_owned()
    } else {
        names.join(", ")
    };
    let problem = Problem::argument(&field, reason);
    if wants_programs(arguments) {
        Output::new(Format::Json).fail(&problem);
    } else {
        let _ = error.print();
    }
    ExitCode::from(problem.exit_code())
}

/// Whether failures are for programs, where not everything is understood.
fn wants_programs(arguments: &[OsString]) -> bool {
    let words: Vec<&str> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    let format = |word: &str| matches!(word, "json" | "ndjson");
    words
        .iter()
        .any(|word| *word == "--json" || word.strip_prefix("--output=").is_some_and(format))
        || words
            .windows(2)
            .any(|pair| matches!(pair, ["--output", word] if format(word)))
}

#[cfg(test)]
mod tests;
