//! Where the key that opens a vault comes from.

use std::fmt;
use std::path::{Path, PathBuf};

use chancery_base::{Rng, b64};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::crypt::Key;
use crate::error::VaultError;
use crate::folder::{self, Folder};
use crate::kdf::Kdf;
use crate::keyring::Keyring;
use crate::limits::{MAX_PASSPHRASE_BYTES, MIN_PASSPHRASE_CHARS};
use crate::secret::Secret;

/// What opens a vault. The list is closed; a TPM is not on it yet.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A passphrase, through Argon2id. Its bytes count as they are: nothing is trimmed, and Unicode is not normalised.
    Passphrase(Secret),
    /// A random key in the keyring of the desktop session.
    Keyring(Keyring),
    /// A random key in a credential that systemd hands to a service.
    Credential(Credential),
    /// A random key in a file, mode 0600, as [`create_key_file`] writes it. Whoever reads both files reads the vault: it
    /// belongs on another disk, or where unattended start is worth it.
    KeyFile(PathBuf),
}

/// Kinds of [`KeySource`], as a vault's header names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SourceKind {
    /// [`KeySource::Passphrase`].
    Passphrase,
    /// [`KeySource::Keyring`].
    Keyring,
    /// [`KeySource::Credential`].
    Credential,
    /// [`KeySource::KeyFile`].
    KeyFile,
}

impl SourceKind {
    /// Whether it opens a vault without a person.
    #[must_use]
    pub fn is_unattended(self) -> bool {
        !matches!(self, Self::Passphrase)
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passphrase => "passphrase",
            Self::Keyring => "keyring",
            Self::Credential => "systemd credential",
            Self::KeyFile => "key file",
        })
    }
}

/// A credential of a systemd service (systemd.exec(5), `LoadCredential=` and its kin): a file that holds 32 bytes, raw or
/// in unpadded base64url.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    directory: PathBuf,
    name: String,
}

impl Credential {
    /// The credential `name` in `directory`.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>, name: impl Into<String>) -> Self {
        Self {
            directory: directory.into(),
            name: name.into(),
        }
    }

    /// The credential `name` of this service, in `$CREDENTIALS_DIRECTORY`; `None` outside one.
    #[must_use]
    pub fn of_this_service(name: impl Into<String>) -> Option<Self> {
        std::env::var_os("CREDENTIALS_DIRECTORY").map(|directory| Self::new(directory, name))
    }
}

/// How a vault's header describes its source. Public parameters only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Slot {
    Passphrase { kdf: Kdf },
    Keyring { application: String, item: String },
    Credential { name: String },
    KeyFile {},
}

impl Slot {
    pub(crate) fn kind(&self) -> SourceKind {
        match self {
            Self::Passphrase { .. } => SourceKind::Passphrase,
            Self::Keyring { .. } => SourceKind::Keyring,
            Self::Credential { .. } => SourceKind::Credential,
            Self::KeyFile {} => SourceKind::KeyFile,
        }
    }
}

impl KeySource {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> SourceKind {
        match self {
            Self::Passphrase(_) => SourceKind::Passphrase,
            Self::Keyring(_) => SourceKind::Keyring,
            Self::Credential(_) => SourceKind::Credential,
            Self::KeyFile(_) => SourceKind::KeyFile,
        }
    }

    /// A new slot and the key that goes with it. Stores the key where the source is one that stores it.
    pub(crate) fn enroll(&self, rng: &dyn Rng) -> Result<(Slot, Key), VaultError> {
        Ok(match self {
            Self::Passphrase(passphrase) => {
                check_passphrase(passphrase)?;
                let kdf = Kdf::new(rng);
                let key = kdf.derive(passphrase)?;
                (Slot::Passphrase { kdf }, key)
            }
            Self::Keyring(keyring) => {
                let item = b64::encode((&rng).bytes::<16>());
                let key = random_key(rng);
                let label = format!("{} vault key", keyring.application());
                keyring.store(&label, &keyring.attributes(&item), &key)?;
                let application = keyring.application().to_owned();
                (Slot::Keyring { application, item }, key)
            }
            Self::Credential(credential) => {
                let name = credential.name.clone();
                (Slot::Credential { name }, read_credential(credential)?)
            }
            Self::KeyFile(path) => (Slot::KeyFile {}, read_key_file(path)?),
        })
    }

    /// The key that goes with `slot`.
    pub(crate) fn key(&self, slot: &Slot) -> Result<Key, VaultError> {
        match (self, slot) {
            (Self::Passphrase(passphrase), Slot::Passphrase { kdf }) => {
                if passphrase.len() > MAX_PASSPHRASE_BYTES {
                    return Err(VaultError::WrongKey);
                }
                kdf.derive(passphrase)
            }
            (Self::Keyring(keyring), Slot::Keyring { item, .. }) => keyring
                .lookup(&keyring.attributes(item))?
                .ok_or_else(|| VaultError::NoKey("the keyring".to_owned())),
            (Self::Credential(credential), Slot::Credential { .. }) => read_credential(credential),
            (Self::KeyFile(path), Slot::KeyFile {}) => read_key_file(path),
            _ => Err(VaultError::WrongSource {
                expected: slot.kind(),
                given: self.kind(),
            }),
        }
    }
}

/// Whether `passphrase` may protect a new vault.
///
/// # Errors
/// [`VaultError::PassphraseTooShort`], [`VaultError::TooLarge`].
pub fn check_passphrase(passphrase: &Secret) -> Result<(), VaultError> {
    if passphrase.len() > MAX_PASSPHRASE_BYTES {
        return Err(VaultError::TooLarge("a passphrase"));
    }
    let characters = match passphrase.as_str() {
        Some(text) => text.chars().count(),
        None => passphrase.len(),
    };
    if characters < MIN_PASSPHRASE_CHARS {
        return Err(VaultError::PassphraseTooShort);
    }
    Ok(())
}

/// Writes a new random key to `path`, mode 0600, which must not exist; its folder must be private.
///
/// # Errors
/// [`VaultError::Exists`], [`VaultError::Permissions`], [`VaultError::Owner`], [`VaultError::Io`].
pub fn create_key_file(path: &Path, rng: &dyn Rng) -> Result<(), VaultError> {
    let text = Zeroizing::new(format!(
        "{}\n",
        *Zeroizing::new(b64::encode(random_key(rng).as_slice()))
    ));
    let (folder, name) = Folder::of(path)?;
    let _lock = folder.lock(&name)?;
    folder.create(&name, text.as_bytes())
}

pub(crate) fn random_key(rng: &dyn Rng) -> Key {
    let mut key = Key::default();
    rng.fill(key.as_mut_slice());
    key
}

fn read_key_file(path: &Path) -> Result<Key, VaultError> {
    let found = folder::read_key_material(path, folder::Owners::Us)?;
    let found = found.ok_or_else(|| VaultError::NoKey(path.display().to_string()))?;
    parse_key(&found).ok_or_else(|| VaultError::NotAKey(path.display().to_string()))
}

fn read_credential(credential: &Credential) -> Result<Key, VaultError> {
    let what = || format!("the credential {}", credential.name);
    if credential.name.is_empty() || credential.name.contains('/') || credential.name.starts_with('.') {
        return Err(VaultError::NoKey(what()));
    }
    let path = credential.directory.join(&credential.name);
    let found = folder::read_key_material(&path, folder::Owners::UsOrRoot)?.ok_or_else(|| VaultError::NoKey(what()))?;
    parse_key(&found).ok_or_else(|| VaultError::NotAKey(what()))
}

/// 32 bytes, or 43 characters of base64url with or without a newline: no length is both.
fn parse_key(bytes: &[u8]) -> Option<Key> {
    if let Ok(raw) = <[u8; 32]>::try_from(bytes) {
        return Some(Zeroizing::new(raw));
    }
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let text = std::str::from_utf8(text).ok()?;
    b64::decode_array(text).ok().map(Zeroizing::new)
}
