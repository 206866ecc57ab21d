//! `chancery xmtp-node`: a node of XMTP's network, in this process.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use chancery_serve::{Bound, Protocol, ServerConfig, shutdown, system::SystemClock};
use chancery_terminal::{Failure, Output};
use chancery_xmtp_node::{Node, Running, Settings, Store};
use clap::Args;
use serde::Serialize;

use super::env;
use crate::{
    data_dir,
    error::Error,
    listen::{Listen, origin_of, parse_address},
};

/// Port of a node: the one that official clients look at in their environment `local`.
const PORT: u16 = 5556;
/// The database.
const DATABASE: &str = "xmtp-node.sqlite3";

/// Arguments of `xmtp-node`.
#[derive(Debug, Args)]
#[command(
    after_help = "XMTP clients reach it over gRPC: http://127.0.0.1:5556 is their environment local. It keeps messages
that it cannot read, key packages and identity logs, and answers what an identity update or a key
package says only after checking it. One process has a data directory at a time. As in XMTP's own
network nobody signs in: whoever reaches the address may send, and read what is encrypted anyway.

Limits, as variables:
XMTP_NODE_REQUESTS_PER_SECOND and XMTP_NODE_STREAMS_PER_ADDRESS (of one client address),
XMTP_NODE_CONNECTIONS, XMTP_NODE_FILTERS_PER_STREAM, XMTP_NODE_FILTERS, XMTP_NODE_QUEUED_PER_STREAM,
XMTP_NODE_QUEUED_BYTES_PER_STREAM, XMTP_NODE_QUEUED_BYTES, XMTP_NODE_MESSAGE_BYTES,
XMTP_NODE_REQUESTS_IN_FLIGHT, XMTP_NODE_LARGE_REQUEST_BYTES, XMTP_NODE_REQUEST_TIMEOUT_MS,
XMTP_NODE_ANSWER_TIMEOUT_MS.

Examples:
  chancery xmtp-node
  chancery xmtp-node --listen 127.0.0.1:5557 --data-dir ./node --json
  chancery xmtp-node --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem"
)]
pub struct Arguments {
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:5556]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    listen: Option<SocketAddr>,
    /// Where its state is [default: $XDG_DATA_HOME/chancery/xmtp-node]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    server: Listen,
}

/// What is shown at the start.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    listening: String,
    data_dir: PathBuf,
}

/// Runs it until SIGINT or SIGTERM.
///
/// # Errors
/// What keeps it from starting.
pub async fn run(arguments: Arguments, output: &Output) -> Result<(), Failure> {
    let asked = shutdown::on_signals();
    let settings = Settings::from_variables(env)?;
    let dir = data_dir::open(arguments.data_dir.as_deref(), data_dir::XMTP_NODE, DATABASE, env)?;
    // first of all, because who has the database has the directory
    let store = Store::sqlite(dir.join(DATABASE))?;
    let listen = arguments.listen.unwrap_or_else(|| ([127, 0, 0, 1], PORT).into());
    let server = ServerConfig {
        protocol: Protocol::Http2(settings.http2.clone()),
        max_connections: settings.limits.connections,
        ..arguments.server.config(listen, None)
    };
    let bound = Bound::bind(&server).await?;
    let address = bound.local_addr();
    let scheme = if server.tls.is_some() { "https" } else { "http" };
    let listening = origin_of(address, server.tls.is_some());
    let view = View {
        listening: listening.map_or_else(|| format!("{scheme}://{address}"), |origin| origin.to_string()),
        data_dir: dir,
    };
    let running = Running::start(bound, Node::new(settings, store, Arc::new(SystemClock)));
    output.note(format_args!(
        "XMTP node listening on {}, data in {}",
        view.listening,
        view.data_dir.display()
    ));
    output.result(&view, |_| Ok(())).map_err(Error::Output)?;
    Ok(running.run_until(asked).await?)
}
