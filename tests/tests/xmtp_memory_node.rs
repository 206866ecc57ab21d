//! The XMTP node in memory, on which our client's simulations run, against the node that we ship: the same questions, the
//! same answers.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use chancery_base::{Clock, Millis, Rng, ed25519::SecretKey};
use chancery_serve::{Bound, Protocol, ServerConfig};
use chancery_xmtp_client::{
    crypto::Crypto,
    identity::{Installation, inbox_of, revocation},
    network::{BoxStream, Grpc, MemoryNode, NodeApi, NodeError, WelcomeBody, WelcomeToSend},
    storage::InboxDb,
};
use chancery_xmtp_node::{Node, Running, Settings, Store};
use chancery_xmtp_wire::{
    identity::{IdentityUpdate, Nonce, WalletKey},
    mls::tls::write_vector,
    proto::mls::message_contents::WelcomeWrapperAlgorithm,
};
use futures_util::StreamExt as _;
use openmls::group::GroupId;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

const NOW: Millis = Millis(1_790_000_000_000);

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Still;

impl Clock for Still {
    fn now(&self) -> Millis {
        NOW
    }
}

struct Seeded(Mutex<ChaCha20Rng>);

impl Rng for Seeded {
    fn fill(&self, out: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(out);
    }
}

/// Both, and what answers for the one that is asked over gRPC.
struct Both {
    memory: MemoryNode,
    real: Grpc,
    running: Running,
}

impl Both {
    async fn new() -> Self {
        let settings = Settings::default();
        let server = ServerConfig {
            protocol: Protocol::Http2(settings.http2.clone()),
            ..ServerConfig::new(([127, 0, 0, 1], 0).into())
        };
        let bound = Bound::bind(&server).await.unwrap();
        let running = Running::start(bound, Node::new(settings, Store::memory(), Arc::new(Still)));
        let endpoint = format!("http://{}", running.address()).parse().unwrap();
        Self {
            memory: MemoryNode::new(Arc::new(Still)),
            real: Grpc::new(endpoint).unwrap(),
            running,
        }
    }

    /// Asks both, and yields what both answered. Of refusals only the kind is compared: their words are each node's own.
    async fn ask<'a, T, F>(&'a self, question: impl Fn(&'a dyn NodeApi) -> F) -> Result<T, NodeError>
    where
        T: PartialEq + std::fmt::Debug,
        F: Future<Output = Result<T, NodeError>>,
    {
        let memory = question(&self.memory).await;
        let real = question(&self.real).await;
        match (&memory, &real) {
            (Err(memory), Err(real)) => assert_eq!(
                std::mem::discriminant(memory),
                std::mem::discriminant(real),
                "{memory} {real}"
            ),
            _ => assert_eq!(memory, real),
        }
        real
    }

    async fn refuse<'a, T, F>(&'a self, question: impl Fn(&'a dyn NodeApi) -> F)
    where
        T: PartialEq + std::fmt::Debug,
        F: Future<Output = Result<T, NodeError>>,
    {
        let refused = self.ask(question).await.unwrap_err();
        assert!(
            matches!(refused, NodeError::Refused(_) | NodeError::Denied(_)),
            "{refused:?}"
        );
    }
}

struct Person {
    wallet: WalletKey,
    rng: Arc<Seeded>,
    db: InboxDb,
}

impl Person {
    fn new(seed: u64) -> Self {
        let rng = Arc::new(Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(seed))));
        Self {
            wallet: WalletKey::generate(&rng).unwrap(),
            db: InboxDb::in_memory(Crypto::new(rng.clone())).unwrap(),
            rng,
        }
    }

    fn installation(&self, nonce: u64) -> Installation {
        Installation::new(SecretKey::generate(&self.rng), inbox_of(&self.wallet, Nonce(nonce)))
    }

    fn key_package(&mut self, installation: &Installation, now: Millis) -> Bytes {
        self.db.transaction(|tx| installation.new_key_package(tx, now)).unwrap()
    }
}

#[tokio::test]
async fn identity_updates_are_held_to_the_log_of_their_inbox() {
    let both = Both::new().await;
    let (alice, stranger) = (Person::new(1), Person::new(2));
    let (one, two) = (alice.installation(1), alice.installation(1));
    let inbox = one.inbox();
    let publish = async |update: &IdentityUpdate| both.ask(|node| node.publish_identity_update(update)).await;

    // an inbox that nobody has opened yet
    both.refuse(|node| async {
        node.publish_identity_update(&two.addition(&alice.wallet, NOW).unwrap())
            .await
    })
    .await;
    let registration = one.registration(&alice.wallet, Nonce(1), NOW).unwrap();
    let addition = two.addition(&alice.wallet, NOW).unwrap();
    let gone = revocation(&alice.wallet, inbox, &[two.public()], NOW).unwrap();
    for update in [&registration, &addition, &gone] {
        publish(update).await.unwrap();
    }
    // as after an answer that was lost
    publish(&addition).await.unwrap();
    both.refuse(|node| async {
        node.publish_identity_update(&two.addition(&stranger.wallet, NOW).unwrap())
            .await
    })
    .await;
    // a second inbox of the same wallet is the one by which it is found
    let other = alice.installation(2);
    publish(&other.registration(&alice.wallet, Nonce(2), NOW).unwrap())
        .await
        .unwrap();

    let after = [(inbox, 0), (stranger.installation(1).inbox(), 0), (other.inbox(), 0)];
    let logs = both.ask(|node| node.identity_updates(&after)).await.unwrap();
    assert_eq!(logs.iter().map(Vec::len).collect::<Vec<_>>(), [3, 0, 1]);
    let second = [(inbox, logs[0][1].sequence_id)];
    let rest = both.ask(|node| node.identity_updates(&second)).await.unwrap();
    assert_eq!(rest, [logs[0][2..].to_vec()]);
    let known = [alice.wallet.address().into(), stranger.wallet.address().into()];
    let found = both.ask(|node| node.inbox_ids(&known)).await.unwrap();
    assert_eq!(found, [Some(other.inbox()), None]);
    both.running.stop().await.unwrap();
}

#[tokio::test]
async fn a_key_package_is_handed_out_while_the_log_has_its_installation() {
    let both = Both::new().await;
    let mut alice = Person::new(1);
    let (one, two) = (alice.installation(1), alice.installation(1));
    let known = [one.public(), two.public()];
    let first = alice.key_package(&one, NOW);
    let second = alice.key_package(&one, NOW);
    let others = alice.key_package(&two, NOW);
    let upload = async |made: &Bytes| both.ask(|node| node.upload_key_package(made.clone())).await;
    let fetch = async || both.ask(|node| node.key_packages(&known)).await.unwrap();

    upload(&first).await.unwrap();
    upload(&others).await.unwrap();
    assert_eq!(fetch().await, [None, None]);
    let update = one.registration(&alice.wallet, Nonce(1), NOW).unwrap();
    both.ask(|node| node.publish_identity_update(&update)).await.unwrap();
    assert_eq!(fetch().await, [Some(first.clone()), None]);
    let update = two.addition(&alice.wallet, NOW).unwrap();
    both.ask(|node| node.publish_identity_update(&update)).await.unwrap();
    upload(&second).await.unwrap();
    upload(&second).await.unwrap();
    assert_eq!(fetch().await, [Some(second.clone()), Some(others)]);
    let gone = revocation(&alice.wallet, two.inbox(), &[two.public()], NOW).unwrap();
    both.ask(|node| node.publish_identity_update(&gone)).await.unwrap();
    assert_eq!(fetch().await, [Some(second.clone()), None]);

    // its private half may be gone
    let superseded = upload(&first).await.unwrap_err();
    assert!(matches!(superseded, NodeError::Aborted(_)), "{superseded:?}");
    // from a time long ago, nothing at all, and one whose signature does not fit
    let expired = alice.key_package(&one, Millis(1_000_000_000_000));
    let mut broken = second.to_vec();
    *broken.last_mut().unwrap() ^= 1;
    for bad in [expired, Bytes::new(), broken.into()] {
        both.refuse(|node| node.upload_key_package(bad.clone())).await;
    }
    // the installation of another inbox
    let mallory = Person::new(3);
    let stolen = Installation::new(one.key().clone(), inbox_of(&mallory.wallet, Nonce(1)));
    let stolen = alice.key_package(&stolen, NOW);
    both.refuse(|node| node.upload_key_package(stolen.clone())).await;
    assert_eq!(fetch().await, [Some(second), None]);
    both.running.stop().await.unwrap();
}

/// A `PrivateMessage` of which a node can read the header, and nobody the rest.
fn message(group: &GroupId, number: u32) -> Bytes {
    let mut bytes = vec![0, 1, 0, 2];
    write_vector(group.as_slice(), &mut bytes).unwrap();
    bytes.extend([0; 8]);
    bytes.push(1);
    for part in [&[][..], b"sender", &number.to_be_bytes()] {
        write_vector(part, &mut bytes).unwrap();
    }
    bytes.into()
}

async fn next<T>(stream: &mut BoxStream<T>) -> T {
    tokio::time::timeout(PATIENCE, stream.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn groups_have_one_order_and_pages_and_are_followed_from_a_cursor() {
    let both = Both::new().await;
    let groups = [GroupId::from_slice(&[4; 16]), GroupId::from_slice(&[5; 16])];
    let send = async |numbers: std::ops::Range<u32>, group: &GroupId| {
        let sent: Vec<_> = numbers.map(|number| (message(group, number), Bytes::new())).collect();
        both.ask(|node| node.send_group_messages(sent.clone())).await.unwrap();
    };
    for round in 0..5 {
        send(round * 50..round * 50 + 50, &groups[0]).await;
        send(round * 2..round * 2 + 2, &groups[1]).await;
    }
    // the same once more
    send(0..50, &groups[0]).await;

    let mut read = Vec::new();
    for group in &groups {
        let (mut entries, mut after) = (Vec::new(), Some(0));
        while let Some(id) = after {
            let page = both.ask(|node| node.group_messages(group, id)).await.unwrap();
            assert!(page.entries.len() <= 100);
            entries.extend(page.entries);
            after = page.next;
        }
        read.push(entries);
    }
    assert_eq!(read.iter().map(Vec::len).collect::<Vec<_>>(), [250, 10]);
    let nobody = GroupId::from_slice(&[6; 16]);
    let none = both.ask(|node| node.group_messages(&nobody, 0)).await.unwrap();
    assert_eq!((none.entries, none.next), (vec![], None));

    // from a cursor in each, then what comes after
    let cursors = [(groups[0].clone(), read[0][247].id), (groups[1].clone(), read[1][9].id)];
    let mut memory = both.memory.follow_groups(&cursors).await.unwrap();
    let mut real = both.real.follow_groups(&cursors).await.unwrap();
    for expected in &read[0][248..] {
        assert_eq!(next(&mut memory).await, *expected);
        assert_eq!(next(&mut real).await, *expected);
    }
    send(10..12, &groups[1]).await;
    send(250..251, &groups[0]).await;
    for _ in 0..3 {
        assert_eq!(next(&mut memory).await, next(&mut real).await);
    }

    both.refuse(|node| node.send_group_messages(Vec::new())).await;
    // one that is none keeps out the others of its request
    let mixed = vec![
        (message(&nobody, 1), Bytes::new()),
        (Bytes::from_static(b"no message"), Bytes::new()),
    ];
    both.refuse(|node| node.send_group_messages(mixed.clone())).await;
    let none = both.ask(|node| node.group_messages(&nobody, 0)).await.unwrap();
    assert_eq!(none.entries, []);
    // a stream ends with its node
    let Both {
        memory: node, running, ..
    } = both;
    drop(node);
    assert!(tokio::time::timeout(PATIENCE, memory.next()).await.unwrap().is_none());
    running.stop().await.unwrap();
    let ended = tokio::time::timeout(PATIENCE, real.next()).await.unwrap();
    assert!(ended.is_none_or(|item| item.is_err_and(|error| error.is_retryable())));
}

#[tokio::test]
async fn welcomes_go_to_their_destination() {
    let both = Both::new().await;
    let welcome = |destination: u8, data: &'static [u8], key: &'static [u8], algorithm| WelcomeToSend {
        destination: [destination; 32],
        body: WelcomeBody::Welcome {
            data: Bytes::from_static(data),
            hpke_public_key: Bytes::from_static(key),
            algorithm,
            metadata: Bytes::from_static(b"metadata"),
        },
    };
    let curve = WelcomeWrapperAlgorithm::Curve25519;
    let sent = vec![
        welcome(1, b"one", b"key", curve),
        welcome(2, b"one", b"key", WelcomeWrapperAlgorithm::XwingMlkem768Draft6),
        welcome(1, b"old", b"key", WelcomeWrapperAlgorithm::Unspecified),
        welcome(1, b"shared", b"", WelcomeWrapperAlgorithm::SymmetricKey),
        WelcomeToSend {
            destination: [1; 32],
            body: WelcomeBody::Pointer {
                data: Bytes::from_static(b"pointer"),
                hpke_public_key: Bytes::from_static(b"key"),
            },
        },
    ];
    let mut memory = both.memory.follow_welcomes([1; 32], 0).await.unwrap();
    let mut real = both.real.follow_welcomes([1; 32], 0).await.unwrap();
    for _ in 0..2 {
        both.ask(|node| node.send_welcomes(sent.clone())).await.unwrap();
    }
    let page = both.ask(|node| node.welcomes([1; 32], 0)).await.unwrap();
    assert_eq!((page.entries.len(), page.next), (4, None));
    let WelcomeBody::Welcome { algorithm, .. } = page.entries[1].body else {
        panic!("a pointer")
    };
    assert_eq!(algorithm, curve);
    let rest = both
        .ask(|node| node.welcomes([1; 32], page.entries[2].id))
        .await
        .unwrap();
    assert_eq!(rest.entries, page.entries[3..]);
    for expected in &page.entries {
        assert_eq!(next(&mut memory).await, *expected);
        assert_eq!(next(&mut real).await, *expected);
    }
    both.refuse(|node| node.send_welcomes(Vec::new())).await;
    for bad in [welcome(3, b"", b"key", curve), welcome(3, b"one", b"", curve)] {
        both.refuse(|node| node.send_welcomes(vec![bad.clone()])).await;
    }
    both.running.stop().await.unwrap();
}
