//! What happens to a skill over time: key changes, revocations, versions, terms of grants (safeclaw spec 18.8).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

mod common;

use std::num::NonZeroUsize;

use chancery_base::{Clock as _, Millis};
use chancery_manifest::{Envelope, RevocationList, Rotation};
use chancery_policy::{Capability, Context, DenialReason};
use chancery_skills::{
    Approval, ApproveAll, ApproveNone, Ask, GrantRequest, InstallError, InstallOptions, Newness, Revoked,
    SkillStanding, SkillsError, Terms, Warning,
};
use common::{House, READ, key, keyid, manifest, path, permission, signed, signed_by};
use serde_json::{Value, json};
use std::sync::Mutex;

fn paths(paths: &[&str]) -> (&'static str, Value) {
    ("fs:read", json!({ "paths": paths }))
}

fn house() -> House {
    let house = House::in_memory();
    house.trust(1);
    house.trust(2);
    house
}

fn rotation(from: u8, to: u8, skills: &[&str], at: Millis) -> Envelope {
    let statement = Rotation {
        from: key(from).public(),
        to: key(to).public(),
        skills: skills.iter().map(|id| id.parse().unwrap()).collect(),
        issued: at,
        reason: None,
    };
    Envelope::sign(&statement, &[&key(from), &key(to)]).unwrap()
}

fn list(sequence: u64, issued: Millis, revoked: impl FnOnce(&mut RevocationList)) -> RevocationList {
    let mut list = RevocationList {
        sequence,
        issued,
        expires: issued.plus(86_400_000),
        keys: Vec::new(),
        manifests: Vec::new(),
        skills: Vec::new(),
    };
    revoked(&mut list);
    list
}

#[test]
fn a_key_hands_over_and_the_new_one_starts_with_nothing() {
    let house = house();
    house
        .install(&signed(&manifest("s", "1.0.0", &[paths(&["/a"])]), &key(1)))
        .unwrap();
    let next = signed(&manifest("s", "1.1.0", &[paths(&["/a"])]), &key(2));
    assert!(matches!(house.install(&next), Err(InstallError::KeyChanged { .. })));
    let with = |statement| InstallOptions {
        rotation: Some(statement),
        ..InstallOptions::default()
    };
    let now = house.clock.now();
    // about another skill, from another key, from the future
    for refused in [
        rotation(1, 2, &["other"], now),
        rotation(3, 2, &["s"], now),
        rotation(1, 2, &["s"], now.plus(60_000)),
    ] {
        let error = house.install_with(&next, &with(refused), &ApproveAll).unwrap_err();
        assert!(matches!(error, InstallError::Rotation { .. }), "{error}");
    }
    // the statement names another key than the one that signed
    let error = house
        .install_with(&next, &with(rotation(1, 3, &["s"], now)), &ApproveAll)
        .unwrap_err();
    assert!(matches!(error, InstallError::InvalidSignature { .. }), "{error}");
    let statement = with(rotation(1, 2, &["s"], now));
    let plan = house.skills.plan(&next, &statement).unwrap();
    assert!(plan.changes_hands);
    house.install_with(&next, &statement, &ApproveNone).unwrap();
    assert!(house.granted("s").is_empty());
    let denial = house.enforcer().check("s", READ, &path("/a/x")).unwrap_err();
    assert_eq!(denial.reason, DenialReason::NoGrant);
    // and the old key is out
    let back = signed(&manifest("s", "1.2.0", &[paths(&["/a"])]), &key(1));
    assert!(matches!(house.install(&back), Err(InstallError::KeyChanged { .. })));
}

#[test]
fn a_revoked_key_does_not_say_who_comes_after_it() {
    let house = house();
    house.install(&signed(&manifest("s", "1.0.0", &[]), &key(1))).unwrap();
    let keyid = keyid(1).to_string();
    house.skills.revoke(Revoked::Key { keyid }, "stolen").unwrap();
    let options = InstallOptions {
        rotation: Some(rotation(1, 2, &["s"], house.clock.now())),
        ..InstallOptions::default()
    };
    let next = signed(&manifest("s", "1.1.0", &[]), &key(2));
    let error = house.install_with(&next, &options, &ApproveAll).unwrap_err();
    assert!(matches!(error, InstallError::Rotation { .. }), "{error}");
}

#[test]
fn revoking_a_key_acts_on_the_next_check() {
    let house = house();
    house
        .install(&signed(&manifest("s", "1.0.0", &[paths(&["/a"])]), &key(1)))
        .unwrap();
    let enforcer = house.enforcer();
    enforcer.check("s", READ, &path("/a/x")).unwrap();
    let keyid = keyid(1).to_string();
    house.skills.revoke(Revoked::Key { keyid }, "stolen").unwrap();
    let denial = enforcer.check("s", READ, &path("/a/x")).unwrap_err();
    assert_eq!(denial.reason, DenialReason::Revoked);
    assert_eq!(house.skills.list().unwrap()[0].standing, SkillStanding::Revoked);
    assert!(matches!(house.skills.load("s"), Err(SkillsError::NotInForce { .. })));
    let error = house
        .install(&signed(&manifest("s", "2.0.0", &[]), &key(1)))
        .unwrap_err();
    assert!(matches!(error, InstallError::Revoked { what: "key", .. }), "{error}");
}

#[test]
fn a_manifest_and_versions_can_be_revoked() {
    let house = house();
    let bad = signed(&manifest("s", "1.0.0", &[paths(&["/a"])]), &key(1));
    house.install(&bad).unwrap();
    let sha256 = bad.manifest_sha256();
    house.skills.revoke(Revoked::Manifest { sha256 }, "a hole").unwrap();
    assert_eq!(house.skills.list().unwrap()[0].standing, SkillStanding::Revoked);
    house
        .install(&signed(&manifest("s", "1.1.0", &[paths(&["/a"])]), &key(1)))
        .unwrap();
    house.enforcer().check("s", READ, &path("/a/x")).unwrap();
    let versions = "<1.2.0".parse().unwrap();
    let id = "s".to_owned();
    house.skills.revoke(Revoked::Skill { id, versions }, "a hole").unwrap();
    house.enforcer().check("s", READ, &path("/a/x")).unwrap_err();
    house
        .install(&signed(&manifest("s", "1.2.0", &[paths(&["/a"])]), &key(1)))
        .unwrap();
    house.enforcer().check("s", READ, &path("/a/x")).unwrap();
}

#[test]
fn a_list_counts_up_and_a_publisher_speaks_for_its_own_only() {
    let house = House::in_memory();
    house.trust_with(1, &["one.*"]);
    house.trust_with(2, &["two.*"]);
    house
        .install(&signed(&manifest("one.s", "1.0.0", &[paths(&["/a"])]), &key(1)))
        .unwrap();
    house
        .install(&signed(&manifest("two.s", "1.0.0", &[paths(&["/a"])]), &key(2)))
        .unwrap();
    let now = house.clock.now();
    let sign = |list: &RevocationList, n: u8| Envelope::sign(list, &[&key(n)]).unwrap();
    let all = |list: &mut RevocationList| {
        list.keys = vec![keyid(2)];
        for id in ["one.s", "two.s"] {
            list.skills.push(chancery_manifest::RevokedSkill {
                id: id.parse().unwrap(),
                versions: "*".parse().unwrap(),
            });
        }
    };
    // nobody trusted
    let stranger = sign(&list(1, now, all), 3);
    assert!(matches!(
        house.skills.accept_revocations(&stranger),
        Err(SkillsError::UntrustedList)
    ));
    house.skills.accept_revocations(&sign(&list(5, now, all), 1)).unwrap();
    house.enforcer().check("one.s", READ, &path("/a/x")).unwrap_err();
    house.enforcer().check("two.s", READ, &path("/a/x")).unwrap();
    // the same list again is no other list, and is not recorded again
    let records = house.skills.revocation_lists().unwrap();
    house.skills.accept_revocations(&sign(&list(5, now, all), 1)).unwrap();
    assert_eq!(house.skills.revocation_lists().unwrap(), records);
    // another one of that sequence is refused, and the sequence does not go down
    let other = sign(&list(5, now, |_| {}), 1);
    assert!(matches!(
        house.skills.accept_revocations(&other),
        Err(SkillsError::OldList)
    ));
    let older = sign(&list(4, now, |_| {}), 1);
    assert!(matches!(
        house.skills.accept_revocations(&older),
        Err(SkillsError::OldList)
    ));
    house.enforcer().check("one.s", READ, &path("/a/x")).unwrap_err();
    // and the owner speaks for all
    let owners = Envelope::sign(&list(1, now, all), &[&house.owner]).unwrap();
    house.skills.accept_revocations(&owners).unwrap();
    house.enforcer().check("two.s", READ, &path("/a/x")).unwrap_err();
}

#[test]
fn a_list_that_ended_is_a_warning_and_refuses_when_it_must_be_fresh() {
    let house = house();
    let owners = Envelope::sign(&list(1, house.clock.now(), |_| {}), &[&house.owner]).unwrap();
    house.skills.accept_revocations(&owners).unwrap();
    house.clock.advance(86_400_000);
    let package = signed(&manifest("s", "1.0.0", &[]), &key(1));
    let fresh = InstallOptions {
        require_fresh: true,
        ..InstallOptions::default()
    };
    let error = house.install_with(&package, &fresh, &ApproveAll).unwrap_err();
    assert!(matches!(error, InstallError::StaleRevocations { .. }), "{error}");
    let installed = house.install(&package).unwrap();
    assert!(matches!(
        installed.warnings.as_slice(),
        [Warning::StaleRevocations { .. }]
    ));
}

#[test]
fn one_version_has_one_content() {
    let house = house();
    house.install(&signed(&manifest("s", "1.0.0", &[]), &key(1))).unwrap();
    let other = signed(&manifest("s", "1.0.0", &[paths(&["/a"])]), &key(1));
    assert!(matches!(house.install(&other), Err(InstallError::Republished { .. })));
    // build metadata makes no other version
    let other = signed(&manifest("s", "1.0.0+b", &[paths(&["/a"])]), &key(1));
    assert!(matches!(house.install(&other), Err(InstallError::Republished { .. })));
    // nor does a removal make it forgotten
    house.skills.remove("s").unwrap();
    assert!(matches!(house.install(&other), Err(InstallError::Republished { .. })));
}

#[test]
fn an_upgrade_narrows_by_itself_and_widens_with_approval() {
    let house = house();
    let both = [paths(&["/a", "/b"]), ("env:read", json!({ "names": ["HOME"] }))];
    house.install(&signed(&manifest("s", "1.0.0", &both), &key(1))).unwrap();
    assert_eq!(house.granted("s"), ["env:read HOME", "fs:read /a,/b"]);
    // less is asked: less is granted, nobody is asked
    let asked = Mutex::new(Vec::new());
    let note = |ask: &Ask| {
        asked.lock().unwrap().push(ask.clone());
        Approval::Leave
    };
    let next = signed(&manifest("s", "1.1.0", &[paths(&["/a/sub", "/b"])]), &key(1));
    house.install_with(&next, &InstallOptions::default(), &note).unwrap();
    assert_eq!(house.granted("s"), ["fs:read /a/sub,/b"]);
    assert!(asked.lock().unwrap().is_empty());
    // more is asked: what is new is asked about, and only that
    let wider = [
        paths(&["/a/sub", "/b", "/c"]),
        ("net:https", json!({ "hosts": ["api.example.com"] })),
    ];
    let next = signed(&manifest("s", "1.2.0", &wider), &key(1));
    house.install_with(&next, &InstallOptions::default(), &note).unwrap();
    let seen: Vec<(String, Newness)> = asked
        .lock()
        .unwrap()
        .iter()
        .map(|ask| (ask.text(), ask.newness.clone()))
        .collect();
    assert_eq!(
        seen,
        [
            ("fs:read /c".to_owned(), Newness::Widened(vec!["/c".to_owned()])),
            ("net:https api.example.com".to_owned(), Newness::NewCapability),
        ]
    );
    assert_eq!(house.granted("s"), ["fs:read /a/sub,/b"]);
    house.enforcer().check("s", READ, &path("/c/x")).unwrap_err();
}

#[test]
fn the_owner_sees_what_is_wider_than_similar_grants() {
    let house = house();
    house
        .install(&signed(&manifest("a", "1.0.0", &[paths(&["/home/u/data"])]), &key(1)))
        .unwrap();
    let plan = |requests: &[(&str, Value)]| {
        let package = signed(&manifest("b", "1.0.0", requests), &key(2));
        house.skills.plan(&package, &InstallOptions::default()).unwrap().asks
    };
    assert_eq!(plan(&[paths(&["/home/u"])])[0].wider_than, ["fs:read /home/u/data"]);
    assert!(plan(&[paths(&["/home/u/data/sub"])])[0].wider_than.is_empty());
    assert_eq!(plan(&[paths(&["/home/u"])])[0].newness, Newness::FirstInstall);
    assert_eq!(plan(&[paths(&["/home/u"])])[0].reason, "for the test");
}

#[test]
fn the_owner_declines_and_nothing_is_there() {
    let house = house();
    let decline = |_: &Ask| Approval::Decline;
    let package = signed(&manifest("s", "1.0.0", &[paths(&["/a"])]), &key(1));
    let error = house
        .install_with(&package, &InstallOptions::default(), &decline)
        .unwrap_err();
    assert!(matches!(error, InstallError::Declined { .. }));
    assert!(house.skills.list().unwrap().is_empty());
    assert!(house.skills.pin("s").unwrap().is_none());
}

#[test]
fn an_approver_cannot_grant_more_than_was_asked() {
    let house = house();
    let generous = |_: &Ask| Approval::Grant {
        terms: Terms::default(),
        only: Some(permission("fs:read", &json!({ "paths": ["/"] }))),
    };
    let package = signed(&manifest("s", "1.0.0", &[paths(&["/a"])]), &key(1));
    let error = house
        .install_with(&package, &InstallOptions::default(), &generous)
        .unwrap_err();
    assert!(
        matches!(error, InstallError::Engine(SkillsError::NotAsked { .. })),
        "{error}"
    );
    assert!(house.skills.list().unwrap().is_empty());
}

/// A skill that may read a variable, on `terms`.
fn with_terms(terms: Terms) -> House {
    let house = house();
    let package = signed(
        &manifest("s", "1.0.0", &[("env:read", json!({ "names": ["HOME"] }))]),
        &key(1),
    );
    let approve = move |_: &Ask| Approval::Grant {
        terms: terms.clone(),
        only: None,
    };
    house
        .install_with(&package, &InstallOptions::default(), &approve)
        .unwrap();
    house
}

fn home() -> Context<'static> {
    Context {
        name: Some("HOME"),
        ..Context::default()
    }
}

#[test]
fn a_grant_ends_when_its_time_is_over() {
    let end = common::FakeClock::new().now().plus(1000);
    let house = with_terms(Terms {
        expires_at: Some(end),
        ..Terms::default()
    });
    let enforcer = house.enforcer();
    house.clock.advance(999);
    enforcer.check("s", Capability::EnvRead, &home()).unwrap();
    house.clock.advance(1);
    let denial = enforcer.check("s", Capability::EnvRead, &home()).unwrap_err();
    assert_eq!(denial.reason, DenialReason::Expired);
}

#[test]
fn a_counted_grant_is_used_up() {
    let house = with_terms(Terms {
        max_uses: Some(2),
        ..Terms::default()
    });
    let enforcer = house.enforcer();
    enforcer.check("s", Capability::EnvRead, &home()).unwrap();
    // what is denied uses nothing
    let other = Context {
        name: Some("PATH"),
        ..Context::default()
    };
    enforcer.check("s", Capability::EnvRead, &other).unwrap_err();
    enforcer.check("s", Capability::EnvRead, &home()).unwrap();
    let denial = enforcer.check("s", Capability::EnvRead, &home()).unwrap_err();
    assert_eq!(denial.reason, DenialReason::Exhausted);
    assert_eq!(house.skills.grants("s").unwrap()[0].used, 2);
}

#[test]
fn many_threads_use_a_counted_grant_exactly_as_often_as_they_may() {
    let house = with_terms(Terms {
        max_uses: Some(20),
        ..Terms::default()
    });
    let enforcer = house.enforcer();
    let allowed = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    if enforcer.check("s", Capability::EnvRead, &home()).is_ok() {
                        allowed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(allowed.into_inner(), 20);
}

#[test]
fn a_grant_for_a_session_is_for_that_session() {
    let house = with_terms(Terms {
        session_id: Some("one".to_owned()),
        ..Terms::default()
    });
    let enforcer = house.enforcer();
    let check = |session| enforcer.check_in("s", session, Capability::EnvRead, &home());
    check(Some("one")).unwrap();
    check(Some("two")).unwrap_err();
    check(None).unwrap_err();
}

#[test]
fn a_grant_for_a_range_of_versions_ends_with_them() {
    let house = with_terms(Terms {
        version_range: Some("<2.0.0".parse().unwrap()),
        ..Terms::default()
    });
    let requests = [("env:read", json!({ "names": ["HOME"] }))];
    let upgrade = |version: &str| {
        let package = signed(&manifest("s", version, &requests), &key(1));
        house
            .install_with(&package, &InstallOptions::default(), &ApproveNone)
            .unwrap();
    };
    upgrade("1.9.0");
    house.enforcer().check("s", Capability::EnvRead, &home()).unwrap();
    upgrade("2.0.0");
    house.enforcer().check("s", Capability::EnvRead, &home()).unwrap_err();
}

#[test]
fn terms_that_allow_nothing_are_refused() {
    let house = with_terms(Terms::default());
    let request = |terms| GrantRequest {
        terms,
        ..GrantRequest::new("s", permission("env:read", &json!({ "names": ["HOME"] })))
    };
    for terms in [
        Terms {
            max_uses: Some(0),
            ..Terms::default()
        },
        Terms {
            expires_at: Some(house.clock.now()),
            ..Terms::default()
        },
    ] {
        let refused = house.skills.grant(&house.owner, &request(terms)).unwrap_err();
        assert!(matches!(refused, SkillsError::BadTerms(_)));
    }
}

#[test]
fn an_id_that_two_keys_signed_goes_on_with_both() {
    let house = house();
    let two = InstallOptions {
        threshold: NonZeroUsize::new(2).unwrap(),
        ..InstallOptions::default()
    };
    let alone = signed(&manifest("s", "1.0.0", &[]), &key(1));
    let error = house.install_with(&alone, &two, &ApproveAll).unwrap_err();
    assert!(matches!(error, InstallError::Untrusted { .. }), "{error}");
    let both = signed_by(&manifest("s", "1.0.0", &[]), &[&key(1), &key(2)]);
    house.install_with(&both, &two, &ApproveAll).unwrap();
    // without saying so again
    let error = house
        .install(&signed(&manifest("s", "1.1.0", &[]), &key(1)))
        .unwrap_err();
    assert!(matches!(error, InstallError::KeyChanged { .. }), "{error}");
    house
        .install(&signed_by(&manifest("s", "1.1.0", &[]), &[&key(1), &key(2)]))
        .unwrap();
}

#[test]
fn a_publisher_publishes_what_it_is_trusted_with_and_as_long() {
    let house = House::in_memory();
    house.trust_with(1, &["acme.*", "tool"]);
    house
        .install(&signed(&manifest("acme.one", "1.0.0", &[]), &key(1)))
        .unwrap();
    house
        .install(&signed(&manifest("tool", "1.0.0", &[]), &key(1)))
        .unwrap();
    for id in ["acme", "tools", "other"] {
        let error = house
            .install(&signed(&manifest(id, "1.0.0", &[]), &key(1)))
            .unwrap_err();
        assert!(matches!(error, InstallError::Untrusted { .. }), "{id}: {error}");
    }
    assert!(house.skills.untrust(&keyid(1)).unwrap());
    let error = house
        .install(&signed(&manifest("tool", "1.1.0", &[]), &key(1)))
        .unwrap_err();
    assert!(matches!(error, InstallError::Untrusted { .. }), "{error}");
}

#[test]
fn a_skill_that_was_read_back_is_hashed_again() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::in_dir(folder.path());
    house.trust(1);
    let installed = house.install(&signed(&manifest("s", "1.0.0", &[]), &key(1))).unwrap();
    assert_eq!(house.skills.load("s").unwrap().manifest.id().as_str(), "s");
    let blob = house.skills.content_path(&installed.skill.manifest).unwrap();
    let mut bytes = std::fs::read(&blob).unwrap();
    bytes.push(b' ');
    std::fs::write(&blob, bytes).unwrap();
    assert!(matches!(house.skills.load("s"), Err(SkillsError::Content(_))));
}
