//! `safeclaw onboard`: what is missing is made, what is there stays.

use std::path::PathBuf;

use chancery_base::ed25519::{PublicKey, SecretKey};
use chancery_manifest::{KeyId, key_text};
use chancery_vault::{Vault, keys, v1};
use clap::Args;
use serde::Serialize;

use super::vault;
use crate::{CliError, Code, Context, Result, owner};

/// Arguments of `onboard`.
#[derive(Debug, Args)]
#[command(
    after_help = "It makes a vault that your passphrase opens, the owner key that your decisions are signed with, and a key to
sign skills with. What is there already stays as it is, so it may be run again at any time.

Examples:
  safeclaw onboard
  safeclaw onboard --passphrase @/run/secrets/passphrase --yes
  safeclaw onboard --reset"
)]
pub struct Arguments {
    /// Begin anew: ~/.safeclaw is renamed, with all that is in it, and an empty one made
    #[arg(long)]
    reset: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    data_dir: PathBuf,
    backup: Option<PathBuf>,
    vault: Made,
    owner: Key,
    signing_key: Key,
}

#[derive(Serialize)]
struct Made {
    path: PathBuf,
    made: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Key {
    keyid: KeyId,
    public_key: String,
    made: bool,
}

impl Key {
    fn new(key: &PublicKey, made: bool) -> Self {
        Self {
            keyid: KeyId::of(key),
            public_key: key_text::public_key_to_hex(key),
            made,
        }
    }
}

/// Runs it.
///
/// # Errors
/// [`Code::Denied`]; [`Code::OwnerChanged`]; those of the vault.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let home = context.home();
    let backup = if arguments.reset {
        reset(arguments, context)?
    } else {
        None
    };
    home.make()?;
    let (vault, made) = open_or_make(arguments, context)?;
    let owner = owner_key(&vault, context)?;
    let signing_key = signing_key(vault, context)?;
    let view = View {
        data_dir: home.dir().to_owned(),
        backup,
        vault: Made {
            path: home.vault(),
            made,
        },
        owner,
        signing_key,
    };
    context.show(&view, &human(&view))
}

fn human(view: &View) -> Vec<String> {
    let word = |made: bool| if made { "made" } else { "there already" };
    let mut lines = Vec::new();
    if let Some(backup) = &view.backup {
        lines.push(format!("backup:      {}", backup.display()));
    }
    lines.extend([
        format!("vault:       {} ({})", view.vault.path.display(), word(view.vault.made)),
        format!("owner key:   {} ({})", view.owner.keyid, word(view.owner.made)),
        format!(
            "signing key: {} ({})",
            view.signing_key.keyid,
            word(view.signing_key.made)
        ),
        format!("public key:  {}", view.signing_key.public_key),
        String::new(),
        "Without the passphrase nothing of this can be had back: keep it where you keep such things.".to_owned(),
        String::new(),
        "Next:".to_owned(),
        "  safeclaw doctor            look whether all is well".to_owned(),
        "  safeclaw key trust --help  say whose skills you want".to_owned(),
        "  safeclaw skill --help      write, install and limit skills".to_owned(),
    ]);
    lines
}

/// Renames the data directory; `None` when there is none.
fn reset(arguments: &Arguments, context: &Context) -> Result<Option<PathBuf>> {
    let dir = context.home().dir();
    if std::fs::symlink_metadata(dir).is_err() {
        return Ok(None);
    }
    // such as .safeclaw.backup-20261121T064321000Z, which sorts by age
    let stamp: String = context
        .now()
        .to_rfc3339()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let backup = dir.with_file_name(format!(".safeclaw.backup-{stamp}"));
    let question = format!(
        "Begin anew? Vault, keys, skills and grants are moved to {} and no longer used.",
        backup.display()
    );
    context.confirm(arguments.yes, &question)?;
    let failed = |what: &str| CliError::new(Code::FileFailed, format!("cannot move {} away: {what}", dir.display()));
    if std::fs::symlink_metadata(&backup).is_ok() {
        return Err(failed("the backup's name is taken"));
    }
    std::fs::rename(dir, &backup).map_err(|error| failed(&error.to_string()))?;
    Ok(Some(backup))
}

/// The vault, and whether it was made now.
fn open_or_make(arguments: &Arguments, context: &Context) -> Result<(Vault, bool)> {
    if std::fs::symlink_metadata(context.home().vault()).is_err() {
        return Ok((vault::init::make(context)?, true));
    }
    if context.vault_status()?.format == v1::VERSION {
        let question = "There is a vault of the original. Move it into the format of today? The old file is kept.";
        context.confirm(arguments.yes, question)?;
        let moved = vault::migrate::migrate(None, None, context)?;
        context.output.note(format_args!(
            "moved {} secrets; the old vault is kept at {}",
            moved.secrets, moved.backup
        ));
    }
    Ok((context.open_vault()?, false))
}

/// Pins the owner key of the vault, unless it is pinned.
fn owner_key(vault: &Vault, context: &Context) -> Result<Key> {
    let key = owner::key(vault)?.public();
    match context.owner_key() {
        Ok(pinned) if pinned == key => Ok(Key::new(&key, false)),
        Ok(_) => Err(CliError::new(
            Code::OwnerChanged,
            "the owner key of the vault is not the one that is pinned in owner.pub",
        )),
        Err(error) if error.code() == Code::NotOnboarded.as_str() || error.code() == Code::KeyInvalid.as_str() => {
            owner::pin(context.home(), &key)?;
            Ok(Key::new(&key, true))
        }
        Err(error) => Err(error),
    }
}

/// The signing key without a label, which is made unless it is there.
fn signing_key(mut vault: Vault, context: &Context) -> Result<Key> {
    if let Some(key) = keys::load(&vault, None)? {
        return Ok(Key::new(&key.public(), false));
    }
    let key = SecretKey::generate(&context.rng);
    keys::store(&mut vault, None, &key)?;
    vault.save(&*context.rng)?;
    Ok(Key::new(&key.public(), true))
}
