//! `safeclaw vault rotate`.

use clap::Args;
use serde_json::json;

use crate::commands::skill::count;
use crate::{Context, Result};

/// Arguments of `vault rotate`.
#[derive(Debug, Args)]
#[command(
    after_help = "Passphrase and owner key stay. After a passphrase became known change it, then rotate: whoever had it
and a copy of the file could otherwise go on reading.

Examples:
  safeclaw vault rotate"
)]
pub struct Arguments {}

/// Runs it.
///
/// # Errors
/// Those of opening and saving the vault, exit code 9.
pub fn run(_: &Arguments, context: &Context) -> Result<()> {
    let mut vault = context.open_vault()?;
    vault.rotate(&*context.rng)?;
    let secrets = vault.names().len();
    context.show(
        &json!({ "secrets": secrets, "changes": vault.last_seen().counter }),
        &[format!(
            "the vault has a new master key; it encrypts {}",
            count(secrets, "secret")
        )],
    )
}
