//! One file a subcommand.

pub mod admin;
pub mod agent;
pub mod api_key;
pub mod completions;
pub mod config;
pub mod connector;
pub mod doctor;
pub mod init;
pub mod invite;
pub mod pair;
pub mod register;
pub mod verify;
pub mod whoami;

use crate::{
    cli::Command,
    code::Code,
    context::Context,
    error::{CliError, RemoteCodes, Result},
    state::select::State,
};

/// How failures to get a registry's metadata are named.
pub(crate) const METADATA: RemoteCodes = RemoteCodes {
    unreachable: Code::MetadataRequestFailed,
    refused: Code::MetadataFetchFailed,
    invalid: Code::MetadataInvalidResponse,
};

/// Runs `command`.
///
/// # Errors
/// Whatever the command fails with.
pub async fn run(command: Command, context: &Context) -> Result<()> {
    match command {
        Command::Init(arguments) => init::run(arguments, context),
        Command::Whoami(arguments) => whoami::run(&arguments, context),
        Command::Register(arguments) => register::run(arguments, context).await,
        Command::Agent(group) => agent::run(group, context).await,
        Command::Config(group) => config::run(group, context).await,
        Command::ApiKey(group) => api_key::run(group, context).await,
        Command::Invite(group) => invite::run(group, context).await,
        Command::Admin(group) => admin::run(group, context).await,
        Command::Connector(group) => Box::pin(connector::run(group, context)).await,
        Command::Pair(group) => pair::run(group, context).await,
        Command::Verify(arguments) => verify::run(arguments, context).await,
        Command::Doctor(arguments) => doctor::run(&arguments, context).await,
        Command::Completions(arguments) => completions::run(&arguments, context),
    }
}

/// The API key in force.
///
/// # Errors
/// `code`, when there is none.
pub(crate) fn api_key(state: &State, context: &Context, code: Code) -> Result<String> {
    let key = state.config(&context.env).api_key.filter(|key| !key.trim().is_empty());
    key.ok_or_else(|| {
        let registry = state.registry.text();
        CliError::new(code, format!("API key is not configured for {registry}"))
    })
}
