//! An install that fails, or whose process is killed, at any of its steps and writes leaves the old state or the new one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

mod common;

use std::{
    collections::BTreeSet,
    fs, io,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

use chancery_audit::Outcome;
use chancery_skills::{ApproveAll, Faults, InstallOptions, Installed, Package};
use common::{FakeClock, House, key, keyid, manifest, signed};
use serde_json::json;

/// What the install of these tests is: version 1.1.0 takes a right away and asks for another.
fn upgrade() -> Package {
    let requests = [
        ("fs:read", json!({ "paths": ["/a"] })),
        ("net:https", json!({ "hosts": ["api.example.com"] })),
        ("secret:read", json!({ "names": ["token"] })),
    ];
    signed(&manifest("s", "1.1.0", &requests), &key(1))
}

/// A directory with version 1.0.0, and another skill.
fn prepare(dir: &Path) {
    let house = House::in_dir(dir);
    let requests = [
        ("fs:read", json!({ "paths": ["/a", "/b"] })),
        ("env:read", json!({ "names": ["HOME"] })),
    ];
    let trusting = InstallOptions {
        trust_key: Some(keyid(1)),
        ..InstallOptions::default()
    };
    house
        .install_with(
            &signed(&manifest("s", "1.0.0", &requests), &key(1)),
            &trusting,
            &ApproveAll,
        )
        .unwrap();
    house
        .install_with(
            &signed(&manifest("t", "1.0.0", &requests), &key(1)),
            &trusting,
            &ApproveAll,
        )
        .unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Everything that an install may change, after the directory was opened once more.
#[derive(Debug, PartialEq)]
struct Seen {
    state: String,
    blobs: BTreeSet<String>,
    installs: usize,
}

fn look(dir: &Path) -> Seen {
    let house = House::in_dir(dir);
    let grants: Vec<_> = ["s", "t"].iter().map(|id| house.skills.grants(id).unwrap()).collect();
    let state = format!(
        "{:#?}",
        (
            house.skills.list().unwrap(),
            grants,
            house.skills.publishers().unwrap(),
            ["s", "t"].map(|id| house.skills.pin(id).unwrap()),
            house.skills.unverified().unwrap(),
        )
    );
    for status in house.skills.list().unwrap() {
        house.skills.load(&status.skill.id).unwrap();
    }
    let (entries, report) = house
        .skills
        .read_audit(|connection| {
            let entries = chancery_audit::read(connection, &chancery_audit::Query::default())?;
            Ok((
                entries,
                chancery_audit::verify(connection, &chancery_audit::Expect::default())?,
            ))
        })
        .unwrap()
        .unwrap();
    assert!(report.broken.is_none());
    Seen {
        state,
        blobs: fs::read_dir(dir.join("blobs/sha256"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect(),
        installs: entries
            .iter()
            .filter(|entry| entry.kind == "skill.install" && entry.outcome == Outcome::Done)
            .count(),
    }
}

/// Runs the upgrade in `dir`; at the call `at` of a fault point, `then` decides.
fn run(
    dir: &Path,
    at: usize,
    then: impl Fn(&'static str) -> io::Result<()> + Send + Sync + 'static,
) -> (Result<Installed, chancery_skills::InstallError>, usize) {
    let armed = Arc::new(AtomicBool::new(false));
    let calls = Arc::new(AtomicUsize::new(0));
    let faults = Faults::new({
        let (armed, calls) = (Arc::clone(&armed), Arc::clone(&calls));
        move |place| {
            if armed.load(Relaxed) && calls.fetch_add(1, Relaxed) == at {
                return then(place);
            }
            Ok(())
        }
    });
    let house = House::with_faults(dir, &FakeClock::new(), 11, faults);
    armed.store(true, Relaxed);
    let done = house.install(&upgrade());
    (done, calls.load(Relaxed))
}

struct Cases {
    folder: tempfile::TempDir,
    old: Seen,
    new: Seen,
    /// How many fault points the install passes.
    points: usize,
}

fn cases() -> Cases {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("base");
    prepare(&base);
    let old = look(&base);
    let after = folder.path().join("after");
    copy(&base, &after);
    let (done, points) = run(&after, usize::MAX, |_| Ok(()));
    done.unwrap();
    let new = look(&after);
    assert_ne!(old, new);
    assert_eq!(new.installs, old.installs + 1);
    Cases {
        folder,
        old,
        new,
        points,
    }
}

#[test]
fn an_install_that_fails_anywhere_leaves_everything_as_it_was() {
    let cases = cases();
    assert!(cases.points > 20, "{} fault points", cases.points);
    let mut places = BTreeSet::new();
    for at in 0..cases.points {
        let dir = cases.folder.path().join(format!("fail-{at}"));
        copy(&cases.folder.path().join("base"), &dir);
        let place = Arc::new(std::sync::Mutex::new(""));
        let (done, _) = run(&dir, at, {
            let place = Arc::clone(&place);
            move |name| {
                *place.lock().unwrap() = name;
                Err(io::Error::other("a fault"))
            }
        });
        let place = *place.lock().unwrap();
        places.insert(place);
        let expected = if done.is_ok() { &cases.new } else { &cases.old };
        assert_eq!(&look(&dir), expected, "failed at {at}, {place}");
        // only what follows the commit may fail without failing the install
        assert_eq!(done.is_ok(), place == "committed", "{place}");
        // and the same directory takes the install afterwards
        House::in_dir(&dir).install(&upgrade()).unwrap();
    }
    for place in [
        "lock",
        "verify",
        "revocations",
        "versions",
        "diff",
        "approve",
        "write content",
        "commit",
        "write row",
        "write record",
    ] {
        assert!(places.contains(place), "{place} was not met");
    }
}

#[test]
fn an_install_that_is_killed_anywhere_is_done_or_not() {
    let cases = cases();
    let (mut olds, mut news) = (0, 0);
    for at in 0..cases.points {
        let dir = cases.folder.path().join(format!("kill-{at}"));
        copy(&cases.folder.path().join("base"), &dir);
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_process_that_is_killed", "--ignored", "--nocapture"])
            .env("CHANCERY_TEST_DIR", &dir)
            .env("CHANCERY_TEST_DIE_AT", at.to_string())
            .output()
            .unwrap();
        let signal = std::os::unix::process::ExitStatusExt::signal(&status.status);
        assert_eq!(signal, Some(9), "{}", String::from_utf8_lossy(&status.stdout));
        let seen = look(&dir);
        if seen == cases.old {
            olds += 1;
        } else {
            assert_eq!(seen, cases.new, "killed at {at}");
            news += 1;
        }
    }
    assert!(olds > 0 && news > 0, "{olds} old, {news} new");
}

#[test]
#[ignore = "run, and killed, by the test above"]
fn the_process_that_is_killed() {
    let dir = std::env::var("CHANCERY_TEST_DIR").expect("the test above says where");
    let at = std::env::var("CHANCERY_TEST_DIE_AT").unwrap().parse().unwrap();
    let (done, _) = run(Path::new(&dir), at, |_| {
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
        unreachable!("killed")
    });
    panic!("not killed: {done:?}");
}
