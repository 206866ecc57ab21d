//! Keys in groups: new before the first word, and young (xmtp spec 3.7).

use chancery_xmtp_wire::{
    group::field,
    mls::message::{ContentType, GroupMessage},
};
use openmls::group::GroupId;

use super::{
    trouble::Fragile,
    world::{World, agree, text, texts},
};
use crate::{
    client::{Client, Consent, GroupOptions},
    network::{Faults, NodeApi as _},
};

const COMMIT: ContentType = ContentType::Commit;
const SAID: ContentType = ContentType::Application;
/// Milliseconds of a day.
const DAY: i64 = 24 * 3_600 * 1_000;

/// What the node has of a group, in order.
async fn log(world: &World, group: &GroupId) -> Vec<ContentType> {
    let page = world.node.group_messages(group, 0).await.unwrap();
    let kind = |data| GroupMessage::parse(data).unwrap().content_type;
    page.entries.iter().map(|entry| kind(&entry.data)).collect()
}

/// The key to which a member's leaf is encrypted, as `seen_by` has it.
fn leaf_key(seen_by: &Client, group: &GroupId, of: &Client) -> Vec<u8> {
    let inner = &seen_by.inner;
    let found = inner.db.transaction(|tx| {
        let ours = of.installation().as_bytes().to_vec();
        let mut members = inner.load(tx, group)?.members().collect::<Vec<_>>().into_iter();
        Ok::<_, crate::client::ClientError>(members.find(|member| member.signature_key == ours))
    });
    found.unwrap().unwrap().encryption_key
}

#[tokio::test]
async fn who_was_welcomed_renews_its_keys_before_its_first_word_and_not_again() {
    let world = World::new();
    let (alice, bob, group) = world.two().await;
    let [before_alice, before_bob] = [&alice, &bob].map(|one| leaf_key(&alice, &group, one));
    bob.send(&group, text("one")).await.unwrap();
    assert_eq!(log(&world, &group).await, [COMMIT, COMMIT, SAID]);
    bob.send(&group, text("two")).await.unwrap();
    // when the members are looked after again, too
    world.clock.turn(6_000);
    bob.send(&group, text("three")).await.unwrap();
    // Alice made the group, and has new keys from the beginning
    alice.send(&group, text("four")).await.unwrap();
    assert_eq!(log(&world, &group).await, [COMMIT, COMMIT, SAID, SAID, SAID, SAID]);
    bob.sync().await.unwrap();
    agree(&group, &[&alice, &bob]);
    assert_eq!(texts(&alice, &group), ["one", "two", "three", "four"]);
    assert_ne!(leaf_key(&alice, &group, &bob), before_bob);
    assert_eq!(leaf_key(&alice, &group, &alice), before_alice);
}

#[tokio::test]
async fn in_a_dm_who_was_written_to_does_so() {
    let world = World::new();
    let (alice, bob) = (world.person(1).await, world.person(2).await);
    let dm = alice.create_dm(bob.inbox()).await.unwrap();
    alice.send(&dm, text("hello")).await.unwrap();
    bob.sync().await.unwrap();
    bob.send(&dm, text("hello yourself")).await.unwrap();
    alice.sync().await.unwrap();
    assert_eq!(log(&world, &dm).await, [COMMIT, SAID, COMMIT, SAID]);
    assert_eq!(texts(&alice, &dm), ["hello", "hello yourself"]);
    agree(&dm, &[&alice, &bob]);
}

#[tokio::test]
async fn any_other_commit_of_ours_renews_them_as_well() {
    let world = World::new();
    let (alice, bob, group) = world.two().await;
    bob.set_field(&group, field::GROUP_NAME, "renamed").await.unwrap();
    bob.send(&group, text("one")).await.unwrap();
    assert_eq!(log(&world, &group).await, [COMMIT, COMMIT, SAID]);
    alice.sync().await.unwrap();
    agree(&group, &[&alice, &bob]);
}

#[tokio::test]
async fn who_comes_back_renews_them_again() {
    let world = World::new();
    let (alice, bob, group) = world.two().await;
    bob.send(&group, text("one")).await.unwrap();
    alice.remove_members(&group, &[bob.inbox()]).await.unwrap();
    alice.add_members(&group, &[bob.inbox()]).await.unwrap();
    bob.sync().await.unwrap();
    bob.send(&group, text("two")).await.unwrap();
    let expected = [COMMIT, COMMIT, SAID, COMMIT, COMMIT, COMMIT, SAID];
    assert_eq!(log(&world, &group).await, expected);
    alice.sync().await.unwrap();
    agree(&group, &[&alice, &bob]);
}

#[tokio::test]
async fn all_who_speak_first_at_once_are_heard() {
    let world = World::new();
    let (alice, bob, carol) = (world.person(1).await, world.person(2).await, world.person(3).await);
    let group = alice
        .create_group(GroupOptions::default(), &[bob.inbox(), carol.inbox()])
        .await
        .unwrap();
    bob.sync().await.unwrap();
    carol.sync().await.unwrap();
    let (one, two, three) = tokio::join!(
        bob.send(&group, text("one")),
        carol.send(&group, text("two")),
        bob.send(&group, text("three")),
    );
    for id in [one, two, three] {
        id.unwrap();
    }
    for client in [&alice, &bob, &carol] {
        client.sync().await.unwrap();
        let mut heard = texts(client, &group);
        heard.sort_unstable();
        assert_eq!(heard, ["one", "three", "two"]);
        assert_eq!(client.debug(&group).unwrap().intents, []);
    }
    agree(&group, &[&alice, &bob, &carol]);
    let commits = log(&world, &group).await.into_iter().filter(|kind| *kind == COMMIT);
    // one that lost its race is there, too, and has no effect
    assert!((3..=4).contains(&commits.count()));
    assert_eq!(alice.debug(&group).unwrap().epoch, 3);
}

#[tokio::test(start_paused = true)]
async fn what_was_interrupted_is_done_once() {
    for faults in [
        Faults {
            lost_request: 1_000,
            ..Faults::default()
        },
        Faults {
            lost_answer: 1_000,
            ..Faults::default()
        },
    ] {
        let mut fragile = Fragile::new();
        let bob = fragile.register().await;
        let alice = fragile.world.person(2).await;
        let group = alice
            .create_group(GroupOptions::default(), &[bob.inbox()])
            .await
            .unwrap();
        bob.sync().await.unwrap();
        let mut last = bob;
        for _ in 0..3 {
            fragile.way.set(faults);
            assert!(
                last.send_keyed(&group, text("once"), "key")
                    .await
                    .unwrap_err()
                    .is_retryable()
            );
            drop(last);
            last = fragile.again().await;
        }
        fragile.way.set(Faults::default());
        last.sync().await.unwrap();
        last.sync().await.unwrap();
        alice.sync().await.unwrap();
        assert_eq!(texts(&alice, &group), ["once"]);
        agree(&group, &[&alice, &last]);
        assert_eq!(last.debug(&group).unwrap().intents, []);
        last.send(&group, text("and on")).await.unwrap();
        // one to make the group, one of the joiner
        assert_eq!(last.debug(&group).unwrap().epoch, 2);
        let commits = log(&fragile.world, &group)
            .await
            .into_iter()
            .filter(|kind| *kind == COMMIT);
        assert_eq!(commits.count(), 2);
    }
}

#[tokio::test]
async fn what_is_said_does_not_wait_for_a_commit_that_nobody_takes() {
    let world = World::new();
    let (alice, bob, way, group) = world.two_on_a_way().await;
    way.refuse_commits(true);
    bob.send(&group, text("one")).await.unwrap();
    bob.send(&group, text("two")).await.unwrap();
    // not with every message
    assert_eq!(way.commits(), 1);
    bob.sync().await.unwrap();
    assert_eq!(bob.debug(&group).unwrap().intents, []);
    assert_eq!(log(&world, &group).await, [COMMIT, SAID, SAID]);
    alice.sync().await.unwrap();
    assert_eq!(texts(&alice, &group), ["one", "two"]);
    agree(&group, &[&alice, &bob]);
    // but again when they are old
    way.refuse_commits(false);
    world.clock.turn(31 * DAY);
    bob.send(&group, text("three")).await.unwrap();
    assert_eq!(log(&world, &group).await, [COMMIT, SAID, SAID, COMMIT, SAID]);
}

#[tokio::test]
async fn nor_for_one_that_is_always_overtaken() {
    let world = World::new();
    let (alice, bob, way, group) = world.two_on_a_way().await;
    let (faster, of) = (alice.clone(), group.clone());
    way.before_a_commit(Some(Box::new(move || {
        let (faster, of) = (faster.clone(), of.clone());
        Box::pin(async move { faster.update_keys(&of).await.unwrap() })
    })));
    bob.send(&group, text("one")).await.unwrap();
    assert_eq!(way.commits(), 3);
    bob.sync().await.unwrap();
    assert_eq!(bob.debug(&group).unwrap().intents, []);
    alice.sync().await.unwrap();
    assert_eq!(texts(&alice, &group), ["one"]);
    agree(&group, &[&alice, &bob]);
    // it is owed still
    way.before_a_commit(None);
    bob.send(&group, text("two")).await.unwrap();
    assert_eq!(way.commits(), 4);
    bob.send(&group, text("three")).await.unwrap();
    assert_eq!(way.commits(), 4);
    alice.sync().await.unwrap();
    agree(&group, &[&alice, &bob]);
}

#[tokio::test]
async fn keys_are_renewed_after_thirty_days() {
    let world = World::new();
    let (alice, bob, carol) = (world.person(1).await, world.person(2).await, world.person(3).await);
    let group = alice
        .create_group(GroupOptions::default(), &[bob.inbox(), carol.inbox()])
        .await
        .unwrap();
    for client in [&bob, &carol] {
        client.sync().await.unwrap();
    }
    bob.send(&group, text("one")).await.unwrap();
    let all = async || {
        for client in [&alice, &bob, &carol, &alice, &bob] {
            client.sync().await.unwrap();
        }
        alice.debug(&group).unwrap().epoch
    };
    assert_eq!(all().await, 2);
    world.clock.turn(30 * DAY);
    assert_eq!(all().await, 2);
    world.clock.turn(1);
    // by whom it is wanted: by Alice, who made it, and Bob, who spoke; who never asked for it does nothing
    assert_eq!(carol.conversation(&group).unwrap().consent, Consent::Unknown);
    assert_eq!(all().await, 4);
    assert_eq!(all().await, 4);
    agree(&group, &[&alice, &bob, &carol]);
    // and by who speaks
    world.clock.turn(30 * DAY + 1);
    alice.send(&group, text("two")).await.unwrap();
    assert_eq!(alice.debug(&group).unwrap().epoch, 5);
    carol.set_consent(&group, Consent::Allowed).unwrap();
    assert_eq!(all().await, 7);
    agree(&group, &[&alice, &bob, &carol]);
}

#[tokio::test]
async fn a_clock_that_was_turned_back_renews_once() {
    let world = World::new();
    let (_alice, bob, group) = world.two().await;
    bob.send(&group, text("one")).await.unwrap();
    world.clock.turn(-DAY);
    bob.send(&group, text("two")).await.unwrap();
    bob.send(&group, text("three")).await.unwrap();
    assert_eq!(log(&world, &group).await, [COMMIT, COMMIT, SAID, COMMIT, SAID, SAID]);
}
