//! `clawdentity connector start`: runs an agent's connector in the foreground.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use chancery_connector::{BoxFuture, Connector, ConnectorConfig, Peers as PeerNames, Ports, Store};
use chancery_identity::AgentDid;
use chancery_networks::link::RelayLink;
use chancery_serve::shutdown;
use chancery_store::StoreError;
use chancery_terminal::Failure;
use clap::Args;
use serde::Serialize;

use super::{bind, deliver, relay, settings};
use crate::{
    code::Code,
    commands::agent::existing,
    context::Context,
    credentials::Session,
    error::{CliError, Result},
    keyring::Keyring,
    state::{
        agent::{AgentDir, REGISTRY_AUTH},
        peers::Peers,
    },
};

/// Where the connector keeps what must survive, in the agent's directory.
const STORE: &str = "connector.sqlite3";

/// Arguments of `connector start`.
#[derive(Debug, Args)]
#[command(
    after_help = "Messages arrive at OpenClaw's hook, or at --deliver-url. Other programs send through
POST /v1/outbound of the local API. Ctrl-C or SIGTERM ends it; what it took is kept and sent later.

Examples:
  clawdentity connector start alpha
  clawdentity connector start alpha --port 19401 --json
  clawdentity connector start alpha --deliver-url http://127.0.0.1:3000/inbox
  clawdentity connector start alpha --openclaw-hook-token @token.txt"
)]
pub struct Arguments {
    /// Name of the agent
    name: String,
    #[command(flatten)]
    pub(super) relay: relay::Options,
    #[command(flatten)]
    pub(super) deliver: deliver::Options,
    #[command(flatten)]
    pub(super) bind: bind::Options,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    agent_did: String,
    agent_name: String,
    outbound_server: String,
    relay: String,
}

/// Runs it until SIGINT or SIGTERM.
///
/// # Errors
/// One of the `CLI_CONNECTOR_` codes when it cannot start.
pub async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let stop = shutdown::on_signals();
    let (state, agent) = existing(context, &arguments.name, Code::ConnectorMissingAgentMaterial)?;
    if let Err(error) = Peers::load(&state.dir) {
        context
            .output
            .warn(format!("no peer can be reached by its alias: {}", error.with_code()));
    }
    let (did, session) = open_session(context, &agent).await?;
    let session = Arc::new(session);
    let url = relay::url(&arguments.relay, context, &state).await?;
    let link = RelayLink::new(&url, session.signer().clone(), session.clone())
        .map_err(|error| CliError::new(Code::ConnectorInvalidProxyUrl, error.to_string()))
        .map_err(|error| error.of_argument_if(arguments.relay.is_given()))?;
    let relay = link.url().to_string();
    let webhook = deliver::webhook(&arguments.deliver, context, &state)?;
    let guard = bind::guard(&arguments.bind, context, &agent)?;
    let path = agent.path(STORE);
    let store = tokio::task::spawn_blocking(move || Store::sqlite(&path))
        .await
        .map_err(|error| CliError::new(Code::ConnectorFailed, error.to_string()))?
        .map_err(|error| store_failed(error, agent.name().as_str()))?;
    // after the store, which one connector of an agent can have: a second one must not be assigned a port first
    let bound = bind::take(&arguments.bind, context, &state, agent.name().as_str()).await?;
    let ports = Ports {
        dial: Arc::new(link),
        credentials: session.clone(),
        deliver: Arc::new(webhook),
        peer_keys: Arc::new(Keyring::new(context, &state)?),
        peers: Arc::new(PeerBook { dir: state.dir.clone() }),
    };
    let config = settings::apply(
        ConnectorConfig::new(did.clone(), session.signer().key().clone()),
        &context.env,
    )?;
    let connector = Connector::start(
        config,
        ports,
        store.clone(),
        Arc::clone(&context.clock),
        Arc::clone(&context.rng),
    );
    let router = guard.protect(connector.router());

    let view = View {
        agent_did: did.to_string(),
        agent_name: agent.name().to_string(),
        outbound_server: base_url(bound.local_addr()),
        relay,
    };
    let human = [
        format!("Connector started: {} ({})", view.agent_name, view.agent_did),
        format!("Relay: {}", view.relay),
        format!("Outbound server: {}", view.outbound_server),
    ];
    context.show(&view, &human)?;
    let served = bound.run(router, stop).await;
    connector.shutdown().await;
    store.close().await;
    served.map_err(|error| CliError::new(Code::ConnectorFailed, error.to_string()))
}

/// The agent's session, its tokens exchanged when they are about to run out.
async fn open_session(context: &Context, agent: &AgentDir) -> Result<(AgentDid, Session)> {
    let material = |missing: bool, wrong: Code| {
        if missing {
            Code::ConnectorMissingAgentMaterial
        } else {
            wrong
        }
    };
    let identity = agent.identity().map_err(|error| {
        let code = material(error.missing, Code::ConnectorInvalidAgentIdentity);
        error.named(code)
    })?;
    let (_, _, claims) = agent.ait().map_err(|error| {
        let code = material(error.missing, Code::ConnectorInvalidAit);
        error.named(code)
    })?;
    let key = agent.secret_key().map_err(|error| {
        let code = material(error.missing, Code::ConnectorInvalidAit);
        error.named(code)
    })?;
    if claims.sub != identity.did {
        let text = "identity.json and ait.jwt name two different agents";
        return Err(CliError::new(Code::ConnectorInvalidAgentIdentity, text));
    }
    if claims.cnf.jwk.x != key.public() {
        return Err(CliError::new(
            Code::ConnectorInvalidAit,
            "secret.key is not the key that ait.jwt names",
        ));
    }
    agent.auth().map_err(|error| {
        let hint = "restore the file; without it, create another agent with `clawdentity agent create <NAME>`";
        error.named(Code::ConnectorInvalidRegistryAuth).hint(hint)
    })?;
    let session = Session::open(context, agent)?;
    match session.fresh().await {
        Ok(_) => {}
        // the connector keeps what it is given, and asks again
        Err(error) if error.code() == Code::AgentRequestFailed.as_str() => {
            context
                .output
                .warn(format!("{REGISTRY_AUTH} could not be refreshed yet: {error}"));
        }
        Err(error) => return Err(error),
    }
    Ok((claims.sub, session))
}

fn store_failed(error: StoreError, agent: &str) -> CliError {
    let held = matches!(error, StoreError::Locked { .. });
    let failure = CliError::new(Code::ConnectorFailed, Failure::from(error).message);
    if held {
        failure.hint(format!("another connector of {agent} is running; stop it first"))
    } else {
        failure
    }
}

fn base_url(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// What peers are called in `peers.json`, as it is now: a pairing may have come since.
struct PeerBook {
    dir: PathBuf,
}

impl PeerNames for PeerBook {
    fn resolve<'a>(&'a self, alias: &'a str) -> BoxFuture<'a, Option<AgentDid>> {
        let found = match Peers::load(&self.dir) {
            Ok(mut peers) => peers.peers.remove(alias).map(|peer| peer.did),
            Err(error) => {
                tracing::warn!(%error, "peers cannot be read");
                None
            }
        };
        Box::pin(std::future::ready(found))
    }
}
