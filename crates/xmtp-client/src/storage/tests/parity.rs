//! Over ours there is the same to see as over openmls' own.

use super::{
    super::{InboxDb, StorageError},
    steps::{Inbox, record},
    story::scripts,
};

const GROUP: &[u8] = b"a group of two..";

#[test]
fn every_step_yields_and_leaves_what_it_does_over_openmls_own_storage() {
    for (who, script) in scripts(GROUP).iter().enumerate() {
        let mut inbox = Inbox::new(who, GROUP, InboxDb::in_memory).unwrap();
        for (number, (op, expected)) in script.iter().enumerate() {
            let seen = inbox.step(number, op).unwrap();
            assert_eq!(seen, *expected, "{who} {number} {op:?}");
        }
        inbox.is_after(script.len(), script);
    }
}

#[test]
fn a_transaction_that_is_not_committed_leaves_nothing() {
    struct Refused;
    impl From<StorageError> for Refused {
        fn from(error: StorageError) -> Self {
            panic!("{error}")
        }
    }
    for (who, script) in scripts(GROUP).iter().enumerate() {
        let mut inbox = Inbox::new(who, GROUP, InboxDb::in_memory).unwrap();
        for (number, (op, expected)) in script.iter().enumerate() {
            let person = inbox.person.clone();
            let refused = inbox.db.transaction(|tx| {
                let seen = person.perform(op, &tx.provider());
                record(tx, &person, number, &seen)?;
                Err::<(), _>(Refused)
            });
            assert!(refused.is_err());
            inbox.is_after(number, script);
            // and it can be done again
            assert_eq!(inbox.step(number, op).unwrap(), *expected, "{who} {number} {op:?}");
        }
    }
}

#[test]
fn two_groups_in_one_inbox_do_not_mix() {
    const OTHER: &[u8] = b"another group...";
    let [first, _] = scripts(GROUP);
    let [second, _] = scripts(OTHER);
    let mut inbox = Inbox::new(0, GROUP, InboxDb::in_memory).unwrap();
    let one = inbox.person.clone();
    let other = super::story::Person::new("alice", OTHER);
    for (number, ((op, expected), (other_op, other_expected))) in first.iter().zip(&second).enumerate() {
        inbox.person = one.clone();
        assert_eq!(inbox.step(number, op).unwrap(), *expected, "{number} {op:?}");
        inbox.person = other.clone();
        assert_eq!(
            inbox.step(number, other_op).unwrap(),
            *other_expected,
            "{number} {other_op:?}"
        );
        inbox.person = one.clone();
        assert_eq!(inbox.look(), expected.group, "{number} {op:?}");
    }
}
