//! What skills cost: the check at install, the check at every use, and how that grows with the number of grants.
//!
//! Each pair runs ours and the yardstick a few thousand times, alternating who goes first, and keeps the time of one. The
//! yardsticks are what nobody can do without: one Ed25519 verification, one `openat2` with the same rules beneath the same
//! open directory.

mod engine;
mod install;

use clap::Args;

use crate::figure::Figure;

/// Options of the bench.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// One JSON object a figure.
    #[arg(long)]
    json: bool,
    /// Alternating pairs of runs.
    #[arg(long, default_value_t = 41)]
    pairs: usize,
    /// Repetitions within a run.
    #[arg(long, default_value_t = 2_000)]
    repeat: u32,
    /// Most grants in the curve.
    #[arg(long, default_value_t = 10_000)]
    grants: usize,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    install::run(options)?;
    engine::run(options)
}

fn report(options: &Options, name: &str, pairs: &[(f64, f64)], goal: &'static str) -> anyhow::Result<()> {
    Figure::paired(name, pairs, goal, "us").print(options.json)
}
