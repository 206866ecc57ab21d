//! `safeclaw vault status`.

use std::path::PathBuf;

use chancery_vault::{Status, v1};
use clap::Args;
use serde::Serialize;

use crate::{Context, Result};

/// Arguments of `vault status`.
#[derive(Debug, Args)]
#[command(
    after_help = "Asks for no passphrase, so none of it is vouched for: whoever can write the file can write this.

Examples:
  safeclaw vault status
  safeclaw vault status --json"
)]
pub struct Arguments {}

#[derive(Serialize)]
struct View {
    path: PathBuf,
    #[serde(flatten)]
    status: Status,
}

/// Runs it.
///
/// # Errors
/// `VAULT_NOT_FOUND`, and what is wrong with the file, exit code 9.
pub fn run(_: &Arguments, context: &Context) -> Result<()> {
    let path = context.home().vault();
    let status = context.vault_status()?;
    let mut human = vec![format!("vault:   {}", path.display())];
    human.push(match status.format {
        v1::VERSION => "format:  1, the original's: run `safeclaw vault migrate`".to_owned(),
        format => format!("format:  {format}"),
    });
    if let Some(source) = status.source {
        let derivation = status.key_derivation.as_deref().map(|text| format!(" ({text})"));
        human.push(format!("opens:   with a {source}{}", derivation.unwrap_or_default()));
    }
    if let Some(counter) = status.counter {
        human.push(format!("changes: {counter}"));
    }
    human.push(format!("secrets: {}", status.names.len()));
    context.show(&View { path, status }, &human)
}
