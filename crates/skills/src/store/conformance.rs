//! One suite over both backends: any sequence of commands has the same answers and leaves the same tables, `memory` being
//! the oracle.

use chancery_audit::{Chain, Outcome, Record};
use chancery_base::{Millis, Ulid, ed25519::SecretKey};
use chancery_policy::{Capability, Permission};
use proptest::prelude::*;

use super::{
    Store,
    commands::{AcceptList, AddGrants, Install, Note, Remove, Revoke, RevokeGrants, Step, Trust, Untrust, Use},
    memory::OnMemory,
    model::{AcceptedList, Grant, GrantedBy, Pin, Publisher, Revocation, Revoked, Scheme, Skill, State},
    sqlite::OnSqlite,
};
use crate::{fault::Faults, owner::Signed};

#[derive(Debug, Clone)]
enum Op {
    Install {
        skill: u8,
        version: u8,
        grants: Vec<u8>,
        stale: bool,
    },
    Remove {
        skill: u8,
    },
    Trust {
        key: u8,
        stale: bool,
    },
    Untrust {
        key: u8,
    },
    AddGrant {
        skill: u8,
        grant: u8,
        stale: bool,
    },
    RevokeGrants {
        grants: Vec<u8>,
    },
    Revoke {
        n: u8,
    },
    AcceptList {
        issuer: u8,
        sequence: u8,
    },
    Use {
        grant: u8,
        limit: u8,
    },
    Note,
}

fn op() -> impl Strategy<Value = Op> {
    let few = 0_u8..4;
    let grants = prop::collection::vec(0_u8..12, 0..4);
    let stale = prop::bool::weighted(0.1);
    prop_oneof![
        4 => (few.clone(), few.clone(), grants.clone(), stale)
            .prop_map(|(skill, version, grants, stale)| Op::Install { skill, version, grants, stale }),
        1 => few.clone().prop_map(|skill| Op::Remove { skill }),
        1 => (few.clone(), stale).prop_map(|(key, stale)| Op::Trust { key, stale }),
        1 => few.clone().prop_map(|key| Op::Untrust { key }),
        3 => (few.clone(), 12_u8..40, stale).prop_map(|(skill, grant, stale)| Op::AddGrant { skill, grant, stale }),
        2 => prop::collection::vec(0_u8..40, 0..4).prop_map(|grants| Op::RevokeGrants { grants }),
        1 => any::<u8>().prop_map(|n| Op::Revoke { n }),
        2 => (few.clone(), few.clone()).prop_map(|(issuer, sequence)| Op::AcceptList { issuer, sequence }),
        3 => (0_u8..40, few).prop_map(|(grant, limit)| Op::Use { grant, limit }),
        1 => Just(Op::Note),
    ]
}

fn owner() -> SecretKey {
    SecretKey::from_seed(&[9; 32])
}

fn record(kind: &str) -> Record {
    Record {
        at: Millis(5),
        kind: kind.to_owned(),
        outcome: Outcome::Done,
        actor: "owner".to_owned(),
        subject: "a subject".to_owned(),
        detail: serde_json::json!({}),
    }
}

fn grant_id(skill: u8, grant: u8) -> Ulid {
    // grants of 12 and more are known by their number alone, so that they can be met again
    let mut bytes = [0; 16];
    bytes[14] = if grant < 12 { skill } else { 0xff };
    bytes[15] = grant;
    Ulid::from_bytes(bytes)
}

fn grant(skill: u8, grant: u8) -> Signed<Grant> {
    let grant = Grant {
        id: grant_id(skill, grant),
        skill_id: format!("skill-{skill}"),
        signer: "SHA256:x".to_owned(),
        permission: Permission::unconstrained(Capability::EnvRead),
        granted_at: Millis(i64::from(grant)),
        granted_by: GrantedBy::User,
        reason_shown: "why".to_owned(),
        expires_at: None,
        max_uses: Some(3),
        session_id: None,
        version_range: None,
        manifest: "ab".repeat(32),
        roots: Vec::new(),
    };
    Signed::new(grant, &owner()).unwrap()
}

fn skill(skill: u8, version: u8) -> Signed<Skill> {
    let skill = Skill {
        id: format!("skill-{skill}"),
        version: format!("1.{version}.0"),
        name: "Name".to_owned(),
        signer: "SHA256:x".to_owned(),
        scheme: Scheme::V2,
        manifest: "cd".repeat(32),
        envelope: None,
        files: Vec::new(),
        requests: vec![Permission::unconstrained(Capability::EnvRead)],
        reasons: vec!["why".to_owned()],
        installed_at: Millis(1),
    };
    Signed::new(skill, &owner()).unwrap()
}

fn pin(skill: u8, version: u8) -> Signed<Pin> {
    let pin = Pin {
        skill_id: format!("skill-{skill}"),
        signer: "SHA256:x".to_owned(),
        keys: vec![owner().public()],
        threshold: 1,
        highest: format!("1.{version}.0"),
        manifest: "cd".repeat(32),
        taken_over: Default::default(),
        whole: true,
    };
    Signed::new(pin, &owner()).unwrap()
}

fn publisher(key: u8) -> Signed<Publisher> {
    let publisher = Publisher {
        keyid: format!("SHA256:{key}"),
        key: owner().public(),
        label: "label".to_owned(),
        scopes: vec!["*".to_owned()],
        added_at: Millis(2),
        source: "test".to_owned(),
        not_after: None,
    };
    Signed::new(publisher, &owner()).unwrap()
}

/// Both backends, side by side.
struct Both {
    memory: Store,
    sqlite: Store,
    _folder: tempfile::TempDir,
}

impl Both {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("skills.db");
        Self {
            memory: Store::memory(),
            sqlite: Store::sqlite(&path, Chain::new(), Ulid::NIL, Faults::default()).unwrap(),
            _folder: folder,
        }
    }

    fn run<S: OnMemory + OnSqlite + Step + Clone>(&self, step: S) -> S::Done
    where
        S::Done: std::fmt::Debug + PartialEq,
    {
        let oracle = self.memory.run(step.clone()).unwrap();
        assert_eq!(self.sqlite.run(step).unwrap(), oracle);
        oracle
    }

    fn state(&self) -> State {
        let oracle = self.memory.state().unwrap();
        assert_eq!(self.sqlite.state().unwrap(), oracle);
        oracle
    }

    fn apply(&self, op: &Op, at: u64) {
        let now = Millis(1000 + i64::try_from(at).unwrap());
        let revision = |stale: bool| self.state().revision + u64::from(stale);
        match op.clone() {
            Op::Install {
                skill: id,
                version,
                grants,
                stale,
            } => {
                let mut grants: Vec<_> = grants;
                grants.sort_unstable();
                grants.dedup();
                self.run(Install {
                    revision: revision(stale),
                    skill: skill(id, version),
                    pin: pin(id, version),
                    // what was revoked has no signature to go on with
                    grants: grants
                        .into_iter()
                        .map(|n| grant(id, n))
                        .filter(|grant| {
                            let known = self.state().grants.get(&grant.value.id).cloned();
                            known.is_none_or(|row| row.revoked_at.is_none())
                        })
                        .collect(),
                    publishers: vec![publisher(version)],
                    now,
                    record: record("install"),
                });
            }
            Op::Remove { skill } => {
                self.run(Remove {
                    skill_id: format!("skill-{skill}"),
                    now,
                    record: record("remove"),
                });
            }
            Op::Trust { key, stale } => {
                self.run(Trust {
                    revision: revision(stale),
                    publisher: publisher(key),
                    record: record("trust"),
                });
            }
            Op::Untrust { key } => {
                self.run(Untrust {
                    keyid: format!("SHA256:{key}"),
                    record: record("untrust"),
                });
            }
            Op::AddGrant { skill, grant: n, stale } => {
                if !self.state().grants.contains_key(&grant_id(skill, n)) {
                    self.run(AddGrants {
                        revision: revision(stale),
                        grants: vec![grant(skill, n)],
                        record: record("grant"),
                    });
                }
            }
            Op::RevokeGrants { grants } => {
                self.run(RevokeGrants {
                    ids: grants.into_iter().map(|n| grant_id(n % 4, n)).collect(),
                    now,
                    record: record("revoke"),
                });
            }
            Op::Revoke { n } => {
                let mut id = [0; 16];
                id[..8].copy_from_slice(&at.to_be_bytes());
                self.run(Revoke {
                    revocation: Revocation {
                        id: Ulid::from_bytes(id),
                        what: match n % 3 {
                            0 => Revoked::Key { keyid: "k".to_owned() },
                            1 => Revoked::Manifest { sha256: "m".to_owned() },
                            _ => Revoked::Skill {
                                id: "s".to_owned(),
                                versions: ">=1.0.0, <2.0.0".parse().unwrap(),
                            },
                        },
                        at: now,
                        reason: "r".to_owned(),
                    },
                    record: record("revocation"),
                });
            }
            Op::AcceptList { issuer, sequence } => {
                self.run(AcceptList {
                    list: AcceptedList {
                        issuer: format!("SHA256:{issuer}"),
                        sequence: u64::from(sequence),
                        issued: now,
                        expires: now.plus(1000),
                        by_owner: issuer == 0,
                        entries: vec![Revoked::Key { keyid: "k".to_owned() }],
                    },
                    record: record("list"),
                });
            }
            Op::Use { grant, limit } => {
                self.run(Use {
                    id: grant_id(grant % 4, grant),
                    limit: u32::from(limit),
                    record: record("use"),
                });
            }
            Op::Note => self.run(Note { record: record("note") }),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn both_backends_answer_alike_and_keep_the_same(ops in prop::collection::vec(op(), 1..60)) {
        let both = Both::new();
        for (at, op) in ops.iter().enumerate() {
            both.apply(op, at as u64);
            both.state();
        }
        // and what SQLite recorded is what the oracle recorded
        let kinds: Vec<String> = both.memory.records().into_iter().map(|record| record.kind).collect();
        let read = both
            .sqlite
            .read(|connection| {
                let query = chancery_audit::Query::default();
                Ok(chancery_audit::read(connection, &query)?)
            })
            .unwrap()
            .unwrap();
        prop_assert_eq!(read.into_iter().map(|entry| entry.kind).collect::<Vec<_>>(), kinds);
    }
}

#[test]
fn a_revoked_grant_has_no_signature_any_more() {
    let both = Both::new();
    both.apply(
        &Op::AddGrant {
            skill: 1,
            grant: 13,
            stale: false,
        },
        0,
    );
    both.apply(&Op::RevokeGrants { grants: vec![13] }, 1);
    let state = both.state();
    let row = state.grants.values().next().unwrap();
    assert_eq!(row.signature, None);
    assert!(row.revoked_at.is_some());
}
