//! What a chain does, over both implementations: in memory and in SQLite.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

mod common;

use std::sync::Arc;

use chancery_audit::limits::{MAX_ACTOR_BYTES, MAX_DETAIL_BYTES, MAX_KIND_BYTES, MAX_READ, MAX_SUBJECT_BYTES};
use chancery_audit::{AuditError, CHECKPOINT_KIND, Expect, Hash, Memory, Outcome, Query, Record, verify_jsonl};
use chancery_base::{ErrorCode as _, Millis};
use common::{Informed, Log, Sqlite, filled, key, node_verifies, record, trusting, ulid};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Each of these, once for each implementation.
macro_rules! conformance {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(#[test] fn $name() { super::$name::<super::Memory>(); })*
        }
        mod sqlite {
            $(#[test] fn $name() { super::$name::<super::Sqlite>(); })*
        }
    };
}

conformance!(
    an_empty_chain_is_whole_and_begins_with_its_id,
    records_are_numbered_and_linked,
    what_is_no_record_is_refused_and_leaves_nothing,
    pages_follow_one_another,
    reading_selects_by_time_kind_and_outcome,
    a_checkpoint_comes_when_so_many_records_have_none,
    a_checkpoint_can_be_asked_for_and_needs_a_notary,
    checkpoints_name_the_heads_of_other_chains,
    an_export_is_verified_without_the_database,
    a_part_is_exported_and_verified_as_a_part,
    node_verifies_what_we_write,
);

fn an_empty_chain_is_whole_and_begins_with_its_id<L: Log>() {
    let log: L = filled(0, 0);
    let report = log.verify(&Expect::default());
    assert!(report.is_whole());
    assert_eq!((report.records, report.head.seq, report.chain), (0, 0, ulid(1)));
    assert_eq!(report.head.hash, Hash::genesis(ulid(1)));
    assert_ne!(Hash::genesis(ulid(1)), Hash::genesis(ulid(2)));
    assert_eq!(log.head(), report.head);
}

fn records_are_numbered_and_linked<L: Log>() {
    let mut log: L = filled(0, 0);
    let mut before = Hash::genesis(ulid(1));
    for number in 1..=5 {
        let entry = log.append(record(number)).unwrap();
        assert_eq!(entry.seq, number as u64);
        assert_eq!(entry.prev, before);
        assert_eq!(entry.subject, record(number).subject);
        before = entry.hash;
    }
    assert_eq!(log.head().hash, before);
    assert_eq!(log.read(&Query::default()).len(), 5);
    let report = log.verify(&Expect::default());
    assert!(report.is_whole());
    assert_eq!((report.records, report.unsigned()), (5, 5));
}

fn what_is_no_record_is_refused_and_leaves_nothing<L: Log>() {
    let mut log: L = filled(1, 0);
    let good = || record(2);
    let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
    let cases: [(&str, Record); 11] = [
        (
            "AUDIT_RECORD_TOO_LARGE",
            Record {
                kind: String::new(),
                ..good()
            },
        ),
        (
            "AUDIT_RECORD_TOO_LARGE",
            Record {
                kind: "k".repeat(MAX_KIND_BYTES + 1),
                ..good()
            },
        ),
        (
            "AUDIT_RECORD_TOO_LARGE",
            Record {
                actor: "a".repeat(MAX_ACTOR_BYTES + 1),
                ..good()
            },
        ),
        (
            "AUDIT_RECORD_TOO_LARGE",
            Record {
                subject: "s".repeat(MAX_SUBJECT_BYTES + 1),
                ..good()
            },
        ),
        (
            "AUDIT_RECORD_TOO_LARGE",
            Record {
                detail: "d".repeat(MAX_DETAIL_BYTES).into(),
                ..good()
            },
        ),
        (
            "AUDIT_RECORD_TOO_LARGE",
            Record {
                at: Millis(i64::MIN),
                ..good()
            },
        ),
        (
            "AUDIT_DETAIL_INVALID",
            Record {
                detail: json!(1_u64 << 53),
                ..good()
            },
        ),
        (
            "AUDIT_DETAIL_INVALID",
            Record {
                detail: json!({"a": [-(1_i64 << 53)]}),
                ..good()
            },
        ),
        (
            "AUDIT_DETAIL_INVALID",
            Record {
                detail: json!(u64::MAX),
                ..good()
            },
        ),
        ("AUDIT_DETAIL_INVALID", Record { detail: deep, ..good() }),
        (
            "AUDIT_KIND_RESERVED",
            Record {
                kind: CHECKPOINT_KIND.to_owned(),
                ..good()
            },
        ),
    ];
    for (code, bad) in cases {
        assert_eq!(log.append(bad).unwrap_err().code(), code);
    }
    assert_eq!(log.head().seq, 1);
    let largest = Record {
        kind: "k".repeat(MAX_KIND_BYTES),
        actor: "a".repeat(MAX_ACTOR_BYTES),
        subject: "s".repeat(MAX_SUBJECT_BYTES),
        detail: "d".repeat(MAX_DETAIL_BYTES - 2).into(),
        at: Millis((1 << 53) - 1),
        outcome: Outcome::Failed,
    };
    log.append(largest).unwrap();
    assert!(log.verify(&Expect::default()).is_whole());
    let (_, export) = log.export(0).unwrap();
    assert!(verify_jsonl(export.as_slice(), &Expect::default()).unwrap().is_whole());
}

fn pages_follow_one_another<L: Log>() {
    let log: L = filled(25, 0);
    let mut after = 0;
    let mut seen = Vec::new();
    loop {
        let page = log.read(&Query {
            after,
            limit: 10,
            ..Query::default()
        });
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 10);
        after = last.seq;
        seen.extend(page.iter().map(|entry| entry.seq));
    }
    assert_eq!(seen, (1..=25).collect::<Vec<_>>());
    assert!(
        log.read(&Query {
            limit: 0,
            ..Query::default()
        })
        .is_empty()
    );
    assert!(
        log.read(&Query {
            after: u64::MAX,
            ..Query::default()
        })
        .is_empty()
    );
    assert_eq!(
        log.read(&Query {
            limit: usize::MAX,
            ..Query::default()
        })
        .len(),
        25.min(MAX_READ)
    );
}

fn reading_selects_by_time_kind_and_outcome<L: Log>() {
    let log: L = filled(20, 0);
    let seqs = |query: Query| log.read(&query).iter().map(|entry| entry.seq).collect::<Vec<_>>();
    let since = Some(record(18).at);
    assert_eq!(
        seqs(Query {
            since,
            ..Query::default()
        }),
        [18, 19, 20]
    );
    let kind = Some("skill.install".to_owned());
    assert_eq!(
        seqs(Query {
            kind: kind.clone(),
            ..Query::default()
        }),
        [3, 6, 9, 12, 15, 18]
    );
    let outcome = Some(Outcome::Denied);
    assert_eq!(
        seqs(Query {
            outcome,
            ..Query::default()
        }),
        [1, 5, 9, 13, 17]
    );
    assert_eq!(
        seqs(Query {
            kind,
            outcome,
            after: 3,
            limit: 1,
            ..Query::default()
        }),
        [9]
    );
}

fn a_checkpoint_comes_when_so_many_records_have_none<L: Log>() {
    let log: L = filled(10, 4);
    let kinds: Vec<_> = log
        .read(&Query::default())
        .iter()
        .map(|entry| entry.is_checkpoint())
        .collect();
    let expected = [
        false, false, false, false, true, false, false, false, false, true, false, false,
    ];
    assert_eq!(kinds, expected);
    let report = log.verify(&trusting(&key(1)));
    assert!(report.is_whole());
    assert_eq!((report.checkpoints, report.covered, report.records), (2, 9, 12));
    assert_eq!(report.unsigned(), 3);
    assert_eq!(report.signers, [key(1).public()]);
}

fn a_checkpoint_can_be_asked_for_and_needs_a_notary<L: Log>() {
    let mut log: L = filled(3, 100);
    let head = log.head();
    let checkpoint = log.checkpoint(Millis(5)).unwrap();
    checkpoint.verify(Some(&[key(1).public()])).unwrap();
    assert_eq!(checkpoint.statement.head, head);
    assert_eq!(log.head().seq, 4);
    let report = log.verify(&trusting(&key(1)));
    assert_eq!((report.checkpoints, report.covered), (1, 3));
    let mut log: L = filled(3, 0);
    assert!(matches!(log.checkpoint(Millis(5)), Err(AuditError::NoNotary)));
    assert_eq!(log.head().seq, 3);
}

fn checkpoints_name_the_heads_of_other_chains<L: Log>() {
    let mut other = Memory::new(ulid(2));
    for number in 1..=7 {
        other.append(record(number)).unwrap();
    }
    let notary = Arc::new(Informed(key(1), vec![other.head()]));
    let mut log = L::open(ulid(1), Some((2, notary)));
    for number in 1..=2 {
        log.append(record(number)).unwrap();
    }
    let report = log.verify(&trusting(&key(1)));
    assert_eq!(report.named, [other.head()]);
    let expect = Expect {
        witnesses: report.named,
        ..Expect::default()
    };
    assert!(other.verify(&expect).is_whole());
    // heads of other chains are no witnesses of this one
    assert!(log.verify(&expect).is_whole());
}

fn an_export_is_verified_without_the_database<L: Log>() {
    let log: L = filled(10, 4);
    let (written, export) = log.export(0).unwrap();
    assert_eq!(written, 12);
    let report = verify_jsonl(export.as_slice(), &trusting(&key(1))).unwrap();
    assert_eq!(report, log.verify(&trusting(&key(1))));
    assert!(report.is_whole());
}

fn a_part_is_exported_and_verified_as_a_part<L: Log>() {
    let log: L = filled(10, 4);
    let (written, export) = log.export(6).unwrap();
    assert_eq!(written, 6);
    let report = verify_jsonl(export.as_slice(), &trusting(&key(1))).unwrap();
    assert!(report.is_whole());
    assert_eq!((report.after, report.records, report.head), (6, 6, log.head()));
    assert!(matches!(log.export(13), Err(AuditError::Unreadable { seq: 13 })));
    // nothing behind the head
    let (written, export) = log.export(12).unwrap();
    assert_eq!(written, 0);
    assert!(verify_jsonl(export.as_slice(), &Expect::default()).unwrap().is_whole());
}

fn node_verifies_what_we_write<L: Log>() {
    let log: L = filled(10, 4);
    let (_, export) = log.export(0).unwrap();
    let Some(found) = node_verifies(&export) else { return };
    let expected = json!({
        "chain": ulid(1), "records": 12, "head": log.head(), "checkpoints": 2, "broken": Value::Null,
    });
    assert_eq!(found, expected);
    // and it can say no
    let spoilt = String::from_utf8(export).unwrap().replace("skill-2", "skill-3");
    assert_eq!(node_verifies(spoilt.as_bytes()).unwrap()["broken"], 2);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-(1_i64 << 53) + 1..1 << 53).prop_map(Value::from),
        any::<f64>()
            .prop_filter("finite", |f| f.is_finite())
            .prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("\\PC{0,6}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_record() -> impl Strategy<Value = Record> {
    (
        "[a-z.]{1,12}",
        0..4_i64,
        "\\PC{0,20}",
        "\\PC{0,40}",
        any_json(),
        any::<i32>(),
    )
        .prop_map(|(kind, outcome, actor, subject, detail, at)| Record {
            at: Millis(at.into()),
            kind,
            outcome: record(outcome).outcome,
            actor,
            subject,
            detail,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn memory_and_sqlite_write_the_same(records in prop::collection::vec(any_record(), 0..20), every in 1..6_u64) {
        let notary = || Some((every, Arc::new(key(1)) as Arc<dyn chancery_audit::Notary>));
        let mut memory = <Memory as Log>::open(ulid(1), notary());
        let mut sqlite = Sqlite::open(ulid(1), notary());
        for record in records {
            let (one, other) = (memory.append(record.clone()), sqlite.append(record));
            prop_assert_eq!(one.ok(), other.ok());
        }
        prop_assert_eq!(memory.read(&Query::default()), sqlite.read(&Query::default()));
        prop_assert_eq!(Log::export(&memory, 0).unwrap(), Log::export(&sqlite, 0).unwrap());
        let report = sqlite.verify(&trusting(&key(1)));
        prop_assert!(report.is_whole());
        prop_assert_eq!(memory.verify(&trusting(&key(1))), report);
    }
}
