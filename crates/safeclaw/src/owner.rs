//! The owner's key.
//!
//! Installs, grants and trust are believed because this Ed25519 key signed them. It is derived from the root of the vault
//! (RFC 5869), so it has no entry that could be read, overwritten or deleted by mistake, and it outlives a new passphrase,
//! a rotation and a restored backup. Its public half lies beside the vault in `owner.pub`, so that whatever is read without
//! the passphrase can be checked; each time the vault is open the two are compared.

use chancery_base::ed25519::{PublicKey, SecretKey};
use chancery_manifest::key_text;
use chancery_store::files;
use chancery_vault::{Vault, VaultError};

use crate::{CliError, Code, Home, Result};

/// What the key is derived for.
const DOMAIN: &str = "safeclaw.owner";

/// The key of `vault`.
pub(crate) fn key(vault: &Vault) -> Result<SecretKey, VaultError> {
    Ok(SecretKey::from_seed(&*vault.derive(DOMAIN)?))
}

/// Pins `key`.
pub(crate) fn pin(home: &Home, key: &PublicKey) -> Result<()> {
    let text = format!("{}\n", key_text::public_key_to_hex(key));
    Ok(files::write_private(&home.owner(), text.as_bytes())?)
}

/// The pinned key.
pub(crate) fn pinned(home: &Home) -> Result<PublicKey> {
    let path = home.owner();
    let text = match files::read_private(&path) {
        Err(error) if error.is_not_found() => {
            return Err(CliError::new(Code::NotOnboarded, "there is no owner key here yet"));
        }
        read => read?,
    };
    let text = String::from_utf8_lossy(&text);
    key_text::public_key_from_hex(text.trim_end()).map_err(|error| {
        CliError::new(Code::KeyInvalid, format!("{} holds no key: {error}", path.display()))
            .hint("restore it from a backup, or run `safeclaw onboard`, which takes it from the vault")
    })
}
