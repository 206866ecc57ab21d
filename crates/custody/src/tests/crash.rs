//! Every change, stopped before each of its writes: what is there afterwards is the old or the new, and the next change goes
//! through.

use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use chancery_base::{Clock, Millis, Rng, digest};
use chancery_keys::{Asked, Gates, What};
use chancery_vault::faults::stop_after;
use chancery_vault::{KeySource, Secret};

use crate::{Custody, CustodyError, InboxName, KeyHolder, Places, Plan, RootPlan, init};

struct Counted(AtomicU64);

impl Rng for Counted {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let block = digest::sha256(self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}

struct Ticks(AtomicI64);

impl Clock for Ticks {
    fn now(&self) -> Millis {
        Millis(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

struct World {
    dir: tempfile::TempDir,
    plan: Plan,
    clock: Ticks,
    rng: Counted,
}

impl World {
    /// The same keys in a place of their own: making them anew takes what deriving from a passphrase takes.
    fn copy(&self, seed: usize) -> Self {
        let copy = Self::empty();
        copy_folder(&self.dir.path().join("signet"), &copy.dir.path().join("signet"));
        let seed = (seed as u64 + 2) << 32;
        copy.rng.0.store(seed, Ordering::Relaxed);
        copy.clock.0.store(self.clock.now().0, Ordering::Relaxed);
        copy
    }

    fn empty() -> Self {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        let dir = tempfile::Builder::new().permissions(mode).tempdir().unwrap();
        let places = Places::in_dir(dir.path().join("signet"));
        Self {
            plan: Plan {
                vault: KeySource::KeyFile(places.key_file()),
                places,
                root: RootPlan::Passphrase(Secret::from("the owner's own words")),
                gates: Gates::default(),
            },
            dir,
            clock: Ticks(AtomicI64::new(1_000_000)),
            rng: Counted(AtomicU64::new(1 << 32)),
        }
    }

    fn init(&self) -> Result<Custody, CustodyError> {
        init(&self.plan, &self.clock, &self.rng).map(|made| made.custody)
    }

    fn open(&self) -> Custody {
        Custody::open(&self.plan.places, &self.plan.vault, Gates::default()).unwrap()
    }

    fn rotate(&self, custody: &mut Custody) -> Result<(), CustodyError> {
        let holder = holder();
        let what: What = custody.rotation(&holder)?;
        let Asked::Open(clearance) = custody.approvals().ask(what, 1000, self.clock.now(), &self.rng)? else {
            unreachable!("no gate is set");
        };
        custody
            .rotate(&holder, clearance, self.clock.now(), &self.rng)
            .map(|_| ())
    }
}

fn copy_folder(from: &Path, to: &Path) {
    crate::places::make(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_dir() {
            copy_folder(&path, &to.join(name));
        } else {
            // with its mode
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

fn holder() -> KeyHolder {
    "op_0000000000000001".parse().unwrap()
}

fn inbox() -> InboxName {
    "inbox_0000000000000001".parse().unwrap()
}

/// What can be told of all keys.
fn state(custody: &Custody) -> String {
    let operators: Vec<_> = custody
        .holders()
        .iter()
        .map(|holder| custody.key(holder).unwrap())
        .collect();
    let inboxes: Vec<_> = custody
        .inboxes()
        .iter()
        .map(|inbox| custody.inbox_account(inbox).unwrap())
        .collect();
    let admins = custody.admin_keys(Millis(0)).unwrap();
    let histories: Vec<_> = custody
        .holders()
        .iter()
        .map(|holder| custody.history(holder).unwrap().len())
        .collect();
    format!(
        "{operators:?} {inboxes:?} {:?} {admins:?} {histories:?}",
        custody.wallets().unwrap()
    )
}

/// Runs `change` stopped at every step in turn, in a world that `before` made; returns how many steps it has.
fn at_every_step(
    before: impl Fn(&World, &mut Custody),
    change: impl Fn(&World, &mut Custody) -> Result<(), CustodyError>,
) -> usize {
    let prepared = World::empty();
    before(&prepared, &mut prepared.init().unwrap());
    let mut was_new = false;
    for at in 0.. {
        let world = prepared.copy(at);
        let mut custody = world.open();
        let old = state(&custody);
        let (result, taken) = stop_after(at, || change(&world, &mut custody));
        // memory and disk say the same, also where the change failed
        let in_memory = state(&custody);
        drop(custody);
        let mut custody = world.open();
        let found = state(&custody);
        assert_eq!(found, in_memory, "step {at}");
        let is_new = found != old;
        assert!(is_new || !was_new, "step {at}: the old state came back");
        was_new = is_new;
        if result.is_ok() {
            assert!(is_new, "step {at}: it said that it was done");
        }
        // and it goes on from there
        let again = change(&world, &mut custody);
        assert!(again.is_ok() || is_new, "step {at}: {again:?}");
        world.rotate(&mut custody).unwrap();
        assert!(custody.sign(&holder(), b"a seal").is_ok());
        assert!(custody.history(&holder()).is_ok());
        if taken <= at {
            assert!(result.is_ok());
            return at;
        }
    }
    unreachable!()
}

fn with_operator(world: &World, custody: &mut Custody) {
    custody
        .init_operator(&holder(), None, "ada", world.clock.now(), &world.rng)
        .unwrap();
}

/// Steps of one save of a vault: six for the file, six for its counter.
const SAVE: usize = 12;
/// Steps of the first line of a history: its folder, and four for the line.
const FIRST_LINE: usize = 5;

#[test]
fn a_rotation_leaves_the_old_key_or_the_new_with_its_whole_history() {
    let steps = at_every_step(with_operator, World::rotate);
    assert_eq!(steps, SAVE + FIRST_LINE);
    let steps = at_every_step(
        |world, custody| {
            with_operator(world, custody);
            world.rotate(custody).unwrap();
        },
        World::rotate,
    );
    assert_eq!(steps, SAVE + FIRST_LINE - 1);
}

#[test]
fn a_new_operator_has_key_and_wallet_or_neither() {
    let before = |_: &World, _: &mut Custody| {};
    let steps = at_every_step(before, |world, custody| {
        custody
            .init_operator(&holder(), None, "ada", world.clock.now(), &world.rng)
            .map(|_| ())
    });
    assert_eq!(steps, SAVE);
}

#[test]
fn a_new_inbox_takes_its_account_or_leaves_it() {
    let steps = at_every_step(with_operator, |world, custody| {
        let wallet = custody.wallets()?[0].id;
        custody.create_inbox(&inbox(), wallet, &world.rng).map(|_| ())
    });
    assert_eq!(steps, SAVE);
}

#[test]
fn a_removed_inbox_is_gone_or_there() {
    let before = |world: &World, custody: &mut Custody| {
        with_operator(world, custody);
        let wallet = custody.wallets().unwrap()[0].id;
        custody.create_inbox(&inbox(), wallet, &world.rng).unwrap();
    };
    let steps = at_every_step(before, |world, custody| {
        custody.remove_inbox(&inbox(), &world.rng).map(|_| ())
    });
    assert_eq!(steps, SAVE);
}

#[test]
fn a_wallet_that_is_brought_back_is_there_or_not() {
    let words = "hamster diagram private dutch cause delay private meat slide toddler razor book happy fancy gospel tennis maple dilemma loan word shrug inflict delay length";
    let steps = at_every_step(with_operator, |world, custody| {
        custody
            .restore_wallet(words, "back", 3, world.clock.now(), &world.rng)
            .map(|_| ())
    });
    assert_eq!(steps, SAVE);
}

#[test]
fn a_new_admin_key_is_in_force_or_not() {
    let steps = at_every_step(with_operator, |world, custody| {
        custody.rotate_admin(1000, world.clock.now(), &world.rng).map(|_| ())
    });
    assert_eq!(steps, SAVE);
}

#[test]
fn making_all_keys_stopped_anywhere_goes_on_with_the_same_root_key() {
    let mut roots = 0;
    for at in 0.. {
        let world = World::empty();
        let (result, taken) = stop_after(at, || world.init().map(|_| ()));
        // the root key is derived from the owner's vault: while the file is the same, so is the key
        let owners = world.plan.places.owner_vault();
        let before = std::fs::read(&owners).ok();
        let custody = world.init().unwrap();
        if before.is_some() {
            assert_eq!(std::fs::read(&owners).ok(), before, "step {at}");
            roots += 1;
        }
        assert!(custody.sign(&KeyHolder::default_key(), b"a seal").is_ok());
        let names = custody.vault.names();
        assert_eq!(
            names,
            ["signet.admin", "signet.operator/default", "signet.root"],
            "step {at}"
        );
        if taken <= at {
            assert!(result.is_ok());
            break;
        }
    }
    assert!(roots > SAVE, "most stops come after the owner's vault is there");
}
