//! `xs logs`: what was done and by whom.

use chancery_signet_wire::{
    Positive, Timestamp,
    action::{
        Call,
        input::{Logs, Nothing},
    },
};
use clap::{Args, Subcommand};

use crate::{arguments::positive, output::Format, step::Step, tree::Tree, view::View};

/// Arguments of `logs`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  xs logs --limit 10
  xs logs --since 2026-01-01T00:00:00Z
  xs logs export > audit.ndjson
  xs logs verify"
)]
pub struct Arguments {
    /// Only entries from this time on, such as 2026-01-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// The newest so many; 50 when left out
    #[arg(long, value_parser = positive)]
    limit: Option<Positive>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What else can be done with the log.
#[derive(Debug, Subcommand)]
enum Command {
    /// Print the whole log, a line of JSON for each entry
    #[command(after_help = "Examples:\n  xs logs export > audit.ndjson")]
    Export,
    /// Check that nothing was changed, left out or put in
    #[command(after_help = "Examples:\n  xs logs verify")]
    Verify,
}

impl Arguments {
    pub(crate) fn step(self) -> Step {
        match self.command {
            None => {
                let input = Logs {
                    limit: self.limit,
                    since: self.since,
                };
                Step::ask(Call::AdminLogs(input), View::Lines(entries))
            }
            // every entry on a line of its own, whatever is said about results
            Some(Command::Export) => Step::ask(Call::AdminLogsExport(Nothing {}), View::Auto).printed(Format::Ndjson),
            Some(Command::Verify) => Step::ask(Call::AdminLogsVerify(Nothing {}), View::Auto),
        }
    }
}

/// `<ts> [<actor>] <action>[ FAILED][ target=<t>]`.
fn entries(data: &Tree) -> Vec<String> {
    let line = |entry: &Tree| {
        let text = |place: &str| entry.at(place).map(Tree::inline).unwrap_or_default();
        let failed = if entry.at("success") == Some(&Tree::Bool(false)) {
            " FAILED"
        } else {
            ""
        };
        let target = match text("target") {
            target if target.is_empty() => target,
            target => format!(" target={target}"),
        };
        format!(
            "{} [{}] {}{failed}{target}",
            text("timestamp"),
            text("actor"),
            text("action")
        )
    };
    data.entries().iter().map(line).collect()
}
