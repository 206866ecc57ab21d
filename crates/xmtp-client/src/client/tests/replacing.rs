//! Who cannot follow its group any more is brought back by who may do that, and by nobody else (xmtp spec 3.4).

use chancery_xmtp_wire::group::{PolicySet, field};
use openmls::group::GroupId;

use super::{
    way::Way,
    world::{World, agree, text, texts},
};
use crate::{
    client::{AdminChange, Client, GroupOptions, action::Action},
    group::GroupState,
    network::NodeApi as _,
};

/// Bob misses a commit of Alice's, and what follows makes him fear that he has parted.
async fn leave_behind(world: &World, alice: &Client, bob: &Client, way: &Way, group: &GroupId) {
    alice.set_field(group, field::DESCRIPTION, "missed").await.unwrap();
    let page = world.node.group_messages(group, 0).await.unwrap();
    way.hide(page.entries.last().unwrap().id);
    alice
        .set_field(group, field::DESCRIPTION, "not understood")
        .await
        .unwrap();
    bob.sync().await.unwrap();
    assert!(bob.debug(group).unwrap().maybe_forked);
}

async fn welcome_again(by: &Client, bob: &Client, group: &GroupId) {
    by.remove_members(group, &[bob.inbox()]).await.unwrap();
    by.add_members(group, &[bob.inbox()]).await.unwrap();
}

#[tokio::test]
async fn who_was_left_behind_is_brought_back_by_an_admin() {
    let world = World::new();
    let (alice, bob, way, group) = world.two_on_a_way().await;
    alice.send(&group, text("before")).await.unwrap();
    leave_behind(&world, &alice, &bob, &way, &group).await;
    bob.send(&group, text("nobody hears this")).await.unwrap();
    welcome_again(&alice, &bob, &group).await;
    // what is said before he has read the welcome is his, too
    alice.send(&group, text("welcome back")).await.unwrap();
    bob.sync_conversation(&group).await.unwrap();
    assert_eq!(bob.sync().await.unwrap().conversations, 1);
    bob.sync().await.unwrap();
    alice.sync().await.unwrap();
    agree(&group, &[&alice, &bob]);
    assert_eq!(texts(&bob, &group).last().unwrap(), "welcome back");
    bob.send(&group, text("thank you")).await.unwrap();
    alice.sync().await.unwrap();
    assert_eq!(texts(&alice, &group).last().unwrap(), "thank you");
    agree(&group, &[&alice, &bob]);
}

#[tokio::test(start_paused = true)]
async fn what_he_had_begun_is_done_in_the_group_that_took_its_place() {
    let world = World::new();
    let (alice, bob, way, group) = world.two_on_a_way().await;
    leave_behind(&world, &alice, &bob, &way, &group).await;
    // it is made in an epoch that is over, and does not get out
    way.refuse_all(true);
    assert!(bob.send(&group, text("kept")).await.is_err());
    assert!(bob.set_field(&group, field::GROUP_NAME, "kept, too").await.is_err());
    way.refuse_all(false);
    welcome_again(&alice, &bob, &group).await;
    for client in [&bob, &bob, &alice] {
        client.sync().await.unwrap();
    }
    agree(&group, &[&alice, &bob]);
    assert_eq!(texts(&alice, &group), ["kept"]);
    assert_eq!(alice.conversation(&group).unwrap().name, "kept, too");
    assert_eq!(bob.debug(&group).unwrap().intents, []);
}

#[tokio::test]
async fn not_by_a_member_who_could_not_remove_him() {
    let world = World::new();
    let alice = world.person(1).await;
    let (bob, way) = world.person_on_a_way(2).await;
    let carol = world.person(3).await;
    let group = alice
        .create_group(GroupOptions::default(), &[bob.inbox(), carol.inbox()])
        .await
        .unwrap();
    for client in [&bob, &carol] {
        client.sync().await.unwrap();
    }
    leave_behind(&world, &alice, &bob, &way, &group).await;
    // of which he knows nothing
    alice
        .set_admin(&group, carol.inbox(), AdminChange::AddAdmin)
        .await
        .unwrap();
    let before = bob.debug(&group).unwrap();
    welcome_again(&carol, &bob, &group).await;
    assert_eq!(bob.sync().await.unwrap().conversations, 0);
    let after = bob.debug(&group).unwrap();
    assert_eq!(
        (after.epoch, after.epoch_authenticator),
        (before.epoch, before.epoch_authenticator)
    );
    // but by Alice
    alice.sync().await.unwrap();
    welcome_again(&alice, &bob, &group).await;
    assert_eq!(bob.sync().await.unwrap().conversations, 1);
    for client in [&carol, &bob, &alice] {
        client.sync().await.unwrap();
    }
    agree(&group, &[&alice, &bob, &carol]);
}

#[tokio::test]
async fn nor_by_a_stranger_with_a_group_of_the_same_id() {
    let world = World::new();
    let (alice, bob, group) = world.two().await;
    let mallory = world.person(3).await;
    let state = GroupState::new_group(mallory.inbox(), PolicySet::all_members());
    let nobody = Action::members(&[], &[]);
    mallory.inner.found(&group, &state, None, &nobody).unwrap();
    for _ in 0..3 {
        mallory.update_keys(&group).await.unwrap();
    }
    mallory.add_members(&group, &[bob.inbox()]).await.unwrap();
    let before = bob.debug(&group).unwrap();
    assert!(mallory.debug(&group).unwrap().epoch > before.epoch);
    assert_eq!(bob.sync().await.unwrap().conversations, 0);
    let after = bob.debug(&group).unwrap();
    // anybody can make him fear, and that is all
    assert!(after.maybe_forked);
    assert_eq!(after.epoch_authenticator, before.epoch_authenticator);
    alice.send(&group, text("still here")).await.unwrap();
    bob.sync().await.unwrap();
    assert_eq!(texts(&bob, &group), ["still here"]);
    // and not for longer than until somebody goes on
    alice.update_keys(&group).await.unwrap();
    bob.sync().await.unwrap();
    bob.update_keys(&group).await.unwrap();
    alice.sync().await.unwrap();
    agree(&group, &[&alice, &bob]);
}
