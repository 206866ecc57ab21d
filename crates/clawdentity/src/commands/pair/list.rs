//! `clawdentity pair list`: an agent's pairs, as its relay keeps them.

use chancery_relay_wire::relay::PairAssertion;
use clap::Args;
use serde::Serialize;

use crate::{
    code::Code,
    context::Context,
    error::Result,
    pairing::{Actor, codes},
    state::peers::Peers,
};

/// Arguments of `pair list`.
#[derive(Debug, Args)]
#[command(after_help = "Asserted by: agents = both signed; relay = only the relay says so.

Examples:
  clawdentity pair list alpha
  clawdentity pair list alpha --json")]
pub struct Arguments {
    /// Name of your agent
    agent_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    pairs: Vec<Pair>,
    proxy_url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pair {
    agent_did: String,
    asserted_by: PairAssertion,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer_alias: Option<String>,
}

/// Runs it.
///
/// # Errors
/// The relay's refusal, or one of the `CLI_PAIR_` codes.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let actor = Actor::load(context, &arguments.agent_name)?;
    let url = actor.relay_url(context).await?;
    let relay = context.relay(url.origin())?;
    let codes = codes(Code::PairListFailed, Code::PairListFailed);
    let found = relay.pairs(&actor.signer).await.map_err(|error| codes.name(error))?;
    let peers = Peers::load(&actor.state.dir)?;
    let pairs: Vec<Pair> = found
        .pairs
        .into_iter()
        .map(|pair| Pair {
            peer_alias: peers.alias_of(&pair.agent_did).map(str::to_owned),
            agent_did: pair.agent_did.to_string(),
            asserted_by: pair.asserted_by,
            since: pair.since,
        })
        .collect();
    let line = |pair: &Pair| {
        let by = match pair.asserted_by {
            PairAssertion::Agents => "agents",
            PairAssertion::Relay => "relay",
        };
        let alias = pair.peer_alias.as_deref().unwrap_or("-");
        format!("{} | {alias} | asserted by {by} | since {}", pair.agent_did, pair.since)
    };
    let mut human: Vec<String> = pairs.iter().map(line).collect();
    if human.is_empty() {
        human.push("No pairs found.".to_owned());
    }
    context.show(
        &View {
            pairs,
            proxy_url: url.normalised(),
        },
        &human,
    )
}
