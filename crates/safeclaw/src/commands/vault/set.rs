//! `safeclaw vault set`.

use chancery_terminal::prompt;
use chancery_vault::{
    Secret,
    limits::{MAX_VALUE_BYTES, check_name},
};
use clap::Args;
use serde_json::json;

use crate::{Context, Result, passphrase::Given};

/// Arguments of `vault set`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without a value the terminal is asked. A text loses its last line end, as in a shell's $(...); other
bytes stay as they are, at most 64 KiB. With --passphrase - the first line of stdin is the
passphrase and the rest the value.

Examples:
  safeclaw vault set github_token
  printf %s \"$TOKEN\" | safeclaw vault set github_token -
  safeclaw vault set deploy_key @deploy.pem"
)]
pub struct Arguments {
    /// Name of the secret
    name: String,
    /// The secret: - is stdin, @FILE a file
    #[arg(value_name = "-|@FILE", allow_hyphen_values = true)]
    value: Option<Given>,
}

/// Runs it.
///
/// # Errors
/// `VAULT_NAME_INVALID`, `VAULT_TOO_LARGE`, `SAFECLAW_SECRET_BARE`; those of opening and saving the vault.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let name = &arguments.name;
    check_name(name)?;
    if arguments.value == Some(Given::Bare) {
        Given::Bare.line()?;
    }
    let mut vault = context.open_vault()?;
    let value = match &arguments.value {
        Some(given) => given.all(MAX_VALUE_BYTES)?,
        None => Secret::from(prompt::new_secret(&format!("Value of {name}:"))?.as_str()),
    };
    let replaced = vault.contains(name);
    vault.set(name, value)?;
    vault.save(&*context.rng)?;
    let did = if replaced { "replaced" } else { "set" };
    context.show(
        &json!({ "name": name, "replaced": replaced }),
        &[format!("{did} {name}")],
    )
}
