//! What only XMTP has to show: crashes while registering, nodes that go away, files.

use std::sync::Arc;

use chancery_networks::xmtp::XmtpNetwork;
use chancery_signet::network::{Cursor, Details, Network as _, NetworkError, State};
use chancery_xmtp_client::network::{Faults, Faulty, Grpc, NodeApi};
use chancery_xmtp_node::Running;
use chancery_xmtp_wire::{
    convos::{Invite, InviteKey},
    identity::{Nonce, WalletKey},
};
use tempfile::TempDir;

use super::{
    places,
    world::{Now, eventually, joined, keys, say, seeded, text, texts, up_to},
};

struct World {
    network: XmtpNetwork,
    way: Faulty,
    direct: Arc<dyn NodeApi>,
    node: Running,
    folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let (node, endpoint) = places::node().await;
        let folder = TempDir::new().unwrap();
        let direct: Arc<dyn NodeApi> = Arc::new(Grpc::new(endpoint).unwrap());
        let way = Faulty::new(Arc::clone(&direct), seeded(7), Faults::default());
        let dialled = way.clone();
        let dial = Box::new(move || Ok(Arc::new(dialled.clone()) as Arc<dyn NodeApi>));
        let network = XmtpNetwork::over(dial, folder.path(), "local", Arc::new(Now), seeded(1)).unwrap();
        Self {
            network,
            way,
            direct,
            node,
            folder,
        }
    }

    fn files(&self) -> Vec<String> {
        let found = std::fs::read_dir(self.folder.path().join("db/local")).unwrap();
        let mut names: Vec<_> = found
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn an_opening_that_was_interrupted_goes_on_as_the_same_installation() {
    let world = World::new().await;
    let faults = [
        // nothing gets there; then everything gets there and no answer comes back
        Faults {
            lost_request: 1000,
            ..Faults::default()
        },
        Faults {
            lost_answer: 1000,
            ..Faults::default()
        },
    ];
    for fault in faults {
        world.way.set(fault);
        for _ in 0..3 {
            let failed = world.network.open("one", keys(1)).await;
            assert!(matches!(failed, Err(NetworkError::Unreachable(_))));
        }
    }
    world.way.set(Faults::default());
    let inbox = world.network.open("one", keys(1)).await.unwrap();
    let wallet = WalletKey::from_bytes(&keys(1).identity).unwrap();
    let expected = chancery_xmtp_client::identity::inbox_of(&wallet, Nonce(1));
    assert_eq!(inbox.name().0, expected.to_string());
    drop(inbox);
    world.network.open("one", keys(1)).await.unwrap();
    // one entry, which opens the inbox and lets one installation in
    let logs = world.direct.identity_updates(&[(expected, 0)]).await.unwrap();
    assert_eq!(logs[0].len(), 1);
    assert_eq!(logs[0][0].update.actions.len(), 2);
    world.node.stop().await.unwrap();
}

#[tokio::test]
async fn an_inbox_opens_and_reads_without_its_node_and_says_so() {
    let world = World::new().await;
    let alice = world.network.open("alice", keys(1)).await.unwrap();
    eventually("alice is live", || async { alice.health().state == State::Live }).await;
    assert!(alice.health().last_sync.is_some());
    let made = alice.create_group(&[], &Details::default()).await.unwrap();
    say(&*alice, &made, "before").await;
    up_to(&mut alice.events(Cursor(0)), "before").await;

    world.way.cut(true);
    eventually("alice is cut off", || async {
        alice.health().state == State::Disconnected
    })
    .await;
    assert!(alice.health().last_error.is_some());
    drop(alice);
    let alice = world.network.open("alice", keys(1)).await.unwrap();
    let heard = up_to(&mut alice.events(Cursor(0)), "before").await;
    assert_eq!(texts(&heard), ["before"]);
    let sent = alice.send(&made, &text("meanwhile"), "key").await;
    assert!(sent.unwrap_err().is_retryable());
    assert!(alice.sync(None).await.unwrap_err().is_retryable());
    assert!(world.network.resolve(&alice.name().0).await.unwrap_err().is_retryable());

    // it goes out by itself once there is a way, and sent again it is the same
    world.way.cut(false);
    let heard = up_to(&mut alice.events(Cursor(0)), "meanwhile").await;
    assert_eq!(texts(&heard), ["before", "meanwhile"]);
    let sent = alice.send(&made, &text("meanwhile"), "key").await.unwrap();
    assert!(alice.message(&sent.name).await.unwrap().is_some());
    eventually("alice is live again", || async { alice.health().state == State::Live }).await;
    assert_eq!(alice.health().last_error, None);
    world.node.stop().await.unwrap();
}

#[tokio::test]
async fn on_a_bad_way_and_across_reopening_nothing_is_lost_or_repeated() {
    let world = World::new().await;
    let alice = world.network.open("alice", keys(1)).await.unwrap();
    let mut bob = world.network.open("bob", keys(2)).await.unwrap();
    let made = alice
        .create_group(&[bob.name().clone()], &Details::default())
        .await
        .unwrap();
    joined(&*bob, &made).await;
    world.way.set(Faults {
        lost_request: 50,
        lost_answer: 100,
        twice: 200,
        broken_off: 50,
        delay_ms: 2,
    });
    let expected: Vec<_> = (0..30).map(|number| format!("number {number}")).collect();
    let (mut heard, mut at) = (Vec::new(), Cursor(0));
    for said in &expected {
        // as the signet does: again with the same key, until it is told that it went out
        while let Err(error) = alice.send(&made, &text(said), said).await {
            assert!(error.is_retryable(), "{error}");
        }
        if heard.len() % 7 == 3 {
            drop(bob);
            bob = world.network.open("bob", keys(2)).await.unwrap();
        }
        let mut some = up_to(&mut bob.events(at), said).await;
        at = some.last().unwrap().0;
        heard.append(&mut some);
    }
    assert_eq!(texts(&heard), expected);
    world.way.set(Faults::default());
    say(&*alice, &made, "end").await;
    assert_eq!(texts(&up_to(&mut bob.events(at), "end").await), ["end"]);
    world.node.stop().await.unwrap();
}

#[tokio::test]
async fn two_groups_of_one_direct_conversation_are_one_to_the_signet() {
    let world = World::new().await;
    let (alice, bob) = (
        world.network.open("alice", keys(1)).await.unwrap(),
        world.network.open("bob", keys(2)).await.unwrap(),
    );
    // both at once, neither knowing of the other's
    let (ours, theirs) = tokio::join!(alice.create_dm(bob.name()), bob.create_dm(alice.name()));
    let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
    let sent = alice.send(&ours, &text("from alice"), "key").await.unwrap();
    bob.send(&theirs, &text("from bob"), "key").await.unwrap();
    say(&*alice, &ours, "end of alice").await;
    say(&*bob, &theirs, "end of bob").await;
    for (inbox, name) in [(&alice, &ours), (&bob, &theirs)] {
        let mut events = inbox.events(Cursor(0));
        let mut heard = up_to(&mut events, "end of alice").await;
        if !texts(&heard).contains(&"end of bob".to_owned()) {
            heard.extend(up_to(&mut events, "end of bob").await);
        }
        let mut texts = texts(&heard);
        texts.sort();
        assert_eq!(texts, ["end of alice", "end of bob", "from alice", "from bob"]);
        assert_eq!(inbox.conversations().await.unwrap().len(), 1);
        assert_eq!(inbox.conversations().await.unwrap()[0].name, *name);
        let one = heard.iter().all(|(_, event)| match event {
            chancery_signet::network::Event::Joined(joined) => joined.name == *name,
            chancery_signet::network::Event::Said(message) => message.conversation == *name,
        });
        assert!(one, "{heard:?}");
    }
    // wherever it is that alice writes now, what she said before is the same message
    let again = alice.send(&ours, &text("from alice"), "key").await.unwrap();
    assert_eq!(again.name, sent.name);
    world.node.stop().await.unwrap();
}

#[tokio::test]
async fn an_inbox_has_its_files_and_leaves_none_when_forgotten() {
    let world = World::new().await;
    let inbox = world.network.open("one", keys(1)).await.unwrap();
    assert!(world.files().contains(&"one.db3".to_owned()));
    drop(inbox);
    world.network.forget("one").await.unwrap();
    assert_eq!(world.files(), [""; 0]);
    for name in ["", "..", "a/b", "a.b", &"x".repeat(200)] {
        let refused = world.network.open(name, keys(1)).await;
        assert!(matches!(refused, Err(NetworkError::Invalid(_))), "{name:?}");
        assert!(
            matches!(world.network.forget(name).await, Err(NetworkError::Invalid(_))),
            "{name:?}"
        );
    }
    world.node.stop().await.unwrap();
}

#[tokio::test]
async fn the_wrong_key_opens_no_file_and_harms_none() {
    let world = World::new().await;
    let name = world.network.open("one", keys(1)).await.unwrap().name().clone();
    let mut other = keys(1);
    other.database[0] ^= 1;
    assert!(matches!(
        world.network.open("one", other).await,
        Err(NetworkError::Local(_))
    ));
    assert_eq!(*world.network.open("one", keys(1)).await.unwrap().name(), name);
    world.node.stop().await.unwrap();
}

#[tokio::test]
async fn an_invite_is_believed_only_of_the_wallet_of_the_inbox_that_it_names() {
    let world = World::new().await;
    let alice = world.network.open("alice", keys(1)).await.unwrap();
    let made = alice.create_group(&[], &Details::default()).await.unwrap();
    let wallet = |person| WalletKey::from_bytes(&keys(person).identity).unwrap();
    let inbox_of = |person| chancery_xmtp_client::identity::inbox_of(&wallet(person), Nonce(1));
    let invite = || Invite {
        token: InviteKey::derive(&wallet(1), inbox_of(1))
            .unwrap()
            .seal(&made.0, &seeded(3))
            .unwrap(),
        creator: inbox_of(1),
        tag: "x7k2m9q4t1".to_owned(),
        name: None,
        description: None,
        image_url: None,
        conversation_expires_at: None,
        expires_at: None,
        expires_after_use: false,
    };
    let good = invite().sign(&wallet(1)).unwrap().slug().unwrap();
    assert_eq!(world.network.read_invite(&good).await.unwrap().maker, *alice.name());
    assert_eq!(alice.returned(&good).await.unwrap().conversation, made);

    // signed by somebody else in her name, and in the name of nobody
    let forged = invite().sign(&wallet(2)).unwrap().slug().unwrap();
    let nobodys = Invite {
        creator: inbox_of(9),
        ..invite()
    };
    let nobodys = nobodys.sign(&wallet(9)).unwrap().slug().unwrap();
    for slug in [&forged, &nobodys] {
        let read = world.network.read_invite(slug).await;
        assert!(matches!(read, Err(NetworkError::Invalid(_))), "{read:?}");
        let returned = alice.returned(slug).await;
        assert!(matches!(returned, Err(NetworkError::Forbidden(_))), "{returned:?}");
    }
    // with a token that leads elsewhere, for another inbox
    let moved = Invite {
        token: InviteKey::derive(&wallet(2), inbox_of(2))
            .unwrap()
            .seal(&made.0, &seeded(4))
            .unwrap(),
        ..invite()
    };
    let moved = moved.sign(&wallet(1)).unwrap().slug().unwrap();
    assert!(matches!(alice.returned(&moved).await, Err(NetworkError::Forbidden(_))));
    world.way.cut(true);
    assert!(world.network.read_invite(&good).await.unwrap_err().is_retryable());
    world.node.stop().await.unwrap();
}
