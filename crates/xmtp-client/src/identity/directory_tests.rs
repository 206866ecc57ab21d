//! Logs that are read once, and nodes that tell them otherwise later.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use chancery_base::{Millis, Rng, ed25519::SecretKey};
use chancery_xmtp_wire::identity::{
    AccountId, Action, EthereumAddress, Identifier, IdentityUpdate, InboxId, InstallationKey, Nonce, Signature, Update,
    WalletKey,
};
use openmls::group::GroupId;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::{Directory, DirectoryError, Entry, Installation, inbox_of, revocation};
use crate::{
    crypto::Crypto,
    network::{
        BoxFuture, BoxStream, GroupEnvelope, LoggedUpdate, NodeApi, NodeError, Page, WelcomeEnvelope, WelcomeToSend,
    },
    storage::{InboxDb, SharedDb},
};

const NOW: Millis = Millis(1_790_000_000_000);

struct Seeded(Mutex<ChaCha20Rng>);

impl Rng for Seeded {
    fn fill(&self, out: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(out);
    }
}

fn db() -> SharedDb {
    let rng = Arc::new(Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(1))));
    SharedDb::new(InboxDb::in_memory(Crypto::new(rng)).unwrap())
}

/// A node that has one log, and says what it is told to say.
struct Teller {
    log: Mutex<Result<Vec<(u64, IdentityUpdate)>, NodeError>>,
    asked: Mutex<Vec<u64>>,
    most: Mutex<usize>,
}

impl Teller {
    fn new(log: &[(u64, IdentityUpdate)]) -> Self {
        Self {
            log: Mutex::new(Ok(log.to_vec())),
            asked: Mutex::default(),
            most: Mutex::default(),
        }
    }

    fn tells(&self, log: Result<Vec<(u64, IdentityUpdate)>, NodeError>) {
        *self.log.lock().unwrap() = log;
    }

    fn asked(&self) -> Vec<u64> {
        self.asked.lock().unwrap().clone()
    }
}

fn away<T>() -> BoxFuture<'static, T>
where
    T: Send + 'static,
{
    Box::pin(async { Err(NodeError::Refused("not here".into())) })
}

impl NodeApi for Teller {
    fn identity_updates<'a>(&'a self, after: &'a [(InboxId, u64)]) -> BoxFuture<'a, Vec<Vec<LoggedUpdate>>> {
        Box::pin(async move {
            let log = self.log.lock().unwrap().clone()?;
            let mut most = self.most.lock().unwrap();
            *most = after.len().max(*most);
            let mut asked = self.asked.lock().unwrap();
            asked.extend(after.iter().map(|(_, after)| *after));
            let entries = |after: u64| {
                let told = log.iter().filter(|(id, _)| *id > after);
                told.map(|(id, update)| LoggedUpdate {
                    sequence_id: *id,
                    server_timestamp_ns: 0,
                    update: update.clone(),
                })
                .collect()
            };
            Ok(after.iter().map(|(_, after)| entries(*after)).collect())
        })
    }

    fn publish_identity_update<'a>(&'a self, _: &'a IdentityUpdate) -> BoxFuture<'a, ()> {
        away()
    }

    fn inbox_ids<'a>(&'a self, _: &'a [Identifier]) -> BoxFuture<'a, Vec<Option<InboxId>>> {
        away()
    }

    fn upload_key_package(&self, _: Bytes) -> BoxFuture<'_, ()> {
        away()
    }

    fn key_packages<'a>(&'a self, _: &'a [InstallationKey]) -> BoxFuture<'a, Vec<Option<Bytes>>> {
        away()
    }

    fn send_group_messages(&self, _: Vec<(Bytes, Bytes)>) -> BoxFuture<'_, ()> {
        away()
    }

    fn group_messages<'a>(&'a self, _: &'a GroupId, _: u64) -> BoxFuture<'a, Page<GroupEnvelope>> {
        away()
    }

    fn send_welcomes(&self, _: Vec<WelcomeToSend>) -> BoxFuture<'_, ()> {
        away()
    }

    fn welcomes(&self, _: [u8; 32], _: u64) -> BoxFuture<'_, Page<WelcomeEnvelope>> {
        away()
    }

    fn follow_groups<'a>(&'a self, _: &'a [(GroupId, u64)]) -> BoxFuture<'a, BoxStream<GroupEnvelope>> {
        away()
    }

    fn follow_welcomes(&self, _: [u8; 32], _: u64) -> BoxFuture<'_, BoxStream<WelcomeEnvelope>> {
        away()
    }
}

/// An inbox with its log: entry 5 opens it, 9 lets a second installation in, 12 shuts it out.
struct Alice {
    wallet: WalletKey,
    inbox: InboxId,
    one: Installation,
    two: Installation,
    log: Vec<(u64, IdentityUpdate)>,
}

fn alice() -> Alice {
    let rng = Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(2)));
    let wallet = WalletKey::generate(&rng).unwrap();
    let inbox = inbox_of(&wallet, Nonce(1));
    let one = Installation::new(SecretKey::generate(&rng), inbox);
    let two = Installation::new(SecretKey::generate(&rng), inbox);
    let log = vec![
        (5, one.registration(&wallet, Nonce(1), NOW).unwrap()),
        (9, two.addition(&wallet, NOW).unwrap()),
        (12, revocation(&wallet, inbox, &[two.public()], NOW).unwrap()),
    ];
    Alice {
        wallet,
        inbox,
        one,
        two,
        log,
    }
}

fn installations(directory: &Directory, inbox: InboxId, entry: u64) -> Option<Vec<InstallationKey>> {
    let state = directory.state_at(inbox, entry)?;
    Some(state.installations().collect())
}

#[tokio::test]
async fn an_inbox_is_known_after_each_entry_and_between_them_there_is_nothing() {
    let alice = alice();
    let (node, db, directory) = (Teller::new(&alice.log), db(), Directory::new());
    assert_eq!(directory.entry(alice.inbox, 5), Entry::Unread);
    directory.refresh(&node, &db, &[alice.inbox]).await.unwrap();
    let mut both = vec![alice.one.public(), alice.two.public()];
    both.sort_unstable();
    assert_eq!(
        installations(&directory, alice.inbox, 5),
        Some(vec![alice.one.public()])
    );
    assert_eq!(installations(&directory, alice.inbox, 9), Some(both));
    assert_eq!(
        installations(&directory, alice.inbox, 12),
        Some(vec![alice.one.public()])
    );
    assert_eq!(directory.latest(alice.inbox), Some(12));
    for none in [0, 4, 6, 11] {
        assert_eq!(directory.entry(alice.inbox, none), Entry::Absent, "{none}");
    }
    assert_eq!(directory.entry(alice.inbox, 13), Entry::Unread);
    let diff = directory.diff(alice.inbox, Some(5), 9).unwrap();
    assert_eq!(diff.added_installations().collect::<Vec<_>>(), [alice.two.public()]);
    assert!(directory.has_entries(alice.inbox, 5, 9) && !directory.has_entries(alice.inbox, 9, 11));
}

#[tokio::test]
async fn what_was_read_once_is_known_without_a_node() {
    let alice = alice();
    let (node, db) = (Teller::new(&alice.log), db());
    Directory::new().refresh(&node, &db, &[alice.inbox]).await.unwrap();

    let again = Directory::new();
    node.tells(Err(NodeError::Unavailable("away".into())));
    again
        .at_least(&node, &db, &[(alice.inbox, 9), (alice.inbox, 12)])
        .await
        .unwrap();
    assert!(matches!(again.entry(alice.inbox, 9), Entry::State(_)));
    // but not what nobody has read, and then nothing is decided
    let failed = again.at_least(&node, &db, &[(alice.inbox, 13)]).await.unwrap_err();
    assert!(failed.is_retryable(), "{failed}");
    assert_eq!(again.entry(alice.inbox, 13), Entry::Unread);
}

#[tokio::test]
async fn an_entry_that_the_node_does_not_have_is_absent_for_who_looked_and_may_come_later() {
    let alice = alice();
    let (node, db, directory) = (Teller::new(&alice.log[..1]), db(), Directory::new());
    directory.at_least(&node, &db, &[(alice.inbox, 9)]).await.unwrap();
    assert_eq!(directory.entry(alice.inbox, 9), Entry::Absent);
    assert_eq!(directory.entry(alice.inbox, 9), Entry::Unread);
    node.tells(Ok(alice.log.clone()));
    directory.at_least(&node, &db, &[(alice.inbox, 9)]).await.unwrap();
    assert!(matches!(directory.entry(alice.inbox, 9), Entry::State(_)));
    // the last entry that was known was asked for once more
    assert_eq!(node.asked(), [0, 4]);
}

#[tokio::test]
async fn a_node_that_forgets_entries_or_rewrites_them_is_not_believed() {
    let alice = alice();
    let (node, db, directory) = (Teller::new(&alice.log[..2]), db(), Directory::new());
    directory.refresh(&node, &db, &[alice.inbox]).await.unwrap();

    node.tells(Ok(alice.log[..1].to_vec()));
    for directory in [&directory, &Directory::new()] {
        let shorter = directory.refresh(&node, &db, &[alice.inbox]).await.unwrap_err();
        assert!(
            matches!(shorter, DirectoryError::Shorter(_)) && shorter.is_retryable(),
            "{shorter}"
        );
    }
    // in the place of the second installation another one, as good as it
    let rng = Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(3)));
    let other = Installation::new(SecretKey::generate(&rng), alice.inbox);
    let rewritten = other.addition(&alice.wallet, NOW).unwrap();
    for id in [9, 10] {
        node.tells(Ok(vec![
            alice.log[0].clone(),
            (id, rewritten.clone()),
            alice.log[2].clone(),
        ]));
        for directory in [&directory, &Directory::new()] {
            let refused = directory.refresh(&node, &db, &[alice.inbox]).await.unwrap_err();
            assert!(
                matches!(refused, DirectoryError::Rewritten(_)) && !refused.is_retryable(),
                "{refused}"
            );
        }
    }
    assert_eq!(directory.latest(alice.inbox), Some(9));
    assert!(
        directory
            .state(alice.inbox)
            .unwrap()
            .has_installation(alice.two.public())
    );
}

#[tokio::test]
async fn a_log_that_breaks_the_rules_is_known_as_far_as_it_keeps_them() {
    let alice = alice();
    let mut log = alice.log.clone();
    // somebody else's wallet lets an installation in
    let stranger = WalletKey::generate(&Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(4)))).unwrap();
    log[1].1 = alice.two.addition(&stranger, NOW).unwrap();
    let (node, db, directory) = (Teller::new(&log), db(), Directory::new());
    directory.refresh(&node, &db, &[alice.inbox]).await.unwrap();
    assert!(matches!(directory.entry(alice.inbox, 5), Entry::State(_)));
    for entry in [9, 12, 100] {
        assert_eq!(directory.entry(alice.inbox, entry), Entry::Broken, "{entry}");
    }
    assert_eq!(directory.latest(alice.inbox), Some(5));
}

#[tokio::test]
async fn a_log_that_only_a_chain_can_judge_is_neither_believed_nor_refused() {
    let alice = alice();
    let mut log = alice.log[..1].to_vec();
    let contract = Signature::Erc6492 {
        account: AccountId {
            chain_id: 1,
            address: EthereumAddress::from_bytes([7; 20]),
        },
        block_number: 1,
        signature: vec![1],
    };
    let update = Update {
        inbox_id: alice.inbox,
        client_timestamp_ns: 1,
        actions: vec![Action::Revoke {
            member: alice.one.public().into(),
            signature: contract,
        }],
    };
    log.push((9, update));
    let (node, db, directory) = (Teller::new(&log), db(), Directory::new());
    let failed = directory.at_least(&node, &db, &[(alice.inbox, 9)]).await.unwrap_err();
    assert!(matches!(failed, DirectoryError::Unverifiable(_)), "{failed}");
    assert!(matches!(directory.entry(alice.inbox, 5), Entry::State(_)));
    assert_eq!(directory.entry(alice.inbox, 9), Entry::Unread);
}

#[tokio::test]
async fn the_logs_of_many_are_asked_for_in_parts_and_who_never_was_is_not_remembered() {
    let alice = alice();
    let (node, db, directory) = (Teller::new(&alice.log), db(), Directory::new());
    directory.refresh(&node, &db, &[alice.inbox]).await.unwrap();
    node.tells(Ok(Vec::new()));
    let nobody: Vec<_> = (0..1_000_u32)
        .map(|number| {
            let mut bytes = [7; 32];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            (InboxId::from_bytes(bytes), 5)
        })
        .collect();
    directory.at_least(&node, &db, &nobody).await.unwrap();
    // official clients ask for 50
    assert!(*node.most.lock().unwrap() <= 50);
    assert_eq!(node.asked().len(), 1_001);
    let (first, last) = (nobody[0].0, nobody[999].0);
    assert_eq!(directory.entry(first, 5), Entry::Absent);
    directory.forget_unknown();
    assert_eq!(directory.entry(last, 5), Entry::Unread);
    assert!(matches!(directory.entry(alice.inbox, 12), Entry::State(_)));
}
