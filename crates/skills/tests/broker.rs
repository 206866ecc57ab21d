//! Files are judged by what opens, programs by what runs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

mod common;

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};

use chancery_policy::{Capability, DenialReason, Dimension};
use chancery_skills::{BrokerError, EntryKind, FileBroker, GrantRequest, SkillsError, Write};
use common::{House, READ, executable, key, manifest, path, permission, signed};
use serde_json::{Value, json};

struct Tree {
    _folder: tempfile::TempDir,
    root: PathBuf,
    inside: PathBuf,
    house: House,
    broker: FileBroker,
}

/// `inside/` is granted for reading and writing, `outside/` is not.
fn tree() -> Tree {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let (inside, outside) = (root.join("inside"), root.join("outside"));
    fs::create_dir(&inside).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(inside.join("a"), "inside").unwrap();
    fs::write(outside.join("a"), "OUTSIDE").unwrap();
    let house = with(&[
        ("fs:read", json!({ "paths": [inside.to_str().unwrap()] })),
        ("fs:write", json!({ "paths": [inside.to_str().unwrap()] })),
    ]);
    let broker = FileBroker::new(&house.skills);
    Tree {
        _folder: folder,
        root,
        inside,
        house,
        broker,
    }
}

fn with(requests: &[(&str, Value)]) -> House {
    let house = House::in_memory();
    house.trust(1);
    house
        .install(&signed(&manifest("s", "1.0.0", requests), &key(1)))
        .unwrap();
    house
}

impl Tree {
    fn path(&self, name: &str) -> String {
        self.inside.join(name).to_str().unwrap().to_owned()
    }

    fn read(&self, name: &str) -> Result<String, BrokerError> {
        let mut text = String::new();
        let mut opened = self.broker.open_read("s", None, &self.path(name))?;
        opened.file.read_to_string(&mut text).unwrap();
        Ok(text)
    }
}

fn is_outside(error: &BrokerError) -> bool {
    matches!(error, BrokerError::Denied(denial) if matches!(denial.reason, DenialReason::Outside(Dimension::Path, _)))
}

#[test]
fn what_is_inside_opens_and_what_leads_out_does_not() {
    let tree = tree();
    assert_eq!(tree.read("a").unwrap(), "inside");
    assert_eq!(tree.read("./sub/../a").unwrap(), "inside");
    symlink("a", tree.inside.join("near")).unwrap();
    assert_eq!(tree.read("near").unwrap(), "inside");
    symlink("../outside/a", tree.inside.join("up")).unwrap();
    symlink(tree.root.join("outside/a"), tree.inside.join("absolute")).unwrap();
    symlink(&tree.inside, tree.inside.join("itself")).unwrap();
    symlink("/proc/self/root/etc/passwd", tree.inside.join("magic")).unwrap();
    for name in ["up", "absolute", "itself/a", "magic", "../outside/a"] {
        let error = tree.read(name).unwrap_err();
        assert!(is_outside(&error), "{name}: {error}");
    }
    let error = tree.read("not-there").unwrap_err();
    assert!(matches!(&error, BrokerError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound));
}

#[test]
fn what_is_no_file_does_not_open_for_reading() {
    let tree = tree();
    let pipe = tree.inside.join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(tree.inside.join("socket")).unwrap();
    fs::create_dir(tree.inside.join("sub")).unwrap();
    for name in ["pipe", "socket", "sub"] {
        tree.read(name).unwrap_err();
    }
}

#[test]
fn a_new_file_is_created_once_and_not_through_a_link() {
    let tree = tree();
    let mut writing = tree
        .broker
        .open_write("s", None, &tree.path("new"), Write::Create)
        .unwrap();
    writing.file().write_all(b"text").unwrap();
    writing.finish().unwrap();
    assert_eq!(fs::read(tree.inside.join("new")).unwrap(), b"text");
    // once
    tree.broker
        .open_write("s", None, &tree.path("new"), Write::Create)
        .unwrap_err();
    // a link that leads to what is not there would make it
    symlink(tree.root.join("outside/made"), tree.inside.join("trap")).unwrap();
    tree.broker
        .open_write("s", None, &tree.path("trap"), Write::Create)
        .unwrap_err();
    assert!(!tree.root.join("outside/made").exists());
    // and a directory that is a link leads out
    symlink(tree.root.join("outside"), tree.inside.join("dir")).unwrap();
    let error = tree
        .broker
        .open_write("s", None, &tree.path("dir/made"), Write::Create)
        .unwrap_err();
    assert!(is_outside(&error), "{error}");
}

#[test]
fn a_replacement_takes_its_place_whole_or_not_at_all() {
    let tree = tree();
    fs::set_permissions(tree.inside.join("a"), fs::Permissions::from_mode(0o640)).unwrap();
    let replace = |name: &str| {
        tree.broker
            .open_write("s", None, &tree.path(name), Write::Replace)
            .unwrap()
    };
    let mut dropped = replace("a");
    dropped.file().write_all(b"half").unwrap();
    drop(dropped);
    assert_eq!(fs::read(tree.inside.join("a")).unwrap(), b"inside");
    assert_eq!(fs::read_dir(&tree.inside).unwrap().count(), 1, "nothing is left behind");
    let mut writing = replace("a");
    writing.file().write_all(b"whole").unwrap();
    assert_eq!(fs::read(tree.inside.join("a")).unwrap(), b"inside");
    writing.finish().unwrap();
    assert_eq!(fs::read(tree.inside.join("a")).unwrap(), b"whole");
    let mode = fs::metadata(tree.inside.join("a")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o640);
    // a link is replaced and not followed
    symlink(tree.root.join("outside/a"), tree.inside.join("link")).unwrap();
    let mut writing = replace("link");
    writing.file().write_all(b"mine").unwrap();
    writing.finish().unwrap();
    assert_eq!(fs::read(tree.root.join("outside/a")).unwrap(), b"OUTSIDE");
    assert_eq!(fs::read(tree.inside.join("link")).unwrap(), b"mine");
}

#[test]
fn a_directory_is_listed_when_it_is_inside() {
    let tree = tree();
    fs::create_dir(tree.inside.join("sub")).unwrap();
    symlink(tree.root.join("outside"), tree.inside.join("out")).unwrap();
    let mut entries: Vec<(String, EntryKind)> = tree
        .broker
        .list("s", None, tree.inside.to_str().unwrap())
        .unwrap()
        .into_iter()
        .map(|entry| (entry.name.into_string().unwrap(), entry.kind))
        .collect();
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        ("a", EntryKind::File),
        ("out", EntryKind::Link),
        ("sub", EntryKind::Directory),
    ];
    assert_eq!(entries, expected.map(|(name, kind)| (name.to_owned(), kind)));
    assert!(is_outside(&tree.broker.list("s", None, &tree.path("out")).unwrap_err()));
    tree.broker
        .list("s", None, tree.root.join("outside").to_str().unwrap())
        .unwrap_err();
}

#[test]
fn reading_gives_no_writing() {
    let folder = tempfile::tempdir().unwrap();
    let granted = folder.path().canonicalize().unwrap();
    fs::write(granted.join("a"), "a").unwrap();
    let house = with(&[("fs:read", json!({ "paths": [granted.to_str().unwrap()] }))]);
    let broker = FileBroker::new(&house.skills);
    let a = granted.join("a");
    broker
        .open_write("s", None, a.to_str().unwrap(), Write::Replace)
        .unwrap_err();
    let mut opened = broker.open_read("s", None, a.to_str().unwrap()).unwrap();
    opened.file.write_all(b"x").unwrap_err();
}

#[test]
fn a_grant_for_one_file_gives_that_file() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().canonicalize().unwrap();
    fs::write(dir.join("notes"), "notes").unwrap();
    fs::write(dir.join("other"), "other").unwrap();
    let house = with(&[("fs:read", json!({ "paths": [dir.join("notes").to_str().unwrap()] }))]);
    let broker = FileBroker::new(&house.skills);
    let open = |name: &str| broker.open_read("s", None, dir.join(name).to_str().unwrap());
    open("notes").unwrap();
    open("other").unwrap_err();
    // another file in its place is the file of that name; a link to another is not
    fs::remove_file(dir.join("notes")).unwrap();
    symlink("other", dir.join("notes")).unwrap();
    assert!(is_outside(&open("notes").unwrap_err()));
}

#[test]
fn another_directory_in_the_place_of_the_granted_one_is_denied() {
    let tree = tree();
    let folder = tempfile::tempdir().unwrap();
    drop(folder);
    assert_eq!(tree.read("a").unwrap(), "inside");
    // the directory that is open stays the one that was granted, wherever it goes
    fs::rename(&tree.inside, tree.root.join("moved")).unwrap();
    fs::rename(tree.root.join("outside"), &tree.inside).unwrap();
    assert_eq!(tree.read("a").unwrap(), "inside");
    // who opens it anew finds another
    let text = tree.inside.to_str().unwrap().to_owned();
    let requests = [("fs:read", json!({ "paths": [text] }))];
    let other = House::in_memory();
    other.trust(1);
    other
        .install(&signed(&manifest("s", "1.0.0", &requests), &key(1)))
        .unwrap();
    fs::rename(&tree.inside, tree.root.join("once-more")).unwrap();
    fs::rename(tree.root.join("moved"), &tree.inside).unwrap();
    let denial = other.enforcer().check("s", READ, &path(&tree.path("a"))).unwrap_err();
    assert_eq!(denial.reason, DenialReason::Changed(Dimension::Path));
    // and the owner can grant what is there now
    let request = GrantRequest::new("s", permission("fs:read", &json!({ "paths": [text] })));
    other.skills.grant(&other.owner, &request).unwrap();
    other.enforcer().check("s", READ, &path(&tree.path("a"))).unwrap();
}

#[test]
fn a_path_that_was_not_there_is_not_pointed_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().canonicalize().unwrap();
    let later = dir.join("later");
    let house = with(&[("fs:read", json!({ "paths": [later.to_str().unwrap()] }))]);
    let enforcer = house.enforcer();
    let file = later.join("hostname");
    let check = || enforcer.check("s", READ, &path(file.to_str().unwrap()));
    check().unwrap();
    symlink("/etc", &later).unwrap();
    check().unwrap_err();
    fs::remove_file(&later).unwrap();
    fs::create_dir(&later).unwrap();
    fs::write(&file, "mine").unwrap();
    check().unwrap();
    FileBroker::new(&house.skills)
        .open_read("s", None, file.to_str().unwrap())
        .unwrap();
}

#[test]
fn the_kernels_own_files_need_a_grant_of_their_own() {
    let house = with(&[("fs:read", json!({ "paths": ["/"] }))]);
    let broker = FileBroker::new(&house.skills);
    broker.open_read("s", None, "/etc/passwd").unwrap();
    for file in ["/proc/self/status", "/proc/version", "/sys/kernel/ostype", "/dev/null"] {
        let error = broker.open_read("s", None, file).unwrap_err();
        assert!(matches!(error, BrokerError::Denied(_)), "{file}: {error}");
    }
    // nor by a link that stays below /
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().canonicalize().unwrap();
    let up = "../".repeat(dir.components().count());
    symlink(format!("{up}proc/version"), dir.join("version")).unwrap();
    symlink(format!("{up}dev/null"), dir.join("null")).unwrap();
    for name in ["version", "null"] {
        let error = broker
            .open_read("s", None, dir.join(name).to_str().unwrap())
            .unwrap_err();
        assert!(is_outside(&error), "{name}: {error}");
    }
    let house = with(&[("fs:read", json!({ "paths": ["/proc/version"] }))]);
    let broker = FileBroker::new(&house.skills);
    broker.open_read("s", None, "/proc/version").unwrap();
}

/// How many times the directory is swapped: 10^5, or what `CHANCERY_RACE_SWAPS` says.
fn swaps() -> usize {
    std::env::var("CHANCERY_RACE_SWAPS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(100_000)
}

#[test]
fn no_byte_from_outside_while_a_directory_becomes_a_link_and_back() {
    let tree = tree();
    let (real, link) = (tree.inside.join("real"), tree.inside.join("spare"));
    let name = tree.inside.join("dir");
    fs::create_dir(&real).unwrap();
    fs::write(real.join("a"), "inside").unwrap();
    symlink(tree.root.join("outside"), &link).unwrap();
    fs::rename(&real, &name).unwrap();
    let done = AtomicBool::new(false);
    let (read, denied) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..swaps() {
                // in one step, so that the name always means something
                rustix::fs::renameat_with(
                    rustix::fs::CWD,
                    &name,
                    rustix::fs::CWD,
                    &link,
                    rustix::fs::RenameFlags::EXCHANGE,
                )
                .unwrap();
            }
            done.store(true, Relaxed);
        });
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    match tree.read("dir/a") {
                        Ok(text) => {
                            assert_eq!(text, "inside");
                            read.fetch_add(1, Relaxed);
                        }
                        Err(error) => {
                            assert!(is_outside(&error), "{error}");
                            denied.fetch_add(1, Relaxed);
                        }
                    }
                    let created = tree.broker.open_write("s", None, &tree.path("dir/made"), Write::Create);
                    drop(created);
                }
            });
        }
    });
    assert!(!tree.root.join("outside/made").exists());
    println!("read {}, denied {}", read.load(Relaxed), denied.load(Relaxed));
    assert!(read.into_inner() > 0 && denied.into_inner() > 0, "both were met");
}

fn script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_program_is_the_bytes_that_were_granted() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().canonicalize().unwrap().join("program");
    script(&program, "#!/bin/sh\necho one\n");
    let name = program.to_str().unwrap();
    let house = with(&[("process:spawn", json!({ "executables": [name] }))]);
    let enforcer = house.enforcer();
    let check = || enforcer.check("s", Capability::ProcessSpawn, &executable(name));
    check().unwrap();
    let opened = enforcer.open_program("s", None, name).unwrap();
    assert_eq!(opened.path.as_str(), name);
    script(&program, "#!/bin/sh\necho two\n");
    assert_eq!(
        check().unwrap_err().reason,
        DenialReason::Changed(Dimension::Executable)
    );
    fs::remove_file(&program).unwrap();
    assert_eq!(
        check().unwrap_err().reason,
        DenialReason::Changed(Dimension::Executable)
    );
    script(&program, "#!/bin/sh\necho one\n");
    check().unwrap();
}

#[test]
fn a_bare_name_is_looked_up_where_it_was_granted_and_not_in_path() {
    let house = with(&[("process:spawn", json!({ "executables": ["true"] }))]);
    let program = house.enforcer().open_program("s", None, "true").unwrap();
    assert!(
        chancery_skills::SEARCH_PATH
            .iter()
            .any(|folder| program.path.as_str() == format!("{folder}/true"))
    );
    let enforcer = house.enforcer();
    for other in ["./true", "TRUE", "true ", "/tmp/true", "false"] {
        enforcer
            .check("s", Capability::ProcessSpawn, &executable(other))
            .unwrap_err();
    }
}

#[test]
fn a_program_that_the_skill_may_write_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().canonicalize().unwrap();
    fs::create_dir(dir.join("bin")).unwrap();
    let program = dir.join("bin/program");
    script(&program, "#!/bin/sh\n");
    // reached by a link from elsewhere: it is the same file
    symlink(dir.join("bin"), dir.join("link")).unwrap();
    let through = dir.join("link/program");
    for name in [program.to_str().unwrap(), through.to_str().unwrap()] {
        let house = House::in_memory();
        house.trust(1);
        let requests = [
            ("process:spawn", json!({ "executables": [name] })),
            ("fs:write", json!({ "paths": [dir.join("bin").to_str().unwrap()] })),
        ];
        house
            .install_with(
                &signed(&manifest("s", "1.0.0", &requests), &key(1)),
                &chancery_skills::InstallOptions::default(),
                &chancery_skills::ApproveNone,
            )
            .unwrap();
        let grant = |capability: &str, constraints: Value| {
            let request = GrantRequest::new("s", permission(capability, &constraints));
            house.skills.grant(&house.owner, &request)
        };
        grant("process:spawn", json!({ "executables": [name] })).unwrap();
        let enforcer = house.enforcer();
        enforcer
            .check("s", Capability::ProcessSpawn, &executable(name))
            .unwrap();
        grant("fs:write", json!({ "paths": [dir.join("bin").to_str().unwrap()] })).unwrap();
        let denial = enforcer
            .check("s", Capability::ProcessSpawn, &executable(name))
            .unwrap_err();
        assert_eq!(denial.reason, DenialReason::Writable);
        // nor is it granted
        let refused = grant("process:spawn", json!({ "executables": [name] })).unwrap_err();
        assert!(matches!(refused, SkillsError::Writable { .. }), "{refused}");
    }
}

#[test]
fn hosts_are_judged_by_scheme_name_and_port() {
    let hosts = [
        "api.github.com",
        "*.example.org",
        "internal.example:8443",
        "10.0.0.0/8",
        "b\u{fc}cher.example",
    ];
    let house = with(&[("net:https", json!({ "hosts": hosts }))]);
    let enforcer = house.enforcer();
    let check = |capability, text: &str| enforcer.check("s", capability, &common::host(text)).is_ok();
    for host in [
        "api.github.com",
        "API.GitHub.com",
        "api.github.com.",
        "api.github.com:443",
        "a.example.org",
        "a.b.example.org",
        "internal.example:8443",
        "10.1.2.3",
        "0x0a.1.2.3",
        "xn--bcher-kva.example",
    ] {
        assert!(check(Capability::NetHttps, host), "{host}");
    }
    for host in [
        "github.com",
        "evil.api.github.com",
        "api.github.com:8443",
        "api.github.com.evil.example",
        "example.org",
        "internal.example",
        "11.0.0.1",
        "user@api.github.com",
        "api.github.com/x",
    ] {
        assert!(!check(Capability::NetHttps, host), "{host}");
    }
    assert!(!check(Capability::NetHttp, "api.github.com"));
}

#[test]
fn what_a_name_resolves_to_is_judged_again() {
    let house = with(&[("net:https", json!({ "hosts": ["api.github.com", "10.1.0.0/16"] }))]);
    let enforcer = house.enforcer();
    let check = |text: &str| {
        enforcer
            .check_address("s", Capability::NetHttps, text.parse().unwrap())
            .is_ok()
    };
    for address in ["140.82.112.5", "2606:4700::1", "10.1.2.3"] {
        assert!(check(address), "{address}");
    }
    for address in [
        "127.0.0.1",
        "::1",
        "10.2.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::ffff:127.0.0.1",
        "fe80::1",
        "fd00::1",
    ] {
        assert!(!check(address), "{address}");
    }
    assert!(
        enforcer
            .check_address("s", Capability::NetHttp, "10.1.2.3".parse().unwrap())
            .is_err()
    );
}

#[test]
fn a_descriptor_is_known_by_its_grant_and_ends_with_it() {
    let tree = tree();
    let opened = tree.broker.open_read("s", None, &tree.path("a")).unwrap();
    let enforcer = tree.house.enforcer();
    assert!(enforcer.is_in_force("s", opened.grant));
    tree.house
        .skills
        .revoke_grants(&chancery_skills::GrantsOf::Id(opened.grant))
        .unwrap();
    assert!(!enforcer.is_in_force("s", opened.grant));
    tree.read("a").unwrap_err();
}
