//! The fifteen scenarios `crypto-validation` of the original's security suite (safeclaw spec 13), one by one. Where the
//! original opens a thing by an algorithm alone, the vault stands for it: of the original's format where the scenario is
//! about its cipher, of ours where it is about files.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops"
)]

mod common;

use chancery_base::b64;
use chancery_vault::{Secret, Vault, VaultError, v1};
use common::{Counted, World, chmod, private_dir};
use serde_json::Value;

const PLAIN: &str = "a secret: пароль ✓";

/// A vault of the original with one entry, in a folder of its own.
struct Cipher {
    _dir: tempfile::TempDir,
    path: std::path::PathBuf,
    rng: Counted,
}

fn key(byte: u8) -> v1::Source {
    v1::Source::Key(Secret::from([byte; 32].as_slice()))
}

impl Cipher {
    fn new() -> Self {
        let dir = private_dir();
        let path = dir.path().join("vault.json");
        let rng = Counted::new(1);
        v1::Vault::create(&path, &key(1), &rng).unwrap();
        let cipher = Self { _dir: dir, path, rng };
        cipher.encrypt();
        cipher
    }

    fn encrypt(&self) {
        let mut vault = v1::Vault::open(&self.path, &key(1)).unwrap();
        vault.set("x", &Secret::from(PLAIN), &self.rng).unwrap();
        vault.save().unwrap();
    }

    fn decrypt(&self, source: &v1::Source) -> Result<String, VaultError> {
        let value = v1::Vault::open(&self.path, source)?.get("x")?.unwrap();
        Ok(value.as_str().unwrap().to_owned())
    }

    fn file(&self) -> Value {
        serde_json::from_slice(&std::fs::read(&self.path).unwrap()).unwrap()
    }

    fn spoil(&self, member: &str) {
        let mut file = self.file();
        let value = &mut file["entries"]["x"][member];
        let mut bytes = b64::decode_standard(value.as_str().unwrap()).unwrap();
        bytes[0] ^= 0xff;
        *value = b64::encode_standard(bytes).into();
        std::fs::write(&self.path, file.to_string()).unwrap();
    }
}

#[test]
fn what_is_encrypted_decrypts() {
    assert_eq!(Cipher::new().decrypt(&key(1)).unwrap(), PLAIN);
}

#[test]
fn two_encryptions_differ_in_iv() {
    let cipher = Cipher::new();
    let first = cipher.file();
    cipher.encrypt();
    assert_ne!(cipher.file()["entries"]["x"]["iv"], first["entries"]["x"]["iv"]);
}

#[test]
fn two_encryptions_differ_in_ciphertext() {
    let cipher = Cipher::new();
    let first = cipher.file();
    cipher.encrypt();
    assert_ne!(
        cipher.file()["entries"]["x"]["ciphertext"],
        first["entries"]["x"]["ciphertext"]
    );
}

#[test]
fn a_wrong_key_fails() {
    assert!(matches!(Cipher::new().decrypt(&key(2)), Err(VaultError::WrongKey)));
}

// one entry, and it does not open: by the format nobody can say whether it is the key's fault or the entry's

#[test]
fn changed_ciphertext_fails() {
    let cipher = Cipher::new();
    cipher.spoil("ciphertext");
    assert!(cipher.decrypt(&key(1)).is_err());
}

#[test]
fn a_changed_tag_fails() {
    let cipher = Cipher::new();
    cipher.spoil("authTag");
    assert!(cipher.decrypt(&key(1)).is_err());
}

#[test]
fn a_changed_iv_fails() {
    let cipher = Cipher::new();
    cipher.spoil("iv");
    assert!(cipher.decrypt(&key(1)).is_err());
}

fn derive(passphrase: &str, salt: u8) -> Vec<u8> {
    v1::passphrase_key(&Secret::from(passphrase), &[salt; 16])
        .unwrap()
        .to_vec()
}

#[test]
fn the_same_passphrase_and_salt_make_the_same_key() {
    assert_eq!(derive("correct horse", 1), derive("correct horse", 1));
}

#[test]
fn another_salt_or_passphrase_makes_another_key() {
    let keys = [
        derive("correct horse", 1),
        derive("correct horse", 2),
        derive("battery staple", 1),
    ];
    assert!(keys[0] != keys[1] && keys[0] != keys[2] && keys[1] != keys[2]);
}

fn file_of_mode(mode: u32) -> Result<Vault, VaultError> {
    let world = World::with(&[]);
    chmod(&world.path, mode);
    Vault::open(&world.path, &world.source)
}

#[test]
fn a_file_of_mode_644_is_refused() {
    assert!(matches!(
        file_of_mode(0o644),
        Err(VaultError::Permissions { mode: 0o644, .. })
    ));
}

#[test]
fn a_file_of_mode_666_is_refused() {
    assert!(matches!(
        file_of_mode(0o666),
        Err(VaultError::Permissions { mode: 0o666, .. })
    ));
}

#[test]
fn a_file_of_mode_600_is_accepted() {
    assert!(file_of_mode(0o600).is_ok());
}

fn folder_of_mode(mode: u32) -> Result<Vault, VaultError> {
    let world = World::with(&[]);
    chmod(world.dir.path(), mode);
    Vault::open(&world.path, &world.source)
}

#[test]
fn a_folder_of_mode_755_is_refused() {
    assert!(matches!(
        folder_of_mode(0o755),
        Err(VaultError::Permissions { mode: 0o755, .. })
    ));
}

#[test]
fn a_folder_of_mode_777_is_refused() {
    assert!(matches!(
        folder_of_mode(0o777),
        Err(VaultError::Permissions { mode: 0o777, .. })
    ));
}

#[test]
fn a_folder_of_mode_700_is_accepted() {
    assert!(folder_of_mode(0o700).is_ok());
}
