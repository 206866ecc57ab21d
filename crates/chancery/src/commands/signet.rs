//! `chancery signet`: the signet's daemon, which `xs daemon start` starts.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use chancery_serve::{shutdown, system::small_pages};
use chancery_signet_config::{Environment, LogLevel};
use chancery_terminal::{Failure, Output, logs};
use clap::Args;

use crate::{
    error::Error,
    listen::Listen,
    servers::signet::{self, configuration::Configuration, problem::Problem},
};

/// What a daemon in the background knows itself by: it asks nobody.
const BACKGROUND: &str = "XMTP_SIGNET_DAEMON_CHILD";

/// Arguments of `signet`.
#[derive(Debug, Args)]
#[command(
    after_help = "xs init makes the configuration and the keys, xs daemon start --daemon runs this in the background, and xs talks to
it. Settings come from variables XMTP_SIGNET_*, the file and defaults, in this order: xs config show
lists them. A passphrase comes from the file that XMTP_SIGNET_PASSPHRASE_FILE names, or is asked for
at the terminal; keys of a key file, a systemd credential or a keyring open without. Where nothing
opens them the daemon runs locked: xs status says so.

When it serves, one line of JSON on stdout says where; its log is on stderr. It ends at xs daemon stop,
SIGTERM or SIGINT. A start that fails ends with a line message: ... and the exit code of its category,
as xs has them: 1 against a rule, 2 not found, 4 not permitted, 6 out of reach, 8 internal, 9 no keys.

Harnesses of other machines need TLS: set ws.host, and give --tls-cert and --tls-key.

Examples:
  chancery signet
  chancery signet --config ./signet.toml
  XMTP_SIGNET_ENV=local XMTP_SIGNET_WS_PORT=0 chancery signet
  XMTP_SIGNET_WS_HOST=0.0.0.0 chancery signet --tls-cert cert.pem --tls-key key.pem"
)]
pub struct Arguments {
    /// The configuration [default: $XDG_CONFIG_HOME/xmtp-signet/config.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    server: Listen,
}

/// Runs it until it is told to end.
///
/// # Errors
/// What keeps it from starting, told as `xs` reads it.
pub async fn run(arguments: Arguments, output: &Output) -> Result<(), Failure> {
    small_pages();
    match daemon(&arguments).await {
        Ok(()) => Ok(()),
        Err(problem) if output.json() => Err(problem.into()),
        Err(problem) => {
            output.note(problem.lines());
            Err(Failure::from(problem).shown())
        }
    }
}

async fn daemon(arguments: &Arguments) -> Result<(), Problem> {
    let environment = Environment::from_iter(std::env::vars_os());
    let configuration = Configuration::read(arguments.config.as_deref(), &environment)?;
    logs::init(filter(configuration.config().logging.level));
    let prompt = environment.get(BACKGROUND).is_none();
    let running = signet::start(&configuration, &arguments.server, prompt).await?;
    // only now: whoever is asked for a passphrase and has none ends this by SIGINT
    let asked = shutdown::on_signals();
    if let Err(error) = say(running.started()) {
        // whoever waits for the line will not come to know of it otherwise
        asked.cancel();
        running.run(asked).await?;
        return Err(Failure::from(Error::Output(error)).into());
    }
    running.run(asked).await
}

/// Says where it serves, on a line of its own, and nothing else there: nobody reads on.
fn say(started: &impl serde::Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(started)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    out.flush()
}

/// What is logged. Of the libraries only what is odd: at their lowest level they tell what passes through them.
const fn filter(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => {
            "warn,chancery=debug,chancery_admin=debug,chancery_harness=debug,chancery_networks=debug,\
             chancery_serve=debug,chancery_signet=debug,chancery_store=debug,chancery_xmtp_client=debug"
        }
        LogLevel::Info => {
            "warn,chancery=info,chancery_admin=info,chancery_harness=info,chancery_networks=info,chancery_serve=info,\
             chancery_signet=info,chancery_store=info,chancery_xmtp_client=info"
        }
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    }
}
