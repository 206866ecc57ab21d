//! Opening once at start, by what the host has; locked otherwise (design decision 12).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

mod common;

use std::path::PathBuf;

use chancery_base::ErrorCode as _;
use chancery_custody::{CustodyError, Locked, Sources, Unlocked, init, unlock};
use chancery_keys::Gates;
use chancery_vault::{Credential, KeySource, Keyring, Secret, SourceKind};
use common::{World, chmod};

const WORDS: &str = "the daemon's words";

fn nothing() -> Sources {
    Sources {
        passphrase_file: None,
        credential: None,
        keyring: None,
        prompt: false,
    }
}

fn with_passphrase() -> World {
    let world = World::empty();
    let mut plan = world.plan();
    plan.vault = KeySource::Passphrase(Secret::from(WORDS));
    init(&plan, &world.clock, &world.rng).unwrap();
    world
}

fn passphrase_file(world: &World, text: &str, mode: u32) -> PathBuf {
    let path = world.dir.path().join("passphrase");
    std::fs::write(&path, text).unwrap();
    chmod(&path, mode);
    path
}

fn attempt(world: &World, sources: &Sources) -> Result<Unlocked, CustodyError> {
    unlock(&world.places, sources, Gates::default())
}

fn open(world: &World, sources: &Sources) {
    match attempt(world, sources).unwrap() {
        Unlocked::Open(custody) => assert!(custody.admin_fingerprint().is_ok()),
        Unlocked::Locked(why) => panic!("{why}"),
    }
}

fn locked(world: &World, sources: &Sources) -> Locked {
    match attempt(world, sources).unwrap() {
        Unlocked::Open(_) => panic!("it opened"),
        Unlocked::Locked(why) => why,
    }
}

#[test]
fn a_passphrase_file_opens_and_without_one_it_stays_locked() {
    let world = with_passphrase();
    let why = locked(&world, &nothing());
    assert_eq!(why.needs, SourceKind::Passphrase);
    assert_eq!(
        why.to_string(),
        "locked: the keys open with a passphrase, and no file with it is named"
    );
    for (text, mode) in [
        (format!("{WORDS}\n"), 0o600),
        (WORDS.to_owned(), 0o400),
        (format!("{WORDS}\r\nmore\n"), 0o640),
    ] {
        let sources = Sources {
            passphrase_file: Some(passphrase_file(&world, &text, mode)),
            ..nothing()
        };
        open(&world, &sources);
        std::fs::remove_file(world.dir.path().join("passphrase")).unwrap();
    }
}

#[test]
fn a_wrong_passphrase_is_an_error_and_no_lock() {
    let world = with_passphrase();
    let sources = Sources {
        passphrase_file: Some(passphrase_file(&world, "another one", 0o600)),
        ..nothing()
    };
    let error = attempt(&world, &sources).unwrap_err();
    assert_eq!(error.code(), "VAULT_WRONG_KEY");
    assert!(!format!("{error} {error:?}").contains("another one"));
}

#[test]
fn a_passphrase_that_others_can_read_is_not_taken() {
    let world = with_passphrase();
    for mode in [0o644, 0o604, 0o660, 0o622] {
        let sources = Sources {
            passphrase_file: Some(passphrase_file(&world, WORDS, mode)),
            ..nothing()
        };
        let error = attempt(&world, &sources).unwrap_err();
        assert_eq!(error.code(), "CUSTODY_PASSPHRASE_FILE", "{mode:o}");
        assert!(!format!("{error} {error:?}").contains(WORDS));
        std::fs::remove_file(world.dir.path().join("passphrase")).unwrap();
    }
    let sources = Sources {
        passphrase_file: Some(world.dir.path().join("none")),
        ..nothing()
    };
    assert_eq!(attempt(&world, &sources).unwrap_err().code(), "CUSTODY_PASSPHRASE_FILE");
}

#[test]
fn a_systemd_credential_opens_and_outside_the_service_it_stays_locked() {
    let world = World::empty();
    let directory = world.dir.path().join("credentials");
    std::fs::create_dir(&directory).unwrap();
    let file = directory.join(chancery_custody::CREDENTIAL);
    std::fs::write(&file, [9; 32]).unwrap();
    chmod(&file, 0o400);
    let credential = Credential::new(&directory, chancery_custody::CREDENTIAL);
    let mut plan = world.plan();
    plan.vault = KeySource::Credential(credential.clone());
    init(&plan, &world.clock, &world.rng).unwrap();
    let sources = Sources {
        credential: Some(credential),
        ..nothing()
    };
    open(&world, &sources);
    assert_eq!(locked(&world, &nothing()).needs, SourceKind::Credential);
    std::fs::remove_file(&file).unwrap();
    assert!(locked(&world, &sources).why.contains("there is no key"));
}

#[test]
fn a_key_file_opens_by_itself_and_without_it_stays_locked() {
    let (world, custody) = World::new();
    drop(custody);
    open(&world, &nothing());
    std::fs::remove_file(world.places.key_file()).unwrap();
    assert_eq!(locked(&world, &nothing()).needs, SourceKind::KeyFile);
}

#[test]
fn a_keyring_opens_and_without_one_it_stays_locked() {
    // a program with the interface of secret-tool that keeps one item
    let world = World::empty();
    let program = world.dir.path().join("secret-tool");
    let script =
        "#!/bin/sh\nitem=$(dirname \"$0\")/item\ncase $1 in lookup) cat \"$item\" ;; store) cat > \"$item\" ;; esac\n";
    std::fs::write(&program, script).unwrap();
    chmod(&program, 0o700);
    let keyring = Keyring::with_program(&program, chancery_custody::KEYRING_APPLICATION);
    let mut plan = world.plan();
    plan.vault = KeySource::Keyring(keyring.clone());
    init(&plan, &world.clock, &world.rng).unwrap();
    let sources = Sources {
        keyring: Some(keyring),
        ..nothing()
    };
    open(&world, &sources);
    assert_eq!(locked(&world, &nothing()).needs, SourceKind::Keyring);
}

#[test]
fn where_there_is_nothing_it_says_so_and_makes_nothing() {
    // finding 14.2 number 10: there, looking at the status makes a vault
    let world = World::empty();
    let error = attempt(&world, &nothing()).unwrap_err();
    assert_eq!(error.code(), "CUSTODY_NOT_INITIALISED");
    assert!(common::files(world.dir.path()).is_empty());
}

#[test]
fn a_changed_vault_is_refused() {
    let (world, custody) = World::new();
    drop(custody);
    let path = world.places.vault();
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(8).position(|window| window == b"\"sealed\"").unwrap() + 12;
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(attempt(&world, &nothing()).unwrap_err().code(), "VAULT_CORRUPT");
}
