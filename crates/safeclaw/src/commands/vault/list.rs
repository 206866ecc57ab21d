//! `safeclaw vault list`.

use clap::Args;
use serde_json::json;

use crate::{Context, Result};

/// Arguments of `vault list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  safeclaw vault list
  safeclaw vault list --json --passphrase @/run/secrets/passphrase")]
pub struct Arguments {}

/// Runs it.
///
/// # Errors
/// Those of opening the vault, exit code 9.
pub fn run(_: &Arguments, context: &Context) -> Result<()> {
    let names = context.open_vault()?.names();
    if names.is_empty() {
        context.output.note("the vault is empty");
    }
    context.show(&json!({ "names": names }), &names)
}
