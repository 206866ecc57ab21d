//! Measures Chancery, each figure beside a yardstick of the same run on the same machine.
//!
//! `cargo run --release -p chancery-bench -- relay --json` prints one JSON object a figure: `name`, `ours`, `yardstick`,
//! `ratio`, `goal`, `unit`. What else there is to know (limits that were set, the machine) goes to stderr.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing figures is what this program does"
)]

mod figure;
mod process;
mod relay;
mod repeat;
mod signet;
mod skills;
mod xmtp;
mod xmtp_node;

use clap::{Parser, Subcommand};

use process::ServeOptions;

/// What the servers of `chancery` use, for both relays and their clients alike.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(
    name = "chancery-bench",
    about = "Measures Chancery beside yardsticks of the same run"
)]
struct Args {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Messages through the relay, beside a bare relay.
    Relay(relay::Options),
    /// Projection of messages to harnesses.
    Signet(signet::Options),
    /// Checks of skills, beside what nobody can do without.
    Skills(skills::Options),
    /// Messages and streams through the XMTP node, beside bare gRPC and the bare store.
    XmtpNode(xmtp_node::Options),
    /// Our XMTP client, beside the official SDK on the same node.
    Xmtp(xmtp::Options),
    /// The relay under test, in a process of its own.
    #[command(hide = true)]
    ServeOurs(ServeOptions),
    /// The bare relay, in a process of its own.
    #[command(hide = true)]
    ServeBare(ServeOptions),
    /// The XMTP node under test, in a process of its own.
    #[command(hide = true)]
    ServeXmtpNode(ServeOptions),
    /// The bare gRPC server, in a process of its own.
    #[command(hide = true)]
    ServeBareGrpc(ServeOptions),
    /// The signet under test, in a process of its own.
    #[command(hide = true)]
    ServeSignet(ServeOptions),
    /// The bare WebSocket server, in a process of its own.
    #[command(hide = true)]
    ServeBareWebSocket(ServeOptions),
    /// Clients of ours, in a process of their own.
    #[command(hide = true)]
    XmtpClients(xmtp::ClientsOptions),
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    // as `chancery xmtp` does
    if matches!(args.bench, Bench::XmtpClients(_)) {
        chancery_serve::system::small_pages();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match args.bench {
            Bench::Relay(options) => relay::run(options).await,
            Bench::Signet(options) => signet::run(&options).await,
            Bench::Skills(options) => skills::run(&options),
            Bench::XmtpNode(options) => xmtp_node::run(&options).await,
            Bench::Xmtp(options) => xmtp::run(&options).await,
            Bench::ServeOurs(options) => relay::serve_ours(options).await,
            Bench::ServeBare(options) => relay::serve_bare(options).await,
            Bench::ServeXmtpNode(options) => xmtp_node::serve_ours(options).await,
            Bench::ServeBareGrpc(options) => xmtp_node::serve_bare(options).await,
            Bench::ServeSignet(options) => signet::serve_ours(options).await,
            Bench::ServeBareWebSocket(options) => signet::serve_bare(options).await,
            Bench::XmtpClients(options) => xmtp::serve_clients(options).await,
        }
    })
}
