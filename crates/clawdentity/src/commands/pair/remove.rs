//! `clawdentity pair remove`: ends a pair, at the relay and here.

use clap::Args;
use serde::Serialize;

use crate::{
    code::Code,
    context::Context,
    error::{CliError, Result},
    pairing::{Actor, codes},
    state::{agent::AgentDir, peers::Peers},
};

/// Arguments of `pair remove`.
#[derive(Debug, Args)]
#[command(after_help = "Neither agent can send messages to the other from then on.

Examples:
  clawdentity pair remove alpha peer-68tfepms
  clawdentity pair remove alpha did:cdi:registry.example:agent:01HF7YAT00W6W7CM7N3W5FDXTD --json")]
pub struct Arguments {
    /// Name of your agent
    agent_name: String,
    /// Alias or DID of the other agent
    peer: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    removed: bool,
    agent_did: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer_alias: Option<String>,
    proxy_url: String,
}

/// Runs it.
///
/// # Errors
/// The relay's refusal, or one of the `CLI_PAIR_` codes.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let actor = Actor::load(context, &arguments.agent_name)?;
    let peer = Peers::load(&actor.state.dir)?.resolve(&arguments.peer).ok_or_else(|| {
        let text = format!("peer alias {} is not configured", arguments.peer);
        CliError::new(Code::PairPeerUnknown, text)
    })?;
    let url = actor.relay_url(context).await?;
    let relay = context.relay(url.origin())?;
    let codes = codes(Code::PairRemoveFailed, Code::PairRemoveFailed);
    relay
        .pair_remove(&actor.signer, &peer)
        .await
        .map_err(|error| codes.name(error))?;
    // aliases are shared by all agents of a registry: another one may still be paired with that peer
    let alone = AgentDir::names(&actor.state.dir).len() <= 1;
    let peer_alias = if alone {
        Peers::forget(&actor.state.dir, &peer)?
    } else {
        None
    };
    let mut human = vec![format!("Pair removed: {peer}")];
    human.extend(peer_alias.as_ref().map(|alias| format!("Peer alias removed: {alias}")));
    let view = View {
        removed: true,
        agent_did: peer.to_string(),
        peer_alias,
        proxy_url: url.normalised(),
    };
    context.show(&view, &human)
}
