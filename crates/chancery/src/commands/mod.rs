//! The subcommands, one file each.

pub mod completions;
pub mod demo;
pub mod proxy;
pub mod registry;
pub mod signet;
pub mod xmtp;
pub mod xmtp_node;

use std::sync::Arc;

use chancery_terminal::{Failure, Output};

use crate::{cli::Command, error::Error};

/// Runs a command.
///
/// # Errors
/// Whatever it fails with.
pub async fn run(command: Command, output: Arc<Output>) -> Result<(), Failure> {
    if matches!(command, Command::Registry(_) | Command::Proxy(_) | Command::XmtpNode(_)) {
        check_variables()?;
    }
    match command {
        Command::Registry(arguments) => Box::pin(registry::run(*arguments, &output)).await,
        Command::Proxy(arguments) => Box::pin(proxy::run(*arguments, &output)).await,
        Command::XmtpNode(arguments) => Box::pin(xmtp_node::run(*arguments, &output)).await,
        Command::Signet(arguments) => Box::pin(signet::run(*arguments, &output)).await,
        Command::Xmtp(arguments) => Box::pin(xmtp::run(*arguments, &output)).await,
        Command::Demo(arguments) => Box::pin(demo::run(arguments, output)).await,
        Command::Completions(arguments) => completions::run(&arguments, &output),
    }
}

/// Beginnings of the variables that the servers read.
const VARIABLES: &[&str] = &[
    "AGENT_RATE_LIMIT_",
    "APP_VERSION",
    "BOOTSTRAP_",
    "ENVIRONMENT",
    "INJECT_IDENTITY_INTO_MESSAGE",
    "LISTEN_PORT",
    "PROXY_",
    "PUBLIC_",
    "REGISTRY_",
    "RELAY_",
    "REVOCATION_FEED_",
    "XMTP_NODE_",
];

/// A secret that cannot be read must not be taken for none: another one would be made in its place.
fn check_variables() -> Result<(), Error> {
    let unread = std::env::vars_os().find_map(|(name, value)| {
        let name = name.into_string().ok()?;
        let ours = VARIABLES.iter().any(|start| name.starts_with(start));
        (ours && value.to_str().is_none()).then_some(name)
    });
    unread.map_or(Ok(()), |name| Err(Error::VariableNotText { name }))
}

/// A variable of the process; a blank one counts as unset, and so does what [`check_variables`] does not look at.
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}
