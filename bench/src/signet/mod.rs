//! What the signet costs.

mod bare;
mod clients;
mod ours;
mod projection;
mod websocket;

use clap::Args;

pub(crate) use bare::serve as serve_bare;
pub(crate) use ours::serve as serve_ours;

/// Options of the bench.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// One JSON object a figure.
    #[arg(long)]
    json: bool,
    /// Alternating pairs of runs of what takes microseconds.
    #[arg(long, default_value_t = 41)]
    pairs: usize,
    /// Repetitions within such a run.
    #[arg(long, default_value_t = 4_000)]
    repeat: u32,
    /// Alternating pairs of runs of what takes seconds.
    #[arg(long, default_value_t = 7)]
    runs: usize,
    /// Heartbeat requests of such a run.
    #[arg(long, default_value_t = 400_000)]
    heartbeats: usize,
    /// Messages that harnesses send in such a run.
    #[arg(long, default_value_t = 20_000)]
    sends: usize,
    /// Harness connections that one chat fans out to (0 leaves that out).
    #[arg(long, default_value_t = 1000)]
    harnesses: usize,
}

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    projection::run(options)?;
    websocket::run(options).await
}
