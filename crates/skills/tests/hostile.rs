//! Ways around what the owner decided, each of which once led somewhere.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

mod common;

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, symlink},
    sync::Arc,
};

use chancery_base::{Clock as _, Millis};
use chancery_manifest::{Envelope, RevocationList, Rotation};
use chancery_policy::{Capability, Context, DenialReason, Dimension, Request, Resource};
use chancery_skills::{
    Approval, ApproveAll, ApproveNone, Ask, BrokerError, CapabilityRegistry, Example, FileBroker, GrantRequest,
    InstallError, InstallOptions, Revoked, Skills, SkillsError, Terms, TrustRequest, Write,
};
use chancery_store::rusqlite::Connection;
use common::{House, READ, executable, host, key, keyid, legacy_signed, manifest, path, permission, signed};
use serde_json::{Value, json};

fn paths(paths: &[&str]) -> (&'static str, Value) {
    ("fs:read", json!({ "paths": paths }))
}

fn house() -> House {
    let house = House::in_memory();
    house.trust(1);
    house
}

fn list(sequence: u64, at: Millis, keys: Vec<chancery_manifest::KeyId>) -> Envelope {
    let list = RevocationList {
        sequence,
        issued: at,
        expires: at.plus(86_400_000),
        keys,
        manifests: Vec::new(),
        skills: Vec::new(),
    };
    Envelope::sign(&list, &[&key(1)]).unwrap()
}

fn handing_over(from: u8, to: u8, at: Millis) -> InstallOptions {
    let statement = Rotation {
        from: key(from).public(),
        to: key(to).public(),
        skills: Vec::new(),
        issued: at,
        reason: None,
    };
    InstallOptions {
        rotation: Some(Envelope::sign(&statement, &[&key(from), &key(to)]).unwrap()),
        ..InstallOptions::default()
    }
}

#[test]
fn a_key_that_its_own_list_revoked_does_not_come_back_by_its_next_list() {
    let house = house();
    house
        .install(&signed(&manifest("s", "1.0.0", &[paths(&["/a"])]), &key(1)))
        .unwrap();
    let now = house.clock.now();
    house.skills.accept_revocations(&list(1, now, vec![keyid(1)])).unwrap();
    let denied = || house.enforcer().check("s", READ, &path("/a/x")).unwrap_err().reason;
    assert_eq!(denied(), DenialReason::Revoked);
    // whoever stole the key can sign lists, too
    let taken = house.skills.accept_revocations(&list(2, now, Vec::new()));
    assert!(matches!(taken, Err(SkillsError::UntrustedList)), "{taken:?}");
    assert_eq!(denied(), DenialReason::Revoked);
}

#[test]
fn a_key_that_was_revoked_here_takes_nothing_back_by_a_list() {
    let house = house();
    let now = house.clock.now();
    house.skills.accept_revocations(&list(1, now, Vec::new())).unwrap();
    let keyid = keyid(1).to_string();
    house.skills.revoke(Revoked::Key { keyid }, "stolen").unwrap();
    let taken = house.skills.accept_revocations(&list(2, now, Vec::new()));
    assert!(matches!(taken, Err(SkillsError::UntrustedList)), "{taken:?}");
}

#[test]
fn a_key_that_is_trusted_no_longer_hands_nothing_over() {
    let house = house();
    house.install(&signed(&manifest("s", "1.0.0", &[]), &key(1))).unwrap();
    house.skills.untrust(&keyid(1)).unwrap();
    let next = signed(&manifest("s", "1.1.0", &[]), &key(3));
    let options = handing_over(1, 3, house.clock.now());
    let error = house.install_with(&next, &options, &ApproveAll).unwrap_err();
    assert!(matches!(error, InstallError::Rotation { .. }), "{error}");
}

#[test]
fn a_key_whose_time_is_over_hands_nothing_over() {
    let house = House::in_memory();
    let request = TrustRequest {
        key: key(1).public(),
        label: "for a day".to_owned(),
        scopes: vec!["s".to_owned()],
        source: "test".to_owned(),
        not_after: Some(house.clock.now().plus(86_400_000)),
    };
    house.skills.trust(&house.owner, &request).unwrap();
    house.install(&signed(&manifest("s", "1.0.0", &[]), &key(1))).unwrap();
    let next = signed(&manifest("s", "1.1.0", &[]), &key(3));
    let options = handing_over(1, 3, house.clock.now());
    house.skills.plan(&next, &options).unwrap();
    house.clock.advance(86_400_000);
    let error = house.install_with(&next, &options, &ApproveAll).unwrap_err();
    assert!(matches!(error, InstallError::Rotation { .. }), "{error}");
}

#[test]
fn a_key_that_handed_back_does_not_take_over_again_by_its_old_statement() {
    let house = house();
    house.install(&signed(&manifest("s", "1.0.0", &[]), &key(1))).unwrap();
    let first = handing_over(1, 3, house.clock.now());
    let install = |version: &str, n: u8, options: &InstallOptions| {
        let package = signed(&manifest("s", version, &[]), &key(n));
        house.install_with(&package, options, &ApproveAll)
    };
    install("1.1.0", 3, &first).unwrap();
    house.clock.advance(1000);
    install("1.2.0", 1, &handing_over(3, 1, house.clock.now())).unwrap();
    house.clock.advance(1000);
    let error = install("1.3.0", 3, &first).unwrap_err();
    assert!(matches!(error, InstallError::Rotation { .. }), "{error}");
    // what comes between does not make it forgotten
    install("1.3.0", 1, &InstallOptions::default()).unwrap();
    let error = install("1.4.0", 3, &first).unwrap_err();
    assert!(matches!(error, InstallError::Rotation { .. }), "{error}");
    install("1.4.0", 3, &handing_over(1, 3, house.clock.now())).unwrap();
}

#[test]
fn two_keys_of_one_skill_hand_over_in_any_order() {
    let house = house();
    house.trust(2);
    let both = InstallOptions {
        threshold: std::num::NonZeroUsize::new(2).unwrap(),
        ..InstallOptions::default()
    };
    let install = |version: &str, keys: [u8; 2], options: &InstallOptions| {
        let package = common::signed_by(&manifest("s", version, &[]), &[&key(keys[0]), &key(keys[1])]);
        house.install_with(&package, options, &ApproveAll)
    };
    install("1.0.0", [1, 2], &both).unwrap();
    let earlier = handing_over(2, 4, house.clock.now());
    house.clock.advance(1000);
    let later = handing_over(1, 3, house.clock.now());
    install("1.1.0", [3, 2], &later).unwrap();
    install("1.2.0", [3, 4], &earlier).unwrap();
}

#[test]
fn what_was_signed_as_a_whole_is_not_replaced_by_what_is_signed_in_part() {
    let house = house();
    house.install(&signed(&manifest("s", "1.0.0", &[]), &key(1))).unwrap();
    // the same publisher, for the original: nested members are anybody's
    let partial = legacy_signed(&manifest("s", "1.1.0", &[paths(&["/a"])]), &key(1));
    let error = house
        .install_with(&partial, &InstallOptions::seed(), &ApproveAll)
        .unwrap_err();
    assert!(matches!(error, InstallError::Partial { .. }), "{error}");
    // nor after a removal
    house.skills.remove("s").unwrap();
    let error = house
        .install_with(&partial, &InstallOptions::seed(), &ApproveAll)
        .unwrap_err();
    assert!(matches!(error, InstallError::Partial { .. }), "{error}");
}

#[test]
fn a_link_where_the_skill_may_write_leads_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let (project, secret) = (root.join("project"), root.join("secret"));
    fs::create_dir(&project).unwrap();
    fs::create_dir(&secret).unwrap();
    fs::write(secret.join("key"), "SECRET").unwrap();
    // a program of the skill, or an archive that it unpacked, left this
    let cache = project.join("cache");
    symlink(&secret, &cache).unwrap();
    let house = house();
    let requests = [
        ("fs:write", json!({ "paths": [project.to_str().unwrap()] })),
        ("fs:read", json!({ "paths": [cache.to_str().unwrap()] })),
    ];
    house
        .install(&signed(&manifest("s", "1.0.0", &requests), &key(1)))
        .unwrap();
    let inside = cache.join("key");
    let inside = inside.to_str().unwrap();
    let opened = FileBroker::new(&house.skills).open_read("s", None, inside);
    assert!(
        matches!(&opened, Err(BrokerError::Denied(denial)) if denial.reason == DenialReason::Changed(Dimension::Path)),
        "{opened:?}"
    );
    house.enforcer().check("s", READ, &path(inside)).unwrap_err();
}

#[test]
fn a_link_of_the_owner_is_followed_also_where_the_skill_may_write_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    fs::create_dir_all(root.join("disk/data/sub")).unwrap();
    fs::write(root.join("disk/data/sub/a"), "mine").unwrap();
    let data = root.join("data");
    symlink(root.join("disk/data"), &data).unwrap();
    let house = house();
    let (data, sub) = (data.to_str().unwrap(), data.join("sub"));
    let requests = [
        ("fs:write", json!({ "paths": [data] })),
        ("fs:read", json!({ "paths": [data, sub.to_str().unwrap()] })),
    ];
    house
        .install(&signed(&manifest("s", "1.0.0", &requests), &key(1)))
        .unwrap();
    let file = sub.join("a");
    let broker = FileBroker::new(&house.skills);
    broker.open_read("s", None, file.to_str().unwrap()).unwrap();
}

#[test]
fn what_the_engine_keeps_is_no_file_of_a_skill() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().canonicalize().unwrap();
    let state = home.join("state");
    let house = House::in_dir(&state);
    house.trust(1);
    let requests = [
        ("fs:write", json!({ "paths": [home.to_str().unwrap()] })),
        ("fs:read", Value::Null),
    ];
    house
        .install(&signed(&manifest("s", "1.0.0", &requests), &key(1)))
        .unwrap();
    fs::write(state.join("owner.pub"), "key").unwrap();
    fs::write(home.join("note"), "note").unwrap();
    symlink(&state, home.join("link")).unwrap();
    let broker = FileBroker::new(&house.skills);
    let at = |relative: &str| home.join(relative).to_str().unwrap().to_owned();
    for file in ["state/owner.pub", "state/skills.db", "link/owner.pub"] {
        let written = broker.open_write("s", None, &at(file), Write::Replace);
        assert!(matches!(written, Err(BrokerError::Denied(_))), "{file}: {written:?}");
        let read = broker.open_read("s", None, &at(file));
        assert!(matches!(read, Err(BrokerError::Denied(_))), "{file}: {read:?}");
    }
    assert!(matches!(
        broker.list("s", None, &at("state")),
        Err(BrokerError::Denied(_))
    ));
    broker
        .open_write("s", None, &at("note"), Write::Replace)
        .unwrap()
        .finish()
        .unwrap();
    broker.open_read("s", None, &at("note")).unwrap();
}

#[test]
fn an_engine_whose_database_was_replaced_allows_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::in_dir(folder.path());
    house.trust(1);
    house
        .install(&signed(&manifest("s", "1.0.0", &[paths(&["/a"])]), &key(1)))
        .unwrap();
    let enforcer = house.enforcer();
    enforcer.check("s", READ, &path("/a/x")).unwrap();
    let at = |name: &str| folder.path().join(name);
    Connection::open(at("skills.db"))
        .unwrap()
        .execute("VACUUM INTO ?1", [at("copy").to_str().unwrap()])
        .unwrap();
    for beside in ["skills.db-wal", "skills.db-shm"] {
        let _ = fs::remove_file(at(beside));
    }
    fs::rename(at("copy"), at("skills.db")).unwrap();
    // the owner takes back, in the file that is there now
    let other = house.again(folder.path(), 3);
    let keyid = keyid(1).to_string();
    other.skills.revoke(Revoked::Key { keyid }, "stolen").unwrap();
    let denial = enforcer.check("s", READ, &path("/a/x")).unwrap_err();
    assert_eq!(denial.reason, DenialReason::Unverified);
}

#[test]
fn a_directory_that_others_may_write_to_keeps_no_state() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::in_dir(folder.path());
    for mode in [0o777, 0o720, 0o702] {
        fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
        let opened = Skills::open(folder.path(), House::settings(&house.clock));
        assert!(matches!(opened, Err(SkillsError::Io { .. })), "{mode:o}: {opened:?}");
    }
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    Skills::open(folder.path(), House::settings(&house.clock)).unwrap();
}

#[test]
fn a_stranger_among_the_content_hinders_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::in_dir(folder.path());
    house.trust(1);
    fs::create_dir_all(folder.path().join("blobs/sha256/lost+found/x")).unwrap();
    let again = house.again(folder.path(), 3);
    again.install(&signed(&manifest("s", "1.0.0", &[]), &key(1))).unwrap();
    again.skills.load("s").unwrap();
}

#[test]
fn a_grant_for_a_session_gives_no_address_to_another() {
    let house = house();
    let requests = [("net:https", json!({ "hosts": ["api.example.com", "10.1.2.3"] }))];
    let package = signed(&manifest("s", "1.0.0", &requests), &key(1));
    house
        .install_with(&package, &InstallOptions::default(), &ApproveNone)
        .unwrap();
    let grant = |hosts: &str, session: Option<&str>| {
        let request = GrantRequest {
            terms: Terms {
                session_id: session.map(str::to_owned),
                ..Terms::default()
            },
            ..GrantRequest::new("s", permission("net:https", &json!({ "hosts": [hosts] })))
        };
        house.skills.grant(&house.owner, &request).unwrap();
    };
    grant("api.example.com", None);
    grant("10.1.2.3", Some("one"));
    let enforcer = house.enforcer();
    enforcer
        .check_in("s", Some("two"), Capability::NetHttps, &host("api.example.com"))
        .unwrap();
    let address = "10.1.2.3".parse().unwrap();
    let check = |session| enforcer.check_address_in("s", session, Capability::NetHttps, address);
    check(Some("two")).unwrap_err();
    check(None).unwrap_err();
    enforcer.check_address("s", Capability::NetHttps, address).unwrap_err();
    check(Some("one")).unwrap();
}

/// A skill with a tool that reads a variable, on `terms`.
fn with_terms(terms: Terms) -> House {
    let house = house();
    let mut manifest = manifest("s", "1.0.0", &[("env:read", json!({ "names": ["HOME"] }))]);
    manifest["tools"] = json!([{ "name": "tell", "description": "Tell.", "requires": [0],
        "parameters": { "type": "object", "properties": {} } }]);
    let approve = move |_: &Ask| Approval::Grant {
        terms: terms.clone(),
        only: None,
    };
    house
        .install_with(&signed(&manifest, &key(1)), &InstallOptions::default(), &approve)
        .unwrap();
    house
}

#[test]
fn trying_out_says_what_a_check_says_about_the_terms_of_a_grant() {
    let tell = [Example::Tool {
        tool: "tell".to_owned(),
        arguments: json!({}),
    }];
    let home = Context {
        name: Some("HOME"),
        ..Context::default()
    };
    let end = common::FakeClock::new().now().plus(1000);
    let over = with_terms(Terms {
        expires_at: Some(end),
        ..Terms::default()
    });
    over.clock.advance(1000);
    let used_up = with_terms(Terms::once());
    used_up.enforcer().check("s", Capability::EnvRead, &home).unwrap();
    let elsewhere = with_terms(Terms {
        session_id: Some("one".to_owned()),
        ..Terms::default()
    });
    for house in [&over, &used_up, &elsewhere] {
        house.enforcer().check("s", Capability::EnvRead, &home).unwrap_err();
        let answers = house.skills.evaluate("s", None, &tell).unwrap();
        assert!(!answers[0].allowed, "{:?}", answers[0]);
    }
    let answers = elsewhere.skills.evaluate("s", Some("one"), &tell).unwrap();
    assert!(answers[0].allowed, "{:?}", answers[0]);
}

#[test]
fn a_grant_that_is_over_is_none_that_a_skill_has() {
    let clock = common::FakeClock::new();
    let registry = CapabilityRegistry::with(Arc::clone(&clock) as _, common::SeededRng::new(5));
    let requests = [("env:read", json!({ "names": ["HOME"] }))];
    registry
        .register_skill(&signed(&manifest("s", "1.0.0", &requests), &key(1)))
        .unwrap();
    let request = GrantRequest {
        terms: Terms {
            expires_at: Some(clock.now().plus(1000)),
            ..Terms::default()
        },
        ..GrantRequest::new("s", permission("env:read", &json!({ "names": ["HOME"] })))
    };
    registry.grant_capability(&request).unwrap();
    assert!(registry.has_grant("s", Capability::EnvRead).unwrap());
    clock.advance(1000);
    assert!(!registry.has_grant("s", Capability::EnvRead).unwrap());
}

#[test]
fn a_program_is_no_answer_to_another_capability() {
    let house = house();
    let requests = [("process:spawn", json!({ "executables": ["sh"] })), paths(&["/a"])];
    house
        .install(&signed(&manifest("s", "1.0.0", &requests), &key(1)))
        .unwrap();
    let enforcer = house.enforcer();
    enforcer
        .check("s", Capability::ProcessSpawn, &executable("sh"))
        .unwrap();
    let program = Resource::parse(Capability::ProcessSpawn, "sh").unwrap();
    let denial = enforcer
        .check_request("s", None, &Request::new(READ, program))
        .unwrap_err();
    assert_eq!(denial.reason, DenialReason::Foreign(Dimension::Executable));
}

#[test]
fn what_was_opened_under_one_version_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    fs::write(root.join("a"), "a").unwrap();
    let house = house();
    let requests = [("fs:read", json!({ "paths": [root.to_str().unwrap()] }))];
    let approve = |_: &Ask| Approval::Grant {
        terms: Terms {
            version_range: Some("<2.0.0".parse().unwrap()),
            ..Terms::default()
        },
        only: None,
    };
    house
        .install_with(
            &signed(&manifest("s", "1.0.0", &requests), &key(1)),
            &InstallOptions::default(),
            &approve,
        )
        .unwrap();
    let file = root.join("a");
    let opened = FileBroker::new(&house.skills)
        .open_read("s", None, file.to_str().unwrap())
        .unwrap();
    let enforcer = house.enforcer();
    assert!(enforcer.is_in_force("s", opened.grant));
    house
        .install_with(
            &signed(&manifest("s", "2.0.0", &requests), &key(1)),
            &InstallOptions::default(),
            &ApproveNone,
        )
        .unwrap();
    assert!(!enforcer.is_in_force("s", opened.grant));
}
