//! A file that anybody changed: a typed error, never another secret, never a panic.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops"
)]

mod common;

use chancery_base::{ErrorCode as _, b64, digest, json};
use chancery_vault::{Status, Vault, VaultError};
use common::{World, text};
use proptest::prelude::*;
use serde_json::{Value, json};

const ENTRIES: [(&str, &str); 3] = [("a", "one"), ("b", "two"), ("c", "three")];

fn read(world: &World) -> Value {
    serde_json::from_slice(&std::fs::read(&world.path).unwrap()).unwrap()
}

/// Writes `file` with the checksum that it should have: anybody can compute that.
fn write(world: &World, mut file: Value) {
    let members = file.as_object_mut().unwrap();
    members.remove("checksum");
    let mac = members.remove("mac").unwrap();
    let body = json::canonical(members).unwrap();
    let checksum = digest::sha256_b64(format!("{body}\n{}", mac.as_str().unwrap()));
    members.insert("mac".to_owned(), mac);
    members.insert("checksum".to_owned(), checksum.into());
    world.overwrite(json::canonical(&file).unwrap().as_bytes());
}

fn open(world: &World) -> Result<Vault, VaultError> {
    Vault::open(&world.path, &world.source)
}

fn code(world: &World) -> &'static str {
    open(world).unwrap_err().code()
}

#[test]
fn the_checksum_of_these_tests_is_the_vaults() {
    let world = World::with(&ENTRIES);
    write(&world, read(&world));
    assert_eq!(text(&open(&world).unwrap(), "a").as_deref(), Some("one"));
}

#[test]
fn swapped_entries_are_found() {
    let world = World::with(&ENTRIES);
    let mut file = read(&world);
    let (a, b) = (file["entries"]["a"].clone(), file["entries"]["b"].clone());
    file["entries"]["a"] = b;
    file["entries"]["b"] = a;
    write(&world, file);
    assert_eq!(code(&world), "VAULT_CORRUPT");
}

#[test]
fn a_deleted_an_added_and_a_renamed_entry_are_found() {
    let world = World::with(&ENTRIES);
    let good = read(&world);
    let mut deleted = good.clone();
    deleted["entries"].as_object_mut().unwrap().remove("b");
    let mut added = good.clone();
    added["entries"]["d"] = good["entries"]["a"].clone();
    let mut renamed = deleted.clone();
    renamed["entries"]["d"] = good["entries"]["b"].clone();
    for file in [deleted, added, renamed] {
        write(&world, file);
        assert_eq!(code(&world), "VAULT_CORRUPT");
    }
}

#[test]
fn an_entry_put_back_from_an_older_file_is_found() {
    let world = World::with(&ENTRIES);
    let old = read(&world);
    let mut vault = world.open();
    vault.set("a", "changed".into()).unwrap();
    vault.delete("b");
    vault.save(&world.rng).unwrap();
    let new = read(&world);
    for name in ["a", "b"] {
        let mut file = new.clone();
        file["entries"][name] = old["entries"][name].clone();
        write(&world, file);
        assert_eq!(code(&world), "VAULT_CORRUPT");
    }
    // the header of the old file around the entries of the new, and the other way round
    for (header, entries) in [(&old, &new), (&new, &old)] {
        let mut file = header.clone();
        file["entries"] = entries["entries"].clone();
        write(&world, file);
        assert_eq!(code(&world), "VAULT_CORRUPT");
    }
}

#[test]
fn a_changed_header_is_found() {
    let world = World::with(&ENTRIES);
    let good = read(&world);
    let other = read(&World::with(&ENTRIES));
    let changes: [(&str, Value, &str); 7] = [
        ("/counter", 3.into(), "VAULT_CORRUPT"),
        ("/counter", 0.into(), "VAULT_CORRUPT"),
        ("/format", 3.into(), "VAULT_UNSUPPORTED"),
        ("/vaultId", b64::encode([9; 16]).into(), "VAULT_WRONG_KEY"),
        ("/key/check", b64::encode([9; 32]).into(), "VAULT_WRONG_KEY"),
        ("/key/wrapped", b64::encode([9; 80]).into(), "VAULT_CORRUPT"),
        ("/mac", other["entries"]["a"]["nonce"].clone(), "VAULT_CORRUPT"),
    ];
    for (member, value, expected) in changes {
        let mut file = good.clone();
        *file.pointer_mut(member).unwrap() = value;
        write(&world, file);
        assert_eq!(code(&world), expected, "{member}");
    }
    let mut file = good.clone();
    file["more"] = true.into();
    write(&world, file);
    assert_eq!(code(&world), "VAULT_CORRUPT");
}

#[test]
fn a_header_that_asks_for_a_cheap_or_ruinous_derivation_is_refused_before_it_is_tried() {
    let world = World::with(&ENTRIES);
    let good = read(&world);
    for (memory, passes) in [(8, 1), (4_000_000, 3), (65536, 1_000_000)] {
        let mut file = good.clone();
        file["key"]["slot"] = json!({"source": "passphrase", "kdf": {
            "name": "argon2id", "memoryKib": memory, "passes": passes, "lanes": 1, "salt": b64::encode([1; 16]),
        }});
        write(&world, file);
        assert_eq!(Status::of(&world.path).unwrap_err().code(), "VAULT_CORRUPT");
        assert_eq!(code(&world), "VAULT_CORRUPT");
    }
}

#[test]
fn damage_is_told_from_a_wrong_key() {
    let world = World::with(&ENTRIES);
    let mut file = read(&world);
    // one character of the check, and no new checksum
    let check = file["key"]["check"].as_str().unwrap().to_owned();
    let other = if check.starts_with('A') { "B" } else { "A" };
    file["key"]["check"] = format!("{other}{}", &check[1..]).into();
    world.overwrite(file.to_string().as_bytes());
    assert_eq!(code(&world), "VAULT_CORRUPT");
}

#[test]
fn a_file_cut_at_any_byte_is_found_and_stays_as_it_is() {
    let world = World::with(&ENTRIES);
    let good = std::fs::read(&world.path).unwrap();
    for length in 0..good.len() {
        world.overwrite(&good[..length]);
        let error = open(&world).unwrap_err();
        assert!(matches!(error, VaultError::Corrupt(_)), "{length}: {error}");
        assert_eq!(std::fs::read(&world.path).unwrap(), &good[..length]);
        assert!(matches!(
            Vault::create(&world.path, &world.source, &world.rng),
            Err(VaultError::Exists(_))
        ));
    }
    world.overwrite(&good);
    open(&world).unwrap();
}

#[test]
fn a_vault_cut_while_it_is_open_is_not_saved_over() {
    let world = World::with(&ENTRIES);
    let mut vault = world.open();
    vault.set("a", "changed".into()).unwrap();
    let good = std::fs::read(&world.path).unwrap();
    world.overwrite(&good[..good.len() / 2]);
    assert_eq!(vault.save(&world.rng).unwrap_err().code(), "VAULT_CORRUPT");
    assert_eq!(std::fs::read(&world.path).unwrap(), &good[..good.len() / 2]);
    world.overwrite(&good);
    vault.save(&world.rng).unwrap();
    assert_eq!(text(&world.open(), "a").as_deref(), Some("changed"));
}

#[test]
fn any_one_flipped_bit_is_found() {
    let world = World::with(&ENTRIES);
    let good = std::fs::read(&world.path).unwrap();
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            world.overwrite(&bytes);
            let error = open(&world).unwrap_err();
            assert!(
                matches!(error, VaultError::Corrupt(_) | VaultError::Unsupported { .. }),
                "byte {at} bit {bit}: {error}"
            );
        }
    }
}

/// Every value in a document, by its JSON pointer.
fn leaves(value: &Value, at: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, member)| leaves(member, &format!("{at}/{name}"), out)),
        _ => out.push(at.to_owned()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// By somebody who knows the format and mends the checksum.
    #[test]
    fn no_changed_value_gives_another_secret(leaf: prop::sample::Index, byte: prop::sample::Index, with in 1..=255_u8) {
        let world = World::with(&ENTRIES);
        let mut file = read(&world);
        let mut all = Vec::new();
        leaves(&file, "", &mut all);
        all.retain(|leaf| leaf != "/checksum");
        let leaf = leaf.get(&all);
        let value = file.pointer_mut(leaf).unwrap();
        *value = match &*value {
            Value::Number(number) => (number.as_u64().unwrap() + u64::from(with)).into(),
            Value::String(text) => match b64::decode(text) {
                Ok(mut bytes) if !bytes.is_empty() => {
                    let at = byte.index(bytes.len());
                    bytes[at] ^= with;
                    b64::encode(bytes).into()
                }
                _ => format!("{text}x").into(),
            },
            other => panic!("{other}"),
        };
        write(&world, file);
        prop_assert!(open(&world).is_err(), "{leaf}");
    }

    #[test]
    fn bytes_that_are_no_vault_are_refused(bytes: Vec<u8>, text in "[{}\\[\\]\",:a-z0-9]{0,80}") {
        prop_assert!(Status::of_bytes(&bytes).is_err());
        prop_assert!(Status::of_bytes(text.as_bytes()).is_err());
    }
}
