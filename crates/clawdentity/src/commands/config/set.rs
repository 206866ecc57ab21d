//! `clawdentity config set`: changes one value, without asking anybody.

use chancery_identity::{
    name::DisplayName,
    token::{ApiKey, Token},
};
use chancery_terminal::secret;
use clap::Args;

use super::{Setting, pretty};
use crate::{
    code::Code,
    context::Context,
    error::{CliError, Result},
    state::config::ServerUrl,
};

/// Arguments of `config set`.
#[derive(Debug, Args)]
#[command(after_help = "Keys: registryUrl, proxyUrl, apiKey, humanName.
Another registryUrl selects that registry; API keys and agents stay with their own.

Examples:
  clawdentity config set registryUrl https://registry.example
  clawdentity config set humanName Alice
  clawdentity config set apiKey - < key.txt
  clawdentity config set apiKey @key.txt")]
pub struct Arguments {
    /// Key
    key: String,
    /// Value; for apiKey also - (a line of stdin) or @FILE
    value: String,
}

/// Runs it.
///
/// # Errors
/// [`Code::ConfigKeyInvalid`] or [`Code::ConfigValueInvalid`], or an unwritable file.
pub fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let key = Setting::parse(&arguments.key)?;
    let state = match key {
        Setting::RegistryUrl => {
            let url = ServerUrl::parse(&arguments.value, Code::RegistryUrlInvalid).map_err(CliError::of_argument)?;
            context.root().of(url)?
        }
        _ => context.state(None)?,
    };
    let mut file = state.file.clone();
    match key {
        Setting::RegistryUrl => file = state.file_for_registry(),
        Setting::ProxyUrl => {
            file.proxy_url = Some(
                ServerUrl::parse(&arguments.value, Code::PairProxyUrlInvalid)
                    .map_err(CliError::of_argument)?
                    .text()
                    .to_owned(),
            );
        }
        Setting::ApiKey => {
            let value = secret::from_arg(&arguments.value)?;
            let token: Token<ApiKey> = value.trim().parse().map_err(|_| {
                CliError::usage(
                    Code::ConfigValueInvalid,
                    "invalid input: an API key begins with clw_pat_",
                )
            })?;
            // a key goes to no other registry than the one it was set for, so the file names it
            file = state.file_for_registry();
            file.api_key = Some(token.expose().to_owned());
        }
        Setting::HumanName => {
            let name: DisplayName = arguments
                .value
                .trim()
                .parse()
                .map_err(|error| CliError::usage(Code::ConfigValueInvalid, format!("invalid input: {error}")))?;
            file.human_name = Some(name.as_str().to_owned());
        }
    }
    file.save(&state.dir)?;
    if key == Setting::RegistryUrl {
        context.root().choose(&state)?;
    }
    let mut shown = file.masked();
    shown
        .registry_url
        .get_or_insert_with(|| state.registry.text().to_owned());
    context.show(&shown, &[pretty(&shown)])
}
