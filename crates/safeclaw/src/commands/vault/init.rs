//! `safeclaw vault init`.

use chancery_vault::{KeySource, Status, Vault, VaultError};
use clap::Args;
use serde_json::json;

use crate::{CliError, Context, Home, Result, passphrase};

/// Arguments of `vault init`.
#[derive(Debug, Args)]
#[command(
    after_help = "A vault that is there stays as it is. `safeclaw onboard` makes owner key and signing key, too.
It opens with a passphrase and nothing else, because what you decide must need something that a
program under your own user does not have.

Examples:
  safeclaw vault init
  safeclaw vault init --passphrase @/run/secrets/passphrase"
)]
pub struct Arguments {}

/// Runs it.
///
/// # Errors
/// `VAULT_EXISTS`, `VAULT_PASSPHRASE_TOO_SHORT`.
pub fn run(_: &Arguments, context: &Context) -> Result<()> {
    must_be_free(context.home())?;
    let vault = make(context)?;
    let path = vault.path();
    context.show(
        &json!({ "path": path, "vaultId": vault.id(), "format": 2 }),
        &[format!("made a vault at {}", path.display())],
    )
}

/// Refuses when there is a file already, before anybody is asked for a passphrase.
pub(crate) fn must_be_free(home: &Home) -> Result<()> {
    let path = home.vault();
    match std::fs::symlink_metadata(&path) {
        Err(_) => Ok(()),
        // an old one is not in the way of anything, and has a way out of its own
        Ok(_) => match Status::of(&path) {
            Ok(status) if status.format == 1 => Err(VaultError::Unsupported { found: 1 }.into()),
            _ => Err(VaultError::Exists(path).into()),
        },
    }
}

/// Makes the vault and its directory.
///
/// # Errors
/// `VAULT_NOT_FOUND` where an owner key is pinned: a new vault would have another one, and nothing that was decided would be
/// believed any more.
pub(crate) fn make(context: &Context) -> Result<Vault> {
    let home = context.home();
    if context.owner_key().is_ok() {
        return Err(CliError::from(VaultError::NotFound(home.vault())).hint(
            "the vault that owner.pub belongs to is gone: restore vault.json and vault.json.seen from a backup, or begin anew with `safeclaw onboard --reset`",
        ));
    }
    home.make()?;
    let passphrase = passphrase::new(context.given_passphrase(), "New passphrase of the vault:")?;
    chancery_vault::check_passphrase(&passphrase)?;
    Ok(Vault::create(
        &home.vault(),
        &KeySource::Passphrase(passphrase),
        &*context.rng,
    )?)
}
