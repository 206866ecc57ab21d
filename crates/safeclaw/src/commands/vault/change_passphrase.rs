//! `safeclaw vault change-passphrase`.

use chancery_vault::KeySource;
use clap::Args;
use serde_json::json;

use crate::{
    Context, Result,
    passphrase::{self, Given},
};

/// Arguments of `vault change-passphrase`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  safeclaw vault change-passphrase
  safeclaw vault change-passphrase --passphrase @old --new-passphrase @new")]
pub struct Arguments {
    /// The new passphrase: - is one line of stdin (after that of --passphrase -), @FILE the first line of a file
    #[arg(long, value_name = "-|@FILE", allow_hyphen_values = true)]
    new_passphrase: Option<Given>,
}

/// Runs it.
///
/// # Errors
/// `VAULT_PASSPHRASE_TOO_SHORT`; those of opening and saving the vault.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    if arguments.new_passphrase == Some(Given::Bare) {
        Given::Bare.line()?;
    }
    let mut vault = context.open_vault()?;
    let new = passphrase::new(arguments.new_passphrase.as_ref(), "New passphrase of the vault:")?;
    vault.change_key(&KeySource::Passphrase(new), &*context.rng)?;
    context.output.note(
        "copies of the old file still open with the old passphrase; if somebody may have both, run `safeclaw vault rotate`",
    );
    context.show(
        &json!({ "changes": vault.last_seen().counter }),
        &["the vault opens with the new passphrase".to_owned()],
    )
}
