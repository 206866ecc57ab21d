//! `clawdentity agent`.

pub mod auth;
pub mod create;
pub mod inspect;

use clap::Subcommand;

use crate::{
    code::Code,
    context::Context,
    error::{CliError, Result},
    state::{
        agent::{AgentDir, check_name},
        select::State,
    },
};

/// Subcommands of `agent`.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Create an agent: make its key, register it, save its files
    Create(create::Arguments),
    /// Show an agent's identity token
    Inspect(inspect::Arguments),
    /// Refresh or revoke an agent's credentials
    #[command(subcommand)]
    Auth(auth::Group),
}

/// Runs a subcommand.
///
/// # Errors
/// Whatever it fails with.
pub async fn run(group: Group, context: &Context) -> Result<()> {
    match group {
        Group::Create(arguments) => create::run(arguments, context).await,
        Group::Inspect(arguments) => inspect::run(&arguments, context),
        Group::Auth(group) => auth::run(group, context).await,
    }
}

/// The agent `name` of the state in force.
///
/// # Errors
/// [`Code::AgentNameInvalid`], or `missing` when there is no such agent.
pub(crate) fn existing(context: &Context, name: &str, missing: Code) -> Result<(State, AgentDir)> {
    let name = check_name(name)?;
    let state = context.state(None)?;
    let agent = AgentDir::new(&state.dir, name);
    if agent.exists() {
        agent
            .width_warnings()
            .into_iter()
            .for_each(|warning| context.output.warn(warning));
        return Ok((state, agent));
    }
    let failure = CliError::new(
        missing,
        format!("no agent {} at {}", agent.name(), agent.dir().display()),
    );
    // an agent of another registry is a likelier mistake than a name that was never used
    for dir in context.root().all()? {
        let elsewhere = AgentDir::new(&dir, agent.name().clone());
        if elsewhere.exists()
            && let Ok(identity) = elsewhere.identity()
        {
            let hint = format!(
                "{} belongs to {}; set CLAWDENTITY_REGISTRY_URL to it",
                agent.name(),
                identity.registry_url
            );
            return Err(failure.hint(hint));
        }
    }
    Err(failure)
}
