//! What skills cost: the check at install, the check at every use, and how that grows with the number of grants.
//!
//! Each pair runs ours and the yardstick a few thousand times, alternating who goes first, and keeps the time of one. The
//! yardsticks are what nobody can do without: one Ed25519 verification, one `openat2` with the same rules beneath the same
//! open directory.

mod engine;
mod install;

use std::{hint::black_box, time::Instant};

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

/// Microseconds that one call of `f` takes, over `repeat` calls.
fn time<T>(repeat: u32, mut f: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<f64> {
    let since = Instant::now();
    for _ in 0..repeat {
        black_box(f()?);
    }
    Ok(since.elapsed().as_secs_f64() * 1e6 / f64::from(repeat))
}

/// Alternating pairs of `ours` and `yardstick`.
fn pairs<T, U>(
    options: &Options,
    repeat: u32,
    mut ours: impl FnMut() -> anyhow::Result<T>,
    mut yardstick: impl FnMut() -> anyhow::Result<U>,
) -> anyhow::Result<Vec<(f64, f64)>> {
    // one of each that does not count: caches fill
    time(repeat / 4 + 1, &mut ours)?;
    time(repeat / 4 + 1, &mut yardstick)?;
    let mut pairs = Vec::with_capacity(options.pairs);
    for pair in 0..options.pairs.max(1) {
        pairs.push(if pair % 2 == 0 {
            let a = time(repeat, &mut ours)?;
            (a, time(repeat, &mut yardstick)?)
        } else {
            let b = time(repeat, &mut yardstick)?;
            (time(repeat, &mut ours)?, b)
        });
    }
    Ok(pairs)
}

fn report(options: &Options, name: &str, pairs: &[(f64, f64)], goal: &'static str) -> anyhow::Result<()> {
    Figure::paired(name, pairs, goal, "us").print(options.json)
}
