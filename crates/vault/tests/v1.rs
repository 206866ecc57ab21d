//! The original's vaults: read, written, moved.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops"
)]

mod common;

use std::os::unix::fs::symlink;

use chancery_base::{ErrorCode as _, b64};
use chancery_vault::{BACKUP_SUFFIX, KeySource, Secret, Status, Vault, VaultError, keys, migrate, v1};
use common::{Counted, World, chmod, has_node, mode, node, private_dir, text};
use serde_json::{Value, json};

const PASSPHRASE: &str = "correct horse battery staple";
/// Spec 10.2.
const VECTORS: [(&str, &str, &str); 2] = [
    (
        PASSPHRASE,
        "000102030405060708090a0b0c0d0e0f",
        "1b2946da71f41179e83b99dc33842d15741b87c4121c8c7f3781c1df864fb58b",
    ),
    (
        "pässwörd-8",
        "ffeeddccbbaa99887766554433221100",
        "1668796e03acdcc8236c4c51f460e8cc4ac0660566b6faf6e6933ea6fb0ab021",
    ),
];

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

fn passphrase() -> v1::Source {
    v1::Source::Passphrase(Secret::from(PASSPHRASE))
}

fn key(byte: u8) -> v1::Source {
    v1::Source::Key(Secret::from([byte; 32].as_slice()))
}

/// A private folder and the path of a vault in it.
fn place() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = private_dir();
    let path = dir.path().join("vault.json");
    (dir, path)
}

#[test]
fn passphrase_and_salt_of_the_spec_make_the_keys_of_the_spec() {
    for (passphrase, salt, expected) in VECTORS {
        let salt = unhex(salt).try_into().unwrap();
        let key = v1::passphrase_key(&Secret::from(passphrase), &salt).unwrap();
        assert_eq!(key.as_slice(), unhex(expected));
    }
}

#[test]
fn the_entry_of_the_spec_opens_to_what_the_spec_says() {
    let (_dir, path) = place();
    let entry =
        json!({"ciphertext": "WyF7wCd02K1r6b6ZxYra", "iv": "BNTNS1MIT7dxDaZx", "authTag": "oeGff+rH92JZDr08sSEbLQ=="});
    let vault = json!({"version": 1, "entries": {"greeting": entry}});
    std::fs::write(&path, vault.to_string()).unwrap();
    std::fs::write(path.with_file_name("vault.json.salt"), VECTORS[0].1).unwrap();
    chmod(&path, 0o600);
    chmod(&path.with_file_name("vault.json.salt"), 0o600);
    let vault = v1::Vault::open(&path, &passphrase()).unwrap();
    let value = vault.get("greeting").unwrap().unwrap();
    assert_eq!(value.as_str(), Some("hello vault \u{2713}"));
}

#[test]
fn node_reads_what_we_write() {
    if !has_node() {
        return;
    }
    let (_dir, path) = place();
    let rng = Counted::new(1);
    let mut vault = v1::Vault::create(&path, &passphrase(), &rng).unwrap();
    let entries = [
        ("github_token", "ghp_x"),
        ("constructor", "c ✓"),
        ("__proto__", "p"),
        ("ünï", ""),
    ];
    for (name, value) in entries {
        vault.set(name, &Secret::from(value), &rng).unwrap();
    }
    vault.save().unwrap();
    assert_eq!(mode(&path), 0o600);
    let printed = node("v1_vault.mjs", &["read", path.to_str().unwrap(), PASSPHRASE], "");
    let mut printed: Vec<(String, String)> = serde_json::from_str(&printed).unwrap();
    printed.sort();
    let mut expected = entries.map(|(name, value)| (name.to_owned(), value.to_owned()));
    expected.sort();
    assert_eq!(printed, expected);
}

#[test]
fn we_read_what_node_writes_and_move_it() {
    if !has_node() {
        return;
    }
    let world = World::empty();
    let entries = json!([
        ["github_token", "ghp_x"],
        ["constructor", "c ✓"],
        ["signing_private_key", VECTOR_KEY]
    ]);
    node(
        "v1_vault.mjs",
        &["write", world.path.to_str().unwrap(), PASSPHRASE],
        &entries.to_string(),
    );
    let vault = v1::Vault::open(&world.path, &passphrase()).unwrap();
    assert_eq!(vault.names(), ["constructor", "github_token", "signing_private_key"]);
    assert_eq!(vault.get("constructor").unwrap().unwrap().as_str(), Some("c ✓"));

    let before = std::fs::read(&world.path).unwrap();
    let vault = migrate(&world.path, &passphrase(), &world.source, &world.rng).unwrap();
    assert_eq!(text(&vault, "github_token").as_deref(), Some("ghp_x"));
    // RFC 8032 section 7.1, test 1
    let signer = keys::load(&vault, None).unwrap().unwrap();
    let public = unhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    assert_eq!(signer.public().to_bytes().as_slice(), public);
    drop(vault);
    let backup = world.beside(&format!("vault.json{BACKUP_SUFFIX}"));
    assert_eq!(std::fs::read(&backup).unwrap(), before);
    assert_eq!(mode(&backup), 0o600);
    assert_eq!(Status::of(&world.path).unwrap().format, 2);
    assert_eq!(text(&world.open(), "constructor").as_deref(), Some("c ✓"));
}

const VECTOR_KEY: &str =
    "302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

#[test]
fn node_and_we_derive_the_same_key() {
    if !has_node() {
        return;
    }
    for (passphrase, salt, _) in VECTORS {
        let ours = v1::passphrase_key(&Secret::from(passphrase), &unhex(salt).try_into().unwrap()).unwrap();
        assert_eq!(
            unhex(&node("v1_vault.mjs", &["key", passphrase, salt], "")),
            ours.as_slice()
        );
    }
}

#[test]
fn a_wrong_key_a_damaged_entry_and_another_version_are_told_apart() {
    let (_dir, path) = place();
    let rng = Counted::new(1);
    let mut vault = v1::Vault::create(&path, &key(1), &rng).unwrap();
    vault.set("a", &Secret::from("one"), &rng).unwrap();
    vault.set("b", &Secret::from("two"), &rng).unwrap();
    vault.save().unwrap();
    assert!(matches!(v1::Vault::open(&path, &key(2)), Err(VaultError::WrongKey)));

    let good = std::fs::read(&path).unwrap();
    let mut json: Value = serde_json::from_slice(&good).unwrap();
    for member in ["ciphertext", "iv", "authTag"] {
        let mut spoilt = json.clone();
        let mut bytes = b64::decode_standard(json["entries"]["b"][member].as_str().unwrap()).unwrap();
        bytes[0] ^= 1;
        spoilt["entries"]["b"][member] = b64::encode_standard(bytes).into();
        std::fs::write(&path, spoilt.to_string()).unwrap();
        let error = v1::Vault::open(&path, &key(1)).unwrap_err();
        assert!(
            matches!(&error, VaultError::CorruptEntry(name) if name == "b"),
            "{member}: {error}"
        );
    }
    json["version"] = 99.into();
    std::fs::write(&path, json.to_string()).unwrap();
    let error = v1::Vault::open(&path, &key(1)).unwrap_err();
    assert_eq!(error.code(), "VAULT_UNSUPPORTED");
    for text in [
        "{}",
        "[]",
        "",
        "null",
        r#"{"version":1}"#,
        r#"{"version":1,"entries":{},"more":1}"#,
        r#"{"version":1,"version":1,"entries":{}}"#,
    ] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(
            v1::Vault::open(&path, &key(1)).unwrap_err().code(),
            "VAULT_CORRUPT",
            "{text}"
        );
    }
}

#[test]
fn swapped_entries_are_the_flaw_of_the_format_and_why_we_move() {
    // the strict format refuses this: see tamper.rs
    let (_dir, path) = place();
    let rng = Counted::new(1);
    let mut vault = v1::Vault::create(&path, &key(1), &rng).unwrap();
    vault.set("a", &Secret::from("one"), &rng).unwrap();
    vault.set("b", &Secret::from("two"), &rng).unwrap();
    vault.save().unwrap();
    let mut json: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let (a, b) = (json["entries"]["a"].clone(), json["entries"]["b"].clone());
    json["entries"]["a"] = b;
    json["entries"]["b"] = a;
    std::fs::write(&path, json.to_string()).unwrap();
    let vault = v1::Vault::open(&path, &key(1)).unwrap();
    assert_eq!(vault.get("a").unwrap().unwrap().as_str(), Some("two"));
}

#[test]
fn names_that_javascript_reserves_are_names() {
    let (_dir, path) = place();
    let rng = Counted::new(1);
    let mut vault = v1::Vault::create(&path, &key(1), &rng).unwrap();
    for name in ["constructor", "__proto__", "toString"] {
        assert!(vault.get(name).unwrap().is_none());
        assert!(!vault.delete(name));
        vault.set(name, &Secret::from(name), &rng).unwrap();
    }
    vault.save().unwrap();
    let mut vault = v1::Vault::open(&path, &key(1)).unwrap();
    assert_eq!(vault.get("__proto__").unwrap().unwrap().as_str(), Some("__proto__"));
    assert!(vault.delete("constructor"));
    assert_eq!(vault.names(), ["__proto__", "toString"]);
}

#[test]
fn a_vault_that_is_there_is_never_made_anew() {
    let (_dir, path) = place();
    let rng = Counted::new(1);
    let mut vault = v1::Vault::create(&path, &key(1), &rng).unwrap();
    vault.set("token", &Secret::from("kept"), &rng).unwrap();
    vault.save().unwrap();
    assert!(matches!(
        v1::Vault::create(&path, &key(1), &rng),
        Err(VaultError::Exists(_))
    ));
    let source = KeySource::Passphrase(Secret::from(PASSPHRASE));
    assert!(matches!(
        Vault::create(&path, &source, &rng),
        Err(VaultError::Exists(_))
    ));
    let vault = v1::Vault::open(&path, &key(1)).unwrap();
    assert_eq!(vault.get("token").unwrap().unwrap().as_str(), Some("kept"));
}

#[test]
fn the_mode_is_judged_in_the_words_of_the_original() {
    let (_dir, path) = place();
    v1::Vault::create(&path, &key(1), &Counted::new(1)).unwrap();
    for mode in [0o644, 0o666, 0o400] {
        chmod(&path, mode);
        let error = v1::Vault::open(&path, &key(1)).unwrap_err();
        let path = path.display();
        let expected =
            format!("Unsafe permissions on {path}: mode is {mode:04o}, expected 0600. Fix with: chmod 0600 {path}");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn what_does_not_fit_stops_a_move_before_it_begins() {
    let world = World::empty();
    let mut old = v1::Vault::create(&world.path, &key(1), &world.rng).unwrap();
    old.set("", &Secret::from("nameless"), &world.rng).unwrap();
    old.save().unwrap();
    let before = std::fs::read(&world.path).unwrap();
    assert!(matches!(
        migrate(&world.path, &key(1), &world.source, &world.rng),
        Err(VaultError::Name)
    ));
    assert_eq!(std::fs::read(&world.path).unwrap(), before);
    assert!(!world.beside("vault.json.v1").exists());
    old.delete("");
    old.save().unwrap();
    // somebody else's file has the backup's name
    std::fs::write(world.beside("vault.json.v1"), "other").unwrap();
    chmod(&world.beside("vault.json.v1"), 0o600);
    assert!(matches!(
        migrate(&world.path, &key(1), &world.source, &world.rng),
        Err(VaultError::Exists(_))
    ));
    assert_eq!(std::fs::read(world.beside("vault.json.v1")).unwrap(), b"other");
    std::fs::remove_file(world.beside("vault.json.v1")).unwrap();
    migrate(&world.path, &key(1), &world.source, &world.rng).unwrap();
    // once is enough
    let again = migrate(&world.path, &key(1), &world.source, &world.rng).unwrap_err();
    assert!(matches!(again, VaultError::Unsupported { found: 2 }));
}

#[test]
fn a_link_in_the_place_of_the_vault_or_its_salt_is_refused() {
    let (dir, path) = place();
    v1::Vault::create(&path, &passphrase(), &Counted::new(1)).unwrap();
    let link = dir.path().join("link.json");
    symlink(&path, &link).unwrap();
    assert!(matches!(v1::Vault::open(&link, &key(1)), Err(VaultError::NotAFile(_))));
    let salt = dir.path().join("vault.json.salt");
    std::fs::rename(&salt, dir.path().join("elsewhere")).unwrap();
    symlink(dir.path().join("elsewhere"), &salt).unwrap();
    assert!(matches!(
        v1::Vault::open(&path, &passphrase()),
        Err(VaultError::NotAFile(_))
    ));
}
