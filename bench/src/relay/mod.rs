//! 1 KiB messages from a sender's socket to a recipient's, durable.
//!
//! Both servers run in processes of their own and are driven by the same clients with the same frames. The bare relay is
//! what a relay cannot do without: socket in, one append and fdatasync per natural batch, acknowledgement, socket out. It
//! parses no JSON and keeps no store; it knows a frame's id by its place in the text and the recipient by the connection.

mod agents;
mod bare;
mod clients;
mod ours;

use clap::Args;

pub(crate) use bare::serve as serve_bare;
pub(crate) use ours::serve as serve_ours;

use crate::{
    figure::{Figure, median},
    process::{self, Server},
};
use clients::{Load, Outcome};

/// Options of the bench.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// One JSON object a figure.
    #[arg(long)]
    json: bool,
    /// Alternating pairs of runs.
    #[arg(long, default_value_t = 7)]
    pairs: usize,
    /// Messages a run.
    #[arg(long, default_value_t = 40_000)]
    messages: usize,
    /// Most messages queued in the curve (0 leaves the curve out).
    #[arg(long, default_value_t = 1_000_000)]
    queued: usize,
}

/// Senders, each with one recipient.
const CHANNELS: usize = 64;
/// Unacknowledged messages of one sender.
const WINDOW: usize = 16;
/// Conversations of one sender.
const CONVERSATIONS: usize = 8;
/// Payload, bytes.
const PAYLOAD: usize = 1024;

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    eprintln!("machine: {}", process::machine());
    eprintln!(
        "limits set: agent rate {} a minute, mailbox {} messages; everything else as by default",
        ours::BENCH_RATE,
        ours::BENCH_MAILBOX
    );
    eprintln!(
        "load: {CHANNELS} senders to {CHANNELS} recipients, {CONVERSATIONS} conversations and {WINDOW} messages in flight each, {PAYLOAD} byte payloads, {} messages a run",
        options.messages
    );
    let load = Load {
        channels: CHANNELS,
        window: WINDOW,
        conversations: CONVERSATIONS,
        messages: options.messages,
        payload: PAYLOAD,
    };
    pairs(&options, &load).await?;
    sequential(&options).await?;
    if options.queued > 0 {
        curve(&options, &load).await?;
    }
    defaults(&options).await
}

/// Alternating runs of both relays.
async fn pairs(options: &Options, load: &Load) -> anyhow::Result<()> {
    let mut ours = Server::start("serve-ours", &[]).await?;
    let mut bare = Server::start("serve-bare", &[]).await?;
    // a run of each that does not count: files grow to their size, caches fill
    clients::drive(
        &mut ours,
        &Load {
            messages: load.messages / 4,
            ..*load
        },
    )
    .await?;
    clients::drive(
        &mut bare,
        &Load {
            messages: load.messages / 4,
            ..*load
        },
    )
    .await?;
    let (mut rates, mut cpus, mut latencies) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..options.pairs.max(1) {
        // who goes first alternates too
        let (a, b) = if pair % 2 == 0 {
            let a = clients::drive(&mut ours, load).await?;
            (a, clients::drive(&mut bare, load).await?)
        } else {
            let b = clients::drive(&mut bare, load).await?;
            (clients::drive(&mut ours, load).await?, b)
        };
        eprintln!(
            "pair {}: ours {:.0}/s ({:.1} us CPU), bare {:.0}/s ({:.1} us CPU)",
            pair + 1,
            a.rate,
            a.cpu_us,
            b.rate,
            b.cpu_us
        );
        rates.push((a.rate, b.rate));
        cpus.push((a.cpu_us, b.cpu_us));
        latencies.push((a, b));
    }
    let json = options.json;
    Figure::paired("relay.messages_per_second", &rates, ">=0.5", "messages/s").print(json)?;
    Figure::paired("relay.server_cpu_per_message.beside_bare", &cpus, "none", "us").print(json)?;
    let cpu = median(cpus.iter().map(|pair| pair.0));
    Figure::against("relay.server_cpu_per_message", cpu, 100.0, "<=1", "us").print(json)?;
    let at = |which: fn(&Outcome) -> f64| -> Vec<(f64, f64)> {
        latencies.iter().map(|(a, b)| (which(a), which(b))).collect()
    };
    Figure::paired("relay.latency_p50.loaded", &at(|o| o.p50_us), "none", "us").print(json)?;
    Figure::paired("relay.latency_p99.loaded", &at(|o| o.p99_us), "none", "us").print(json)?;
    Ok(())
}

/// One message at a time.
async fn sequential(options: &Options) -> anyhow::Result<()> {
    let load = Load {
        channels: 1,
        window: 1,
        conversations: 1,
        messages: 1000,
        payload: PAYLOAD,
    };
    let mut ours = Server::start("serve-ours", &[]).await?;
    let mut bare = Server::start("serve-bare", &[]).await?;
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for _ in 0..options.pairs.clamp(1, 5) {
        let (a, b) = (
            clients::drive(&mut ours, &load).await?,
            clients::drive(&mut bare, &load).await?,
        );
        p50.push((a.p50_us, b.p50_us));
        p99.push((a.p99_us, b.p99_us));
    }
    Figure::paired("relay.latency_p50.one_at_a_time", &p50, "none", "us").print(options.json)?;
    Figure::paired("relay.latency_p99.one_at_a_time", &p99, "none", "us").print(options.json)
}

/// CPU a message while more and more messages wait for others.
async fn curve(options: &Options, load: &Load) -> anyhow::Result<()> {
    let mut idle = Server::start("serve-ours", &[]).await?;
    let mut busy = Server::start("serve-ours", &[]).await?;
    clients::drive(
        &mut idle,
        &Load {
            messages: load.messages / 4,
            ..*load
        },
    )
    .await?;
    clients::drive(
        &mut busy,
        &Load {
            messages: load.messages / 4,
            ..*load
        },
    )
    .await?;
    for queued in [10_000, 100_000, options.queued] {
        let queued = queued.min(options.queued);
        busy.fill(queued).await?;
        let mut pairs = Vec::new();
        for _ in 0..options.pairs.max(3) {
            let a = clients::drive(&mut busy, load).await?;
            let b = clients::drive(&mut idle, load).await?;
            pairs.push((a.cpu_us, b.cpu_us));
        }
        let name = format!("relay.server_cpu_per_message.with_{queued}_queued");
        Figure::paired(&name, &pairs, "<=1.2", "us").print(options.json)?;
        if queued == options.queued {
            break;
        }
    }
    Ok(())
}

/// What the defaults allow: 60 requests a minute of each agent, so many agents send a few messages each.
async fn defaults(options: &Options) -> anyhow::Result<()> {
    // the connect counts as one of the 60; 60 agents each way stay below the 120 connects a minute of one address
    let load = Load {
        channels: 60,
        window: WINDOW,
        conversations: CONVERSATIONS,
        messages: 60 * 50,
        payload: PAYLOAD,
    };
    let mut ours = Server::start("serve-ours", &["--default-limits"]).await?;
    let mut bare = Server::start("serve-bare", &[]).await?;
    let a = clients::drive(&mut ours, &load).await?;
    let b = clients::drive(&mut bare, &load).await?;
    Figure::against(
        "relay.messages_per_second.default_limits",
        a.rate,
        b.rate,
        "none",
        "messages/s",
    )
    .print(options.json)
}
