//! Arguments that do not fit: what clap says, and as JSON when that was asked for.

use std::{ffi::OsString, process::ExitCode};

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::{ColorChoice, Failure, Output};

/// Prints help, version or what is wrong with `arguments`, and returns the exit code: 0 for what was asked for, else that
/// of the failure which `failure` makes of the sentence and of the names of the arguments that do not fit.
pub fn report(
    error: &clap::Error,
    arguments: &[OsString],
    failure: impl FnOnce(&clap::Error, &[String], String) -> Failure,
) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // a reader that is gone is nobody to tell
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let (names, message) = sentence(error);
    let failure = failure(error, &names, message);
    if arguments.iter().any(|argument| argument == "--json") {
        Output::new(true).fail(&failure);
    } else {
        let _ = error.print();
    }
    failure.exit_code()
}

/// The names of the arguments that do not fit, and what is wrong in one sentence.
#[must_use]
pub fn sentence(error: &clap::Error) -> (Vec<String>, String) {
    let text = error.render().to_string();
    let first = text.lines().next().unwrap_or_default();
    let mut message = first.strip_prefix("error: ").unwrap_or(first).trim_end().to_owned();
    let names = invalid_arguments(error);
    match error.kind() {
        ErrorKind::MissingRequiredArgument => message = format!("{message} {}", names.join(", ")),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => message = "a command is missing".to_owned(),
        _ => {}
    }
    (names, message)
}

/// What `--color` in `arguments` says, for the help that is printed before they are all understood.
#[must_use]
pub fn color(arguments: &[OsString]) -> ColorChoice {
    let mut choice = ColorChoice::Auto;
    let mut rest = arguments.iter().filter_map(|argument| argument.to_str());
    while let Some(argument) = rest.next() {
        let value = match argument.strip_prefix("--color=") {
            Some(value) => Some(value),
            None if argument == "--color" => rest.next(),
            None => None,
        };
        choice = match value {
            Some("always") => ColorChoice::Always,
            Some("never") => ColorChoice::Never,
            _ => choice,
        };
    }
    choice
}

fn invalid_arguments(error: &clap::Error) -> Vec<String> {
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(name)) => vec![name.clone()],
        Some(ContextValue::Strings(names)) => names.clone(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_colour_is_known_before_the_rest() {
        assert_eq!(color(&words("x --color never --help")), ColorChoice::Never);
        assert_eq!(color(&words("x --help --color=always")), ColorChoice::Always);
        assert_eq!(color(&words("x --color")), ColorChoice::Auto);
        assert_eq!(color(&words("x --color purple")), ColorChoice::Auto);
    }
}
