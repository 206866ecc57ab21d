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

mod crypt;
mod document;
mod error;
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
