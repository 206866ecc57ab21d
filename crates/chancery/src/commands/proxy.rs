//! `chancery proxy`: a relay, under the name that the original gave it.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use chancery_identity::{
    Origin,
    token::{ServiceSecret, Token},
};
use chancery_networks::{HttpClient, RegistryClient, RegistryDirectory};
use chancery_relay::{Config, Store};
use chancery_serve::{Bound, shutdown};
use chancery_terminal::{Failure, Output};
use clap::Args;
use serde::Serialize;

use super::env;
use crate::{
    data_dir,
    error::Error,
    listen::{Listen, origin_of, other_names, parse_address},
    secrets::{INTERNAL_SERVICE, ServiceCredentials},
    servers::RelayServer,
};

/// Port of a relay.
const PORT: u16 = 4000;
/// The database.
const DATABASE: &str = "relay.sqlite3";
/// The registry of a relay on one machine.
const LOCAL_REGISTRY: &str = "http://127.0.0.1:8788";
/// Id of the service, and its older name.
const SERVICE_ID: [&str; 2] = ["BOOTSTRAP_INTERNAL_SERVICE_ID", "REGISTRY_INTERNAL_SERVICE_ID"];
/// Secret of the service, and its older name.
const SERVICE_SECRET: [&str; 2] = ["BOOTSTRAP_INTERNAL_SERVICE_SECRET", "REGISTRY_INTERNAL_SERVICE_SECRET"];

/// Arguments of `proxy`.
#[derive(Debug, Args)]
#[command(
    after_help = "It calls its registry as an internal service. Credentials are looked for in --service-credentials, in
BOOTSTRAP_INTERNAL_SERVICE_ID and _SECRET, and, when the registry is on this machine, in the file
that chancery registry keeps in its default data directory.

Variables: LISTEN_PORT, REGISTRY_URL, PUBLIC_ORIGIN, ENVIRONMENT, APP_VERSION,
INJECT_IDENTITY_INTO_MESSAGE, RELAY_LEGACY_RECONNECT, RELAY_QUEUE_MAX_MESSAGES_PER_AGENT,
RELAY_QUEUE_TTL_SECONDS, RELAY_RETRY_*, RELAY_MAX_IN_FLIGHT_DELIVERIES, RELAY_MAX_FRAME_BYTES,
AGENT_RATE_LIMIT_REQUESTS_PER_MINUTE, AGENT_RATE_LIMIT_WINDOW_MS, PUBLIC_RATE_LIMIT_REQUESTS,
PUBLIC_RATE_LIMIT_PAIR_REQUESTS, PUBLIC_RATE_LIMIT_RECEIPT_REQUESTS,
PUBLIC_RATE_LIMIT_UNKNOWN_REQUESTS, PUBLIC_RATE_LIMIT_WINDOW_MS, REVOCATION_FEED_*.

Examples:
  chancery proxy
  chancery proxy --listen 127.0.0.1:4001 --data-dir ./relay --registry-url http://127.0.0.1:9000 \\
      --service-credentials ./registry/internal-service.json --json
  chancery proxy --listen 0.0.0.0:443 --public-origin https://relay.example \\
      --registry-url https://registry.example --tls-cert cert.pem --tls-key key.pem"
)]
pub struct Arguments {
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:4000]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    listen: Option<SocketAddr>,
    /// Where its state is [default: $XDG_DATA_HOME/chancery/relay]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The registry whose agents it serves [default: http://127.0.0.1:8788]
    #[arg(long, value_name = "URL")]
    registry_url: Option<Origin>,
    /// The origin that the registry issues as, when it is reached at another one [default: the registry's URL]
    #[arg(long, value_name = "URL")]
    registry_issuer: Option<Origin>,
    /// The origin that clients reach this relay at; pairing tickets name it [default: the address listened on]
    #[arg(long, value_name = "URL")]
    public_origin: Option<Origin>,
    /// File with the id and secret to call the registry with
    #[arg(long, value_name = "FILE")]
    service_credentials: Option<PathBuf>,
    #[command(flatten)]
    server: Listen,
}

/// What is shown at the start.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    listening: String,
    public_origin: String,
    registry_url: String,
    data_dir: PathBuf,
}

/// Runs it until SIGINT or SIGTERM.
///
/// # Errors
/// What keeps it from starting.
pub async fn run(arguments: Arguments, output: &Output) -> Result<(), Failure> {
    let asked = shutdown::on_signals();
    let registry = registry_url(&arguments)?;
    let (id, secret) = credentials(&arguments, &registry)?;
    let public = match &arguments.public_origin {
        Some(origin) => Some(origin.clone()),
        None => origin_variable("PUBLIC_ORIGIN")?,
    };
    let listen = address(&arguments)?;
    let server = arguments.server.config(listen, public.as_ref());

    let dir = data_dir::open(arguments.data_dir.as_deref(), data_dir::RELAY, DATABASE, env)?;
    // who has the database has the directory
    let store = Store::sqlite(&dir.join(DATABASE))?;
    let bound = Bound::bind(&server).await?;
    let local = bound.local_addr();
    let own = origin_of(local, server.tls.is_some());
    let option = "give --public-origin, the origin that clients reach this relay at";
    let public = public
        .or_else(|| own.clone())
        .ok_or(Error::OriginRequired { listen, option })?;
    let config = config(public.clone(), local)?;

    let directory = RegistryDirectory::new(RegistryClient::new(HttpClient::new()?, registry.clone()), id, secret);
    let directory = match arguments.registry_issuer {
        Some(issuer) => directory.with_issuer(issuer),
        None => directory,
    };
    let running = RelayServer::start(bound, config, store, Arc::new(directory)).await?;
    let view = View {
        listening: own.unwrap_or_else(|| public.clone()).to_string(),
        public_origin: public.to_string(),
        registry_url: registry.to_string(),
        data_dir: dir,
    };
    output.note(format_args!(
        "relay listening on {}, data in {}, registry {}",
        view.listening,
        view.data_dir.display(),
        view.registry_url
    ));
    output.result(&view, |_| Ok(())).map_err(Error::Output)?;
    running.run_until(asked).await
}

fn first(names: [&'static str; 2]) -> Option<(&'static str, String)> {
    names
        .into_iter()
        .find_map(|name| Some((name, env(name)?.trim().to_owned())))
}

fn invalid(variable: &str, reason: &str) -> Failure {
    // what the specification of the original calls it, for both servers
    Failure::new(
        "CONFIG_VALIDATION_FAILED",
        format!("the relay's configuration is not valid: {variable} {reason}"),
    )
    .with_hint("set the variable that the message names")
}

fn origin_variable(name: &'static str) -> Result<Option<Origin>, Failure> {
    let wrong = |_| {
        invalid(
            name,
            "must be an http or https URL without user, path, query and fragment",
        )
    };
    env(name).map(|text| text.trim().parse().map_err(wrong)).transpose()
}

fn registry_url(arguments: &Arguments) -> Result<Origin, Failure> {
    if let Some(given) = &arguments.registry_url {
        return Ok(given.clone());
    }
    for name in ["REGISTRY_URL", "CLAWDENTITY_REGISTRY_URL"] {
        if let Some(origin) = origin_variable(name)? {
            return Ok(origin);
        }
    }
    // the original falls back to its makers' server, which is no place to send a secret to unasked
    match env("ENVIRONMENT").as_deref().map(str::trim) {
        None | Some("local") => LOCAL_REGISTRY.parse().map_err(|_| Error::RegistryRequired.into()),
        Some(_) => Err(Error::RegistryRequired.into()),
    }
}

fn address(arguments: &Arguments) -> Result<SocketAddr, Failure> {
    if let Some(listen) = arguments.listen {
        return Ok(listen);
    }
    let port = match first(["LISTEN_PORT", "PORT"]) {
        Some((name, text)) => text.parse().map_err(|_| invalid(name, "must be a port"))?,
        None => PORT,
    };
    Ok(([127, 0, 0, 1], port).into())
}

/// Flag, then environment, then what a registry on this machine left for us.
fn credentials(arguments: &Arguments, registry: &Origin) -> Result<(String, Token<ServiceSecret>), Failure> {
    let from_file = |path: PathBuf| -> Result<_, Failure> {
        let found = ServiceCredentials::read(&path)?;
        let secret = found.token(&format!("in {}", path.display()))?;
        Ok((found.id.clone(), secret))
    };
    if let Some(path) = &arguments.service_credentials {
        return from_file(path.clone());
    }
    match (first(SERVICE_ID), first(SERVICE_SECRET)) {
        (Some((_, id)), Some((_, secret))) => {
            let found = ServiceCredentials { id, secret };
            let secret = found.token("of the environment")?;
            return Ok((found.id.clone(), secret));
        }
        (Some((name, _)), None) => return Err(invalid(name, "needs the service's secret beside it")),
        (None, Some((name, _))) => return Err(invalid(name, "needs the service's id beside it")),
        (None, None) => {}
    }
    let default = data_dir::default_for(data_dir::REGISTRY, env).map(|dir| dir.join(INTERNAL_SERVICE));
    match default.filter(|path| registry.is_loopback() && path.exists()) {
        Some(path) => from_file(path),
        None => Err(Error::ServiceCredentialsMissing {
            registry: registry.to_string(),
        }
        .into()),
    }
}

fn config(public: Origin, local: SocketAddr) -> Result<Config, Failure> {
    let config = Config::new(public).with_variables(env);
    let mut config = config.map_err(|error| invalid(error.variable, &error.reason))?;
    if let Some(version) = env("APP_VERSION").or_else(|| env("PROXY_VERSION")) {
        version.trim().clone_into(&mut config.version);
    }
    config.extra_authorities = other_names(local);
    Ok(config)
}
