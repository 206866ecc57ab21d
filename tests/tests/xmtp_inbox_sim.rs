//! Our XMTP clients over bad ways and through many lives, seed by seed. See `chancery_tests::inbox_sim`.
//!
//! * `CHANCERY_XMTP_CLIENT_SEEDS=1000` runs so many seeds; 30 without it.
//! * `CHANCERY_XMTP_CLIENT_SEED=7` runs just that one, and prints what happens.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test: what is not as expected ends it"
)]

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use chancery_tests::inbox_sim::{self, Lie, Report, Rule};

/// Seeds without another word.
const SEEDS: u64 = 30;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is no number: {text:?}")),
    )
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

fn verdict(seed: u64, report: &Report) -> Option<String> {
    let lines: Vec<_> = report.violations.iter().map(|found| format!("  {found}")).collect();
    (!lines.is_empty()).then(|| format!("CHANCERY_XMTP_CLIENT_SEED={seed}\n{}", lines.join("\n")))
}

#[test]
fn every_seed_keeps_the_invariants() {
    let begun = Instant::now();
    if let Some(seed) = number("CHANCERY_XMTP_CLIENT_SEED") {
        let report = inbox_sim::run(seed);
        println!("{report:#?}");
        assert!(verdict(seed, &report).is_none(), "{}", verdict(seed, &report).unwrap());
        return;
    }
    let seeds = number("CHANCERY_XMTP_CLIENT_SEEDS").unwrap_or(SEEDS);
    let reports = each(seeds, |seed| (seed, inbox_sim::run(seed)));
    let sum = |of: fn(&Report) -> usize| reports.iter().map(|(_, report)| of(report)).sum::<usize>();
    let epochs: u64 = reports.iter().map(|(_, report)| report.epoch).sum();
    println!(
        "{seeds} seeds in {:?}: {} messages, {epochs} epochs, {} deaths, {} failures",
        begun.elapsed(),
        sum(|report| report.sent),
        sum(|report| report.deaths),
        sum(|report| report.failures),
    );
    // the runs are about something
    assert!(sum(|report| report.deaths) > reports.len() && epochs > seeds * 5);
    let failed: Vec<_> = reports
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
    let differ = each(2, |n| (inbox_sim::run(1000 + n), inbox_sim::run(1000 + n)));
    for (first, second) in differ {
        assert_eq!(first.trace, second.trace);
        assert_eq!(first, second);
    }
}

/// That a run is found to be in order is worth something only if one that is not would be.
#[test]
fn a_node_that_lies_to_one_player_is_found_out() {
    let lies = [
        (Lie::MessageMissing(8), &[Rule::NothingLost, Rule::OneOrder][..]),
        (Lie::CommitMissing(8), &[Rule::NoFork]),
        (Lie::Swapped(8), &[Rule::OneOrder]),
    ];
    let reports = each(lies.len() as u64, |n| {
        let (lie, shows) = lies[usize::try_from(n).unwrap()];
        (lie, shows, inbox_sim::run_lying(1, lie).violations)
    });
    for (lie, shows, violations) in reports {
        for rule in shows {
            let found = violations.iter().any(|found| found.rule == *rule);
            assert!(found, "{lie:?} does not show as {rule:?}: {violations:#?}");
        }
    }
}
