//! `chancery registry`.

use std::{net::SocketAddr, path::PathBuf};

use chancery_identity::Origin;
use chancery_registry::{Config, Store, variable};
use chancery_serve::{
    Bound, shutdown,
    system::{OsRng, SystemClock},
};
use chancery_terminal::{Failure, Output};
use clap::Args;
use serde::Serialize;

use super::env;
use crate::{
    data_dir,
    error::Error,
    listen::{Listen, origin_of, other_names, parse_address},
    secrets::RegistrySecrets,
    servers::RegistryServer,
};

/// Port of a registry.
const PORT: u16 = 8788;
/// The database.
const DATABASE: &str = "registry.sqlite3";

/// Arguments of `registry`.
#[derive(Debug, Args)]
#[command(
    after_help = "The first start makes what the environment leaves open, in the data directory, readable by you alone:
signing.key, bootstrap-secret (for clawdentity admin bootstrap) and internal-service.json (for
chancery proxy). With ENVIRONMENT=development or production nothing is made: the variables say it.

Variables: ENVIRONMENT, APP_VERSION, PROXY_URL, REGISTRY_ISSUER_URL, REGISTRY_AUTHORITIES,
BOOTSTRAP_SECRET, BOOTSTRAP_INTERNAL_SERVICE_ID, BOOTSTRAP_INTERNAL_SERVICE_SECRET,
REGISTRY_SIGNING_KEY, REGISTRY_SIGNING_KEYS, and REGISTRY_<ROUTE>_PER_MINUTE for its limits.

Examples:
  chancery registry
  chancery registry --listen 127.0.0.1:9000 --data-dir ./registry --json
  chancery registry --listen 0.0.0.0:443 --issuer-url https://registry.example \\
      --proxy-url https://relay.example --tls-cert cert.pem --tls-key key.pem"
)]
pub struct Arguments {
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:8788]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    listen: Option<SocketAddr>,
    /// Where its state is [default: $XDG_DATA_HOME/chancery/registry]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The relay that clients are told [default: http://127.0.0.1:4000]
    #[arg(long, value_name = "URL")]
    proxy_url: Option<Origin>,
    /// The origin that clients reach this registry at; it is part of every DID [default: the address listened on]
    #[arg(long, value_name = "URL")]
    issuer_url: Option<Origin>,
    /// Show the bootstrap secret, which the first administrator needs
    #[arg(long)]
    print_bootstrap_secret: bool,
    #[command(flatten)]
    server: Listen,
}

/// What is shown at the start.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    listening: String,
    issuer: String,
    proxy_url: String,
    data_dir: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    bootstrap_secret_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bootstrap_secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    internal_service_file: Option<PathBuf>,
}

/// Runs it until SIGINT or SIGTERM.
///
/// # Errors
/// What keeps it from starting.
pub async fn run(arguments: Arguments, output: &Output) -> Result<(), Failure> {
    let asked = shutdown::on_signals();
    let dir = data_dir::open(arguments.data_dir.as_deref(), data_dir::REGISTRY, DATABASE, env)?;
    // first of all, because who has the database has the directory
    let store = Store::sqlite(dir.join(DATABASE))?;
    let listen = arguments.listen.unwrap_or_else(|| ([127, 0, 0, 1], PORT).into());
    let said = |flag: &Option<Origin>, name: &str| flag.as_ref().map(ToString::to_string).or_else(|| env(name));
    let issuer = said(&arguments.issuer_url, variable::REGISTRY_ISSUER_URL);
    let public = issuer.as_deref().and_then(|text| text.parse().ok());
    let server = arguments.server.config(listen, public.as_ref());
    let bound = Bound::bind(&server).await?;
    let address = bound.local_addr();

    let local = env(variable::ENVIRONMENT).is_none_or(|text| text.trim() == "local");
    let secrets = if local {
        RegistrySecrets::open(&dir, env, &SystemClock, &OsRng)?
    } else {
        RegistrySecrets::none(&dir)
    };
    let issuer = match issuer {
        None if local => {
            let option = "give --issuer-url, the origin that clients reach this registry at";
            let own = origin_of(address, server.tls.is_some()).ok_or(Error::OriginRequired { listen, option })?;
            Some(own.to_string())
        }
        issuer => issuer,
    };
    let proxy_url = said(&arguments.proxy_url, variable::PROXY_URL);
    let get = |name: &str| match name {
        variable::REGISTRY_ISSUER_URL => issuer.clone(),
        variable::PROXY_URL => proxy_url.clone(),
        name => secrets.get(name).or_else(|| env(name)),
    };
    // in the local environment all that it could generate is there by now
    let (mut config, _) = Config::from_env(get, &OsRng)?;
    config.extra_authorities.extend(other_names(address));
    let bootstrap_secret = config
        .bootstrap_secret
        .as_ref()
        .filter(|_| arguments.print_bootstrap_secret);
    let view = View {
        listening: origin_of(address, server.tls.is_some())
            .unwrap_or_else(|| config.issuer.clone())
            .to_string(),
        issuer: config.issuer.to_string(),
        proxy_url: config.proxy_url.to_string(),
        bootstrap_secret: bootstrap_secret.map(|secret| secret.expose().to_owned()),
        bootstrap_secret_file: secrets.bootstrap_file(),
        internal_service_file: secrets.service_file(),
        data_dir: dir,
    };

    let running = RegistryServer::start(bound, config, store).await?;
    announce(&view, &secrets, output)?;
    running.run_until(asked).await
}

fn announce(view: &View, secrets: &RegistrySecrets, output: &Output) -> Result<(), Failure> {
    output.note(format_args!(
        "registry listening on {}, data in {}",
        view.listening,
        view.data_dir.display()
    ));
    for path in secrets.made() {
        output.note(format_args!("made {}", path.display()));
    }
    let shown = output.result(view, |out| match &view.bootstrap_secret {
        Some(secret) => writeln!(out, "{secret}"),
        None => Ok(()),
    });
    shown.map_err(Error::Output)?;
    Ok(())
}
