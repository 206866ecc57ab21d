//! Where keys come from.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops"
)]

mod common;

use std::path::PathBuf;

use chancery_base::{ErrorCode as _, b64};
use chancery_vault::{Credential, KeySource, Keyring, Opening, Secret, Vault, VaultError, migrate, v1};
use common::{World, chmod, text};

/// A program with the interface of secret-tool that keeps its items as files and notes every argument it was called with.
const SECRET_TOOL: &str = r#"#!/bin/sh
store=$(dirname "$0")/items
mkdir -p "$store"
echo "$@" >> "$store/arguments"
env >> "$store/environment"
verb=$1
shift
case $1 in --label=*) shift ;; esac
item=$store/$(echo "$*" | tr ' /' '__')
case $verb in
  lookup) test -f "$item" && cat "$item" ;;
  store) cat > "$item" ;;
  *) echo "what is $verb?" >&2; exit 2 ;;
esac
"#;

struct Desk {
    world: World,
    program: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let world = World::empty();
        let program = world.beside("secret-tool");
        std::fs::write(&program, SECRET_TOOL).unwrap();
        chmod(&program, 0o700);
        Self { world, program }
    }

    fn keyring(&self) -> Keyring {
        Keyring::with_program(&self.program, "safeclaw")
    }

    fn noted(&self, what: &str) -> String {
        std::fs::read_to_string(self.world.beside("items").join(what)).unwrap()
    }

    /// The items, by the attributes they were stored under.
    fn items(&self) -> Vec<(String, String)> {
        let items = std::fs::read_dir(self.world.beside("items"))
            .unwrap()
            .map(Result::unwrap);
        let name = |item: &std::fs::DirEntry| item.file_name().into_string().unwrap();
        items
            .filter(|item| !["arguments", "environment"].contains(&name(item).as_str()))
            .map(|item| (name(&item), std::fs::read_to_string(item.path()).unwrap()))
            .collect()
    }
}

#[test]
fn a_key_in_the_keyring_opens_the_vault_and_is_never_an_argument() {
    let desk = Desk::new();
    let (path, rng) = (&desk.world.path, &desk.world.rng);
    let source = KeySource::Keyring(desk.keyring());
    let mut vault = Vault::create(path, &source, rng).unwrap();
    vault.set("a", Secret::from("one")).unwrap();
    vault.save(rng).unwrap();
    assert_eq!(text(&Vault::open(path, &source).unwrap(), "a").as_deref(), Some("one"));
    let items = desk.items();
    assert_eq!(items.len(), 1);
    let (attributes, key) = &items[0];
    assert!(
        attributes.starts_with("application_safeclaw_type_vault-key_item_"),
        "{attributes}"
    );
    assert_eq!(b64::decode_standard(key).unwrap().len(), 32);
    assert!(!desk.noted("arguments").contains(key.as_str()));
    assert!(!desk.noted("environment").contains(key.as_str()));
}

#[test]
fn a_new_key_in_the_keyring_does_not_lie_over_the_old_one() {
    let desk = Desk::new();
    let (path, rng) = (&desk.world.path, &desk.world.rng);
    let source = KeySource::Keyring(desk.keyring());
    let mut vault = Vault::create(path, &source, rng).unwrap();
    let before = std::fs::read(path).unwrap();
    vault.change_key(&source, rng).unwrap();
    assert_eq!(desk.items().len(), 2);
    Vault::open(path, &source).unwrap();
    // had the change been stopped before the file was written, the old key would still open it
    std::fs::write(path, before).unwrap();
    let restored = Opening {
        accept_this_state: true,
        ..Opening::default()
    };
    Vault::open_as(path, &source, &restored).unwrap();
}

#[test]
fn a_stale_key_of_the_original_does_not_disturb_a_vault_with_a_passphrase() {
    // finding F-18: there the keyring wins whatever the vault was made with
    let desk = Desk::new();
    let source = KeySource::Passphrase(Secret::from("correct horse"));
    Vault::create(&desk.world.path, &source, &desk.world.rng).unwrap();
    let keyring = KeySource::Keyring(desk.keyring());
    assert!(matches!(
        Vault::open(&desk.world.path, &keyring),
        Err(VaultError::WrongSource { .. })
    ));
    Vault::open(&desk.world.path, &source).unwrap();
}

#[test]
fn the_originals_key_in_the_keyring_opens_its_vault() {
    let desk = Desk::new();
    let (path, rng) = (&desk.world.path, &desk.world.rng);
    let key = v1::Source::Key(Secret::from([5; 32].as_slice()));
    let mut old = v1::Vault::create(path, &key, rng).unwrap();
    old.set("a", &Secret::from("one"), rng).unwrap();
    old.save().unwrap();
    let keyring = v1::Source::Keyring(desk.keyring());
    assert!(matches!(v1::Vault::open(path, &keyring), Err(VaultError::NoKey(_))));
    // spec 10.2
    let item = desk.world.beside("items").join("application_safeclaw_type_master-key");
    std::fs::write(&item, b64::encode_standard([5; 32])).unwrap();
    let vault = migrate(path, &keyring, &KeySource::Keyring(desk.keyring()), rng).unwrap();
    assert_eq!(text(&vault, "a").as_deref(), Some("one"));
    // what is no key is not taken for one
    for wrong in ["short", &b64::encode_standard([5; 31]), &b64::encode([5; 32])] {
        std::fs::write(&item, wrong).unwrap();
        let error = v1::Vault::open(&desk.world.beside("vault.json.v1"), &keyring).unwrap_err();
        assert!(matches!(error, VaultError::NotAKey(_)), "{wrong}: {error}");
    }
}

#[test]
fn a_keyring_that_is_not_there_or_refuses_is_said_so() {
    let desk = Desk::new();
    let (path, rng) = (&desk.world.path, &desk.world.rng);
    let missing = KeySource::Keyring(Keyring::with_program(desk.world.beside("none"), "safeclaw"));
    assert_eq!(
        Vault::create(path, &missing, rng).unwrap_err().code(),
        "VAULT_KEYRING_FAILED"
    );
    let script = "#!/bin/sh\necho 'Cannot autolaunch D-Bus' >&2\nexit 1\n";
    std::fs::write(&desk.program, script).unwrap();
    let error = Vault::create(path, &KeySource::Keyring(desk.keyring()), rng).unwrap_err();
    assert_eq!(error.to_string(), "the keyring refused: Cannot autolaunch D-Bus");
    // nor is a failure without a word taken for a key that was stored
    std::fs::write(&desk.program, "#!/bin/sh\nexit 1\n").unwrap();
    let error = Vault::create(path, &KeySource::Keyring(desk.keyring()), rng).unwrap_err();
    assert_eq!(error.code(), "VAULT_KEYRING_FAILED");
    assert!(!path.exists());
}

#[test]
fn a_credential_of_the_service_opens_the_vault() {
    let world = World::empty();
    let directory = world.beside("credentials");
    std::fs::create_dir(&directory).unwrap();
    let file = directory.join("vault-key");
    let source = |name: &str| KeySource::Credential(Credential::new(&directory, name));
    for (content, mode) in [
        (vec![7; 32], 0o400),
        (format!("{}\n", b64::encode([7; 32])).into_bytes(), 0o440),
    ] {
        let path = world.beside(&format!("{mode}.json"));
        std::fs::write(&file, content).unwrap();
        chmod(&file, mode);
        Vault::create(&path, &source("vault-key"), &world.rng).unwrap();
        Vault::open(&path, &source("vault-key")).unwrap();
        // raw or as text, it is the same key
        chmod(&file, 0o600);
        std::fs::write(&file, [7; 32]).unwrap();
        Vault::open(&path, &source("vault-key")).unwrap();
        std::fs::write(&file, [8; 32]).unwrap();
        assert!(matches!(
            Vault::open(&path, &source("vault-key")),
            Err(VaultError::WrongKey)
        ));
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(
            Vault::open(&path, &source("vault-key")),
            Err(VaultError::NoKey(_))
        ));
    }
    std::fs::write(&file, [7; 32]).unwrap();
    for open in [0o444, 0o644, 0o620] {
        chmod(&file, open);
        let error = Vault::create(&world.path, &source("vault-key"), &world.rng).unwrap_err();
        assert!(matches!(error, VaultError::Permissions { .. }), "{open:o}: {error}");
    }
    chmod(&file, 0o400);
    for name in ["", "../credentials/vault-key", ".", "/etc/passwd"] {
        let error = Vault::create(&world.path, &source(name), &world.rng).unwrap_err();
        assert!(matches!(error, VaultError::NoKey(_)), "{name}: {error}");
    }
    std::fs::write(directory.join("short"), [7; 31]).unwrap();
    chmod(&directory.join("short"), 0o400);
    let error = Vault::create(&world.path, &source("short"), &world.rng).unwrap_err();
    assert!(matches!(error, VaultError::NotAKey(_)));
}

#[test]
fn another_key_file_is_a_wrong_key() {
    let world = World::with(&[("a", "one")]);
    let other = World::empty();
    // made from the same bytes
    assert!(Vault::open(&world.path, &other.source).is_ok());
    std::fs::write(world.beside("vault.key"), b64::encode([1; 32])).unwrap();
    assert!(matches!(
        Vault::open(&world.path, &world.source),
        Err(VaultError::WrongKey)
    ));
    std::fs::remove_file(world.beside("vault.key")).unwrap();
    assert!(matches!(
        Vault::open(&world.path, &world.source),
        Err(VaultError::NoKey(_))
    ));
}

#[test]
fn an_old_vault_that_changes_while_it_is_moved_is_not_moved() {
    let desk = Desk::new();
    let (path, rng) = (&desk.world.path, &desk.world.rng);
    let key = v1::Source::Key(Secret::from([5; 32].as_slice()));
    let mut old = v1::Vault::create(path, &key, rng).unwrap();
    old.set("a", &Secret::from("one"), rng).unwrap();
    old.save().unwrap();
    // the original saves at the moment when the new key is stored
    let later = desk.world.beside("later.json");
    std::fs::copy(path, &later).unwrap();
    chmod(&later, 0o600);
    let mut newer = v1::Vault::open(&later, &key).unwrap();
    newer.set("b", &Secret::from("two"), rng).unwrap();
    newer.save().unwrap();
    let script = format!("{SECRET_TOOL}\ncp \"$(dirname \"$0\")/later.json\" \"$(dirname \"$0\")/vault.json\"\n");
    std::fs::write(&desk.program, script).unwrap();
    let to = KeySource::Keyring(desk.keyring());
    assert!(matches!(migrate(path, &key, &to, rng), Err(VaultError::Replaced)));
    assert_eq!(v1::Vault::open(path, &key).unwrap().names(), ["a", "b"]);
    assert!(!desk.world.beside("vault.json.v1").exists());
    assert_eq!(migrate(path, &key, &to, rng).unwrap().names(), ["a", "b"]);
}
