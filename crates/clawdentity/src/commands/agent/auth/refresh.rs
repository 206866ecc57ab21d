//! `clawdentity agent auth refresh`: exchanges the session tokens at the agent's registry.

use clap::Args;
use serde::Serialize;

use crate::{
    code::Code,
    commands::agent::existing,
    context::Context,
    credentials::{Session, Wanted},
    error::Result,
};

/// Arguments of `agent auth refresh`.
#[derive(Debug, Args)]
#[command(
    after_help = "A running connector refreshes by itself, and takes over what this command fetched.

Examples:
  clawdentity agent auth refresh alpha
  clawdentity agent auth refresh alpha --json"
)]
pub struct Arguments {
    /// Name of the agent
    name: String,
}

#[derive(Serialize)]
struct View<'a> {
    name: &'a str,
    status: &'a str,
    message: &'a str,
}

/// Runs it.
///
/// # Errors
/// The registry's refusal, or one of the `CLI_AGENT_` codes.
pub async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let (_, agent) = existing(context, &arguments.name, Code::AgentNotFound)?;
    let session = Session::open(context, &agent)?;
    session.exchange(Wanted::NewTokens).await?;
    let view = View {
        name: &arguments.name,
        status: "refreshed",
        message: "agent auth bundle updated",
    };
    let human = [
        format!("Agent auth refresh: {}", view.name),
        format!("Status: {}", view.status),
        format!("Message: {}", view.message),
    ];
    context.show(&view, &human)
}
