//! Where a connector's local API listens, and whom it lets in.

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use chancery_base::{Rng as _, b64};
use chancery_identity::Origin;
use chancery_networks::http::{Auth, Request};
use chancery_relay_wire::route;
use chancery_serve::{Bound, ServeError, ServerConfig, loopback::Guard};
use clap::Args;
use zeroize::Zeroizing;

use crate::{
    code::Code,
    context::Context,
    env,
    error::{CliError, Result},
    state::{
        agent::AgentDir,
        connectors::{Assignments, FIRST_PORT, PORTS, host_and_port},
        read_optional,
        select::State,
        write,
    },
};

/// The local API's token, in the agent's directory.
const TOKEN: &str = "connector.token";
/// How long requests of local programs may go on at the end: they are short.
const DRAIN: Duration = Duration::from_secs(3);
/// How long another connector may take to say that it is one.
const PROBE: Duration = Duration::from_secs(1);

/// Options of the local API.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Options {
    /// Port of the local API [default: as assigned, or the first free one from 19400]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Address of the local API [default: 127.0.0.1]
    #[arg(long, value_name = "BIND")]
    bind: Option<String>,
    /// Ask everybody for the token in connector.token, also programs of your own user
    #[arg(long)]
    require_token: bool,
}

/// What the local API asks of a request. The token is made when there is none.
///
/// # Errors
/// [`Code::StateFailed`].
pub(super) fn guard(options: &Options, context: &Context, agent: &AgentDir) -> Result<Guard> {
    let path = agent.path(TOKEN);
    context.warn_if_wide(&path);
    let found = read_optional(&path)?.and_then(|bytes| String::from_utf8(bytes).ok());
    let token = match found.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()) {
        Some(token) => Zeroizing::new(token),
        None => {
            let mut random = Zeroizing::new([0; 32]);
            context.rng.fill(&mut *random);
            let token = Zeroizing::new(b64::encode(*random));
            write(&path, token.as_bytes())?;
            token
        }
    };
    let guard = Guard::new(Some(token));
    Ok(if options.require_token {
        guard.require_token()
    } else {
        guard
    })
}

/// Takes the port of `agent`: of the flags, `CLAWDENTITY_CONNECTOR_BASE_URL`, the assignment, or the first one from 19400 that
/// no other agent has, which is then assigned.
///
/// # Errors
/// One of the `CLI_CONNECTOR_` codes.
pub(super) async fn take(options: &Options, context: &Context, state: &State, agent: &str) -> Result<Bound> {
    let assignments = Assignments::load(&state.dir)?;
    let assigned = assignments
        .agents
        .get(agent)
        .map(|place| place.connector_base_url.as_str());
    let place = if options.port.is_some() || options.bind.is_some() {
        let assigned_port = || assigned.and_then(|url| host_and_port(url).ok()).map(|(_, port)| port);
        let port = options.port.or_else(assigned_port).unwrap_or(FIRST_PORT);
        Some((options.bind.clone().unwrap_or_else(|| "127.0.0.1".to_owned()), port))
    } else {
        let named = context.env.get(env::CONNECTOR_BASE_URL).or(assigned);
        named.map(host_and_port).transpose()?
    };
    if let Some((host, port)) = place {
        let host = ip(&host).map_err(|error| error.of_argument_if(options.bind.is_some()))?;
        let address = SocketAddr::new(host, port);
        return bind(address, options).await.map_err(|error| failed(&error));
    }
    let bound = take_free(options, context, state, agent).await?;
    let (url, now) = (format!("http://{}", bound.local_addr()), context.now().to_rfc3339());
    Assignments::assign(&state.dir, agent, &url, &now)?;
    Ok(bound)
}

/// The first port from 19400 that no other agent of this home has. A port that something else has is an error: it was meant
/// for us, and clients look there.
async fn take_free(options: &Options, context: &Context, state: &State, agent: &str) -> Result<Bound> {
    let mut taken = HashSet::new();
    for dir in context.root().all()? {
        // a name means another agent in another registry's state
        let own = if dir == state.dir { agent } else { "" };
        taken.extend(Assignments::load(&dir)?.ports_of_others(own).collect::<Vec<_>>());
    }
    for port in (FIRST_PORT..FIRST_PORT + PORTS).filter(|port| !taken.contains(port)) {
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
        match bind(address, options).await {
            Ok(bound) => return Ok(bound),
            Err(error) if is_connector(context, &error, address).await => {}
            Err(error) => return Err(failed(&error)),
        }
    }
    let text = format!("no port from {FIRST_PORT} to {} is free", FIRST_PORT + PORTS - 1);
    Err(CliError::new(Code::ConnectorBindFailed, text))
}

async fn bind(address: SocketAddr, options: &Options) -> Result<Bound, ServeError> {
    let mut config = ServerConfig::new(address);
    config.drain = DRAIN;
    // off loopback the token stands in for TLS: the owner asked for both the address and the token
    config.insecure = options.require_token;
    Bound::bind(&config).await
}

/// Whether the port is taken by another connector.
async fn is_connector(context: &Context, error: &ServeError, address: SocketAddr) -> bool {
    let ServeError::AddressInUse { holder, .. } = error else {
        return false;
    };
    if holder
        .as_ref()
        .is_some_and(|holder| holder.command.starts_with("clawdentity"))
    {
        return true;
    }
    let (Ok(http), Ok(origin)) = (context.http(), Origin::of_url(&format!("http://{address}"))) else {
        return false;
    };
    let request = http.send(&origin, Request::get(route::CONNECTOR_STATUS, Auth::None));
    let Ok(Ok(answer)) = tokio::time::timeout(PROBE, request).await else {
        return false;
    };
    answer
        .parse::<serde_json::Value>()
        .is_ok_and(|status| status["websocket"]["connected"].is_boolean())
}

fn ip(host: &str) -> Result<IpAddr> {
    match host.trim() {
        "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
        text => text.trim_matches(['[', ']']).parse().map_err(|_| {
            let text = format!("cannot listen on {text:?}: not an IP address");
            CliError::new(Code::ConnectorInvalidInput, text).hint("pass --bind <ADDRESS> and --port <PORT>")
        }),
    }
}

fn failed(error: &ServeError) -> CliError {
    match error {
        ServeError::PlainHttpOffLoopback { listen } => {
            let text = format!("refusing to listen on {listen} without a token: others could send as this agent");
            CliError::new(Code::ConnectorBindRefused, text)
        }
        _ => {
            let cause = std::error::Error::source(error)
                .map(|cause| format!(": {cause}"))
                .unwrap_or_default();
            CliError::new(Code::ConnectorBindFailed, format!("{error}{cause}"))
        }
    }
}
