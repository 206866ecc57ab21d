//! What a bench reports.

use serde::Serialize;

/// One figure.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) ours: f64,
    pub(crate) yardstick: f64,
    /// Median of the ratios of the pairs, where there are pairs; `ours / yardstick` otherwise.
    pub(crate) ratio: f64,
    pub(crate) goal: &'static str,
    pub(crate) unit: &'static str,
}

impl Figure {
    /// A figure without a yardstick: the ratio is to the goal's bound.
    pub(crate) fn against(name: &str, ours: f64, yardstick: f64, goal: &'static str, unit: &'static str) -> Self {
        let ratio = if yardstick == 0.0 { 0.0 } else { ours / yardstick };
        Self {
            name: name.to_owned(),
            ours: round(ours),
            yardstick: round(yardstick),
            ratio: round(ratio),
            goal,
            unit,
        }
    }

    /// A figure from alternating pairs (ours, yardstick): the medians, and the median of the pair ratios.
    pub(crate) fn paired(name: &str, pairs: &[(f64, f64)], goal: &'static str, unit: &'static str) -> Self {
        let ours = median(pairs.iter().map(|pair| pair.0));
        let yardstick = median(pairs.iter().map(|pair| pair.1));
        let ratio = median(pairs.iter().map(|pair| pair.0 / pair.1));
        Self {
            name: name.to_owned(),
            ours: round(ours),
            yardstick: round(yardstick),
            ratio: round(ratio),
            goal,
            unit,
        }
    }

    /// Prints it: JSON on one line, or for people.
    pub(crate) fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            println!("{}", serde_json::to_string(self)?);
        } else {
            let Self {
                name,
                ours,
                yardstick,
                ratio,
                goal,
                unit,
            } = self;
            println!("{name:<44} {ours:>12} {unit:<12} yardstick {yardstick:>12}  ratio {ratio:>7}  goal {goal}");
        }
        Ok(())
    }
}

/// Three decimals are more than these machines can tell apart.
fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// The middle value; the mean of the two middle ones for an even count; 0 for none.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (
        sorted.len() % 2,
        sorted.get(middle),
        middle.checked_sub(1).and_then(|below| sorted.get(below)),
    ) {
        (1, Some(value), _) => *value,
        (0, Some(above), Some(below)) => f64::midpoint(*above, *below),
        _ => 0.0,
    }
}
