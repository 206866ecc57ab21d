//! What one process decides acts in the others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

mod common;

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use chancery_policy::Capability;
use chancery_skills::{Approval, Ask, GrantsOf, InstallOptions, Terms};
use common::{House, READ, key, manifest, path, signed};
use serde_json::json;

fn house(dir: &Path) -> House {
    let house = House::in_dir(dir);
    house.trust(1);
    let requests = [("fs:read", json!({ "paths": ["/a"] }))];
    house
        .install(&signed(&manifest("s", "1.0.0", &requests), &key(1)))
        .unwrap();
    house
}

#[test]
fn a_revocation_by_another_process_acts_on_the_next_check() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path());
    let enforcer = house.enforcer();
    enforcer.check("s", READ, &path("/a/x")).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_process_that_revokes", "--ignored", "--nocapture"])
        .env("CHANCERY_TEST_DIR", folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    enforcer.check("s", READ, &path("/a/x")).unwrap_err();
}

#[test]
#[ignore = "run by the test above, as another process"]
fn the_process_that_revokes() {
    let dir = std::env::var("CHANCERY_TEST_DIR").expect("the test above says where");
    let house = House::in_dir(Path::new(&dir));
    assert_eq!(house.skills.revoke_grants(&GrantsOf::Skill("s".to_owned())).unwrap(), 1);
}

#[test]
fn a_grant_by_another_handle_acts_on_the_next_check() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path());
    let other = house.again(folder.path(), 3);
    let enforcer = other.enforcer();
    enforcer.check("s", READ, &path("/a/x")).unwrap();
    assert!(house.skills.remove("s").unwrap());
    enforcer.check("s", READ, &path("/a/x")).unwrap_err();
    let requests = [("fs:read", json!({ "paths": ["/a"] }))];
    house
        .install(&signed(&manifest("s", "1.1.0", &requests), &key(1)))
        .unwrap();
    enforcer.check("s", READ, &path("/a/x")).unwrap();
}

#[test]
fn a_change_that_nobody_announced_acts_within_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path());
    let enforcer = house.enforcer();
    enforcer.check("s", READ, &path("/a/x")).unwrap();
    // as if a process had died between its commit and its announcement
    chancery_store::rusqlite::Connection::open(folder.path().join("skills.db"))
        .unwrap()
        .execute("UPDATE grants SET revoked_at = 1, signature = NULL", [])
        .unwrap();
    let since = Instant::now();
    while enforcer.check("s", READ, &path("/a/x")).is_ok() {
        assert!(since.elapsed() < Duration::from_secs(1), "still allowed after a second");
        std::thread::yield_now();
    }
}

#[test]
fn uses_of_all_processes_count_together() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::in_dir(folder.path());
    house.trust(1);
    let approve = |_: &Ask| Approval::Grant {
        terms: Terms {
            max_uses: Some(10),
            ..Terms::default()
        },
        only: None,
    };
    let package = signed(
        &manifest("s", "1.0.0", &[("env:read", json!({ "names": ["HOME"] }))]),
        &key(1),
    );
    house
        .install_with(&package, &InstallOptions::default(), &approve)
        .unwrap();
    let others = [house.again(folder.path(), 3), house.again(folder.path(), 4)];
    let home = chancery_policy::Context {
        name: Some("HOME"),
        ..chancery_policy::Context::default()
    };
    let allowed = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for other in &others {
            scope.spawn(|| {
                for _ in 0..10 {
                    if other.enforcer().check("s", Capability::EnvRead, &home).is_ok() {
                        allowed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(allowed.into_inner(), 10);
    // and they survive a restart
    let again = house.again(folder.path(), 5);
    assert_eq!(again.skills.grants("s").unwrap()[0].used, 10);
    again.enforcer().check("s", Capability::EnvRead, &home).unwrap_err();
}

#[test]
fn everything_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    drop(house(folder.path()));
    let house = House::in_dir(folder.path());
    house.enforcer().check("s", READ, &path("/a/x")).unwrap();
    assert_eq!(house.skills.load("s").unwrap().manifest.version().to_string(), "1.0.0");
    assert_eq!(house.skills.publishers().unwrap().len(), 1);
    assert_eq!(house.skills.pin("s").unwrap().unwrap().highest, "1.0.0");
}

#[test]
fn files_are_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("skills");
    let _house = house(&dir);
    let mut waiting = vec![dir];
    while let Some(path) = waiting.pop() {
        let found = std::fs::metadata(&path).unwrap();
        assert_eq!(found.permissions().mode() & 0o077, 0, "{}", path.display());
        if found.is_dir() {
            waiting.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
}
