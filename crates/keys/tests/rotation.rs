//! Rotations are a chain from the first key, signed by old and new (signet spec 8.2).
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops there")]

use chancery_base::{Millis, ed25519::SecretKey};
use chancery_keys::{RotationError, RotationStatement, rotation::follow};
use serde_json::{Value, json};

const HOLDER: &str = "op_0000000000000001";

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

/// Three rotations: keys 1, 2, 3, 4.
fn chain() -> Vec<RotationStatement> {
    (1..4)
        .map(|n| RotationStatement::sign(HOLDER, u64::from(n), &key(n), &key(n + 1), Millis(i64::from(n))).unwrap())
        .collect()
}

#[test]
fn a_chain_leads_from_the_first_key_to_the_last() {
    let chain = chain();
    assert_eq!(follow(HOLDER, key(1).public(), &chain).unwrap(), key(4).public());
    assert_eq!(follow(HOLDER, key(1).public(), []).unwrap(), key(1).public());
}

#[test]
fn it_reads_back_as_it_was_written() {
    for statement in chain() {
        let text = serde_json::to_string(&statement).unwrap();
        let read: RotationStatement = serde_json::from_str(&text).unwrap();
        assert_eq!(read, statement);
        assert_eq!(read.verify(), Ok(()));
    }
}

#[test]
fn any_changed_member_is_found() {
    let statement = serde_json::to_value(&chain()[1]).unwrap();
    let other = serde_json::to_value(&chain()[2]).unwrap();
    let members = statement.as_object().unwrap();
    assert_eq!(members.len(), 7);
    for member in members.keys() {
        let mut changed = statement.clone();
        changed[member] = match member.as_str() {
            "holder" => json!("op_0000000000000002"),
            "sequence" => json!(3),
            "rotatedAt" => json!(1),
            _ => other[member].clone(),
        };
        let changed: RotationStatement = serde_json::from_value(changed).unwrap();
        assert!(matches!(changed.verify(), Err(RotationError::Signature(_))), "{member}");
    }
    let mut more = statement;
    more["note"] = Value::Null;
    assert!(serde_json::from_value::<RotationStatement>(more).is_err());
}

#[test]
fn a_gap_a_swap_another_holder_or_start_breaks_the_chain() {
    let whole = chain();
    let broken = |statements: &[RotationStatement]| follow(HOLDER, key(1).public(), statements).unwrap_err();
    assert_eq!(broken(&whole[1..]), RotationError::Chain(1));
    assert_eq!(broken(&[whole[0].clone(), whole[2].clone()]), RotationError::Chain(2));
    assert_eq!(broken(&[whole[1].clone(), whole[0].clone()]), RotationError::Chain(1));
    assert_eq!(broken(&[whole[0].clone(), whole[0].clone()]), RotationError::Chain(2));
    assert_eq!(
        follow("op_0000000000000002", key(1).public(), &whole).unwrap_err(),
        RotationError::Chain(1)
    );
    assert_eq!(
        follow(HOLDER, key(2).public(), &whole).unwrap_err(),
        RotationError::Chain(1)
    );
    let back_in_time = RotationStatement::sign(HOLDER, 2, &key(2), &key(3), Millis(0)).unwrap();
    assert_eq!(broken(&[whole[0].clone(), back_in_time]), RotationError::Chain(2));
    let to_itself = RotationStatement::sign(HOLDER, 1, &key(1), &key(1), Millis(0)).unwrap();
    assert_eq!(broken(&[to_itself]), RotationError::Chain(1));
}

#[test]
fn the_holder_of_the_old_key_cannot_name_a_key_of_somebody_else() {
    // what the old key alone can write: the new key's acceptance is missing
    let honest = &chain()[0];
    let forged = RotationStatement {
        acceptance: honest.signature,
        ..honest.clone()
    };
    assert_eq!(forged.verify(), Err(RotationError::Signature(1)));
}
