//! Requests and answers that are lost, and programs that end at any moment.

use std::sync::Arc;

use chancery_base::Rng as _;
use chancery_xmtp_wire::{group::field, identity::Nonce};
use openmls::group::GroupId;

use super::world::{World, agree, said, seeded, text, texts};
use crate::{
    client::{AdminChange, Client, ClientError, Delivery, GroupOptions, Parts},
    crypto::Crypto,
    network::{Faults, Faulty, NodeApi},
    storage::{InboxDb, InboxKey},
};

/// A client whose file is on the disk, over a way on which things go wrong.
pub(super) struct Fragile {
    pub(super) world: World,
    folder: tempfile::TempDir,
    pub(super) way: Faulty,
    runs: u64,
}

impl Fragile {
    pub(super) fn new() -> Self {
        let world = World::new();
        let way = Faulty::new(Arc::new(world.node.clone()), seeded(77), Faults::default());
        Self {
            world,
            folder: tempfile::tempdir().unwrap(),
            way,
            runs: 0,
        }
    }

    /// Opens the file anew, as another run of the program does.
    fn parts(&mut self) -> Parts {
        self.runs += 1;
        let rng = seeded(1_000 + self.runs);
        let key = InboxKey::from_bytes(zeroize::Zeroizing::new([7; 32]));
        let path = self.folder.path().join("alice.db");
        Parts {
            node: Arc::new(self.way.clone()) as Arc<dyn NodeApi>,
            db: InboxDb::open(&path, &key, Crypto::new(Arc::clone(&rng))).unwrap(),
            clock: Arc::new(self.world.clock.clone()),
            rng,
        }
    }

    pub(super) async fn register(&mut self) -> Client {
        let wallet = self.world.wallet(1);
        Client::register(self.parts(), &wallet, Nonce(1)).await.unwrap()
    }

    pub(super) async fn again(&mut self) -> Client {
        Client::open(self.parts()).await.unwrap()
    }
}

async fn two(fragile: &mut Fragile) -> (Client, Client, GroupId) {
    let alice = fragile.register().await;
    let bob = fragile.world.person(2).await;
    let group = alice
        .create_group(GroupOptions::default(), &[bob.inbox()])
        .await
        .unwrap();
    bob.sync().await.unwrap();
    (alice, bob, group)
}

#[tokio::test]
async fn a_file_without_an_inbox_opens_no_client() {
    let mut fragile = Fragile::new();
    assert!(matches!(
        Client::open(fragile.parts()).await,
        Err(ClientError::NotRegistered)
    ));
    let alice = fragile.register().await;
    let (inbox, installation) = (alice.inbox(), alice.installation());
    drop(alice);
    let alice = fragile.register().await;
    assert_eq!((alice.inbox(), alice.installation()), (inbox, installation));
    assert_eq!(alice.installations().await.unwrap(), [installation]);
    drop(alice);
    let other = fragile.world.wallet(2);
    let refused = Client::register(fragile.parts(), &other, Nonce(1)).await;
    assert!(matches!(refused, Err(ClientError::OtherInbox { here }) if here == inbox));
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_sent_is_sent_by_the_next_run() {
    let mut fragile = Fragile::new();
    let (alice, bob, group) = two(&mut fragile).await;
    alice.send(&group, text("before")).await.unwrap();

    fragile.way.cut(true);
    assert!(alice.send(&group, text("lost?")).await.unwrap_err().is_retryable());
    let renamed = alice.set_field(&group, field::GROUP_NAME, "renamed").await;
    assert!(renamed.unwrap_err().is_retryable());
    let pending = alice.messages(&group).unwrap().pop().unwrap();
    assert_eq!(pending.delivery, Delivery::Pending);
    drop(alice);

    fragile.way.cut(false);
    let alice = fragile.again().await;
    alice.sync().await.unwrap();
    bob.sync().await.unwrap();
    assert_eq!(texts(&bob, &group), ["before", "lost?"]);
    assert_eq!(bob.conversation(&group).unwrap().name, "renamed");
    // it came back with the sync, or comes with the next
    alice.sync().await.unwrap();
    assert_eq!(texts(&alice, &group), ["before", "lost?"]);
    assert!(
        alice
            .messages(&group)
            .unwrap()
            .iter()
            .all(|message| message.position.is_some())
    );
    agree(&group, &[&alice, &bob]);
}

#[tokio::test(start_paused = true)]
async fn what_took_effect_without_an_answer_takes_effect_once() {
    let mut fragile = Fragile::new();
    let (alice, bob, group) = two(&mut fragile).await;
    // everything reaches the node, and nothing is heard of it
    fragile.way.set(Faults {
        lost_answer: 1_000,
        ..Faults::default()
    });
    assert!(alice.send(&group, text("once")).await.is_err());
    assert!(alice.update_keys(&group).await.is_err());
    drop(alice);
    fragile.way.set(Faults::default());
    let alice = fragile.again().await;
    alice.sync().await.unwrap();
    bob.sync().await.unwrap();
    assert_eq!(
        (texts(&alice, &group), texts(&bob, &group)),
        (vec!["once".to_owned()], vec!["once".to_owned()])
    );
    agree(&group, &[&alice, &bob]);
    alice.send(&group, text("and on")).await.unwrap();
    bob.sync().await.unwrap();
    assert_eq!(texts(&bob, &group), ["once", "and on"]);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_lost_its_race_while_we_were_away_is_made_again() {
    let mut fragile = Fragile::new();
    let (alice, bob, group) = two(&mut fragile).await;
    fragile.way.set(Faults {
        lost_request: 1_000,
        ..Faults::default()
    });
    let renamed = alice.set_field(&group, field::GROUP_NAME, "alice's").await;
    assert!(renamed.unwrap_err().is_retryable());
    drop(alice);
    bob.set_field(&group, field::DESCRIPTION, "bob's").await.unwrap();
    bob.update_keys(&group).await.unwrap();

    fragile.way.set(Faults::default());
    let alice = fragile.again().await;
    alice.sync().await.unwrap();
    bob.sync().await.unwrap();
    agree(&group, &[&alice, &bob]);
    assert_eq!(bob.conversation(&group).unwrap().name, "alice's");
    assert_eq!(alice.debug(&group).unwrap().intents, []);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_waited_too_long_is_made_again_under_its_id() {
    let mut fragile = Fragile::new();
    let (alice, bob, group) = two(&mut fragile).await;
    fragile.way.cut(true);
    assert!(alice.send_keyed(&group, text("late"), "late").await.is_err());
    let id = alice.messages(&group).unwrap().pop().unwrap().id;
    // more epochs than anybody keeps keys of
    for _ in 0..6 {
        bob.update_keys(&group).await.unwrap();
    }
    fragile.way.cut(false);
    alice.sync().await.unwrap();
    alice.sync().await.unwrap();
    alice.sync().await.unwrap();
    bob.sync().await.unwrap();
    assert_eq!(texts(&bob, &group), ["late"]);
    assert!(bob.messages(&group).unwrap().iter().any(|message| message.id == id));
    assert_eq!(texts(&alice, &group), ["late"]);
    agree(&group, &[&alice, &bob]);
}

#[tokio::test(start_paused = true)]
async fn who_was_removed_meanwhile_is_told_what_could_not_be_sent() {
    let mut fragile = Fragile::new();
    let (alice, bob, group) = two(&mut fragile).await;
    alice
        .set_admin(&group, bob.inbox(), AdminChange::AddSuperAdmin)
        .await
        .unwrap();
    alice
        .set_admin(&group, alice.inbox(), AdminChange::RemoveSuperAdmin)
        .await
        .unwrap();
    fragile.way.cut(true);
    assert!(alice.send(&group, text("too late")).await.is_err());
    assert!(alice.update_keys(&group).await.is_err());
    bob.remove_members(&group, &[alice.inbox()]).await.unwrap();
    fragile.way.cut(false);
    alice.sync().await.unwrap();
    assert!(!alice.conversation(&group).unwrap().active);
    let last = alice.messages(&group).unwrap().pop().unwrap();
    assert_eq!(
        (said(&last).as_deref(), last.delivery),
        (Some("too late"), Delivery::Failed)
    );
    assert!(matches!(alice.update_keys(&group).await, Err(ClientError::NotAMember)));
    assert_eq!(alice.debug(&group).unwrap().intents, []);
    bob.sync().await.unwrap();
    assert_eq!(texts(&bob, &group), Vec::<String>::new());
}

/// At every step the program may end: here each request is the last one that is answered, one after the other.
#[tokio::test(start_paused = true)]
async fn whatever_the_moment_at_which_the_program_ends_nothing_is_lost_or_twice() {
    let mut fragile = Fragile::new();
    let (mut alice, bob, group) = two(&mut fragile).await;
    let carol = fragile.world.person(3).await;
    let drawn = seeded(5);
    let mut expected = Vec::new();
    for round in 0..40_u32 {
        let [byte] = drawn.bytes::<1>();
        fragile.way.set(Faults {
            lost_request: u32::from(byte % 4) * 150,
            lost_answer: u32::from(byte / 4 % 4) * 150,
            ..Faults::default()
        });
        let said = format!("number {round}");
        let key = format!("key {round}");
        // each is tried once; what has failed to be queued is no promise
        let _ = alice.send_keyed(&group, text(&said), &key).await;
        match round % 4 {
            0 => drop(alice.update_keys(&group).await),
            1 => drop(alice.add_members(&group, &[carol.inbox()]).await),
            2 => drop(alice.set_field(&group, field::GROUP_NAME, &said).await),
            _ => drop(alice.remove_members(&group, &[carol.inbox()]).await),
        }
        expected.push(said);
        // and the others do something meanwhile
        if round % 3 == 0 {
            bob.update_keys(&group).await.unwrap();
        }
        drop(alice);
        alice = fragile.again().await;
        fragile.world.clock.turn(1_000);
    }
    fragile.way.set(Faults::default());
    for _ in 0..3 {
        for client in [&alice, &bob, &carol] {
            client.sync().await.unwrap();
        }
    }
    agree(&group, &[&alice, &bob]);
    let mut heard = texts(&bob, &group);
    heard.sort_unstable();
    expected.sort_unstable();
    assert_eq!(heard, expected);
    assert_eq!(texts(&alice, &group), texts(&bob, &group));
    assert_eq!(alice.debug(&group).unwrap().intents, []);
}
