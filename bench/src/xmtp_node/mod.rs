//! Group messages published to the XMTP node and asked of it, and streams that they reach.
//!
//! Both servers run in processes of their own and are driven by the same clients (tonic's) with the same requests. One
//! yardstick is tonic's own server with handlers that do nothing but answer with as many bytes; the other is the store of
//! this house without a server: one insert of the same bytes, or one read of the same rows. A pair compares the node with the
//! slower of the two, which run right beside it. A message is an MLS private message of 1 KiB.

mod bare;
mod clients;
mod messages;
mod ours;
mod store;
mod streams;

use anyhow::ensure;
use clap::Args;

pub(crate) use bare::serve as serve_bare;
pub(crate) use ours::serve as serve_ours;

use crate::{figure::Figure, process};
use clients::{Connected, Outcome};
use store::BareStore;

/// Options of the bench.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// One JSON object a figure.
    #[arg(long)]
    json: bool,
    /// Alternating pairs of runs.
    #[arg(long, default_value_t = 7)]
    pairs: usize,
    /// Messages published, and pages asked for, in one run.
    #[arg(long, default_value_t = 20_000)]
    messages: usize,
    /// Open streams (0 leaves them out).
    #[arg(long, default_value_t = 1_000)]
    streams: usize,
}

/// Clients.
const CLIENTS: usize = 64;
/// Calls of one client that wait for their answers.
const WINDOW: usize = 4;
/// Calls in flight.
const CALLS: usize = CLIENTS * WINDOW;
/// HTTP/2 connections that the clients share.
const CONNECTIONS: usize = 16;
/// Groups that queries ask for.
const QUERIED_GROUPS: usize = 64;
/// Messages of such a group.
const STORED_ROWS: usize = 200;
/// Messages of one page: what a client finds that was away for a moment, and the most that a page has.
const PAGES: [u32; 2] = [10, 100];

/// Messages before the first run that counts: more than the page cache of a store holds.
const WARM_UP: usize = 80_000;

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    eprintln!("machine: {}", process::machine());
    eprintln!(
        "xmtp-node: {CLIENTS} clients with {WINDOW} calls in flight each over {CONNECTIONS} connections, {} byte messages, {} \
         a run",
        messages::MESSAGE,
        options.messages
    );
    eprintln!(
        "limits raised for publish and query: XMTP_NODE_REQUESTS_PER_SECOND={} (one address sends all requests)",
        ours::BENCH_RATE
    );
    unary(options).await?;
    defaults(options).await?;
    if options.streams > 0 {
        streams::run(options).await?;
    }
    Ok(())
}

/// Runs of one kind that stood side by side.
struct Round {
    ours: Outcome,
    grpc: Outcome,
    store: f64,
}

async fn unary(options: &Options) -> anyhow::Result<()> {
    let mut ours = Connected::start("serve-xmtp-node", &[]).await?;
    let mut grpc = Connected::start("serve-bare-grpc", &[]).await?;
    let mut store = BareStore::open().await?;
    ours.fill().await?;
    let count = options.messages;
    // a run of each that does not count: files grow to their size, caches fill
    ours.publish(WARM_UP).await?;
    grpc.publish(WARM_UP).await?;
    store.commit(WARM_UP).await?;

    let mut rounds = Vec::new();
    for pair in 0..options.pairs.max(1) {
        // who goes first alternates
        let round = if pair % 2 == 0 {
            Round {
                ours: ours.publish(count).await?,
                grpc: grpc.publish(count).await?,
                store: store.commit(count).await?,
            }
        } else {
            let store = store.commit(count).await?;
            let grpc = grpc.publish(count).await?;
            Round {
                ours: ours.publish(count).await?,
                grpc,
                store,
            }
        };
        ensure!(round.ours.refused == 0, "{} calls were refused", round.ours.refused);
        round.show("publish", pair);
        rounds.push(round);
    }
    report(options, "publish", "messages/s", &rounds)?;

    for rows in PAGES {
        let mut rounds = Vec::new();
        // large pages take longer
        let count = if rows > 10 { count / 4 } else { count };
        for pair in 0..options.pairs.max(1) {
            let round = if pair % 2 == 0 {
                Round {
                    ours: ours.query(count, rows).await?,
                    grpc: grpc.query(count, rows).await?,
                    store: store.read(count, rows).await?,
                }
            } else {
                let store = store.read(count, rows).await?;
                let grpc = grpc.query(count, rows).await?;
                Round {
                    ours: ours.query(count, rows).await?,
                    grpc,
                    store,
                }
            };
            round.show(&format!("query of {rows}"), pair);
            rounds.push(round);
        }
        report(options, &format!("query.{rows}_messages"), "pages/s", &rounds)?;
    }
    Ok(())
}

impl Round {
    fn show(&self, what: &str, pair: usize) {
        let Self { ours, grpc, store } = self;
        eprintln!(
            "{what}, pair {}: ours {:.0}/s ({:.1} us CPU), bare gRPC {:.0}/s ({:.1} us CPU), bare store {store:.0}/s",
            pair + 1,
            ours.rate,
            ours.cpu_us,
            grpc.rate,
            grpc.cpu_us
        );
    }
}

fn report(options: &Options, what: &str, unit: &'static str, rounds: &[Round]) -> anyhow::Result<()> {
    let pairs = |of: fn(&Round) -> (f64, f64)| rounds.iter().map(of).collect::<Vec<_>>();
    let json = options.json;
    let name = format!("xmtp-node.{what}_per_second");
    let slower = pairs(|round| (round.ours.rate, round.grpc.rate.min(round.store)));
    Figure::paired(&name, &slower, ">=0.5", unit).print(json)?;
    let grpc = pairs(|round| (round.ours.rate, round.grpc.rate));
    Figure::paired(&format!("{name}.beside_bare_grpc"), &grpc, "none", unit).print(json)?;
    let store = pairs(|round| (round.ours.rate, round.store));
    Figure::paired(&format!("{name}.beside_bare_store"), &store, "none", unit).print(json)?;
    let cpu = pairs(|round| (round.ours.cpu_us, round.grpc.cpu_us));
    let name = format!("xmtp-node.{what}.server_cpu.beside_bare_grpc");
    Figure::paired(&name, &cpu, "none", "us").print(json)
}

/// What the defaults allow one address. Clients that are refused come back when they are told to.
async fn defaults(options: &Options) -> anyhow::Result<()> {
    let mut ours = Connected::start("serve-xmtp-node", &["--default-limits"]).await?;
    let mut grpc = Connected::start("serve-bare-grpc", &[]).await?;
    let a = ours.publish(options.messages).await?;
    let b = grpc.publish(options.messages).await?;
    eprintln!("default limits: {} calls were refused and made again", a.refused);
    Figure::against(
        "xmtp-node.publish_per_second.default_limits",
        a.rate,
        b.rate,
        "none",
        "messages/s",
    )
    .print(options.json)
}
