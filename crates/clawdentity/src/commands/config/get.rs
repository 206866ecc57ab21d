//! `clawdentity config get`: shows one value that is in force.

use clap::Args;
use serde::Serialize;

use super::Setting;
use crate::{context::Context, error::Result, state::config::MASK};

/// Arguments of `config get`.
#[derive(Debug, Args)]
#[command(
    after_help = "Shows the value in force: the environment's before the file's. The API key is never shown.

Examples:
  clawdentity config get registryUrl
  clawdentity config get apiKey --json"
)]
pub struct Arguments {
    /// registryUrl, proxyUrl, apiKey or humanName
    key: String,
}

#[derive(Serialize)]
struct View<'a> {
    key: &'a str,
    value: Option<&'a str>,
}

/// Runs it.
///
/// # Errors
/// [`crate::code::Code::ConfigKeyInvalid`].
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let key = Setting::parse(&arguments.key)?;
    let config = context.state(None)?.config(&context.env);
    let value = key
        .value(&config)
        .map(|value| if key == Setting::ApiKey { MASK } else { value });
    let human = value.unwrap_or("(not set)").to_owned();
    context.show(
        &View {
            key: &arguments.key,
            value,
        },
        &[human],
    )
}
