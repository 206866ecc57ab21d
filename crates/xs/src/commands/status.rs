//! `xs status`: how the daemon fares.

use chancery_signet_wire::{
    Class,
    action::{Call, input::Nothing},
    record::status::DaemonState,
};
use clap::Args;

use crate::{
    Problem,
    client::{Client, Unreachable},
    context::Context,
    problem::Result,
    view::View,
};

/// Exit code of `status` where no daemon runs and nobody reads JSON: a script asks by it.
const STOPPED: u8 = 3;

/// Arguments of `status`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  xs status
  xs status --json

Where the daemon does not run this says `state: stopped` and ends with 3; with --json it ends with 0.")]
pub struct Arguments {}

/// Runs it.
pub(crate) fn run(context: &Context) -> Result<()> {
    let mut client = match Client::connect(&context.door()?) {
        Ok(client) => client,
        Err(Unreachable::Stopped(_)) => return stopped(context),
        Err(unreachable) => return Err(unreachable.into()),
    };
    let data = client.call(&Call::SignetStatus(Nothing {}))?;
    context.output.data(&data, View::Auto)
}

fn stopped(context: &Context) -> Result<()> {
    let answer = serde_json::json!({ "state": DaemonState::Stopped });
    context.output.value(&answer, View::Auto)?;
    if context.output.is_for_programs() {
        return Ok(());
    }
    Err(Problem::new(Class::Network, "the daemon does not run")
        .with_exit(STOPPED)
        .shown())
}
