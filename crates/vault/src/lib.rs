//! Secrets at rest.
//!
//! A [`Vault`] is one private file of named secrets. Its master key is random and wrapped by the key of a [`KeySource`],
//! so that a new passphrase rewraps 64 bytes ([`Vault::change_key`]) and a new master encrypts everything anew
//! ([`Vault::rotate`]). Each entry has a key of its own (HKDF of the master, the vault's id and the entry's name) and is
//! sealed with XChaCha20-Poly1305, bound to format, vault, name and counter; a tag over the whole file binds header and
//! entries to one another. So an entry cannot be swapped, taken away, or put back without notice, and a file that is put
//! back as a whole is noticed by the counter beside it, as far as [`LastSeen`] says.
//!
//! Names of entries and their lengths are not secret. [`v1`] reads the original's vaults, and [`migrate()`] moves them.
//! Reading and writing blocks: on the disk, on the lock, and with a passphrase for some tenths of a second.
//!
//! Not there yet: keys in a TPM.
//!
//! # The format
//!
//! `vault.json` is one JSON object: `format` 2, `vaultId` (16 random bytes), `counter` (changes so far), `key`, `entries`,
//! `mac`, `checksum`. Bytes are unpadded base64url; C(x) is the canonical form of x (RFC 8785). D(k, purpose, subject) is
//! HKDF-SHA256 (RFC 5869) of k, 32 bytes, with the vault's id as salt and `CHANCERY-VAULT-V2 `, purpose, a zero byte and
//! subject as info.
//!
//! * `key` is `{slot, check, nonce, wrapped}`. `slot` names the source and its public parameters; k is what that source
//!   gives: of a passphrase Argon2id 1.3 by `slot.kdf`, of the others the 32 bytes that they hold. `check` is
//!   D(k, `key-check`, ""). `wrapped` is the master and the root, 32 bytes each, sealed with XChaCha20-Poly1305 under
//!   D(k, `key-encryption`, ""), bound to C({format, vaultId, slot, check}).
//! * `entries` maps names to `{counter, nonce, sealed}`: the secret under D(master, `entry`, name), bound to
//!   C({format, vaultId, name, counter}), where counter is the file's when the entry was written.
//! * `mac` is HMAC-SHA256 under D(master, `file`, "") over C(all members but `mac` and `checksum`); `checksum` is SHA-256
//!   over the same, a newline, and `mac`.
//!
//! `vault.json.seen` is `{seen: {vaultId, counter, state}, mac}` with the vault's `mac` as `state`, and HMAC-SHA256 under
//! D(root, `seen`, "") over C(seen). [`Vault::derive`] gives D(root, `domain`, domain).

mod crypt;
mod document;
mod error;
#[cfg(feature = "faults")]
pub mod faults;
mod folder;
mod hex;
mod kdf;
mod keyring;
pub mod keys;
pub mod limits;
mod migrate;
mod secret;
mod source;
mod status;
pub mod v1;
mod vault;
mod witness;

pub use document::VaultId;
pub use error::VaultError;
pub use keyring::Keyring;
pub use migrate::{BACKUP_SUFFIX, migrate};
pub use secret::Secret;
pub use source::{Credential, KeySource, SourceKind, check_passphrase, create_key_file};
pub use status::Status;
pub use vault::{Opening, Vault};
pub use witness::LastSeen;

#[cfg(test)]
mod tests;
