//! What a node refuses for good, and what it only says that it does (xmtp spec 2.3, 3.7).

use chancery_xmtp_wire::group::field;

use super::{
    trouble::Fragile,
    way::Way,
    world::{World, agree, said, seeded, text, texts},
};
use crate::{
    client::{Client, ClientError, Delivery},
    network::{Faults, Faulty, NodeError},
};

/// Bytes of a message above which the node refuses it.
const MOST: usize = 4096;

fn too_large() -> String {
    "x".repeat(2 * MOST)
}

#[tokio::test]
async fn a_message_that_is_refused_for_good_has_failed_and_the_others_go_on() {
    let world = World::new();
    let (alice, bob, way, group) = world.two_on_a_way().await;
    bob.send(&group, text("before")).await.unwrap();
    way.take_at_most(Some(MOST));
    let large = too_large();
    // together, so that one request would have all three
    let (one, two, three) = tokio::join!(
        bob.send(&group, text("one")),
        bob.send_keyed(&group, text(&large), "large"),
        bob.send(&group, text("three")),
    );
    assert!(matches!(two, Err(ClientError::Node(NodeError::Refused(said))) if said == "too large"));
    one.unwrap();
    three.unwrap();
    bob.send(&group, text("four")).await.unwrap();
    bob.sync().await.unwrap();
    alice.sync().await.unwrap();
    assert_eq!(texts(&alice, &group), ["before", "one", "three", "four"]);
    let failed: Vec<_> = bob.messages(&group).unwrap();
    let failed: Vec<_> = failed
        .iter()
        .filter(|message| message.delivery == Delivery::Failed)
        .collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(said(failed[0]).as_deref(), Some(large.as_str()));
    assert_eq!(bob.debug(&group).unwrap().intents, []);

    // whoever asks for it once more is told what is so, and not that it was sent
    let again = bob.send_keyed(&group, text(&large), "large").await;
    assert!(matches!(again, Err(ClientError::Node(NodeError::Refused(_)))));
    way.take_at_most(None);
    let id = bob.send_keyed(&group, text(&large), "large").await.unwrap();
    bob.sync().await.unwrap();
    alice.sync().await.unwrap();
    assert_eq!(texts(&alice, &group).last(), Some(&large));
    assert_eq!(bob.message(&id).unwrap().unwrap().delivery, Delivery::Sent);
    agree(&group, &[&alice, &bob]);
}

#[tokio::test]
async fn it_stays_failed_in_the_next_run_and_holds_nothing_up_there() {
    let mut fragile = Fragile::new();
    let way = Way::new(&fragile.world.node);
    fragile.way = Faulty::new(std::sync::Arc::new(way.clone()), seeded(77), Faults::default());
    let alice = fragile.register().await;
    let bob = fragile.world.person(2).await;
    let group = alice.create_dm(bob.inbox()).await.unwrap();
    way.take_at_most(Some(MOST));
    alice.send(&group, text(&too_large())).await.unwrap_err();
    drop(alice);
    let alice = fragile.again().await;
    alice.sync().await.unwrap();
    alice.send(&group, text("on")).await.unwrap();
    bob.sync().await.unwrap();
    assert_eq!(texts(&bob, &group), ["on"]);
    let delivery = |client: &Client| client.messages(&group).unwrap().last().unwrap().delivery;
    assert_eq!(delivery(&alice), Delivery::Sent);
    alice.sync().await.unwrap();
    assert_eq!(delivery(&alice), Delivery::Failed);
}

#[tokio::test]
async fn one_that_comes_back_after_all_was_sent() {
    let world = World::new();
    let (alice, bob, way, group) = world.two_on_a_way().await;
    bob.send(&group, text("before")).await.unwrap();
    way.take_at_most(Some(MOST));
    way.take_what_is_refused(true);
    bob.send(&group, text(&too_large())).await.unwrap_err();
    bob.sync().await.unwrap();
    alice.sync().await.unwrap();
    assert_eq!(texts(&bob, &group), texts(&alice, &group));
    let sent = |message: &crate::client::Message| message.delivery == Delivery::Sent;
    assert!(bob.messages(&group).unwrap().iter().all(sent));
    agree(&group, &[&alice, &bob]);
}

#[tokio::test(start_paused = true)]
async fn who_is_not_served_loses_nothing() {
    let world = World::new();
    let (alice, bob, way, group) = world.two_on_a_way().await;
    bob.send(&group, text("before")).await.unwrap();
    let denied = || NodeError::Denied("the key of the gateway has expired".to_owned());
    way.answer_sending(Some(denied()));
    let waits = bob.send(&group, text("waits")).await;
    assert!(
        matches!(waits, Err(ClientError::Node(NodeError::Denied(_)))),
        "{waits:?}"
    );
    let renamed = bob.set_field(&group, field::GROUP_NAME, "renamed").await;
    assert!(
        matches!(renamed, Err(ClientError::Node(NodeError::Denied(_)))),
        "{renamed:?}"
    );
    let last = bob.messages(&group).unwrap().pop().unwrap();
    assert_eq!(
        (said(&last).as_deref(), last.delivery),
        (Some("waits"), Delivery::Pending)
    );
    way.answer_sending(None);
    bob.sync().await.unwrap();
    alice.sync().await.unwrap();
    assert_eq!(texts(&alice, &group), ["before", "waits"]);
    assert_eq!(alice.conversation(&group).unwrap().name, "renamed");
    agree(&group, &[&alice, &bob]);
}

#[tokio::test]
async fn a_commit_that_the_node_has_although_it_refused_it_takes_effect() {
    let world = World::new();
    let (alice, bob, way, group) = world.two_on_a_way().await;
    way.refuse_commits(true);
    way.take_what_is_refused(true);
    bob.set_field(&group, field::GROUP_NAME, "renamed").await.unwrap();
    alice.sync().await.unwrap();
    assert_eq!(alice.conversation(&group).unwrap().name, "renamed");
    agree(&group, &[&alice, &bob]);
}

#[tokio::test]
async fn one_that_was_given_up_and_comes_later_makes_us_fear() {
    let world = World::new();
    let (alice, bob, way, group) = world.two_on_a_way().await;
    let kept = std::sync::Arc::new(std::sync::Mutex::new(None));
    way.keep_commits(&kept);
    way.refuse_commits(true);
    bob.set_field(&group, field::GROUP_NAME, "renamed").await.unwrap_err();
    way.refuse_commits(false);
    let payload = kept.lock().unwrap().take().unwrap();
    crate::network::NodeApi::send_group_messages(&world.node, vec![(payload, vec![0; 32].into())])
        .await
        .unwrap();
    alice.sync().await.unwrap();
    assert_eq!(alice.conversation(&group).unwrap().name, "renamed");
    bob.sync().await.unwrap();
    assert!(bob.debug(&group).unwrap().maybe_forked);
    // so Alice can bring him back
    alice.remove_members(&group, &[bob.inbox()]).await.unwrap();
    alice.add_members(&group, &[bob.inbox()]).await.unwrap();
    assert_eq!(bob.sync().await.unwrap().conversations, 1);
    bob.sync().await.unwrap();
    agree(&group, &[&alice, &bob]);
}
