//! Our XMTP client and our XMTP node, over gRPC, in one process.
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
    network::{Grpc, NodeApi, NodeError, WelcomeBody, WelcomeToSend},
    storage::InboxDb,
    welcome::{Wrapped, open, seal},
};
use chancery_xmtp_node::{Node, Running, Settings, Store};
use chancery_xmtp_wire::{
    identity::{IdentityLog, NoChain, Nonce, WalletKey},
    mls::{ValidatedKeyPackage, tls::write_vector},
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

fn seeded(seed: u64) -> Arc<Seeded> {
    Arc::new(Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(seed))))
}

async fn node() -> (Running, Grpc) {
    let settings = Settings::default();
    let server = ServerConfig {
        protocol: Protocol::Http2(settings.http2.clone()),
        ..ServerConfig::new(([127, 0, 0, 1], 0).into())
    };
    let bound = Bound::bind(&server).await.unwrap();
    let running = Running::start(bound, Node::new(settings, Store::memory(), Arc::new(Still)));
    let endpoint = format!("http://{}", running.address()).parse().unwrap();
    let client = Grpc::new(endpoint).unwrap();
    (running, client)
}

/// A wallet with one installation that the node knows.
struct Person {
    wallet: WalletKey,
    installation: Installation,
    db: InboxDb,
    rng: Arc<Seeded>,
}

impl Person {
    async fn registered(seed: u64, node: &Grpc) -> Self {
        let rng = seeded(seed);
        let wallet = WalletKey::generate(&rng).unwrap();
        let inbox = inbox_of(&wallet, Nonce(1));
        let mut person = Self {
            installation: Installation::new(SecretKey::generate(&rng), inbox),
            db: InboxDb::in_memory(Crypto::new(rng.clone())).unwrap(),
            wallet,
            rng,
        };
        // in this order: an installation that is in the log can be added to groups
        person.publish_key_package(node).await;
        let update = person.installation.registration(&person.wallet, Nonce(1), NOW).unwrap();
        node.publish_identity_update(&update).await.unwrap();
        person
    }

    async fn publish_key_package(&mut self, node: &Grpc) -> Bytes {
        let made = self
            .db
            .transaction(|tx| self.installation.new_key_package(tx, NOW))
            .unwrap();
        node.upload_key_package(made.clone()).await.unwrap();
        made
    }
}

#[tokio::test]
async fn an_inbox_is_registered_found_and_changed() {
    let (running, node) = node().await;
    let mut alice = Person::registered(1, &node).await;
    let inbox = alice.installation.inbox();
    let stranger = WalletKey::generate(&seeded(9)).unwrap();
    let found = node
        .inbox_ids(&[stranger.address().into(), alice.wallet.address().into()])
        .await;
    assert_eq!(found, Ok(vec![None, Some(inbox)]));

    let second = Installation::new(SecretKey::generate(&alice.rng), inbox);
    let addition = second.addition(&alice.wallet, NOW).unwrap();
    node.publish_identity_update(&addition).await.unwrap();
    let gone = revocation(&alice.wallet, inbox, &[second.public()], NOW).unwrap();
    node.publish_identity_update(&gone).await.unwrap();
    // as after an answer that was lost: it is in the log already, and opens no door twice
    node.publish_identity_update(&addition).await.unwrap();
    let foreign = second.addition(&stranger, NOW).unwrap();
    let refused = node.publish_identity_update(&foreign).await.unwrap_err();
    assert!(
        matches!(refused, NodeError::Refused(_)) && !refused.is_retryable(),
        "{refused:?}"
    );

    let entries = node.identity_updates(&[(inbox, 0)]).await.unwrap().remove(0);
    let mut log = IdentityLog::new(inbox);
    for entry in &entries {
        log.append(entry.sequence_id, entry.update.verify(&NoChain).unwrap())
            .unwrap();
    }
    let installations: Vec<_> = log.state().unwrap().installations().collect();
    assert_eq!((entries.len(), installations), (3, vec![alice.installation.public()]));
    let last = entries[1].sequence_id;
    let rest = node.identity_updates(&[(inbox, last)]).await.unwrap().remove(0);
    assert_eq!(rest, entries[2..]);

    // the newest key package is what others get
    let rotated = alice.publish_key_package(&node).await;
    let known = node.key_packages(&[second.public(), alice.installation.public()]).await;
    assert_eq!(known, Ok(vec![None, Some(rotated)]));
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_welcome_reaches_the_one_for_whom_it_was_wrapped() {
    let (running, node) = node().await;
    let alice = Person::registered(1, &node).await;
    let mut bob = Person::registered(2, &node).await;
    let destination = bob.installation.public().to_bytes();
    let mut following = node.follow_welcomes(destination, 0).await.unwrap();

    let known = node.key_packages(&[bob.installation.public()]).await.unwrap().remove(0);
    let key = ValidatedKeyPackage::parse(&known.unwrap(), NOW)
        .unwrap()
        .welcome_key()
        .clone();
    let wrapped = seal(&key, b"a welcome", 7, &*alice.rng).unwrap();
    let body = WelcomeBody::Welcome {
        data: wrapped.data,
        hpke_public_key: Bytes::copy_from_slice(key.as_bytes()),
        algorithm: key.algorithm(),
        metadata: wrapped.metadata,
    };
    let welcome = WelcomeToSend { destination, body };
    // twice, as after an answer that was lost
    node.send_welcomes(vec![welcome.clone()]).await.unwrap();
    node.send_welcomes(vec![welcome.clone()]).await.unwrap();

    let page = node.welcomes(destination, 0).await.unwrap();
    let [only] = &page.entries[..] else { panic!("{page:?}") };
    assert_eq!((&only.body, page.next), (&welcome.body, None));
    let streamed = tokio::time::timeout(PATIENCE, following.next()).await.unwrap().unwrap();
    assert_eq!(streamed.as_ref(), Ok(only));
    assert_eq!(node.welcomes(destination, only.id).await.unwrap().entries, []);

    let WelcomeBody::Welcome {
        data,
        hpke_public_key,
        metadata,
        ..
    } = only.body.clone()
    else {
        panic!("a pointer")
    };
    let secret = bob
        .db
        .transaction(|tx| tx.welcome_secret(&hpke_public_key))
        .unwrap()
        .unwrap();
    let opened = open(&secret, &Wrapped { data, metadata }).unwrap();
    assert_eq!(
        (opened.welcome.as_slice(), opened.message_cursor),
        (&b"a welcome"[..], Some(7))
    );
    running.stop().await.unwrap();
}

/// A `PrivateMessage` of which the node can read the header, and nobody the rest.
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

#[tokio::test]
async fn a_group_is_read_page_by_page_and_followed_from_a_cursor() {
    let (running, node) = node().await;
    let group = GroupId::from_slice(&[4; 16]);
    let sent: Vec<_> = (0..250).map(|number| message(&group, number)).collect();
    for some in sent.chunks(100) {
        let some = some.iter().map(|data| (data.clone(), Bytes::new()));
        node.send_group_messages(some.collect()).await.unwrap();
    }

    let (mut read, mut after, mut pages) = (Vec::new(), 0, 0);
    loop {
        let page = node.group_messages(&group, after).await.unwrap();
        read.extend(page.entries);
        pages += 1;
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(pages, 3);
    assert_eq!(
        read.iter().map(|entry| &entry.data).collect::<Vec<_>>(),
        sent.iter().collect::<Vec<_>>()
    );

    let cursor = read[239].id;
    let following = node.follow_groups(&[(group.clone(), cursor)]).await.unwrap();
    let rest = following.take(10).map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(tokio::time::timeout(PATIENCE, rest).await.unwrap(), read[240..]);

    // a stream whose node ends says so, and that it may be opened again
    let mut following = node.follow_groups(&[(group, read[249].id)]).await.unwrap();
    running.stop().await.unwrap();
    let ended = tokio::time::timeout(PATIENCE, following.next()).await.unwrap();
    assert!(ended.is_none_or(|item| item.is_err_and(|error| error.is_retryable())));
}
