//! Signing keys in a vault, each the hex of its PKCS#8 form as the original keeps it (safeclaw spec 4.1, 10.1).

use chancery_base::{b64, ed25519::SecretKey};
use zeroize::Zeroizing;

use crate::error::VaultError;
use crate::hex;
use crate::limits::check_name;
use crate::secret::Secret;
use crate::vault::Vault;

/// Entry of the key without a label, which onboarding makes.
pub const DEFAULT_ENTRY: &str = "signing_private_key";
/// Before the label in the entries of further keys.
pub const ENTRY_PREFIX: &str = "signing_key/";
/// Bytes of a label.
pub const MAX_LABEL_BYTES: usize = 64;

/// What comes before the seed in PKCS#8 version 1 of an Ed25519 key (RFC 8410 section 7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// The entry of the key with this label; `None` is the default key.
///
/// # Errors
/// [`VaultError::Name`] when the label is not 1 to [`MAX_LABEL_BYTES`] bytes of letters, digits, `.`, `_`, `-` and `@`.
pub fn entry(label: Option<&str>) -> Result<String, VaultError> {
    let Some(label) = label else {
        return Ok(DEFAULT_ENTRY.to_owned());
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'@');
    if label.is_empty() || label.len() > MAX_LABEL_BYTES || !label.bytes().all(plain) {
        return Err(VaultError::Name);
    }
    let entry = format!("{ENTRY_PREFIX}{label}");
    check_name(&entry)?;
    Ok(entry)
}

/// The label of the key that the entry `name` is for; `None` when it is for none.
#[must_use]
pub fn label_of(name: &str) -> Option<Option<&str>> {
    match name.strip_prefix(ENTRY_PREFIX) {
        Some(label) => Some(Some(label)),
        None => (name == DEFAULT_ENTRY).then_some(None),
    }
}

/// The labels of all signing keys, sorted; `None`, the default key, comes first.
#[must_use]
pub fn labels(vault: &Vault) -> Vec<Option<String>> {
    let mut labels: Vec<_> = vault
        .names()
        .iter()
        .filter_map(|name| label_of(name).map(|label| label.map(str::to_owned)))
        .collect();
    labels.sort_unstable();
    labels
}

/// The key with this label; `None` when there is none.
///
/// # Errors
/// [`VaultError::Name`]; [`VaultError::NotAKey`] when the entry holds something else; [`VaultError::CorruptEntry`].
pub fn load(vault: &Vault, label: Option<&str>) -> Result<Option<SecretKey>, VaultError> {
    let entry = entry(label)?;
    let Some(secret) = vault.get(&entry)? else {
        return Ok(None);
    };
    match from_pkcs8_hex(&secret) {
        Some(key) => Ok(Some(key)),
        None => Err(VaultError::NotAKey(format!("entry {entry}"))),
    }
}

/// Puts `key` under this label, in memory; never over another one.
///
/// # Errors
/// [`VaultError::Name`]; [`VaultError::EntryExists`].
pub fn store(vault: &mut Vault, label: Option<&str>, key: &SecretKey) -> Result<(), VaultError> {
    let entry = entry(label)?;
    if vault.contains(&entry) {
        return Err(VaultError::EntryExists(entry));
    }
    vault.set(&entry, to_pkcs8_hex(key))
}

/// `key` as 96 lower-case hex digits of PKCS#8 DER.
#[must_use]
pub fn to_pkcs8_hex(key: &SecretKey) -> Secret {
    let mut der = Zeroizing::new([0; 48]);
    let (prefix, seed) = der.split_at_mut(PKCS8_PREFIX.len());
    prefix.copy_from_slice(&PKCS8_PREFIX);
    // the key's own text is the only way to its seed, and always decodes
    if let Ok(bytes) = b64::decode_array::<32>(&key.to_b64()).map(Zeroizing::new) {
        seed.copy_from_slice(bytes.as_slice());
    }
    Secret::new(hex::encode(der.as_slice()).as_bytes().to_vec())
}

/// The other way; `None` when it is not exactly such a text.
#[must_use]
pub fn from_pkcs8_hex(text: &Secret) -> Option<SecretKey> {
    let der = hex::decode(text.as_bytes())?;
    let seed = der.strip_prefix(&PKCS8_PREFIX)?;
    let seed = Zeroizing::new(<[u8; 32]>::try_from(seed).ok()?);
    Some(SecretKey::from_seed(&seed))
}
