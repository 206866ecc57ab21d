//! Older files that were put back.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops"
)]

mod common;

use chancery_base::ErrorCode as _;
use chancery_vault::{LastSeen, Opening, Vault, VaultError};
use common::{World, text};

fn change(world: &World, value: &str) {
    let mut vault = world.open();
    vault.set("a", value.into()).unwrap();
    vault.save(&world.rng).unwrap();
}

fn open_as(world: &World, expect: Option<LastSeen>, accept_this_state: bool) -> Result<Vault, VaultError> {
    let opening = Opening {
        expect,
        accept_this_state,
    };
    Vault::open_as(&world.path, &world.source, &opening)
}

#[test]
fn an_older_file_of_the_same_vault_is_refused() {
    let world = World::with(&[("a", "one")]);
    let old = std::fs::read(&world.path).unwrap();
    change(&world, "two");
    world.overwrite(&old);
    let error = Vault::open(&world.path, &world.source).unwrap_err();
    assert!(matches!(error, VaultError::RolledBack { found: 2, seen: 3 }), "{error}");
}

#[test]
fn another_state_of_the_same_age_is_refused() {
    let world = World::with(&[("a", "one")]);
    let seen = world.beside("vault.json.seen");
    let (vault_before, seen_before) = (std::fs::read(&world.path).unwrap(), std::fs::read(&seen).unwrap());
    change(&world, "two");
    let two = std::fs::read(&world.path).unwrap();
    world.overwrite(&vault_before);
    std::fs::write(&seen, seen_before).unwrap();
    change(&world, "other two");
    world.overwrite(&two);
    let error = Vault::open(&world.path, &world.source).unwrap_err();
    assert!(matches!(error, VaultError::RolledBack { found: 3, seen: 3 }), "{error}");
}

#[test]
fn a_missing_damaged_or_foreign_counter_is_no_counter() {
    let world = World::with(&[("a", "one")]);
    let seen = world.beside("vault.json.seen");
    let good = std::fs::read(&seen).unwrap();
    let foreign = World::with(&[("a", "one")]);
    let mut foreign_vault = Vault::create(&foreign.beside("another.json"), &foreign.source, &foreign.rng).unwrap();
    foreign_vault.set("a", "x".into()).unwrap();
    foreign_vault.save(&foreign.rng).unwrap();
    let foreign = std::fs::read(foreign.beside("another.json.seen")).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    let lower = text.replace("\"counter\":2", "\"counter\":1");
    assert_ne!(lower, text);
    std::fs::remove_file(&seen).unwrap();
    assert_eq!(
        Vault::open(&world.path, &world.source).unwrap_err().code(),
        "VAULT_UNWITNESSED"
    );
    for bytes in [foreign.as_slice(), lower.as_bytes(), b"", &good[..good.len() - 1]] {
        std::fs::write(&seen, bytes).unwrap();
        common::chmod(&seen, 0o600);
        assert_eq!(
            Vault::open(&world.path, &world.source).unwrap_err().code(),
            "VAULT_UNWITNESSED"
        );
    }
    std::fs::write(&seen, good).unwrap();
    world.open();
}

#[test]
fn a_backup_that_was_restored_knowingly_is_taken_and_counts_from_there() {
    let world = World::with(&[("a", "one")]);
    let old = std::fs::read(&world.path).unwrap();
    change(&world, "two");
    world.overwrite(&old);
    assert!(open_as(&world, None, false).is_err());
    assert_eq!(text(&open_as(&world, None, true).unwrap(), "a").as_deref(), Some("one"));
    // once said is enough
    assert_eq!(text(&world.open(), "a").as_deref(), Some("one"));
    change(&world, "three");
    assert_eq!(world.open().last_seen().counter, 3);
}

#[test]
fn both_files_of_an_older_day_are_noticed_by_whoever_kept_what_was_seen() {
    let world = World::with(&[("a", "one")]);
    let seen = world.beside("vault.json.seen");
    let (old, old_seen) = (std::fs::read(&world.path).unwrap(), std::fs::read(&seen).unwrap());
    change(&world, "two");
    let kept = world.open().last_seen();
    assert!(open_as(&world, Some(kept.clone()), false).is_ok());
    world.overwrite(&old);
    std::fs::write(&seen, &old_seen).unwrap();
    // the documented limit: the folder alone cannot tell
    assert!(open_as(&world, None, false).is_ok());
    for accept in [false, true] {
        let error = open_as(&world, Some(kept.clone()), accept).unwrap_err();
        assert!(matches!(error, VaultError::RolledBack { found: 2, seen: 3 }), "{error}");
    }
    // it can be kept as text
    let text = serde_json::to_string(&kept).unwrap();
    assert_eq!(serde_json::from_str::<LastSeen>(&text).unwrap(), kept);
}

#[test]
fn another_vault_in_its_place_is_refused_by_whoever_kept_what_was_seen() {
    let world = World::with(&[("a", "one")]);
    let kept = world.open().last_seen();
    std::fs::remove_file(&world.path).unwrap();
    Vault::create(&world.path, &world.source, &world.rng).unwrap();
    assert_eq!(
        open_as(&world, Some(kept), false).unwrap_err().code(),
        "VAULT_UNWITNESSED"
    );
}

#[test]
fn an_older_file_put_back_under_an_open_vault_is_not_built_upon() {
    let world = World::with(&[("a", "one")]);
    let old = std::fs::read(&world.path).unwrap();
    change(&world, "two");
    let mut vault = world.open();
    world.overwrite(&old);
    vault.set("b", "new".into()).unwrap();
    assert_eq!(vault.save(&world.rng).unwrap_err().code(), "VAULT_ROLLED_BACK");
    assert_eq!(vault.reload().unwrap_err().code(), "VAULT_ROLLED_BACK");
    assert_eq!(std::fs::read(&world.path).unwrap(), old);
}

#[test]
fn a_counter_that_fell_behind_catches_up_at_the_next_opening() {
    let world = World::with(&[("a", "one")]);
    let seen = world.beside("vault.json.seen");
    let behind = std::fs::read(&seen).unwrap();
    let old = std::fs::read(&world.path).unwrap();
    change(&world, "two");
    // as a crash between the two files leaves it
    std::fs::write(&seen, behind).unwrap();
    world.open();
    world.overwrite(&old);
    assert_eq!(
        Vault::open(&world.path, &world.source).unwrap_err().code(),
        "VAULT_ROLLED_BACK"
    );
}
