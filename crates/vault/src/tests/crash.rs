//! Every write, ended before each of its steps: what is on the disk is the old state or the new, never between, and the
//! next write goes through.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::{Counted, key_file, private_dir};
use crate::error::VaultError;
use crate::folder::{Folder, Hook, Step};
use crate::migrate::{BACKUP_SUFFIX, migrate, migrate_in};
use crate::secret::Secret;
use crate::source::KeySource;
use crate::status::Status;
use crate::v1;
use crate::vault::{Opening, Vault};

type Entries = BTreeMap<String, String>;

/// Nothing happens from step `at` on, not even tidying up: as if the machine had stopped.
fn stop_at(at: usize) -> (Hook, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let hook: Hook = Arc::new(move |_, _| {
        if count.fetch_add(1, Ordering::Relaxed) >= at {
            Err(io::Error::other("stopped"))
        } else {
            Ok(())
        }
    });
    (hook, taken)
}

fn folder(path: &Path, hook: &Hook) -> (Folder, String) {
    let (mut folder, name) = Folder::of(path).unwrap();
    folder.hook = Some(Arc::clone(hook));
    (folder, name)
}

fn entries(vault: &Vault) -> Entries {
    let value = |name: &String| vault.get(name).unwrap().unwrap().as_str().unwrap().to_owned();
    vault
        .names()
        .into_iter()
        .map(|name| (name.clone(), value(&name)))
        .collect()
}

fn of(pairs: &[(&str, &str)]) -> Entries {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

struct World {
    _dir: tempfile::TempDir,
    path: PathBuf,
    old: KeySource,
    new: KeySource,
    rng: Counted,
}

const BEFORE: [(&str, &str); 3] = [("a", "one"), ("b", "two"), ("c", "three")];

impl World {
    fn empty(seed: usize) -> Self {
        let dir = private_dir();
        Self {
            path: dir.path().join("vault.json"),
            old: key_file(dir.path(), "old.key"),
            new: key_file(dir.path(), "other.key"),
            _dir: dir,
            rng: Counted::new(seed as u64),
        }
    }

    fn with_vault(seed: usize) -> Self {
        let world = Self::empty(seed);
        let mut vault = Vault::create(&world.path, &world.old, &world.rng).unwrap();
        for (name, value) in BEFORE {
            vault.set(name, Secret::from(value)).unwrap();
        }
        vault.save(&world.rng).unwrap();
        world
    }
}

/// Runs `change` stopped at every step in turn, and returns how many steps it has. Which of the two states is there
/// afterwards must not go back as the stop moves on.
fn at_every_step(
    change: impl Fn(&mut Vault, &World) -> Result<(), VaultError>,
    after: &[(&str, &str)],
    key_changes: bool,
) -> usize {
    let mut was_new = false;
    for at in 0.. {
        let world = World::with_vault(at);
        let (hook, taken) = stop_at(at);
        let (folder, name) = folder(&world.path, &hook);
        let mut vault = Vault::open_in(folder, name, &world.old, &Opening::default()).unwrap();
        let result = change(&mut vault, &world);
        drop(vault);

        let found = Vault::open(&world.path, &world.old);
        let with_new = Vault::open(&world.path, &world.new);
        let mut vault = match (found, with_new) {
            (Ok(vault), Err(VaultError::WrongKey)) => vault,
            (Err(VaultError::WrongKey), Ok(vault)) if key_changes => vault,
            other => panic!("step {at}: {other:?}"),
        };
        let there = entries(&vault);
        let is_new = there == of(after) && (!key_changes || Vault::open(&world.path, &world.new).is_ok());
        assert!(is_new || there == of(&BEFORE), "step {at}: {there:?}");
        assert!(is_new || !was_new, "step {at}: the old state came back");
        was_new = is_new;
        // and it goes on from there
        vault.set("later", Secret::from("four")).unwrap();
        vault.save(&world.rng).unwrap();
        assert_eq!(vault.last_seen().counter, if is_new { 4 } else { 3 });
        if result.is_ok() {
            assert!(is_new);
            assert!(taken.load(Ordering::Relaxed) <= at);
            return at;
        }
    }
    unreachable!()
}

#[test]
fn a_save_that_is_stopped_anywhere_leaves_the_old_or_the_new() {
    let change = |vault: &mut Vault, world: &World| {
        vault.set("a", Secret::from("changed"))?;
        vault.set("d", Secret::from("added"))?;
        vault.delete("b");
        vault.save(&world.rng)
    };
    let after = [("a", "changed"), ("c", "three"), ("d", "added")];
    assert_eq!(at_every_step(change, &after, false), 12);
}

#[test]
fn a_rotation_that_is_stopped_anywhere_leaves_the_old_or_the_new() {
    let change = |vault: &mut Vault, world: &World| {
        vault.set("a", Secret::from("changed"))?;
        vault.rotate(&world.rng)
    };
    let after = [("a", "changed"), ("b", "two"), ("c", "three")];
    assert_eq!(at_every_step(change, &after, false), 12);
}

#[test]
fn a_change_of_key_that_is_stopped_anywhere_leaves_one_key_that_opens() {
    let change = |vault: &mut Vault, world: &World| vault.change_key(&world.new, &world.rng);
    assert_eq!(at_every_step(change, &BEFORE, true), 12);
}

#[test]
fn making_a_vault_stopped_anywhere_leaves_one_or_none() {
    for at in 0.. {
        let world = World::empty(at);
        let (hook, _) = stop_at(at);
        let (folder, name) = folder(&world.path, &hook);
        let result = Vault::create_in(folder, name, &world.old, &world.rng).map(|_| ());
        match Vault::open(&world.path, &world.old) {
            Ok(vault) => assert!(vault.names().is_empty()),
            Err(VaultError::NotFound(_)) => {
                assert!(result.is_err());
                Vault::create(&world.path, &world.old, &world.rng).unwrap();
            }
            Err(error) => panic!("step {at}: {error}"),
        }
        Vault::open(&world.path, &world.old).unwrap();
        if result.is_ok() {
            assert!(at > 10);
            return;
        }
    }
}

#[test]
fn a_migration_that_is_stopped_anywhere_leaves_the_old_vault_or_the_new() {
    let key = v1::Source::Key(Secret::from([7; 32].as_slice()));
    for at in 0.. {
        let world = World::empty(at);
        let mut old = v1::Vault::create(&world.path, &key, &world.rng).unwrap();
        for (name, value) in BEFORE {
            old.set(name, &Secret::from(value), &world.rng).unwrap();
        }
        old.save().unwrap();
        let (hook, _) = stop_at(at);
        let (folder, name) = folder(&world.path, &hook);
        let result = migrate_in(folder, name, &key, &world.new, &world.rng).map(|_| ());
        let vault = match Status::of(&world.path).unwrap().format {
            1 => {
                assert!(result.is_err());
                assert_eq!(v1::Vault::open(&world.path, &key).unwrap().names(), ["a", "b", "c"]);
                migrate(&world.path, &key, &world.new, &world.rng).unwrap()
            }
            _ => Vault::open(&world.path, &world.new).unwrap(),
        };
        assert_eq!(entries(&vault), of(&BEFORE), "step {at}");
        let backup = world.path.with_file_name(format!("vault.json{BACKUP_SUFFIX}"));
        assert_eq!(v1::Vault::open(&backup, &key).unwrap().names(), ["a", "b", "c"]);
        if result.is_ok() {
            assert!(at > 10);
            return;
        }
    }
}

#[test]
fn what_is_written_is_synced_before_it_gets_its_name_and_the_name_before_the_counter() {
    let world = World::with_vault(0);
    let trace = Arc::new(Mutex::new(Vec::new()));
    let steps = Arc::clone(&trace);
    let hook: Hook = Arc::new(move |step, name: &str| {
        steps.lock().unwrap().push((step, name.to_owned()));
        Ok(())
    });
    let (folder, name) = folder(&world.path, &hook);
    let mut vault = Vault::open_in(folder, name, &world.old, &Opening::default()).unwrap();
    assert!(trace.lock().unwrap().is_empty(), "opening writes nothing");
    vault.set("a", Secret::from("changed")).unwrap();
    vault.save(&world.rng).unwrap();
    let each = [
        Step::MakeTemporary,
        Step::WriteFirstHalf,
        Step::WriteSecondHalf,
        Step::SyncTemporary,
        Step::Place,
        Step::SyncFolder,
    ];
    let expected: Vec<_> = ["vault.json", "vault.json.seen"]
        .iter()
        .flat_map(|name| each.map(|step| (step, (*name).to_owned())))
        .collect();
    assert_eq!(*trace.lock().unwrap(), expected);
}

#[test]
fn a_disk_that_refuses_once_costs_nothing_and_leaves_nothing() {
    let world = World::with_vault(0);
    let refused = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&refused);
    let hook: Hook = Arc::new(move |step, _: &str| {
        let first = step == Step::WriteSecondHalf && count.fetch_add(1, Ordering::Relaxed) == 0;
        if first {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            Ok(())
        }
    });
    let (folder, name) = folder(&world.path, &hook);
    let mut vault = Vault::open_in(folder, name, &world.old, &Opening::default()).unwrap();
    vault.set("a", Secret::from("changed")).unwrap();
    assert!(matches!(vault.save(&world.rng), Err(VaultError::Io { .. })));
    assert!(!world.path.with_file_name("vault.json.new").exists());
    vault.save(&world.rng).unwrap();
    assert_eq!(entries(&Vault::open(&world.path, &world.old).unwrap())["a"], "changed");
}

#[test]
fn a_migration_makes_backup_and_counter_durable_before_the_vault_takes_its_place() {
    let key = v1::Source::Key(Secret::from([7; 32].as_slice()));
    let world = World::empty(0);
    v1::Vault::create(&world.path, &key, &world.rng).unwrap();
    let trace = Arc::new(Mutex::new(Vec::new()));
    let steps = Arc::clone(&trace);
    let hook: Hook = Arc::new(move |step, name: &str| {
        steps.lock().unwrap().push((step, name.to_owned()));
        Ok(())
    });
    let (folder, name) = folder(&world.path, &hook);
    migrate_in(folder, name, &key, &world.new, &world.rng).unwrap();
    let trace = trace.lock().unwrap();
    let at = |step, name: &str| {
        trace
            .iter()
            .position(|(s, n)| (*s, n.as_str()) == (step, name))
            .unwrap()
    };
    let placed = at(Step::Place, "vault.json");
    assert!(at(Step::Place, "vault.json.v1") < at(Step::SyncFolder, "vault.json.v1"));
    assert!(at(Step::SyncFolder, "vault.json.v1") < placed);
    assert!(at(Step::SyncFolder, "vault.json.seen") < placed);
    assert!(at(Step::SyncTemporary, "vault.json") < placed);
    assert!(placed < at(Step::SyncFolder, "vault.json"));
}
