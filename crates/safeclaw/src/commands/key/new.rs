//! `safeclaw key new`.

use chancery_base::ed25519::SecretKey;
use chancery_manifest::{KeyId, key_text};
use chancery_vault::{VaultError, keys};
use clap::Args;
use serde_json::json;

use super::named;
use crate::{CliError, Context, Exit, Result};

/// Arguments of `key new`.
#[derive(Debug, Args)]
#[command(after_help = "The private half stays in the vault. A key that is there stays.

Examples:
  safeclaw key new --label release-2026
  safeclaw key new --json")]
pub struct Arguments {
    /// What the key is called: letters, digits, '.', '_', '-' and '@'
    #[arg(long, default_value = named::DEFAULT)]
    label: String,
}

/// Runs it.
///
/// # Errors
/// `VAULT_ENTRY_EXISTS`, `VAULT_NAME_INVALID`; those of opening and saving the vault.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let label = &arguments.label;
    keys::entry(named::label(label)).map_err(|error| {
        CliError::of(error, Exit::Vault).saying("a label is 1 to 64 letters, digits, '.', '_', '-' and '@'")
    })?;
    let mut vault = context.open_vault()?;
    let key = SecretKey::generate(&context.rng);
    keys::store(&mut vault, named::label(label), &key).map_err(|error| match error {
        VaultError::EntryExists(_) => CliError::of(error, Exit::Vault)
            .saying(format!("there is a signing key {label:?} already"))
            .hint("choose another --label; a key that is there stays"),
        error => error.into(),
    })?;
    vault.save(&*context.rng)?;
    let (keyid, public) = (KeyId::of(&key.public()), key_text::public_key_to_hex(&key.public()));
    context.show(
        &json!({ "label": label, "keyid": keyid, "publicKey": public }),
        &[
            format!("made the signing key {label}"),
            format!("fingerprint: {keyid}"),
            format!("public key:  {public}"),
        ],
    )
}
