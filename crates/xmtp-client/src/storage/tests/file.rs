//! The file itself: who may read it, what remains in it, and what happens when it is full.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use openmls::{
    key_packages::KeyPackageBundle,
    prelude::{KeyPackageIn, OpenMlsProvider as _, ProtocolVersion, tls_codec::Deserialize as _},
};
use openmls_traits::storage::StorageProvider as _;

use super::{
    super::{InboxDb, StorageError},
    steps::{self, Inbox, holds},
    story::{Op, scripts},
};

const GROUP: &[u8] = b"a group of two..";

fn open(path: &Path) -> Result<Inbox, StorageError> {
    steps::open(GROUP, path)
}

#[test]
fn only_its_owner_may_read_it_and_only_one_may_have_it_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut inbox = open(&path).unwrap();
    inbox.step(0, &Op::Create).unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
    let me = std::process::id();
    let locked = open(&path).err().unwrap();
    assert!(
        matches!(locked, StorageError::Locked { pid: Some(pid), .. } if pid == me),
        "{locked:?}"
    );
    drop(inbox);
    let mut again = open(&path).unwrap();
    assert_eq!(again.done(), 1);
}

#[test]
fn a_file_of_a_later_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let inbox = open(&path).unwrap();
    inbox.db.connection.pragma_update(None, "user_version", 1000).unwrap();
    drop(inbox);
    let newer = open(&path).err().unwrap();
    assert!(matches!(newer, StorageError::Newer { found: 1000 }), "{newer:?}");
}

#[test]
fn a_deleted_key_is_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    // without a key, for in an encrypted file there is nothing to be found either way
    let path = folder.path().join("inbox.db");
    let mut inbox = Inbox::new(0, GROUP, |crypto| InboxDb::open_with(&path, None, crypto)).unwrap();
    let made = inbox.step(0, &Op::KeyPackage).unwrap().out.remove(0);
    let crypto = inbox.db.crypto().clone();
    let reference = KeyPackageIn::tls_deserialize(&mut made.as_slice())
        .unwrap()
        .validate(&crypto, ProtocolVersion::Mls10)
        .unwrap()
        .hash_ref(&crypto)
        .unwrap();
    let secret = inbox
        .db
        .transaction(|tx| {
            let bundle: KeyPackageBundle = tx.provider().storage().key_package(&reference)?.unwrap();
            Ok::<_, StorageError>(bundle.init_private_key().to_vec())
        })
        .unwrap();
    assert!(
        holds(folder.path(), &secret),
        "the key is not stored as it is: this test sees nothing"
    );
    inbox.db.forget().unwrap();
    assert!(holds(folder.path(), &secret));

    inbox
        .db
        .transaction(|tx| tx.provider().storage().delete_key_package(&reference))
        .unwrap();
    inbox.db.forget().unwrap();
    assert!(!holds(folder.path(), &secret));
}

#[test]
fn a_full_disk_is_an_error_and_nothing_has_happened() {
    let [script, _] = scripts(GROUP);
    let folder = tempfile::tempdir().unwrap();
    let mut inbox = open(&folder.path().join("inbox.db")).unwrap();
    let mut refused = 0;
    for (number, (op, expected)) in script.iter().enumerate() {
        // no page more than there are
        inbox.db.connection.pragma_update(None, "max_page_count", 1).unwrap();
        let person = inbox.person.clone();
        let full = inbox.db.transaction(|tx| {
            let big = vec![0; 1 << 20];
            tx.queue_intent(&person.group, &big).err();
            let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| person.perform(op, &tx.provider())));
            drop(seen);
            Ok::<_, StorageError>(())
        });
        assert!(matches!(full, Err(StorageError::Broken)), "{full:?}");
        refused += 1;
        inbox.is_after(number, &script);
        inbox
            .db
            .connection
            .pragma_update(None, "max_page_count", 1 << 20)
            .unwrap();
        assert_eq!(inbox.step(number, op).unwrap(), *expected, "{number} {op:?}");
    }
    assert_eq!(refused, script.len());
}

#[test]
fn a_write_that_failed_unnoticed_commits_nothing() {
    let mut inbox = open(&tempfile::tempdir().unwrap().path().join("inbox.db")).unwrap();
    let group = inbox.person.group.clone();
    let broken = inbox.db.transaction(|tx| {
        tx.queue_intent(&group, b"before")?;
        assert!(matches!(tx.intent_over(tx.queue_intent(&group, b"one")?), Ok(())));
        // there is none any more
        let gone = tx.queue_intent(&group, b"two")?;
        tx.intent_over(gone)?;
        assert!(matches!(tx.intent_over(gone), Err(StorageError::Intent)));
        Ok::<_, StorageError>(())
    });
    assert!(matches!(broken, Err(StorageError::Broken)));
    let left = inbox.db.transaction(|tx| tx.intents(&group)).unwrap();
    assert_eq!(left, []);
}
