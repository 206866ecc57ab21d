//! `safeclaw vault delete`.

use chancery_vault::keys;
use clap::Args;
use serde_json::json;

use crate::{CliError, Code, Context, Result};

/// Arguments of `vault delete`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  safeclaw vault delete github_token
  safeclaw vault delete github_token --dry-run
  safeclaw vault delete github_token --yes")]
pub struct Arguments {
    /// Name of the secret
    name: String,
    /// Only say whether it would be deleted
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Runs it.
///
/// # Errors
/// [`Code::EntryNotFound`]; [`Code::Denied`]; those of opening and saving the vault.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let name = &arguments.name;
    let mut vault = context.open_vault()?;
    if !vault.contains(name) {
        return Err(CliError::new(
            Code::EntryNotFound,
            format!("the vault has no secret {name:?}"),
        ));
    }
    if !arguments.dry_run {
        let what = match keys::label_of(name) {
            Some(label) => format!("the signing key {:?}, {name:?},", label.unwrap_or("default")),
            None => format!("{name:?}"),
        };
        context.confirm(arguments.yes, &format!("Delete {what} from the vault for ever?"))?;
        vault.delete(name);
        vault.save(&*context.rng)?;
    }
    let did = if arguments.dry_run { "would delete" } else { "deleted" };
    context.show(
        &json!({ "name": name, "deleted": !arguments.dry_run }),
        &[format!("{did} {name}")],
    )
}
