//! What the key is for: files that tell nothing, and open for nobody else.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use chancery_base::ErrorCode as _;
use openmls::{
    key_packages::KeyPackageBundle,
    prelude::{KeyPackageIn, OpenMlsProvider as _, ProtocolVersion, tls_codec::Deserialize as _},
};
use openmls_traits::storage::StorageProvider as _;

use super::{
    super::{InboxDb, InboxKey, KeyFileError, StorageError},
    steps::{self, Inbox, holds},
    story::{Op, Seeded, scripts},
};

const GROUP: &[u8] = b"a group of two..";

fn open(path: &Path, key: &InboxKey) -> Result<Inbox, StorageError> {
    Inbox::new(0, GROUP, |crypto| InboxDb::open(path, key, crypto))
}

fn other_key() -> InboxKey {
    InboxKey::from_bytes([8; 32].into())
}

/// Plays the whole script and yields what must not be seen of it: a private key, all that was said, the group's id, and that
/// it is a database with these tables.
fn play(inbox: &mut Inbox) -> Vec<Vec<u8>> {
    let [script, _] = scripts(GROUP);
    for (number, (op, expected)) in script.iter().enumerate() {
        assert_eq!(inbox.step(number, op).unwrap(), *expected, "{number} {op:?}");
    }
    let made = inbox.step(script.len(), &Op::KeyPackage).unwrap().out.remove(0);
    let crypto = inbox.db.crypto().clone();
    let reference = KeyPackageIn::tls_deserialize(&mut made.as_slice())
        .unwrap()
        .validate(&crypto, ProtocolVersion::Mls10)
        .unwrap()
        .hash_ref(&crypto)
        .unwrap();
    let secret = inbox.db.transaction(|tx| {
        let bundle: KeyPackageBundle = tx.provider().storage().key_package(&reference)?.unwrap();
        Ok::<_, StorageError>(bundle.init_private_key().to_vec())
    });
    let mut seen = inbox.said();
    // three letters are in random bytes sooner or later
    seen.retain(|said| said.len() > 4);
    assert!(!seen.is_empty());
    seen.extend([secret.unwrap(), GROUP.to_vec()]);
    seen.extend([&b"SQLite format 3"[..], b"mls_values"].map(<[u8]>::to_vec));
    seen
}

#[test]
fn nothing_of_an_inbox_is_to_be_seen_in_its_files() {
    // the same without a key shows that there is something to see
    for (key, to_be_seen) in [(None, true), (Some(steps::key()), false)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inbox.db");
        let mut inbox = Inbox::new(0, GROUP, |crypto| InboxDb::open_with(&path, key.as_ref(), crypto)).unwrap();
        let secrets = play(&mut inbox);
        // in its log, then in the file itself
        for closed in [false, true] {
            if closed {
                inbox.db.forget().unwrap();
            }
            for secret in &secrets {
                assert_eq!(holds(folder.path(), secret), to_be_seen, "{closed} {secret:?}");
            }
            if let Some(key) = &key {
                assert!(!holds(folder.path(), &[7; 32]) && !holds(folder.path(), key.hex().as_bytes()));
            }
        }
    }
}

fn bytes_of(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_none_or(|end| end != "lock"))
        .map(|path| (path.clone(), fs::read(&path).unwrap()))
        .collect()
}

#[test]
fn another_key_opens_nothing_and_changes_nothing() {
    let [script, _] = scripts(GROUP);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut inbox = open(&path, &steps::key()).unwrap();
    for (number, (op, _)) in script.iter().enumerate() {
        inbox.step(number, op).unwrap();
    }
    // as a crash leaves it: with all of it still in the log
    let crashed = tempfile::tempdir().unwrap();
    for name in ["inbox.db", "inbox.db-wal"] {
        fs::copy(folder.path().join(name), crashed.path().join(name)).unwrap();
    }
    drop(inbox);
    for folder in [&folder, &crashed] {
        let path = folder.path().join("inbox.db");
        let before = bytes_of(folder.path());
        let refused = open(&path, &other_key()).err().unwrap();
        assert!(matches!(refused, StorageError::Key { .. }), "{refused:?}");
        assert_eq!(refused.code(), "XMTP_INBOX_KEY");
        assert_eq!(bytes_of(folder.path()), before);
        open(&path, &steps::key()).unwrap().is_after(script.len(), &script);
    }
    assert_eq!(bytes_of(crashed.path()).len(), 1, "the crash had left no log");
}

#[test]
fn what_is_no_inbox_is_not_made_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    // somebody's notes, and a database that is not encrypted
    for plain in [false, true] {
        if plain {
            fs::remove_file(&path).unwrap();
            drop(Inbox::new(0, GROUP, |crypto| InboxDb::open_with(&path, None, crypto)).unwrap());
        } else {
            fs::write(&path, "notes ".repeat(1000)).unwrap();
        }
        let before = bytes_of(folder.path());
        let refused = open(&path, &steps::key()).err().unwrap();
        assert!(matches!(refused, StorageError::Key { .. }), "{refused:?}");
        assert_eq!(bytes_of(folder.path()), before);
    }
}

#[test]
fn several_inboxes_are_open_at_once_each_with_its_key() {
    let [script, _] = scripts(GROUP);
    let folder = tempfile::tempdir().unwrap();
    let inboxes = || {
        (0..3_u8).map(|number| {
            let key = InboxKey::from_bytes([number; 32].into());
            (folder.path().join(format!("{number}.db")), key)
        })
    };
    let mut opened: Vec<_> = inboxes().map(|(path, key)| open(&path, &key).unwrap()).collect();
    // each is as far as its number
    for (steps, inbox) in opened.iter_mut().enumerate() {
        for (number, (op, _)) in script.iter().enumerate().take(steps) {
            inbox.step(number, op).unwrap();
        }
    }
    for (steps, inbox) in opened.iter_mut().enumerate() {
        inbox.is_after(steps, &script);
    }
    drop(opened);
    for (steps, (path, key)) in inboxes().enumerate() {
        assert!(matches!(open(&path, &other_key()), Err(StorageError::Key { .. })));
        open(&path, &key).unwrap().is_after(steps, &script);
    }
}

#[test]
fn a_key_is_made_once_and_kept_from_others() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = folder.path().join("inbox.db");
    let path = InboxKey::beside(&inbox);
    assert_eq!(path, folder.path().join("inbox.db.key"));
    let missing = InboxKey::read(&path).unwrap_err();
    assert_eq!(missing.code(), "XMTP_INBOX_KEY_MISSING");

    let rng = Seeded::new();
    let made = InboxKey::read_or_make(&path, &rng).unwrap();
    let again = InboxKey::read_or_make(&path, &rng).unwrap();
    let read = InboxKey::read(&path).unwrap();
    assert_ne!(*made.hex(), *InboxKey::generate(&rng).hex());
    assert_eq!((&*again.hex(), &*read.hex()), (&*made.hex(), &*made.hex()));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(format!("{made:?}"), "InboxKey(..)");
    drop(open(&inbox, &made).unwrap());
    drop(open(&inbox, &read).unwrap());

    for text in ["", "00", &"g".repeat(64), &"+0".repeat(32), &"0".repeat(66)] {
        fs::write(&path, text).unwrap();
        assert!(
            matches!(InboxKey::read(&path), Err(KeyFileError::Malformed(_))),
            "{text}"
        );
    }
    fs::write(&path, "Ab".repeat(32)).unwrap();
    assert_eq!(*InboxKey::read(&path).unwrap().hex(), "ab".repeat(32));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(InboxKey::read(&path), Err(KeyFileError::Public(_))));
}
