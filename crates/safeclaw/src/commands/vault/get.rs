//! `safeclaw vault get`.

use std::io::{self, IsTerminal as _};

use chancery_base::b64;
use chancery_terminal::Failure;
use clap::Args;
use serde_json::json;

use crate::{CliError, Code, Context, Result};

/// Arguments of `vault get`.
#[derive(Debug, Args)]
#[command(
    after_help = "Writes the secret's bytes and nothing else. With --json it is a text, or base64 when it is none
(\"encoding\" says which).

Examples:
  safeclaw vault get github_token | gh auth login --with-token
  safeclaw vault get deploy_key > deploy.pem
  safeclaw vault get github_token --reveal"
)]
pub struct Arguments {
    /// Name of the secret
    name: String,
    /// Show it even on a terminal
    #[arg(long)]
    reveal: bool,
}

/// Runs it.
///
/// # Errors
/// [`Code::SecretShown`], [`Code::EntryNotFound`]; those of opening the vault.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let on_terminal = io::stdout().is_terminal();
    if on_terminal && !arguments.reveal {
        return Err(CliError::new(
            Code::SecretShown,
            "the secret would be shown on the terminal",
        ));
    }
    let name = &arguments.name;
    let secret = context.open_vault()?.get(name)?;
    let secret =
        secret.ok_or_else(|| CliError::new(Code::EntryNotFound, format!("the vault has no secret {name:?}")))?;
    let gone = |error: io::Error| Failure::stdout(&error);
    if context.output.json() {
        let view = match secret.as_str() {
            Some(text) => json!({ "name": name, "value": text, "encoding": "utf-8" }),
            None => json!({ "name": name, "value": b64::encode_standard(secret.as_bytes()), "encoding": "base64" }),
        };
        return context.show(&view, &[]);
    }
    context.output.bytes(secret.as_bytes()).map_err(gone)?;
    if on_terminal {
        context.output.bytes(b"\n").map_err(gone)?;
    }
    Ok(())
}
