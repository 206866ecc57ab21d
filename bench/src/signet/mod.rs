//! What the signet costs.

mod projection;

use clap::Args;

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
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    projection::run(options)
}
