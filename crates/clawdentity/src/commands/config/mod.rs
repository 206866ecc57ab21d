//! `clawdentity config`.

pub mod get;
pub mod init;
pub mod set;
pub mod show;

use clap::Subcommand;

use crate::{
    code::Code,
    context::Context,
    error::{CliError, Result},
    state::config::Config,
};

/// Subcommands of `config`.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Take over a registry's settings
    Init(init::Arguments),
    /// Set one value
    Set(set::Arguments),
    /// Show one value
    Get(get::Arguments),
    /// Show all values
    Show(show::Arguments),
}

/// Runs a subcommand.
///
/// # Errors
/// Whatever it fails with.
pub async fn run(group: Group, context: &Context) -> Result<()> {
    match group {
        Group::Init(arguments) => init::run(arguments, context).await,
        Group::Set(arguments) => set::run(arguments, context),
        Group::Get(arguments) => get::run(&arguments, context),
        Group::Show(arguments) => show::run(&arguments, context),
    }
}

/// The keys of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    RegistryUrl,
    ProxyUrl,
    ApiKey,
    HumanName,
}

impl Setting {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        match text {
            "registryUrl" => Ok(Self::RegistryUrl),
            "proxyUrl" => Ok(Self::ProxyUrl),
            "apiKey" => Ok(Self::ApiKey),
            "humanName" => Ok(Self::HumanName),
            other => Err(CliError::usage(
                Code::ConfigKeyInvalid,
                format!("invalid config key: {other}"),
            )),
        }
    }

    pub(crate) fn value(self, config: &Config) -> Option<&str> {
        match self {
            Self::RegistryUrl => config.registry_url.as_deref(),
            Self::ProxyUrl => config.proxy_url.as_deref(),
            Self::ApiKey => config.api_key.as_deref(),
            Self::HumanName => config.human_name.as_deref(),
        }
    }
}

/// The configuration as people read it: pretty JSON.
pub(crate) fn pretty(config: &Config) -> String {
    serde_json::to_string_pretty(config).unwrap_or_default()
}
