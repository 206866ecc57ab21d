//! Several who have the same vault open.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops"
)]

mod common;

use std::sync::Barrier;

use chancery_base::ErrorCode as _;
use chancery_vault::{KeySource, Secret, Vault, VaultError, create_key_file};
use common::{Counted, World, text};

#[test]
fn two_writers_of_different_entries_both_keep_what_they_wrote() {
    let world = World::with(&[("a", "one")]);
    let (mut first, mut second) = (world.open(), world.open());
    first.set("b", "first".into()).unwrap();
    first.delete("a");
    second.set("c", "second".into()).unwrap();
    first.save(&world.rng).unwrap();
    second.save(&world.rng).unwrap();
    assert_eq!(second.names(), ["b", "c"]);
    assert_eq!(world.open().names(), ["b", "c"]);
    first.reload().unwrap();
    assert_eq!(text(&first, "c").as_deref(), Some("second"));
}

type Change = fn(&mut Vault);

#[test]
fn two_writers_of_the_same_entry_conflict_and_the_second_writes_nothing() {
    let cases: [(&str, Change, Change); 4] = [
        (
            "both set",
            |v| v.set("a", "first".into()).unwrap(),
            |v| v.set("a", "second".into()).unwrap(),
        ),
        (
            "deleted and set",
            |v| assert!(v.delete("a")),
            |v| v.set("a", "second".into()).unwrap(),
        ),
        (
            "set and deleted",
            |v| v.set("a", "first".into()).unwrap(),
            |v| assert!(v.delete("a")),
        ),
        (
            "both new",
            |v| v.set("n", "first".into()).unwrap(),
            |v| v.set("n", "second".into()).unwrap(),
        ),
    ];
    for (case, one, other) in cases {
        let world = World::with(&[("a", "one")]);
        let (mut first, mut second) = (world.open(), world.open());
        one(&mut first);
        other(&mut second);
        second.set("unrelated", "x".into()).unwrap();
        first.save(&world.rng).unwrap();
        let before = std::fs::read(&world.path).unwrap();
        let error = second.save(&world.rng).unwrap_err();
        assert!(matches!(error, VaultError::Conflict(_)), "{case}: {error}");
        assert_eq!(std::fs::read(&world.path).unwrap(), before, "{case}");
        second.reload().unwrap();
        assert!(!second.contains("unrelated"));
        second.set("a", "again".into()).unwrap();
        second.save(&world.rng).unwrap();
        assert_eq!(text(&world.open(), "a").as_deref(), Some("again"));
    }
}

#[test]
fn many_writers_at_once_lose_nothing() {
    const WRITERS: usize = 8;
    const EACH: usize = 12;
    let world = World::with(&[("a", "one")]);
    let start = Barrier::new(WRITERS);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (start, world) = (&start, &world);
            scope.spawn(move || {
                let rng = Counted::new(100 + writer as u64);
                let mut vault = Vault::open(&world.path, &world.source).unwrap();
                start.wait();
                for number in 0..EACH {
                    vault.set(&format!("{writer}/{number}"), Secret::from("x")).unwrap();
                    vault.save(&rng).unwrap();
                }
            });
        }
    });
    let vault = world.open();
    assert_eq!(vault.names().len(), WRITERS * EACH + 1);
    assert_eq!(vault.last_seen().counter, 2 + (WRITERS * EACH) as u64);
}

#[test]
fn readers_beside_a_writer_see_whole_states_and_no_false_alarm() {
    let world = World::with(&[("a", "0"), ("b", "0")]);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut vault = world.open();
            for number in 1..60 {
                vault.set("a", Secret::from_text(number.to_string())).unwrap();
                vault.set("b", Secret::from_text(number.to_string())).unwrap();
                vault.save(&world.rng).unwrap();
            }
        });
        while !writer.is_finished() {
            let vault = world.open();
            assert_eq!(text(&vault, "a"), text(&vault, "b"));
        }
        writer.join().unwrap();
    });
    assert_eq!(text(&world.open(), "a").as_deref(), Some("59"));
}

#[test]
fn whoever_has_it_open_while_the_key_changes_goes_on_and_does_not_bring_the_old_key_back() {
    let world = World::with(&[("a", "one")]);
    let key = world.beside("other.key");
    create_key_file(&key, &world.rng).unwrap();
    let new = KeySource::KeyFile(key);
    let (mut first, mut second) = (world.open(), world.open());
    first.change_key(&new, &world.rng).unwrap();
    second.set("b", "two".into()).unwrap();
    second.save(&world.rng).unwrap();
    assert_eq!(Vault::open(&world.path, &new).unwrap().names(), ["a", "b"]);
    assert!(matches!(
        Vault::open(&world.path, &world.source),
        Err(VaultError::WrongKey)
    ));
    // it has only the old key to wrap a new master with, and must not
    assert!(matches!(second.rotate(&world.rng), Err(VaultError::Replaced)));
    assert_eq!(Vault::open(&world.path, &new).unwrap().names(), ["a", "b"]);
}

#[test]
fn whoever_has_it_open_while_it_is_rotated_replaced_or_removed_must_open_it_again() {
    let world = World::with(&[("a", "one")]);
    let (mut first, mut second) = (world.open(), world.open());
    first.rotate(&world.rng).unwrap();
    second.set("b", "two".into()).unwrap();
    assert!(matches!(second.save(&world.rng), Err(VaultError::Replaced)));
    assert!(matches!(second.reload(), Err(VaultError::Replaced)));
    assert_eq!(world.open().names(), ["a"]);

    let mut third = world.open();
    third.set("b", "two".into()).unwrap();
    std::fs::remove_file(&world.path).unwrap();
    assert_eq!(third.save(&world.rng).unwrap_err().code(), "VAULT_REPLACED");
    assert!(!world.path.exists());
    Vault::create(&world.path, &world.source, &world.rng).unwrap();
    assert_eq!(third.save(&world.rng).unwrap_err().code(), "VAULT_REPLACED");
    assert!(world.open().names().is_empty());
}

#[test]
fn of_many_who_make_the_same_vault_one_does() {
    let world = World::empty();
    let made = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|number| {
                let world = &world;
                scope.spawn(move || {
                    Vault::create(&world.path, &world.source, &Counted::new(50 + number)).map(|v| v.id())
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    let ids: Vec<_> = made.iter().filter_map(|made| made.as_ref().ok()).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(world.open().id(), *ids[0]);
    assert!(
        made.iter()
            .filter_map(|made| made.as_ref().err())
            .all(|error| error.code() == "VAULT_EXISTS")
    );
}
