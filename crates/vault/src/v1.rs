//! The vault of the original (safeclaw spec 10.1 to 10.4): read to be [migrated](crate::migrate), written for tests that
//! hold us to it.
//!
//! AES-256-GCM by one key for all entries, with nothing that binds an entry to its name or the entries to one another: two
//! that were swapped open under each other's name, and an old file cannot be told from the newest. That cannot be mended
//! in the format, so nothing new is kept in it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use aes_gcm::aead::{Aead as _, KeyInit as _};
use aes_gcm::{Aes256Gcm, Nonce};
use chancery_base::{Rng, b64, json};
use scrypt::{Params, scrypt};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::document;
use crate::error::VaultError;
use crate::folder::Folder;
use crate::keyring::Keyring;
use crate::limits::MAX_FILE_BYTES;
use crate::secret::Secret;
use crate::source::check_passphrase;

/// The `version` of such a file.
pub const VERSION: u64 = 1;
/// log2 of scrypt's N.
const LOG_N: u8 = 17;
/// scrypt's r.
const BLOCK: u32 = 8;
/// scrypt's p.
const PARALLEL: u32 = 1;
/// Bytes of the salt.
pub const SALT_BYTES: usize = 16;
/// Bytes of an IV.
const IV_BYTES: usize = 12;
/// Bytes of a tag.
const TAG_BYTES: usize = 16;

/// Where the key comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A passphrase with the salt file `<vault>.salt`.
    Passphrase(Secret),
    /// The keyring, attributes `application` and `type=master-key`.
    Keyring(Keyring),
    /// The key itself, 32 bytes.
    Key(Secret),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    version: u64,
    pub(crate) entries: BTreeMap<String, Entry>,
}

/// One secret; each member is base64 with padding.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Entry {
    ciphertext: String,
    iv: String,
    auth_tag: String,
}

/// An open vault of the original.
pub struct Vault {
    folder: Folder,
    name: String,
    key: Zeroizing<[u8; 32]>,
    entries: BTreeMap<String, Entry>,
}

/// The key of a passphrase: scrypt (RFC 7914), N = 2^17, r = 8, p = 1. Takes some 0.3 s and 128 MiB.
///
/// # Errors
/// [`VaultError::Derivation`].
pub fn passphrase_key(passphrase: &Secret, salt: &[u8; SALT_BYTES]) -> Result<Zeroizing<[u8; 32]>, VaultError> {
    let mut key = Zeroizing::new([0; 32]);
    let params = Params::new(LOG_N, BLOCK, PARALLEL).map_err(|_| VaultError::Derivation)?;
    scrypt(passphrase.as_bytes(), salt, &params, key.as_mut_slice()).map_err(|_| VaultError::Derivation)?;
    Ok(key)
}

impl Source {
    fn key(&self, folder: &Folder, name: &str) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        match self {
            Self::Passphrase(passphrase) => {
                let name = format!("{name}.salt");
                let text = folder
                    .read(&name)?
                    .ok_or_else(|| VaultError::NoKey(folder.path_of(&name).display().to_string()))?;
                passphrase_key(passphrase, &parse_salt(&text)?)
            }
            Self::Keyring(keyring) => keyring
                .lookup(&keyring.v1_attributes())?
                .ok_or_else(|| VaultError::NoKey("the keyring".to_owned())),
            Self::Key(key) => <[u8; 32]>::try_from(key.as_bytes())
                .map(Zeroizing::new)
                .map_err(|_| VaultError::NotAKey("what was given".to_owned())),
        }
    }
}

/// 32 lower-case hex digits, with or without white space after them.
fn parse_salt(text: &[u8]) -> Result<[u8; SALT_BYTES], VaultError> {
    let corrupt = VaultError::Corrupt("its salt");
    match crate::hex::decode(text.trim_ascii_end()) {
        Some(salt) => <[u8; SALT_BYTES]>::try_from(salt.as_slice()).map_err(|_| corrupt),
        None => Err(corrupt),
    }
}

impl Document {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, VaultError> {
        if bytes.len() > MAX_FILE_BYTES {
            return Err(VaultError::TooLarge("a vault file"));
        }
        match document::format(bytes)? {
            VERSION => json::from_object_strict(bytes).map_err(|_| VaultError::Corrupt("its form")),
            found => Err(VaultError::Unsupported { found }),
        }
    }
}

impl Vault {
    /// Makes an empty vault at `path`; never over a file that is there. For a passphrase the salt file is made, too.
    ///
    /// # Errors
    /// As [`Vault::create`](crate::Vault::create).
    pub fn create(path: &Path, source: &Source, rng: &dyn Rng) -> Result<Self, VaultError> {
        let (folder, name) = Folder::of(path)?;
        let lock = folder.lock(&name)?;
        if folder.has(&name)? {
            return Err(VaultError::Exists(folder.path_of(&name)));
        }
        if let Source::Passphrase(passphrase) = source {
            check_passphrase(passphrase)?;
            let salt = crate::hex::encode(&(&rng).bytes::<SALT_BYTES>());
            folder.create(&format!("{name}.salt"), salt.as_bytes())?;
        }
        let key = source.key(&folder, &name)?;
        let vault = Self {
            folder,
            name,
            key,
            entries: BTreeMap::new(),
        };
        vault.folder.create(&vault.name, &vault.encode()?)?;
        drop(lock);
        Ok(vault)
    }

    /// Opens the vault at `path`. The format has nothing to check a key by; so a key that opens none of the entries is
    /// the wrong one, and one that opens some but not all shows damage. An empty vault opens with any key.
    ///
    /// # Errors
    /// As [`Vault::open`](crate::Vault::open), with [`VaultError::CorruptEntry`] naming what is damaged.
    pub fn open(path: &Path, source: &Source) -> Result<Self, VaultError> {
        let (folder, name) = Folder::of(path)?;
        Self::open_in(folder, name, source)
    }

    pub(crate) fn open_in(folder: Folder, name: String, source: &Source) -> Result<Self, VaultError> {
        let bytes = folder
            .read(&name)?
            .ok_or_else(|| VaultError::NotFound(folder.path_of(&name)))?;
        let entries = Document::parse(&bytes)?.entries;
        let key = source.key(&folder, &name)?;
        let vault = Self {
            folder,
            name,
            key,
            entries,
        };
        let mut damaged = vault.entries.keys().filter(|name| vault.get(name).is_err());
        match (damaged.next(), damaged.count() + 1) {
            (None, _) => {}
            (Some(_), count) if count == vault.entries.len() => return Err(VaultError::WrongKey),
            (Some(name), _) => return Err(VaultError::CorruptEntry(name.clone())),
        }
        Ok(vault)
    }

    /// The secret of this name.
    ///
    /// # Errors
    /// [`VaultError::CorruptEntry`].
    pub fn get(&self, name: &str) -> Result<Option<Secret>, VaultError> {
        let Some(entry) = self.entries.get(name) else {
            return Ok(None);
        };
        let open = || {
            let iv = <[u8; IV_BYTES]>::try_from(b64::decode_standard(&entry.iv).ok()?).ok()?;
            let tag = <[u8; TAG_BYTES]>::try_from(b64::decode_standard(&entry.auth_tag).ok()?).ok()?;
            let mut sealed = b64::decode_standard(&entry.ciphertext).ok()?;
            sealed.extend_from_slice(&tag);
            let cipher = Aes256Gcm::new_from_slice(self.key.as_slice()).ok()?;
            cipher.decrypt(&Nonce::from(iv), sealed.as_slice()).ok()
        };
        let plain = open().ok_or_else(|| VaultError::CorruptEntry(name.to_owned()))?;
        Ok(Some(Secret::new(plain)))
    }

    /// Gives `name` a secret, in memory. Any name goes.
    ///
    /// # Errors
    /// [`VaultError::TooLarge`].
    pub fn set(&mut self, name: &str, value: &Secret, rng: &dyn Rng) -> Result<(), VaultError> {
        let iv = (&rng).bytes::<IV_BYTES>();
        let sealed = Aes256Gcm::new_from_slice(self.key.as_slice())
            .ok()
            .and_then(|cipher| cipher.encrypt(&Nonce::from(iv), value.as_bytes()).ok())
            .ok_or(VaultError::TooLarge("a secret"))?;
        // the tag comes last
        let (ciphertext, tag) = sealed.split_at(sealed.len().saturating_sub(TAG_BYTES));
        let entry = Entry {
            ciphertext: b64::encode_standard(ciphertext),
            iv: b64::encode_standard(iv),
            auth_tag: b64::encode_standard(tag),
        };
        self.entries.insert(name.to_owned(), entry);
        Ok(())
    }

    /// Takes `name` away, in memory. Whether it was there.
    pub fn delete(&mut self, name: &str) -> bool {
        self.entries.remove(name).is_some()
    }

    /// The names of all entries, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.entries.keys().cloned().collect()
    }

    /// Writes what is in memory, as one step. What others wrote meanwhile is lost: the format cannot tell.
    ///
    /// # Errors
    /// [`VaultError::Io`], [`VaultError::TooLarge`].
    pub fn save(&self) -> Result<(), VaultError> {
        let _lock = self.folder.lock(&self.name)?;
        self.folder.replace(&self.name, &self.encode()?)?;
        self.folder.sync(&self.name)
    }

    fn encode(&self) -> Result<Vec<u8>, VaultError> {
        let document = Document {
            version: VERSION,
            entries: self.entries.clone(),
        };
        let text = serde_json::to_vec_pretty(&document).map_err(|_| VaultError::Corrupt("its form"))?;
        if text.len() > MAX_FILE_BYTES {
            return Err(VaultError::TooLarge("a vault file"));
        }
        Ok(text)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("v1::Vault")
            .field("path", &self.folder.path_of(&self.name))
            .finish_non_exhaustive()
    }
}
