//! `clawdentity agent auth revoke`: takes an agent back at its registry.

use clap::Args;
use serde::Serialize;

use crate::{
    code::Code,
    commands::{agent::existing, api_key},
    context::Context,
    error::{RemoteCodes, Result},
    state::config::ServerUrl,
};

const CODES: RemoteCodes = RemoteCodes {
    unreachable: Code::AgentRequestFailed,
    refused: Code::AgentAuthRevokeFailed,
    invalid: Code::AgentInvalidResponse,
};

/// Arguments of `agent auth revoke`.
#[derive(Debug, Args)]
#[command(
    after_help = "The agent's identity token enters the revocation list, its session ends, its pairs are dropped.
This cannot be undone; repeating it is no error. Local files stay.

Examples:
  clawdentity agent auth revoke alpha
  clawdentity agent auth revoke alpha --json"
)]
pub struct Arguments {
    /// Name of the agent
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    name: &'a str,
    did: &'a str,
    status: &'a str,
    message: &'a str,
    registry_url: String,
}

/// Runs it.
///
/// # Errors
/// The registry's refusal, or one of the `CLI_AGENT_` codes.
pub async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let (_, agent) = existing(context, &arguments.name, Code::AgentNotFound)?;
    let identity = agent.identity().map_err(|error| error.named(Code::AgentFileInvalid))?;
    // the agent's own registry, and the API key of that registry
    let registry = ServerUrl::parse(&identity.registry_url, Code::AgentFileInvalid)?;
    let state = context.root().of(registry)?;
    let key = api_key(&state, context, Code::AgentMissingLocalCredentials)?;
    let client = context.registry(state.registry.origin())?;
    client
        .agent_revoke(&key, identity.did.ulid())
        .await
        .map_err(|error| CODES.name(error))?;
    let view = View {
        name: &arguments.name,
        did: identity.did.as_str(),
        status: "revoked",
        message: "agent revoked at the registry; local files are kept",
        registry_url: state.registry.normalised(),
    };
    let human = [
        format!("Agent auth revoke: {}", view.name),
        format!("DID: {}", view.did),
        format!("Status: {}", view.status),
        format!("Message: {}", view.message),
    ];
    context.show(&view, &human)
}
