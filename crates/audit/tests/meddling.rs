//! Stored records that somebody changed: what is found, where, and what is not.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

mod common;

use chancery_audit::{CheckpointError, Entry, Expect, Fault, Hash, Head, Memory, Query, Report, verify_jsonl};
use chancery_base::{digest, json};
use common::{Log, Sqlite, filled, key, trusting, ulid};
use proptest::prelude::*;

const RECORDS: i64 = 12;

fn broken(report: &Report) -> (u64, Fault) {
    let broken = report.broken.unwrap();
    (broken.seq, broken.fault)
}

/// Every kind of change that one statement makes to one row, as SQL; `{n}` is the row.
const CHANGES: [&str; 16] = [
    "UPDATE audit SET at_ms = at_ms + 1 WHERE seq = {n}",
    "UPDATE audit SET at_ms = -at_ms WHERE seq = {n}",
    "UPDATE audit SET at_ms = 9007199254740993 WHERE seq = {n}",
    "UPDATE audit SET kind = kind || 'x' WHERE seq = {n}",
    "UPDATE audit SET kind = 'audit.checkpoint' || kind WHERE seq = {n}",
    "UPDATE audit SET outcome = CASE outcome WHEN 'allowed' THEN 'denied' ELSE 'allowed' END WHERE seq = {n}",
    "UPDATE audit SET outcome = 'Allowed' WHERE seq = {n}",
    "UPDATE audit SET actor = actor || ' ' WHERE seq = {n}",
    "UPDATE audit SET subject = upper(subject) || '.' WHERE seq = {n}",
    "UPDATE audit SET detail = ' ' || detail WHERE seq = {n}",
    "UPDATE audit SET detail = '{}' WHERE seq = {n}",
    "UPDATE audit SET detail = 'no json' WHERE seq = {n}",
    "UPDATE audit SET prev = zeroblob(32) WHERE seq = {n}",
    "UPDATE audit SET hash = zeroblob(32) WHERE seq = {n}",
    "UPDATE audit SET hash = zeroblob(31) WHERE seq = {n}",
    "UPDATE audit SET actor = CAST(x'ff' AS TEXT) WHERE seq = {n}",
];

#[test]
fn every_change_of_every_row_is_found_at_that_row() {
    for every in [0, 5] {
        let log: Sqlite = filled(RECORDS, every);
        for seq in 1..=log.head().seq {
            for change in CHANGES {
                let copy = log.copy();
                assert!(copy.verify(&Expect::default()).is_whole());
                copy.meddle(&change.replace("{n}", &seq.to_string()));
                let (at, fault) = broken(&copy.verify(&Expect::default()));
                assert_eq!(at, seq, "{change}: {fault}");
            }
        }
    }
}

#[test]
fn a_detail_spelt_otherwise_is_found_although_it_means_the_same() {
    let log: Sqlite = filled(3, 0);
    log.meddle("UPDATE audit SET detail = replace(detail, '\"z\":1', '\"z\":1.0') WHERE seq = 2");
    assert_eq!(broken(&log.verify(&Expect::default())), (2, Fault::Unreadable));
    let log: Sqlite = filled(3, 0);
    log.meddle("UPDATE audit SET detail = replace(detail, '{\"a\":2', '{\"a\":3,\"a\":2') WHERE seq = 2");
    assert_eq!(broken(&log.verify(&Expect::default())), (2, Fault::Unreadable));
}

#[test]
fn a_missing_row_is_found_and_named() {
    let log: Sqlite = filled(RECORDS, 5);
    for seq in 1..log.head().seq {
        let copy = log.copy();
        copy.meddle(&format!("DELETE FROM audit WHERE seq = {seq}"));
        assert_eq!(
            broken(&copy.verify(&Expect::default())),
            (seq, Fault::Missing { found: seq + 1 })
        );
        // closing the gap does not help
        copy.meddle(&format!(
            "UPDATE audit SET seq = -(seq - 1) WHERE seq > {seq}; UPDATE audit SET seq = -seq WHERE seq < 0"
        ));
        assert_eq!(broken(&copy.verify(&Expect::default())).0, seq);
    }
}

#[test]
fn an_inserted_row_is_found() {
    let log: Sqlite = filled(RECORDS, 5);
    let end = log.head().seq as i64;
    for place in [i64::MIN, -1, 0, end + 1, end + 5, i64::MAX] {
        let copy = log.copy();
        copy.meddle(&format!(
            "INSERT INTO audit SELECT {place}, at_ms, kind, outcome, actor, subject, detail, prev, hash FROM audit WHERE seq = 3"
        ));
        let report = copy.verify(&Expect::default());
        assert!(!report.is_whole(), "{place}");
    }
    // and one in the middle, the rest moved up
    let copy = log.copy();
    copy.meddle(
        "UPDATE audit SET seq = -(seq + 1) WHERE seq > 4; UPDATE audit SET seq = -seq WHERE seq < 0;
         INSERT INTO audit SELECT 5, at_ms, kind, outcome, actor, subject, detail, prev, hash FROM audit WHERE seq = 4",
    );
    assert_eq!(broken(&copy.verify(&Expect::default())).0, 5);
}

#[test]
fn rows_that_changed_places_are_found() {
    let log: Sqlite = filled(RECORDS, 5);
    let end = log.head().seq;
    for one in 1..=end {
        for other in one + 1..=end {
            let copy = log.copy();
            copy.meddle(&format!(
                "UPDATE audit SET seq = -{one} WHERE seq = {one}; UPDATE audit SET seq = {one} WHERE seq = {other};
                 UPDATE audit SET seq = {other} WHERE seq = -{one}"
            ));
            assert_eq!(broken(&copy.verify(&Expect::default())).0, one);
        }
    }
}

#[test]
fn another_id_of_the_chain_is_found() {
    let log: Sqlite = filled(3, 0);
    log.meddle(&format!("UPDATE audit_chain SET chain = '{}'", ulid(2)));
    assert_eq!(broken(&log.verify(&Expect::default())), (1, Fault::Unlinked));
    // a whole other chain in its place
    let other = <Memory as Log>::open(ulid(2), None);
    assert!(other.verify(&Expect::default()).is_whole());
    let expect = Expect {
        chain: Some(ulid(1)),
        ..Expect::default()
    };
    assert_eq!(broken(&other.verify(&expect)), (0, Fault::OtherChain));
}

#[test]
fn a_cut_tail_is_found_by_whoever_kept_a_head_and_by_nobody_else() {
    let log: Sqlite = filled(RECORDS, 5);
    let kept: Vec<Head> = log
        .read(&Query::default())
        .iter()
        .map(|entry| Head {
            chain: ulid(1),
            seq: entry.seq,
            hash: entry.hash,
        })
        .collect();
    let end = log.head().seq;
    for cut in 1..=end {
        let copy = log.copy();
        copy.meddle(&format!("DELETE FROM audit WHERE seq >= {cut}"));
        // the documented limit
        assert!(copy.verify(&trusting(&key(1))).is_whole());
        for witness in &kept {
            let expect = Expect {
                witnesses: vec![*witness],
                ..trusting(&key(1))
            };
            let report = copy.verify(&expect);
            if witness.seq >= cut {
                assert_eq!(broken(&report), (cut, Fault::Truncated { known: witness.seq }));
            } else {
                assert!(report.is_whole());
            }
        }
    }
}

/// The hash of a record, as its description says.
fn hash(entry: &Entry) -> Hash {
    let mut members = serde_json::to_value(entry).unwrap();
    members.as_object_mut().unwrap().remove("hash");
    let text = format!("CHANCERY-AUDIT-RECORD-V1\n{}", json::canonical(&members).unwrap());
    Hash(digest::sha256(text))
}

/// Writes the chain anew from `from` on with another actor there, all hashes right: what somebody can who has the file and
/// no key.
fn forge(log: &Sqlite, from: u64) -> Sqlite {
    let copy = log.copy();
    let mut prev = None;
    for mut entry in log.read(&Query {
        after: from - 1,
        ..Query::default()
    }) {
        if entry.seq == from {
            entry.actor.push('!');
        }
        entry.prev = prev.unwrap_or(entry.prev);
        entry.hash = hash(&entry);
        prev = Some(entry.hash);
        copy.connection
            .execute(
                "UPDATE audit SET actor = ?1, prev = ?2, hash = ?3 WHERE seq = ?4",
                (&entry.actor, entry.prev.0, entry.hash.0, entry.seq),
            )
            .unwrap();
    }
    copy
}

#[test]
fn a_chain_written_anew_is_found_where_a_checkpoint_covers_it_and_only_there() {
    let log: Sqlite = filled(RECORDS, 5);
    let covered = log.verify(&trusting(&key(1))).covered;
    let unsigned = log.verify(&trusting(&key(1))).unsigned();
    assert!(unsigned > 1 && covered > 5);
    for from in 1..=log.head().seq {
        let report = forge(&log, from).verify(&trusting(&key(1)));
        if from <= covered {
            assert!(
                matches!(
                    broken(&report).1,
                    Fault::Checkpoint {
                        why: CheckpointError::Head
                    }
                ),
                "{from}"
            );
        } else {
            // the documented limit: one head kept elsewhere finds it
            assert!(report.is_whole());
            let expect = Expect {
                witnesses: vec![log.head()],
                ..trusting(&key(1))
            };
            let (at, fault) = broken(&forge(&log, from).verify(&expect));
            assert_eq!((at, fault), (log.head().seq, Fault::Rewritten));
        }
    }
}

#[test]
fn a_chain_signed_by_another_key_is_found_by_whoever_knows_the_keys() {
    let log: Sqlite = filled(RECORDS, 5);
    let report = log.verify(&Expect::default());
    assert!(report.is_whole());
    assert_eq!(report.signers, [key(1).public()]);
    let (at, fault) = broken(&log.verify(&trusting(&key(2))));
    assert_eq!(
        (at, fault),
        (
            6,
            Fault::Checkpoint {
                why: CheckpointError::Key
            }
        )
    );
    let both = Expect {
        keys: Some(vec![key(2).public(), key(1).public()]),
        ..Expect::default()
    };
    assert!(log.verify(&both).is_whole());
}

#[test]
fn the_heads_that_one_chain_names_hold_another_to_what_it_was() {
    let office: Sqlite = filled(RECORDS, 0);
    let notary = std::sync::Arc::new(common::Informed(key(1), vec![office.head()]));
    let mut other = <Memory as Log>::open(ulid(9), Some((1, notary)));
    other.append(common::record(1)).unwrap();
    let named = other.verify(&trusting(&key(1))).named;
    let expect = Expect {
        witnesses: named,
        ..Expect::default()
    };
    assert!(office.verify(&expect).is_whole());
    let copy = office.copy();
    copy.meddle("DELETE FROM audit WHERE seq > 10");
    assert_eq!(
        broken(&copy.verify(&expect)),
        (11, Fault::Truncated { known: RECORDS as u64 })
    );
    assert_eq!(
        broken(&forge(&office, 4).verify(&expect)),
        (RECORDS as u64, Fault::Rewritten)
    );
}

#[test]
fn an_export_that_breaks_off_or_goes_on_is_found() {
    let log: Sqlite = filled(4, 2);
    let (_, export) = log.export(0).unwrap();
    let whole = |bytes: &[u8]| verify_jsonl(bytes, &Expect::default()).is_ok_and(|report| report.is_whole());
    assert!(whole(&export));
    for length in 0..export.len() {
        assert!(!whole(&export[..length]), "{length}");
    }
    let mut longer = export.clone();
    longer.extend_from_slice(b"\n");
    assert!(!whole(&longer));
    let again = [export.as_slice(), &export].concat();
    assert!(!whole(&again));
}

#[test]
fn lines_of_an_export_that_changed_places_went_or_came_are_found() {
    let log: Sqlite = filled(6, 2);
    let (_, export) = log.export(0).unwrap();
    let text = String::from_utf8(export).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let whole = |lines: &[&str]| {
        let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        verify_jsonl(text.as_bytes(), &Expect::default()).is_ok_and(|report| report.is_whole())
    };
    assert!(whole(&lines));
    for one in 0..lines.len() {
        let mut without = lines.clone();
        without.remove(one);
        assert!(!whole(&without));
        let mut twice = lines.clone();
        twice.insert(one, lines[one]);
        assert!(!whole(&twice));
        for other in one + 1..lines.len() {
            let mut swapped = lines.clone();
            swapped.swap(one, other);
            assert!(!whole(&swapped));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_one_changed_byte_of_an_export_is_found(at: prop::sample::Index, with in 1..=255_u8) {
        let log: Memory = filled(6, 2);
        let (_, mut export) = Log::export(&log, 0).unwrap();
        let at = at.index(export.len());
        export[at] ^= with;
        let report = verify_jsonl(export.as_slice(), &trusting(&key(1)));
        prop_assert!(!report.is_ok_and(|report| report.is_whole()));
    }

    #[test]
    fn what_is_no_export_is_refused(bytes: Vec<u8>, text in "\\PC*\n") {
        let whole = |bytes: &[u8]| verify_jsonl(bytes, &Expect::default()).is_ok_and(|report| report.is_whole());
        prop_assert!(!whole(&bytes));
        prop_assert!(!whole(text.as_bytes()));
    }
}
