//! Keys as people name them.

use std::path::Path;

use chancery_base::ed25519::{PublicKey, SecretKey};
use chancery_manifest::{KeyId, key_text};
use chancery_skills::Publisher;
use chancery_store::files;
use chancery_vault::{Vault, keys};

use crate::{CliError, Code, Result};

/// What the key without a label is called.
pub(super) const DEFAULT: &str = "default";

/// A label as the vault takes it.
pub(super) fn label(text: &str) -> Option<&str> {
    (text != DEFAULT).then_some(text)
}

/// The signing key of this label.
pub(super) fn signing_key(vault: &Vault, text: &str) -> Result<SecretKey> {
    keys::load(vault, label(text))?
        .ok_or_else(|| CliError::new(Code::KeyNotFound, format!("the vault has no signing key {text:?}")))
}

/// A public key, in 64 hex digits or in a file that holds them.
pub(super) fn public_key(text: &str) -> Result<PublicKey> {
    let invalid = |what: &str, error: &dyn std::fmt::Display| {
        CliError::new(Code::KeyInvalid, format!("{what} is no public key: {error}"))
    };
    let path = Path::new(text);
    if !path.is_file() {
        return key_text::public_key_from_hex(text).map_err(|error| invalid(&format!("{text:?}"), &error));
    }
    let bytes = files::read_private(path)?;
    let hex = String::from_utf8_lossy(&bytes);
    key_text::public_key_from_hex(hex.trim()).map_err(|error| invalid(text, &error))
}

/// The name of a key that is not the caller's: a fingerprint, a public key, a file that holds one, or the label of one of
/// `publishers`.
pub(super) fn key_id(text: &str, publishers: &[Publisher]) -> Result<KeyId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let mut named = publishers.iter().filter(|publisher| publisher.label == text);
    match (named.next(), named.next()) {
        (Some(publisher), None) => Ok(KeyId::of(&publisher.key)),
        (Some(_), Some(_)) => Err(CliError::new(
            Code::KeyInvalid,
            format!("{text:?} is the label of more than one key"),
        )
        .hint("`safeclaw key list` shows their fingerprints")),
        (None, _) => {
            let unknown = |error: CliError| {
                if Path::new(text).exists() {
                    return error;
                }
                error
                    .saying(format!(
                        "{text:?} is no fingerprint, no public key, no file, and no label of a publisher"
                    ))
                    .hint("`safeclaw key list` shows the fingerprints, those of your own keys, too")
            };
            Ok(KeyId::of(&public_key(text).map_err(unknown)?))
        }
    }
}
