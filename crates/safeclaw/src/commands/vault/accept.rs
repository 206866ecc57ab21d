//! `safeclaw vault accept`.

use chancery_vault::Opening;
use clap::Args;
use serde_json::json;

use crate::{Context, Result};

/// Arguments of `vault accept`.
#[derive(Debug, Args)]
#[command(
    after_help = "A vault that is older than what was seen last is refused, because somebody may have put back a secret
that you had taken away. Only after you restored it yourself, and only with the passphrase:

Examples:
  safeclaw vault accept"
)]
pub struct Arguments {}

/// Runs it.
///
/// # Errors
/// Those of opening the vault, exit code 9.
pub fn run(_: &Arguments, context: &Context) -> Result<()> {
    let opening = Opening {
        accept_this_state: true,
        ..Opening::default()
    };
    let vault = context.open_vault_as(&opening)?;
    let changes = vault.last_seen().counter;
    context.show(
        &json!({ "changes": changes }),
        &[format!("the vault, at change {changes}, counts as the newest one")],
    )
}
