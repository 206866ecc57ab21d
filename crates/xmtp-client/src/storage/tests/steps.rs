//! A script over an inbox's file: each step, its cursor and its plaintext in one transaction.

use std::{fs, path::Path, sync::Arc};

use chancery_xmtp_wire::{
    content::MessageId,
    identity::{InboxId, InstallationKey},
};

use super::{
    super::{InboxDb, InboxKey, NewMessage, Position, StorageError, Topic, Tx},
    story::{Group, Op, Person, Script, Seeded, Seen, seed},
};
use crate::crypto::Crypto;

/// The key of every inbox here that is not about keys.
pub(super) fn key() -> InboxKey {
    InboxKey::from_bytes([7; 32].into())
}

/// Alice's inbox in the file at `path`.
pub(super) fn open(group: &[u8], path: &Path) -> Result<Inbox, StorageError> {
    Inbox::new(0, group, |crypto| InboxDb::open(path, &key(), crypto))
}

/// Whether any file in `folder` has these bytes in it.
pub(super) fn holds(folder: &Path, bytes: &[u8]) -> bool {
    let files = fs::read_dir(folder).unwrap();
    let mut files = files.map(|entry| fs::read(entry.unwrap().path()).unwrap());
    files.any(|file| file.windows(bytes.len()).any(|window| window == bytes))
}

pub(super) struct Inbox {
    pub(super) db: InboxDb,
    pub(super) person: Person,
    who: usize,
    rng: Arc<Seeded>,
}

impl Inbox {
    /// An inbox of Alice (0) or Bob (1) on what `open` opens.
    pub(super) fn new(
        who: usize,
        group: &[u8],
        open: impl FnOnce(Crypto) -> Result<InboxDb, StorageError>,
    ) -> Result<Self, StorageError> {
        let rng = Seeded::new();
        Ok(Self {
            db: open(Crypto::new(rng.clone()))?,
            person: Person::new(["alice", "bob"][who], group),
            who,
            rng,
        })
    }

    pub(super) fn step(&mut self, number: usize, op: &Op) -> Result<Seen, StorageError> {
        self.rng.reseed(seed(self.who, number));
        let person = self.person.clone();
        self.db.transaction(|tx| {
            let seen = person.perform(op, &tx.provider());
            record(tx, &person, number, &seen)?;
            Ok(seen)
        })
    }

    /// How many steps were done.
    pub(super) fn done(&mut self) -> usize {
        let topic = self.person.group.clone();
        let cursor = self.db.transaction(|tx| tx.cursor(Topic::Group(&topic)));
        usize::try_from(cursor.unwrap()).unwrap()
    }

    pub(super) fn look(&mut self) -> Option<Group> {
        let person = self.person.clone();
        self.db
            .transaction(|tx| Ok::<_, StorageError>(person.look(&tx.provider())))
            .unwrap()
    }

    pub(super) fn said(&mut self) -> Vec<Vec<u8>> {
        let found = self.db.transaction(|tx| tx.messages_after(Position(0), 1000)).unwrap();
        found.into_iter().map(|stored| stored.message.content).collect()
    }

    /// Everything is as after the first `steps` of `script`.
    #[track_caller]
    pub(super) fn is_after(&mut self, steps: usize, script: &Script) {
        assert_eq!(self.done(), steps);
        let group = steps.checked_sub(1).and_then(|last| script[last].1.group.clone());
        assert_eq!(self.look(), group, "after {steps} steps");
        let said: Vec<_> = script[..steps]
            .iter()
            .filter_map(|(_, seen)| seen.plain.clone())
            .collect();
        assert_eq!(self.said(), said, "after {steps} steps");
    }
}

pub(super) fn record(tx: &Tx<'_>, person: &Person, number: usize, seen: &Seen) -> Result<(), StorageError> {
    let network_id = number as u64 + 1;
    if let Some(plain) = &seen.plain {
        let new = tx.record(&NewMessage {
            id: MessageId::of(person.group.as_slice(), &network_id.to_string(), plain),
            group: person.group.clone(),
            network_id,
            sender: InboxId::from_bytes([1; 32]),
            installation: InstallationKey::from_bytes([2; 32]),
            sent_ns: 1_700_000_000_000_000_000 + network_id,
            content: plain.clone(),
            expires_ns: None,
        })?;
        assert!(new.is_some(), "recorded twice");
    }
    tx.advance(Topic::Group(&person.group), network_id)
}
