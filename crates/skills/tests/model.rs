//! Whatever a publisher does, a skill gets what the owner approved and nothing more.
//!
//! Random sequences of installs, upgrades, rotations, removals, grants and revocations run against an engine and against an
//! oracle that knows nothing of signatures and tables: for each skill the set of things the owner said yes to, as points
//! of a small world. After every step engine and oracle must allow exactly the same points.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use chancery_base::Clock as _;
use chancery_manifest::{Envelope, Rotation};
use chancery_policy::{Capability, Context, Permission, Request};
use chancery_skills::{Approval, Ask, GrantRequest, GrantsOf, InstallOptions, Revoked, Terms};
use common::{House, key, keyid, legacy_signed, manifest, permission, signed, unsigned};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What may be asked for: a request each, by its number.
const ASKS: usize = 8;

fn ask(n: usize) -> (&'static str, Value) {
    match n % ASKS {
        0 => ("fs:read", json!({ "paths": ["/m/a"] })),
        1 => ("fs:read", json!({ "paths": ["/m/a/b", "/m/c"] })),
        2 => ("fs:read", json!({ "paths": ["/m"] })),
        3 => ("fs:write", json!({ "paths": ["/m/a"] })),
        4 => ("env:read", json!({ "names": ["ONE"] })),
        5 => ("env:read", json!({ "names": ["ONE", "TWO"] })),
        6 => ("net:https", json!({ "hosts": ["*.example.com"] })),
        _ => ("net:https", json!({ "hosts": ["api.example.com"] })),
    }
}

/// The points of the world: capability and resource.
fn points() -> Vec<(Capability, Context<'static>)> {
    let mut points = Vec::new();
    for path in ["/m/a/x", "/m/a/b/x", "/m/c/x", "/m/d", "/elsewhere"] {
        for capability in [Capability::FsRead, Capability::FsWrite] {
            points.push((capability, common::path(path)));
        }
    }
    for name in ["ONE", "TWO", "THREE"] {
        let context = Context {
            name: Some(name),
            ..Context::default()
        };
        points.push((Capability::EnvRead, context));
    }
    for host in ["api.example.com", "other.example.com", "example.net"] {
        points.push((Capability::NetHttps, common::host(host)));
    }
    points
}

/// Numbers of the points that `permission` covers.
fn covered(permission: &Permission) -> BTreeSet<usize> {
    let covers = |(capability, context): &(Capability, Context<'_>)| {
        Request::in_context(*capability, context).is_ok_and(|request| permission.covers(&request).is_ok())
    };
    let points = points();
    (0..points.len()).filter(|n| covers(&points[*n])).collect()
}

#[derive(Debug, Clone)]
enum Op {
    Install {
        skill: u8,
        version: u8,
        key: u8,
        asks: BTreeSet<usize>,
        /// Bits: which of what is asked the owner approves.
        approves: u8,
        form: u8,
        rotation: Option<u8>,
        downgrade: bool,
    },
    Remove {
        skill: u8,
    },
    Grant {
        skill: u8,
        ask: usize,
    },
    Revoke {
        skill: u8,
        capability: usize,
    },
    RevokeKey {
        key: u8,
    },
    Trust {
        key: u8,
    },
    Untrust {
        key: u8,
    },
    Restart,
}

fn op() -> impl Strategy<Value = Op> {
    let skill = 0_u8..2;
    let key = prop_oneof![4 => Just(1_u8), 1 => Just(2_u8), 1 => Just(3_u8)];
    prop_oneof![
        12 => (
            (skill.clone(), 0_u8..8, key.clone(), prop::collection::btree_set(0..ASKS, 0..5)),
            (any::<u8>(), 0_u8..8, prop::option::weighted(0.3, 1_u8..4), prop::bool::weighted(0.3)),
        )
            .prop_map(|((skill, version, key, asks), (approves, form, rotation, downgrade))| Op::Install {
                skill, version, key, asks, approves, form, rotation, downgrade,
            }),
        1 => skill.clone().prop_map(|skill| Op::Remove { skill }),
        4 => (skill.clone(), 0..ASKS).prop_map(|(skill, ask)| Op::Grant { skill, ask }),
        1 => (skill, 0..4_usize).prop_map(|(skill, capability)| Op::Revoke { skill, capability }),
        1 => (2_u8..4).prop_map(|key| Op::RevokeKey { key }),
        1 => key.clone().prop_map(|key| Op::Trust { key }),
        1 => key.prop_map(|key| Op::Untrust { key }),
        1 => Just(Op::Restart),
    ]
}

#[derive(Debug, Default, Clone)]
struct Known {
    /// Installed, with the points that its manifest asks for, and its signer.
    installed: Option<(String, BTreeSet<usize>)>,
    approved: BTreeSet<usize>,
    /// The key it is bound to.
    bound: Option<u8>,
    highest: u8,
    contents: BTreeMap<u8, String>,
}

#[derive(Default)]
struct Oracle {
    skills: BTreeMap<u8, Known>,
    /// Keys that are trusted with a skill.
    trusted: BTreeSet<(u8, u8)>,
    revoked: BTreeSet<u8>,
}

const CAPABILITIES: [Capability; 4] = [
    Capability::FsRead,
    Capability::FsWrite,
    Capability::EnvRead,
    Capability::NetHttps,
];

fn id(skill: u8) -> String {
    format!("skill-{skill}")
}

struct World {
    house: House,
    folder: tempfile::TempDir,
    oracle: Oracle,
    restarts: u64,
    installs: usize,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let house = House::in_dir(folder.path());
        let mut world = Self {
            house,
            folder,
            oracle: Oracle::default(),
            restarts: 0,
            installs: 0,
        };
        world.apply(&Op::Trust { key: 1 });
        world
    }

    fn apply(&mut self, op: &Op) {
        match op.clone() {
            Op::Install { .. } => self.install(op),
            Op::Remove { skill } => {
                let known = self.oracle.skills.entry(skill).or_default();
                let was = known.installed.take().is_some();
                known.approved.clear();
                assert_eq!(self.house.skills.remove(&id(skill)).unwrap(), was);
            }
            Op::Grant { skill, ask: n } => {
                let (capability, constraints) = ask(n);
                let permission = permission(capability, &constraints);
                let request = GrantRequest::new(id(skill), permission.clone());
                if self.house.skills.grant(&self.house.owner, &request).is_ok() {
                    let known = self.oracle.skills.get_mut(&skill).expect("an installed skill");
                    let (_, asked) = known.installed.as_ref().expect("an installed skill");
                    let points = covered(&permission);
                    assert!(points.is_subset(asked), "granted what was not asked for");
                    known.approved.extend(points);
                }
            }
            Op::Revoke { skill, capability } => {
                let capability = CAPABILITIES[capability];
                self.house
                    .skills
                    .revoke_grants(&GrantsOf::Capability(id(skill), capability))
                    .unwrap();
                let points = points();
                let known = self.oracle.skills.entry(skill).or_default();
                known.approved.retain(|n| points[*n].0 != capability);
            }
            Op::RevokeKey { key: n } => {
                let keyid = keyid(n).to_string();
                self.house.skills.revoke(Revoked::Key { keyid }, "test").unwrap();
                self.oracle.revoked.insert(n);
            }
            Op::Trust { key: n } => {
                self.house.trust(n);
                self.oracle.trusted.extend([(n, 0), (n, 1)]);
            }
            Op::Untrust { key: n } => {
                self.house.skills.untrust(&keyid(n)).unwrap();
                self.oracle.trusted.retain(|(key, _)| *key != n);
            }
            Op::Restart => {
                self.restarts += 1;
                self.house = self.house.again(self.folder.path(), 100 + self.restarts);
            }
        }
    }

    fn install(&mut self, op: &Op) {
        let Op::Install {
            skill,
            version,
            key: n,
            asks,
            approves,
            form,
            rotation,
            downgrade,
        } = op.clone()
        else {
            return;
        };
        let requests: Vec<_> = asks.iter().map(|n| ask(*n)).collect();
        let text = manifest(&id(skill), &format!("1.{version}.0"), &requests);
        let package = match form {
            0 => unsigned(&text),
            1 => legacy_signed(&text, &key(n)),
            _ => signed(&text, &key(n)),
        };
        let statement = rotation.filter(|from| *from != n).map(|from| {
            let rotation = Rotation {
                from: key(from).public(),
                to: key(n).public(),
                skills: Vec::new(),
                issued: self.house.clock.now(),
                reason: None,
            };
            Envelope::sign(&rotation, &[&key(from), &key(n)]).unwrap()
        });
        let options = InstallOptions {
            allow_unsigned: true,
            accept_partial: true,
            allow_downgrade: downgrade,
            rotation: statement,
            ..InstallOptions::default()
        };
        let said_yes = Mutex::new(BTreeSet::new());
        let asked_about = Mutex::new(0);
        let approver = |ask: &Ask| {
            let mut at = asked_about.lock().unwrap();
            let yes = approves >> (*at % 8) & 1 == 1;
            *at += 1;
            if yes {
                said_yes.lock().unwrap().extend(covered(&ask.permission));
                Approval::Grant {
                    terms: Terms::default(),
                    only: None,
                }
            } else {
                Approval::Leave
            }
        };
        let content = package.manifest_sha256();
        let Ok(done) = self.house.install_with(&package, &options, &approver) else {
            return;
        };
        self.installs += 1;
        let oracle = &mut self.oracle;
        let known = oracle.skills.entry(skill).or_default();
        // what must not happen, whoever the publisher is
        match (form, known.bound) {
            (0, bound) => assert_eq!(bound, None, "unsigned in the place of what is signed"),
            (_, Some(bound)) if bound != n => {
                assert_eq!(rotation, Some(bound), "changed hands without its key");
                assert!(!oracle.revoked.contains(&bound), "a revoked key handed over");
                known.bound = Some(n);
                // it hands over, and the owner who installed it trusts it with this id from now on
                oracle.trusted.insert((n, skill));
            }
            _ => {
                assert!(oracle.trusted.contains(&(n, skill)), "a key that nobody trusts");
                known.bound = Some(n);
            }
        }
        if form != 0 {
            assert!(!oracle.revoked.contains(&n), "a revoked key");
        }
        assert!(downgrade || version >= known.highest, "an older version");
        known.highest = known.highest.max(version);
        let before = known.contents.insert(version, content.clone());
        assert!(before.is_none_or(|before| before == content), "published twice");
        // and what it comes to
        let now_asked: BTreeSet<usize> = package
            .manifest()
            .requests()
            .iter()
            .flat_map(|request| covered(&request.permission))
            .collect();
        let same = known
            .installed
            .as_ref()
            .is_some_and(|(signer, _)| *signer == done.skill.signer);
        if same {
            known.approved.retain(|n| now_asked.contains(n));
        } else {
            known.approved.clear();
        }
        known.approved.extend(said_yes.into_inner().unwrap());
        known.installed = Some((done.skill.signer, now_asked));
    }

    /// Engine and oracle allow the same.
    fn compare(&self) {
        let enforcer = self.house.enforcer();
        for skill in 0..2 {
            let known = self.oracle.skills.get(&skill).cloned().unwrap_or_default();
            let revoked = known.bound.is_some_and(|key| self.oracle.revoked.contains(&key));
            for (n, (capability, context)) in points().iter().enumerate() {
                let allowed = enforcer.check(&id(skill), *capability, context).is_ok();
                let expected = known.installed.is_some() && !revoked && known.approved.contains(&n);
                assert_eq!(allowed, expected, "skill {skill}: {capability} {context:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("CHANCERY_MODEL_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(48),
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_sequence_gives_a_skill_more_than_the_owner_approved(ops in prop::collection::vec(op(), 1..40)) {
        let mut world = World::new();
        for op in &ops {
            world.apply(op);
            world.compare();
        }
    }
}

#[test]
fn the_model_installs_and_upgrades_at_all() {
    let mut world = World::new();
    for version in 0..3 {
        world.apply(&Op::Install {
            skill: 0,
            version,
            key: 1,
            asks: BTreeSet::from([0, usize::from(version) + 3]),
            approves: 0xff,
            form: 7,
            rotation: None,
            downgrade: false,
        });
        world.compare();
    }
    assert_eq!(world.installs, 3);
    assert!(!world.oracle.skills[&0].approved.is_empty());
}
