//! Arguments that do not fit: what clap says, and as JSON when that was asked for.

use std::{ffi::OsString, process::ExitCode};

use chancery_terminal::{Failure, Output};
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::{code::Code, error::CliError};

/// Prints help, version or what is wrong, and returns the exit code.
pub(crate) fn report(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let wants_json = arguments.iter().any(|argument| argument == "--json");
    let is_answer = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    if is_answer || !wants_json {
        // a reader that is gone is nobody to tell
        let _ = error.print();
        return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
    }
    let text = error.render().to_string();
    let first = text.lines().next().unwrap_or_default();
    let mut message = first.strip_prefix("error: ").unwrap_or(first).trim_end().to_owned();
    let names = invalid_arguments(error);
    if error.kind() == ErrorKind::MissingRequiredArgument {
        message = format!("{message} {}", names.join(", "));
    }
    let failure = CliError::usage(code(error, &names), message);
    Output::new(true).fail(&Failure::from(&failure));
    ExitCode::from(failure.exit_code())
}

fn invalid_arguments(error: &clap::Error) -> Vec<String> {
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(name)) => vec![name.clone()],
        Some(ContextValue::Strings(names)) => names.clone(),
        _ => Vec::new(),
    }
}

/// The name that the skill promises for what is wrong, where it promises one.
fn code(error: &clap::Error, names: &[String]) -> Code {
    let first = names.first().map(String::as_str).unwrap_or_default();
    match error.kind() {
        ErrorKind::MissingRequiredArgument => match first {
            "--ticket <TICKET>" => Code::PairStatusTicketRequired,
            "--bootstrap-secret <BOOTSTRAP_SECRET>" => Code::BootstrapSecretRequired,
            "--display-name <DISPLAY_NAME>" => Code::InviteRedeemDisplayNameRequired,
            "<CODE>" => Code::InviteRedeemCodeRequired,
            "<ID>" => Code::ApiKeyIdRequired,
            _ => Code::Usage,
        },
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => match first.split(' ').next().unwrap_or_default() {
            "--ttl-seconds" => Code::PairStartInvalidTtl,
            "--wait-seconds" | "--poll-interval-seconds" => Code::PairStatusWaitInvalid,
            _ => Code::Usage,
        },
        _ => Code::Usage,
    }
}
