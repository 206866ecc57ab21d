//! What a vault does for whoever has its key.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops"
)]

mod common;

use chancery_base::ErrorCode as _;
use chancery_vault::limits::{MAX_NAME_BYTES, MAX_VALUE_BYTES};
use chancery_vault::{KeySource, Secret, SourceKind, Status, Vault, VaultError, create_key_file, keys};
use common::{World, chmod, has_node, mode, node, private_dir, text};

#[test]
fn what_is_saved_is_there_for_the_next_who_opens_it() {
    let world = World::with(&[("token", "ghp_x"), ("other", "y")]);
    let mut vault = world.open();
    assert_eq!(text(&vault, "token").as_deref(), Some("ghp_x"));
    assert_eq!(text(&vault, "nothing"), None);
    assert!(vault.delete("other"));
    assert!(!vault.delete("other"));
    vault.set("third", Secret::from([0, 255].as_slice())).unwrap();
    assert_eq!(vault.names(), ["third", "token"]);
    // memory only
    assert_eq!(world.open().names(), ["other", "token"]);
    vault.save(&world.rng).unwrap();
    let vault = world.open();
    assert_eq!(vault.names(), ["third", "token"]);
    assert_eq!(vault.get("third").unwrap().unwrap().as_bytes(), [0, 255]);
    assert_eq!(mode(&world.path), 0o600);
}

#[test]
fn names_that_javascript_reserves_are_names() {
    let world = World::with(&[("constructor", "c"), ("__proto__", "p")]);
    let mut vault = world.open();
    assert_eq!(text(&vault, "constructor").as_deref(), Some("c"));
    assert_eq!(text(&vault, "__proto__").as_deref(), Some("p"));
    assert_eq!(text(&vault, "toString"), None);
    assert!(!vault.delete("hasOwnProperty"));
}

#[test]
fn names_and_sizes_have_limits() {
    let world = World::with(&[]);
    let mut vault = world.open();
    for name in ["", "a\nb", "a\0", &"n".repeat(MAX_NAME_BYTES + 1)] {
        assert!(
            matches!(vault.set(name, Secret::from("x")), Err(VaultError::Name)),
            "{name:?}"
        );
    }
    vault
        .set(&"n".repeat(MAX_NAME_BYTES), Secret::new(vec![1; MAX_VALUE_BYTES]))
        .unwrap();
    let error = vault
        .set("large", Secret::new(vec![1; MAX_VALUE_BYTES + 1]))
        .unwrap_err();
    assert_eq!(error.code(), "VAULT_TOO_LARGE");
    vault.save(&world.rng).unwrap();
    assert_eq!(
        world.open().get(&"n".repeat(MAX_NAME_BYTES)).unwrap().unwrap().len(),
        MAX_VALUE_BYTES
    );
}

#[test]
fn a_file_that_would_be_too_large_is_not_written() {
    let world = World::with(&[("a", "kept")]);
    let mut vault = world.open();
    for number in 0..200 {
        vault
            .set(&format!("large {number}"), Secret::new(vec![1; MAX_VALUE_BYTES]))
            .unwrap();
    }
    assert!(matches!(vault.save(&world.rng), Err(VaultError::TooLarge(_))));
    assert_eq!(world.open().names(), ["a"]);
}

#[test]
fn a_vault_that_is_there_is_never_made_anew() {
    let world = World::with(&[("token", "kept")]);
    let before = std::fs::read(&world.path).unwrap();
    let error = Vault::create(&world.path, &world.source, &world.rng).unwrap_err();
    assert!(matches!(error, VaultError::Exists(_)));
    assert_eq!(std::fs::read(&world.path).unwrap(), before);
    assert_eq!(text(&world.open(), "token").as_deref(), Some("kept"));
}

#[test]
fn a_passphrase_opens_what_it_closed_and_another_does_not() {
    let world = World::empty();
    let right = KeySource::Passphrase(Secret::from("correct horse battery staple"));
    let mut vault = Vault::create(&world.path, &right, &world.rng).unwrap();
    vault.set("a", Secret::from("one")).unwrap();
    vault.save(&world.rng).unwrap();
    drop(vault);
    assert_eq!(
        text(&Vault::open(&world.path, &right).unwrap(), "a").as_deref(),
        Some("one")
    );
    for wrong in ["correct horse battery staplf", "", "correct horse battery staple "] {
        let wrong = KeySource::Passphrase(Secret::from(wrong));
        assert!(matches!(Vault::open(&world.path, &wrong), Err(VaultError::WrongKey)));
    }
    // RFC 9106 section 4, second choice
    let status = Status::of(&world.path).unwrap();
    assert_eq!(
        status.key_derivation.as_deref(),
        Some("argon2id, 65536 KiB, 3 passes, 4 lanes")
    );
    assert_eq!(status.source, Some(SourceKind::Passphrase));
    assert!(matches!(
        Vault::open(&world.path, &world.source),
        Err(VaultError::WrongSource {
            expected: SourceKind::Passphrase,
            given: SourceKind::KeyFile
        })
    ));
}

#[test]
fn a_short_passphrase_makes_no_vault() {
    let world = World::empty();
    for short in ["", "1234567", "äöüäöüä"] {
        let source = KeySource::Passphrase(Secret::from(short));
        let error = Vault::create(&world.path, &source, &world.rng).unwrap_err();
        assert!(matches!(error, VaultError::PassphraseTooShort));
    }
    assert!(!world.path.exists());
}

#[test]
fn after_a_change_of_key_the_new_one_opens_and_the_old_one_does_not() {
    let world = World::with(&[("a", "one")]);
    let new = KeySource::Passphrase(Secret::from("a new passphrase"));
    let mut vault = world.open();
    let derived = vault.derive("test").unwrap();
    vault.set("b", Secret::from("two")).unwrap();
    vault.change_key(&new, &world.rng).unwrap();
    assert_eq!(vault.source(), SourceKind::Passphrase);
    // the open one goes on
    vault.set("c", Secret::from("three")).unwrap();
    vault.save(&world.rng).unwrap();
    assert!(matches!(
        Vault::open(&world.path, &world.source),
        Err(VaultError::WrongSource { .. })
    ));
    let vault = Vault::open(&world.path, &new).unwrap();
    assert_eq!(vault.names(), ["a", "b", "c"]);
    assert_eq!(text(&vault, "a").as_deref(), Some("one"));
    assert_eq!(vault.derive("test").unwrap(), derived);
}

#[test]
fn a_rotation_encrypts_everything_anew_and_keeps_what_was_derived() {
    let world = World::with(&[("a", "one"), ("b", "two")]);
    let file = || serde_json::from_slice::<serde_json::Value>(&std::fs::read(&world.path).unwrap()).unwrap();
    let before = file();
    let mut vault = world.open();
    let derived = vault.derive("test").unwrap();
    vault.rotate(&world.rng).unwrap();
    let after = file();
    for name in ["a", "b"] {
        assert_ne!(before["entries"][name]["sealed"], after["entries"][name]["sealed"]);
    }
    assert_ne!(before["key"]["wrapped"], after["key"]["wrapped"]);
    let vault = world.open();
    assert_eq!(text(&vault, "a").as_deref(), Some("one"));
    assert_eq!(text(&vault, "b").as_deref(), Some("two"));
    assert_eq!(vault.derive("test").unwrap(), derived);
}

#[test]
fn derived_keys_differ_by_domain_and_by_vault() {
    let world = World::with(&[]);
    let one = world.open();
    // under the same key
    let other = Vault::create(&world.beside("other.json"), &world.source, &world.rng).unwrap();
    let derive = |vault: &Vault, domain| vault.derive(domain).unwrap();
    assert_eq!(derive(&one, "a"), derive(&one, "a"));
    assert_ne!(derive(&one, "a"), derive(&one, "b"));
    assert_ne!(derive(&one, "a"), derive(&other, "a"));
    assert!(matches!(one.derive(""), Err(VaultError::Name)));
}

#[test]
fn the_status_needs_no_key() {
    let world = World::with(&[("b", "two"), ("a", "one")]);
    let status = Status::of(&world.path).unwrap();
    assert_eq!(status.format, 2);
    assert_eq!(status.vault_id, Some(world.open().id()));
    assert_eq!(status.counter, Some(2));
    assert_eq!(status.source, Some(SourceKind::KeyFile));
    assert_eq!(status.names, ["a", "b"]);
    let json = serde_json::to_value(&status).unwrap();
    assert_eq!(json["source"], "key-file");
    assert!(matches!(
        Status::of(&world.beside("none")),
        Err(VaultError::NotFound(_))
    ));
}

#[test]
fn signing_keys_are_kept_as_the_original_keeps_them() {
    let world = World::with(&[]);
    let mut vault = world.open();
    let secret = chancery_base::ed25519::SecretKey::generate(&world.rng);
    keys::store(&mut vault, None, &secret).unwrap();
    keys::store(&mut vault, Some("work.2026"), &secret).unwrap();
    assert!(matches!(
        keys::store(&mut vault, None, &secret),
        Err(VaultError::EntryExists(_))
    ));
    assert!(matches!(
        keys::store(&mut vault, Some("a/b"), &secret),
        Err(VaultError::Name)
    ));
    vault.save(&world.rng).unwrap();
    let vault = world.open();
    assert_eq!(keys::labels(&vault), [None, Some("work.2026".to_owned())]);
    assert_eq!(vault.names(), ["signing_key/work.2026", "signing_private_key"]);
    let found = keys::load(&vault, Some("work.2026")).unwrap().unwrap();
    assert_eq!(found.public(), secret.public());
    assert!(keys::load(&vault, Some("none")).unwrap().is_none());
    let hex = text(&vault, "signing_private_key").unwrap();
    assert_eq!(hex.len(), 96);
    // spec 4.1
    assert!(hex.starts_with("302e020100300506032b657004220420"));
    for wrong in [
        hex.to_uppercase(),
        hex[..94].to_owned(),
        format!("{hex}00"),
        format!("{}1{}", &hex[..30], &hex[31..]),
    ] {
        assert!(keys::from_pkcs8_hex(&Secret::from(wrong.as_str())).is_none(), "{wrong}");
    }
}

#[test]
fn no_debug_shows_a_secret() {
    let world = World::with(&[("a", "hunter2 hunter2")]);
    let mut vault = world.open();
    vault.set("b", Secret::from("hunter2 hunter2")).unwrap();
    let source = KeySource::Passphrase(Secret::from("hunter2 hunter2"));
    let shown = format!(
        "{vault:?} {source:?} {:?} {:?}",
        Secret::from("hunter2"),
        vault.get("a")
    );
    assert!(!shown.contains("hunter2"), "{shown}");
    // nor as a list of bytes
    assert!(!shown.contains("104, 117"), "{shown}");
}

#[test]
fn node_reads_the_format_from_its_description() {
    if !has_node() {
        return;
    }
    let world = World::with(&[("a", "one"), ("ünï ✓", "zwei")]);
    let mut vault = world.open();
    vault.set("b", Secret::from("two")).unwrap();
    vault.rotate(&world.rng).unwrap();
    let KeySource::KeyFile(key) = &world.source else {
        unreachable!()
    };
    let printed = node(
        "v2_vault.mjs",
        &[world.path.to_str().unwrap(), key.to_str().unwrap()],
        "",
    );
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let domain: String = vault
        .derive("test")
        .unwrap()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let expected = serde_json::json!({
        "counter": 3,
        "seen": 3,
        "entries": [["a", "one"], ["b", "two"], ["ünï ✓", "zwei"]],
        "domain": domain,
    });
    assert_eq!(printed, expected);
}

#[test]
fn a_key_file_is_made_once_and_private() {
    let dir = private_dir();
    let path = dir.path().join("k");
    let rng = common::Counted::new(3);
    create_key_file(&path, &rng).unwrap();
    assert_eq!(mode(&path), 0o600);
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(create_key_file(&path, &rng), Err(VaultError::Exists(_))));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    chmod(&path, 0o640);
    let vault = dir.path().join("vault");
    let error = Vault::create(&vault, &KeySource::KeyFile(path), &rng).unwrap_err();
    assert!(matches!(error, VaultError::Permissions { mode: 0o640, .. }));
    assert!(!vault.exists());
}
