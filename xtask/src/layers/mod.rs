//! `cargo xtask layers`: a crate imports lower floors, or what an arrow in `layers.toml` allows it, and nothing else.

mod check;
mod graph;
mod plan;

use std::process::ExitCode;

use anyhow::Context as _;

use graph::Graph;
use plan::Plan;

/// Checks the workspace that the current directory is in, and prints each broken rule on a line of its own.
///
/// # Errors
/// When `cargo metadata` fails, or `layers.toml` cannot be read.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let graph = Graph::of_workspace()?;
    let path = graph.root.join("layers.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let plan: Plan = toml::from_str(&text).with_context(|| format!("cannot parse {}", path.display()))?;

    let violations = check::check(&plan, &graph);
    for violation in &violations {
        println!("error: {violation}");
    }
    if violations.is_empty() {
        let crates: usize = plan.floor.iter().map(|floor| floor.crates.len()).sum();
        println!(
            "layers: {crates} crates on {} floors, {} arrows, all as planned",
            plan.floor.len(),
            plan.arrow.len()
        );
        Ok(ExitCode::SUCCESS)
    } else {
        println!("layers: {} rules broken; see layers.toml", violations.len());
        Ok(ExitCode::FAILURE)
    }
}
