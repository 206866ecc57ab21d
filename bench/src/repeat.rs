//! Times of what is too short to be timed once.

use std::{hint::black_box, time::Instant};

/// Microseconds that one call of `f` takes, over `repeat` calls.
pub(crate) fn time<T>(repeat: u32, mut f: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<f64> {
    let since = Instant::now();
    for _ in 0..repeat {
        black_box(f()?);
    }
    Ok(since.elapsed().as_secs_f64() * 1e6 / f64::from(repeat))
}

/// `count` alternating pairs of `ours` and `yardstick`, each the time of one of `repeat` calls.
pub(crate) fn pairs<T, U>(
    (count, repeat): (usize, u32),
    mut ours: impl FnMut() -> anyhow::Result<T>,
    mut yardstick: impl FnMut() -> anyhow::Result<U>,
) -> anyhow::Result<Vec<(f64, f64)>> {
    // one of each that does not count: caches fill
    time(repeat / 4 + 1, &mut ours)?;
    time(repeat / 4 + 1, &mut yardstick)?;
    let mut pairs = Vec::with_capacity(count);
    for pair in 0..count.max(1) {
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
