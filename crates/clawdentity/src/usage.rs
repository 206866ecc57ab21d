//! Arguments that do not fit, under the names that the skill promises.

use std::{ffi::OsString, process::ExitCode};

use chancery_terminal::{Failure, usage};
use clap::error::ErrorKind;

use crate::{code::Code, error::CliError};

/// Prints help, version or what is wrong, and returns the exit code.
pub(crate) fn report(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    usage::report(error, arguments, |error, names, message| {
        Failure::from(&CliError::usage(code(error, names), message))
    })
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
