//! `xs config`: what is configured. Needs no daemon.

use clap::Subcommand;

use crate::{context::Context, problem::Result, view::View};

const COLUMNS: View = View::Table(&[
    ("setting", "key"),
    ("value", "value"),
    ("from", "source"),
    ("variable", "variable"),
]);

/// Look at the configuration.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Show every setting in force, and where it comes from; with --json also what it is for
    #[command(after_help = "Examples:\n  xs config show\n  xs config show --json")]
    Show,
    /// Check the configuration
    #[command(after_help = "Examples:\n  xs config validate --config draft.toml")]
    Validate,
    /// Print where the configuration is
    #[command(after_help = "Examples:\n  xs config path")]
    Path,
}

/// Runs it.
pub(crate) fn run(group: &Group, context: &Context) -> Result<()> {
    let path = context.config_path();
    match group {
        Group::Show => context.output.value(&context.loaded()?.shown(), COLUMNS),
        Group::Validate => {
            context.loaded()?;
            let found = path.exists();
            let answer = serde_json::json!({ "valid": true, "configPath": path, "exists": found });
            context.output.value(&answer, View::Auto)
        }
        Group::Path => {
            let answer = serde_json::json!({ "configPath": path });
            let view = View::Lines(|data| {
                data.at("configPath")
                    .map(crate::tree::Tree::inline)
                    .into_iter()
                    .collect()
            });
            context.output.value(&answer, view)
        }
    }
}
