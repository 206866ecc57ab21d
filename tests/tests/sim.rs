//! The simulation, seed by seed. See `chancery_tests::sim`.
//!
//! * `CHANCERY_SIM_SEEDS=1000` runs so many seeds; 50 without it.
//! * `CHANCERY_SIM_SEED=7` runs just that one, and writes what happens to stderr.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test: what is not as expected ends it"
)]

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use chancery_tests::sim::{self, Lie, Report};

/// Seeds without another word.
const SEEDS: u64 = 50;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is no number: {text:?}")),
    )
}

fn verdict(seed: u64, report: &Report) -> Option<String> {
    let lines: Vec<String> = report
        .violations
        .iter()
        .map(|violation| format!("  {violation}"))
        .collect();
    (!lines.is_empty()).then(|| format!("CHANCERY_SIM_SEED={seed}\n{}", lines.join("\n")))
}

/// Runs `work` for each number below `count`, on as many threads as there are processors; each number stays in one.
fn each<T: Send>(count: u64, work: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let next = AtomicU64::new(0);
    let take = || {
        let mut out = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return out;
            }
            out.push(work(number));
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

#[test]
fn every_seed_keeps_the_invariants() {
    let begun = Instant::now();
    if let Some(seed) = number("CHANCERY_SIM_SEED") {
        let report = sim::run(seed, true);
        println!("{report:#?}");
        assert!(verdict(seed, &report).is_none(), "{}", verdict(seed, &report).unwrap());
        return;
    }
    let seeds = number("CHANCERY_SIM_SEEDS").unwrap_or(SEEDS);
    let reports = each(seeds, |seed| (seed, sim::run(seed, false)));
    let delivered: u64 = reports.iter().map(|(_, report)| report.delivered).sum();
    let acknowledged: u64 = reports.iter().map(|(_, report)| report.acknowledged).sum();
    println!(
        "{seeds} seeds in {:?}: {acknowledged} messages taken, {delivered} delivered",
        begun.elapsed()
    );
    let failed: Vec<String> = reports
        .iter()
        .filter_map(|(seed, report)| verdict(*seed, report))
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {seeds} seeds failed:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

#[test]
fn a_seed_is_one_run() {
    let differ: Vec<u64> = each(4, |n| {
        let seed = 1000 + n;
        let (first, second) = (sim::run(seed, false), sim::run(seed, false));
        let same = (first.hash, first.lines) == (second.hash, second.lines);
        (!same || first.lines < 1000).then_some(seed)
    })
    .into_iter()
    .flatten()
    .collect();
    assert!(differ.is_empty(), "seeds that are not one run: {differ:?}");
}

#[test]
fn seeds_differ() {
    let hashes = each(2, |seed| sim::run(seed, false).hash);
    assert_ne!(hashes[0], hashes[1]);
}

#[test]
fn every_lie_is_found_out_and_nothing_else() {
    let wrong: Vec<String> = each(Lie::ALL.len() as u64, |n| {
        let lie = Lie::ALL[usize::try_from(n).unwrap()];
        let (lying, honest) = (sim::run_lying(1, lie), sim::run_honestly(1, lie));
        let found = lying.violations.iter().any(|found| found.kind == lie.shows_as());
        let blind = (!found).then(|| format!("{lie:?} is not seen"));
        blind.or_else(|| verdict(1, &honest).map(|seen| format!("without {lie:?}: {seen}")))
    })
    .into_iter()
    .flatten()
    .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
