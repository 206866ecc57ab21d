//! `safeclaw vault migrate`.

use chancery_vault::{BACKUP_SUFFIX, KeySource, Keyring, VaultError, v1};
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::{
    CliError, Context, Result,
    passphrase::{self, Given},
};

/// Whose keys the original keeps in the keyring.
const APPLICATION: &str = "safeclaw";

/// Arguments of `vault migrate`.
#[derive(Debug, Args)]
#[command(
    after_help = "The old file is kept as vault.json.v1. It and vault.json.salt still open with the old passphrase: remove
them once you are content. After a crash the vault is the old or the new one, and this goes on.

Examples:
  safeclaw vault migrate
  safeclaw vault migrate --from keyring
  safeclaw vault migrate --passphrase @old --new-passphrase @new"
)]
pub struct Arguments {
    /// What opens the old vault, passphrase or keyring; without this a passphrase where its salt file is there, else the keyring
    #[arg(long, value_enum, hide_possible_values = true)]
    from: Option<From>,
    /// The passphrase of the new vault, where it is to be another: - is one line of stdin, @FILE the first of a file
    #[arg(long, value_name = "-|@FILE", allow_hyphen_values = true)]
    new_passphrase: Option<Given>,
}

/// What opens an old vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum From {
    /// A passphrase.
    Passphrase,
    /// The keyring of the desktop session.
    Keyring,
}

/// What a migration did.
pub(crate) struct Moved {
    /// How many secrets there were.
    pub(crate) secrets: usize,
    /// Where the old vault is kept.
    pub(crate) backup: String,
}

/// Runs it.
///
/// # Errors
/// `VAULT_NOT_FOUND`, `VAULT_UNSUPPORTED` when it is none of the original's; those of opening and saving.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    if arguments.new_passphrase == Some(Given::Bare) {
        Given::Bare.line()?;
    }
    let home = context.home();
    let path = home.vault();
    if !path.exists() {
        return Err(VaultError::NotFound(path).into());
    }
    // the original leaves it open to readers
    home.make()?;
    let found = context.vault_status()?.format;
    if found != v1::VERSION {
        return Err(CliError::from(VaultError::Unsupported { found }).hint("this vault needs no migration"));
    }
    let Moved { secrets, backup } = migrate(arguments.from, arguments.new_passphrase.as_ref(), context)?;
    if !home.owner().exists() {
        context.output.note("next: `safeclaw onboard` makes the owner key");
    }
    context.show(
        &json!({ "path": path, "backup": backup, "secrets": secrets }),
        &[
            format!("moved {secrets} secrets into the new format"),
            format!("the old vault is kept at {backup}; remove it, and its salt file, once you are content"),
        ],
    )
}

/// Moves the vault, which is one of the original's.
pub(crate) fn migrate(from: Option<From>, new: Option<&Given>, context: &Context) -> Result<Moved> {
    let path = context.home().vault();
    let salt = path.with_file_name("vault.json.salt").exists();
    let from = from.unwrap_or(if salt { From::Passphrase } else { From::Keyring });
    let (from, old) = match from {
        From::Passphrase => {
            let old = passphrase::known(context.given_passphrase(), "Passphrase of the old vault:")?;
            (v1::Source::Passphrase(old.clone()), Some(old))
        }
        From::Keyring => (v1::Source::Keyring(Keyring::new(APPLICATION)), None),
    };
    let new = match (new, old) {
        (None, Some(old)) => old,
        (Some(given), _) => given.line()?,
        (None, None) => passphrase::new(context.given_passphrase(), "New passphrase of the vault:")?,
    };
    let vault = chancery_vault::migrate(&path, &from, &KeySource::Passphrase(new), &*context.rng)?;
    Ok(Moved {
        secrets: vault.names().len(),
        backup: format!("{}{BACKUP_SUFFIX}", path.display()),
    })
}
