//! Key packages: offered one after the other, and forgotten when nobody can use them any more (xmtp spec 3.3).

use bytes::Bytes;
use chancery_base::Clock as _;
use chancery_xmtp_wire::mls::ValidatedKeyPackage;
use openmls::{key_packages::KeyPackageBundle, prelude::OpenMlsProvider as _};
use openmls_traits::storage::StorageProvider as _;

use super::world::{World, agree};
use crate::{
    client::{Client, GroupOptions},
    network::{NodeApi as _, NodeError},
    storage::{Stage, StorageError},
};

/// Milliseconds of a day.
const DAY: i64 = 24 * 3_600 * 1_000;
/// Days for which a key package is good.
const GOOD: i64 = 84;
/// Milliseconds for which it is good beyond that by a clock that is late.
const GRACE: i64 = 3_600 * 1_000;

/// What the node hands out for a client.
async fn offered(world: &World, client: &Client) -> Bytes {
    let found = world.node.key_packages(&[client.installation()]).await.unwrap();
    found.into_iter().next().flatten().unwrap()
}

/// How many key packages are there with their private keys.
fn kept(client: &Client) -> usize {
    let newest = client.inner.db.transaction(|tx| tx.newest_key_package()).unwrap();
    let there = |number: &i64| {
        let found = client.inner.db.transaction(|tx| tx.key_package_bytes(*number));
        found.unwrap().is_some()
    };
    (1..=newest.unwrap().number).filter(there).count()
}

fn stage(client: &Client) -> Stage {
    let newest = client.inner.db.transaction(|tx| tx.newest_key_package());
    newest.unwrap().unwrap().stage
}

#[tokio::test]
async fn one_that_was_replaced_is_forgotten_when_it_is_good_for_nobody_any_more() {
    let world = World::new();
    let bob = world.person(2).await;
    bob.rotate_key_package().await.unwrap();
    bob.sync().await.unwrap();
    assert_eq!(kept(&bob), 2);
    // to the end of its life, and as long as somebody's clock may be late
    world.clock.turn(GOOD * DAY + GRACE);
    bob.sync().await.unwrap();
    // a third one is offered by now, for the second grew old
    assert_eq!(kept(&bob), 3);
    world.clock.turn(1);
    bob.sync().await.unwrap();
    // the second one's successor may not be known to everybody yet
    assert_eq!(kept(&bob), 2);
    world.clock.turn(GRACE);
    bob.sync().await.unwrap();
    assert_eq!(kept(&bob), 1);
}

#[tokio::test]
async fn whoever_was_away_for_a_year_enters_what_it_was_welcomed_to_and_forgets_then() {
    let world = World::new();
    let (alice, bob) = (world.person(1).await, world.person(2).await);
    let before = offered(&world, &bob).await;
    let group = alice
        .create_group(GroupOptions::default(), &[bob.inbox()])
        .await
        .unwrap();
    world.clock.turn(365 * DAY);
    assert_eq!(bob.sync().await.unwrap().conversations, 1);
    agree(&group, &[&alice, &bob]);
    assert_ne!(offered(&world, &bob).await, before);
    world.clock.turn(GRACE);
    bob.sync().await.unwrap();
    assert_eq!(kept(&bob), 1);
}

#[tokio::test]
async fn not_while_there_may_be_welcomes_that_were_not_read() {
    let world = World::new();
    let alice = world.person(1).await;
    let (bob, way) = world.person_on_a_way(2).await;
    let group = alice
        .create_group(GroupOptions::default(), &[bob.inbox()])
        .await
        .unwrap();
    bob.rotate_key_package().await.unwrap();
    world.clock.turn(365 * DAY);
    way.answer_welcomes(Some(NodeError::Unavailable("not now".to_owned())));
    for _ in 0..3 {
        bob.sync().await.unwrap_err();
        world.clock.turn(DAY);
    }
    way.answer_welcomes(None);
    assert_eq!(bob.sync().await.unwrap().conversations, 1);
    agree(&group, &[&alice, &bob]);
}

#[tokio::test]
async fn a_clock_that_is_suddenly_far_ahead_forgets_nothing_that_is_in_use() {
    let world = World::new();
    let (alice, bob) = (world.person(1).await, world.person(2).await);
    world.clock.turn(10 * 365 * DAY);
    bob.sync().await.unwrap();
    assert_eq!(kept(&bob), 2);
    world.clock.turn(-10 * 365 * DAY);
    // what is offered is good from ten years on: nobody can add him before he has seen that
    let group = alice
        .create_group(GroupOptions::default(), &[bob.inbox()])
        .await
        .unwrap();
    assert_eq!(bob.sync().await.unwrap().conversations, 0);
    assert_eq!(kept(&bob), 3);
    bob.sync().await.unwrap();
    assert_eq!(kept(&bob), 3);
    alice.remove_members(&group, &[bob.inbox()]).await.unwrap();
    alice.add_members(&group, &[bob.inbox()]).await.unwrap();
    assert_eq!(bob.sync().await.unwrap().conversations, 1);
    agree(&group, &[&alice, &bob]);
}

#[tokio::test]
async fn one_whose_publishing_failed_is_published_and_not_made_again() {
    let world = World::new();
    let alice = world.person(1).await;
    let (bob, way) = world.person_on_a_way(2).await;
    let before = offered(&world, &bob).await;
    way.answer_offering(Some(NodeError::Unavailable("not now".to_owned())));
    alice
        .create_group(GroupOptions::default(), &[bob.inbox()])
        .await
        .unwrap();
    for _ in 0..5 {
        bob.sync().await.unwrap();
    }
    assert_eq!((kept(&bob), stage(&bob)), (2, Stage::Made));
    assert_eq!(offered(&world, &bob).await, before);
    way.answer_offering(None);
    bob.sync().await.unwrap();
    assert_eq!((kept(&bob), stage(&bob)), (2, Stage::Published));
    let after = offered(&world, &bob).await;
    assert_ne!(after, before);
    bob.sync().await.unwrap();
    assert_eq!(offered(&world, &bob).await, after);
}

#[tokio::test]
async fn what_was_forgotten_opens_nothing_any_more() {
    let world = World::new();
    let (alice, bob) = (world.person(1).await, world.person(2).await);
    let bytes = offered(&world, &bob).await;
    let package = ValidatedKeyPackage::parse(&bytes, world.clock.now()).unwrap();
    alice
        .create_group(GroupOptions::default(), &[bob.inbox()])
        .await
        .unwrap();
    bob.sync().await.unwrap();
    // both keys for which a welcome can be wrapped, and what openmls keeps
    let opens = || {
        bob.inner.db.transaction(|tx| {
            let reference = package.key_package().hash_ref(tx.provider().crypto()).unwrap();
            let kept: Option<KeyPackageBundle> = tx.provider().storage().key_package(&reference)?;
            let [xwing, init] =
                [package.welcome_key().as_bytes(), package.init_key()].map(|key| tx.welcome_secret(key));
            Ok::<_, StorageError>([kept.is_some(), xwing?.is_some(), init?.is_some()])
        })
    };
    assert_eq!(opens().unwrap(), [true; 3]);
    world.clock.turn(GOOD * DAY + GRACE + 1);
    bob.sync().await.unwrap();
    world.clock.turn(GRACE);
    bob.sync().await.unwrap();
    assert_eq!(opens().unwrap(), [false; 3]);
}
