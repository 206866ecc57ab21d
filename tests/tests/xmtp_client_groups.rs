//! Several of our XMTP clients and our XMTP node, over gRPC, in one process: groups, DMs, streams.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use std::{
    pin::pin,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use chancery_base::{Clock, Millis, Rng};
use chancery_serve::{Bound, Protocol, ServerConfig};
use chancery_xmtp_client::{
    client::{Client, Event, GroupOptions, Message, Parts},
    crypto::Crypto,
    network::Grpc,
    storage::InboxDb,
};
use chancery_xmtp_node::{Node, Running, Settings, Store};
use chancery_xmtp_wire::{
    content::{Content, EncodedContent},
    identity::{Nonce, WalletKey},
};
use futures_util::StreamExt as _;
use openmls::group::GroupId;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Now;

impl Clock for Now {
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Millis(i64::try_from(since.as_millis()).unwrap())
    }
}

struct Seeded(Mutex<ChaCha20Rng>);

impl Rng for Seeded {
    fn fill(&self, out: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(out);
    }
}

async fn node() -> Running {
    let settings = Settings::default();
    let server = ServerConfig {
        protocol: Protocol::Http2(settings.http2.clone()),
        ..ServerConfig::new(([127, 0, 0, 1], 0).into())
    };
    let bound = Bound::bind(&server).await.unwrap();
    Running::start(bound, Node::new(settings, Store::memory(), Arc::new(Now)))
}

async fn person(seed: u64, node: &Running) -> Client {
    let rng: Arc<dyn Rng> = Arc::new(Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(seed))));
    let wallet = WalletKey::generate(&rng).unwrap();
    let endpoint = format!("http://{}", node.address()).parse().unwrap();
    let parts = Parts {
        node: Arc::new(Grpc::new(endpoint).unwrap()),
        db: InboxDb::in_memory(Crypto::new(Arc::clone(&rng))).unwrap(),
        clock: Arc::new(Now),
        rng,
    };
    Client::register(parts, &wallet, Nonce(1)).await.unwrap()
}

fn text(text: &str) -> EncodedContent {
    Content::Text(text.to_owned()).encode().unwrap()
}

fn said(message: &Message) -> Option<String> {
    match Content::decode(message.content.as_ref()?).ok()? {
        Content::Text(text) => Some(text),
        _ => None,
    }
}

fn texts(client: &Client, group: &GroupId) -> Vec<String> {
    client.messages(group).unwrap().iter().filter_map(said).collect()
}

#[tokio::test]
async fn three_talk_in_a_group_and_two_in_a_dm() {
    let node = node().await;
    let (alice, bob, carol) = (person(1, &node).await, person(2, &node).await, person(3, &node).await);
    let group = alice
        .create_group(GroupOptions::default(), &[bob.inbox(), carol.inbox()])
        .await
        .unwrap();
    let dm = carol.create_dm(bob.inbox()).await.unwrap();
    for client in [&bob, &carol] {
        client.sync().await.unwrap();
    }
    let mut ids = Vec::new();
    for (client, said) in [(&alice, "one"), (&bob, "two"), (&carol, "three")] {
        ids.push(client.send(&group, text(said)).await.unwrap());
    }
    bob.send(&dm, text("between us")).await.unwrap();
    for client in [&alice, &bob, &carol] {
        client.sync().await.unwrap();
        let messages = client.messages(&group).unwrap();
        let heard: Vec<_> = messages
            .iter()
            .filter(|message| said(message).is_some())
            .map(|m| m.id)
            .collect();
        assert_eq!(heard, ids);
        let (here, there) = (client.debug(&group).unwrap(), alice.debug(&group).unwrap());
        assert_eq!(
            (here.epoch_authenticator, here.members),
            (there.epoch_authenticator, there.members)
        );
    }
    assert_eq!(texts(&carol, &dm), ["between us"]);
    assert_eq!(alice.conversations().unwrap().len(), 1);
    node.stop().await.unwrap();
}

#[tokio::test]
async fn many_who_speak_at_once_are_all_heard_in_one_order() {
    let node = node().await;
    let (alice, bob) = (person(1, &node).await, person(2, &node).await);
    let group = alice
        .create_group(GroupOptions::default(), &[bob.inbox()])
        .await
        .unwrap();
    let mut events = pin!(bob.follow());
    let heard = async {
        let mut heard = Vec::new();
        while heard.len() < 100 {
            let event = tokio::time::timeout(PATIENCE, events.next()).await.unwrap().unwrap();
            if let Event::Message(message) = event.unwrap() {
                heard.extend(said(&message));
            }
        }
        heard
    };
    let speak = async {
        let said: Vec<_> = (0..100).map(|number| format!("number {number}")).collect();
        let all = futures_util::stream::iter(&said).for_each_concurrent(16, |said| async {
            alice.send(&group, text(said)).await.unwrap();
        });
        all.await;
    };
    let (heard, ()) = tokio::join!(heard, speak);
    alice.sync().await.unwrap();
    assert_eq!(heard, texts(&alice, &group));
    assert_eq!(heard, texts(&bob, &group));
    node.stop().await.unwrap();
}
