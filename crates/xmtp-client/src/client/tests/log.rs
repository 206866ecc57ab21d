//! The one order of what an inbox learned of, read from any place in it.

use std::{pin::pin, sync::Arc, time::Duration};

use chancery_xmtp_wire::identity::Nonce;
use futures_util::StreamExt as _;

use super::world::{World, said, seeded, text};
use crate::{
    client::{Client, Contact, Event, GroupOptions, Parts},
    crypto::Crypto,
    network::{Faults, Faulty},
    storage::{InboxDb, InboxKey, Position},
};

/// Conversations as `+`, changes of groups as `*`, texts as themselves.
fn shown(events: &[(Position, Event)]) -> Vec<String> {
    let one = |(_, event): &(Position, Event)| match event {
        Event::Conversation(_) => "+".to_owned(),
        Event::Message(message) => said(message).unwrap_or_else(|| "*".to_owned()),
    };
    events.iter().map(one).collect()
}

#[tokio::test]
async fn conversations_and_messages_have_one_order() {
    let world = World::new();
    let (alice, bob) = (world.person(1).await, world.person(2).await);
    let mut groups = Vec::new();
    for said in ["one", "two"] {
        let group = alice
            .create_group(GroupOptions::default(), &[bob.inbox()])
            .await
            .unwrap();
        alice.send(&group, text(said)).await.unwrap();
        alice.sync().await.unwrap();
        groups.push(group);
    }
    alice.send(&groups[0], text("three")).await.unwrap();
    alice.sync().await.unwrap();
    let all = alice.events_after(Position(0), 100).unwrap();
    assert_eq!(shown(&all), ["+", "*", "one", "+", "*", "two", "three"]);
    assert!(all.is_sorted_by(|(a, _), (b, _)| a < b));
    assert_eq!(alice.last_position().unwrap(), all[6].0);
    // from every place on, in pieces of every size
    for from in 0..=all.len() {
        let start = from.checked_sub(1).map_or(Position(0), |index| all[index].0);
        for size in 1..=all.len() {
            let (mut at, mut read) = (start, Vec::new());
            while let Some((last, _)) = {
                let piece = alice.events_after(at, u32::try_from(size).unwrap()).unwrap();
                assert!(piece.len() <= size);
                read.extend(piece);
                read.last().filter(|(last, _)| *last > at)
            } {
                at = *last;
            }
            assert_eq!(read, all[from..], "from {from} by {size}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_follows_from_a_place_misses_and_repeats_nothing_across_lives() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bob.db3");
    let rng = seeded(2);
    let parts = || Parts {
        node: Arc::new(world.node.clone()),
        db: InboxDb::open(
            &path,
            &InboxKey::from_bytes([7; 32].into()),
            Crypto::new(Arc::clone(&rng)),
        )
        .unwrap(),
        clock: Arc::new(world.clock.clone()),
        rng: Arc::clone(&rng),
    };
    let alice = world.person(1).await;
    let bob = Client::register(parts(), &world.wallet(2), Nonce(1)).await.unwrap();
    let group = alice
        .create_group(GroupOptions::default(), &[bob.inbox()])
        .await
        .unwrap();
    drop(bob);
    let (mut heard, mut at) = (Vec::new(), Position(0));
    for life in 0..4 {
        let bob = Client::open(parts()).await.unwrap();
        let mut events = pin!(bob.follow_from(at));
        for number in 0..3 {
            alice.send(&group, text(&format!("{life}.{number}"))).await.unwrap();
        }
        // it ends with one event of this life unread, which the next one begins with
        let more = if life == 0 { 4 } else { 3 };
        for _ in 0..more {
            let event = events.next().await.unwrap().unwrap();
            at = event.0;
            heard.push(event);
        }
    }
    let expected = (0..4).flat_map(|life| (0..3).map(move |number| format!("{life}.{number}")));
    let expected: Vec<_> = ["+".to_owned(), "*".to_owned()]
        .into_iter()
        .chain(expected)
        .take(13)
        .collect();
    assert_eq!(shown(&heard), expected);
}

#[tokio::test(start_paused = true)]
async fn whoever_keeps_up_says_when_it_hears_and_when_not() {
    let world = World::new();
    let way = Faulty::new(Arc::new(world.node.clone()), seeded(9), Faults::default());
    let parts = world.parts(2, Arc::new(way.clone()));
    let bob = Client::register(parts, &world.wallet(2), Nonce(1)).await.unwrap();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let kept = bob.clone();
    let keeping = tokio::spawn(async move {
        let never = kept
            .keep_up(|contact| {
                let _ = tell.send(matches!(contact, Contact::Made));
            })
            .await;
        match never {}
    });
    assert_eq!(told.recv().await, Some(true));
    way.cut(true);
    assert_eq!(told.recv().await, Some(false));
    tokio::time::sleep(Duration::from_secs(300)).await;
    way.cut(false);
    let mended = tokio::time::timeout(Duration::from_secs(31), async {
        while told.recv().await != Some(true) {}
    });
    mended.await.unwrap();
    keeping.abort();
}

#[tokio::test]
async fn a_message_with_a_key_is_one_in_all_groups_of_a_dm() {
    let world = World::new();
    let (alice, bob) = (world.person(1).await, world.person(2).await);
    let ours = alice.create_dm(bob.inbox()).await.unwrap();
    let id = alice.send_keyed(&ours, text("once"), "key").await.unwrap();
    let theirs = bob.create_dm(alice.inbox()).await.unwrap();
    assert_ne!(ours, theirs);
    alice.sync().await.unwrap();
    world.clock.turn(1_000);
    bob.send(&theirs, text("later")).await.unwrap();
    alice.sync().await.unwrap();
    // what Alice writes goes where something was said last, but not what was said before
    assert_eq!(alice.groups(&ours).unwrap(), [theirs.clone(), ours.clone()]);
    for group in [&ours, &theirs] {
        assert_eq!(alice.first_group(group).unwrap(), ours);
        assert_eq!(alice.send_keyed(group, text("once"), "key").await.unwrap(), id);
    }
    let new = alice.send_keyed(&ours, text("again"), "key").await.unwrap();
    assert_eq!(alice.message(&new).unwrap().unwrap().group, theirs);
    alice.sync().await.unwrap();
    let newest = alice.newest_messages(&ours, 0..=u64::MAX, 2).unwrap();
    assert_eq!(newest.iter().filter_map(said).collect::<Vec<_>>(), ["later", "again"]);
    assert_eq!(
        alice.message(&id).unwrap().as_ref().and_then(said).as_deref(),
        Some("once")
    );
}
