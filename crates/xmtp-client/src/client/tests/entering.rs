//! Pointers to what the node does not have yet (xmtp spec 3.4).

use std::{pin::pin, sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use openmls::group::GroupId;

use super::{
    trouble::Fragile,
    way::Way,
    world::{World, agree, seeded},
};
use crate::{
    client::{Client, Event, GroupOptions},
    network::{Faults, Faulty},
};

/// Milliseconds for which a pointer may lead to nothing.
const PATIENCE: i64 = 120_000;
/// Pointers that wait at a time.
const POINTERS: usize = 16;

/// A group of so many that its welcome is sealed once for all, by a pointer for each.
async fn big_group(alice: &Client, bob: &Client, others: &[Client]) -> GroupId {
    let mut members: Vec<_> = others.iter().map(Client::inbox).collect();
    members.push(bob.inbox());
    alice.create_group(GroupOptions::default(), &members).await.unwrap()
}

async fn others(world: &World) -> Vec<Client> {
    vec![world.person(3).await, world.person(4).await]
}

#[tokio::test]
async fn a_pointer_that_leads_nowhere_yet_holds_nothing_up() {
    let world = World::new();
    let alice = world.person(1).await;
    let (bob, way) = world.person_on_a_way(2).await;
    let others = others(&world).await;
    way.hide_pointees(true);
    let big = big_group(&alice, &bob, &others).await;
    let dm = alice.create_dm(bob.inbox()).await.unwrap();
    assert_eq!(bob.sync().await.unwrap().conversations, 1);
    assert!(bob.conversation(&big).is_err());
    agree(&dm, &[&alice, &bob]);
    world.clock.turn(PATIENCE);
    assert_eq!(bob.sync().await.unwrap().conversations, 0);
    way.hide_pointees(false);
    assert_eq!(bob.sync().await.unwrap().conversations, 1);
    agree(&big, &[&alice, &bob]);
    // and once is enough
    way.asked_for_pointees();
    assert_eq!(bob.sync().await.unwrap().conversations, 0);
    assert_eq!(way.asked_for_pointees(), 0);
}

#[tokio::test]
async fn after_two_minutes_it_is_passed_over() {
    let world = World::new();
    let alice = world.person(1).await;
    let (bob, way) = world.person_on_a_way(2).await;
    let others = others(&world).await;
    way.hide_pointees(true);
    let big = big_group(&alice, &bob, &others).await;
    bob.sync().await.unwrap();
    world.clock.turn(PATIENCE + 1);
    bob.sync().await.unwrap();
    assert_eq!(way.asked_for_pointees(), 2);
    way.hide_pointees(false);
    bob.sync().await.unwrap();
    assert_eq!(way.asked_for_pointees(), 0);
    assert!(bob.conversation(&big).is_err());
    // one that has led nowhere for so long before we look is not waited for
    way.hide_pointees(true);
    big_group(&alice, &bob, &others).await;
    world.clock.turn(PATIENCE + 1);
    bob.sync().await.unwrap();
    bob.sync().await.unwrap();
    assert_eq!(way.asked_for_pointees(), 1);
}

#[tokio::test]
async fn it_waits_in_the_file() {
    let mut fragile = Fragile::new();
    let way = Way::new(&fragile.world.node);
    fragile.way = Faulty::new(Arc::new(way.clone()), seeded(77), Faults::default());
    let bob = fragile.register().await;
    let alice = fragile.world.person(2).await;
    let others = others(&fragile.world).await;
    way.hide_pointees(true);
    let big = big_group(&alice, &bob, &others).await;
    bob.sync().await.unwrap();
    drop(bob);
    way.hide_pointees(false);
    let bob = fragile.again().await;
    assert_eq!(bob.sync().await.unwrap().conversations, 1);
    agree(&big, &[&alice, &bob]);
}

#[tokio::test]
async fn a_flood_of_them_is_bounded() {
    let world = World::new();
    let alice = world.person(1).await;
    let (bob, way) = world.person_on_a_way(2).await;
    let others = others(&world).await;
    way.hide_pointees(true);
    let mut groups = Vec::new();
    for _ in 0..POINTERS + 2 {
        groups.push(big_group(&alice, &bob, &others).await);
    }
    bob.sync().await.unwrap();
    assert_eq!(way.asked_for_pointees(), POINTERS + 2);
    bob.sync().await.unwrap();
    assert_eq!(way.asked_for_pointees(), POINTERS);
    way.hide_pointees(false);
    assert_eq!(bob.sync().await.unwrap().conversations, POINTERS);
    let entered = groups.iter().map(|group| bob.conversation(group).is_ok());
    assert!(entered.eq((0..groups.len()).map(|number| number >= 2)));
}

#[tokio::test(start_paused = true)]
async fn who_follows_looks_again_when_nothing_else_happens() {
    let world = World::new();
    let alice = world.person(1).await;
    let (bob, way) = world.person_on_a_way(2).await;
    let others = others(&world).await;
    way.hide_pointees(true);
    let big = big_group(&alice, &bob, &others).await;
    let mut events = pin!(bob.follow());
    let first = tokio::time::timeout(Duration::from_secs(10), events.next()).await;
    assert!(first.is_err(), "nothing has happened");
    assert!((5..=15).contains(&way.asked_for_pointees()));
    way.hide_pointees(false);
    let event = tokio::time::timeout(Duration::from_secs(10), events.next()).await;
    let event = event.unwrap().unwrap().unwrap();
    assert!(matches!(event, Event::Conversation(conversation) if conversation.id == big));
}
