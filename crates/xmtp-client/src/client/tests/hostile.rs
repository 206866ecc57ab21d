//! What members, strangers and nodes can do to a client, and what they cannot.

use std::{pin::pin, time::Duration};

use chancery_base::Clock as _;
use chancery_xmtp_wire::{
    content::Content,
    group::{PolicySet, field},
    mls::CIPHERSUITE,
};
use futures_util::StreamExt as _;
use openmls::{
    credentials::CredentialType,
    extensions::ExtensionType,
    group::GroupId,
    key_packages::KeyPackage,
    prelude::{Capabilities, tls_codec::Serialize as _},
};
use tokio::time::Instant;

use super::world::{World, agree, said, text, texts};
use crate::{
    client::{Client, ClientError, Event, GroupOptions, action::Action, follow::follow_groups},
    group::GroupState,
    identity::lifetime,
    network::{GroupEnvelope, NodeApi as _, NodeError},
};

#[tokio::test]
async fn messages_that_disappear_after_longer_than_there_are_numbers_stay() {
    let world = World::new();
    let (alice, bob, group) = world.two().await;
    for (name, value) in [
        (field::MESSAGE_DISAPPEAR_FROM_NS, "1"),
        (field::MESSAGE_DISAPPEAR_IN_NS, "9223372036854775807"),
    ] {
        alice.set_field(&group, name, value).await.unwrap();
    }
    alice.send(&group, text("one")).await.unwrap();
    bob.sync().await.unwrap();
    bob.send(&group, text("two")).await.unwrap();
    for client in [&alice, &bob] {
        client.sync().await.unwrap();
        assert_eq!(texts(client, &group), ["one", "two"]);
    }
    agree(&group, &[&alice, &bob]);
}

#[tokio::test]
async fn a_group_whose_id_no_node_knows_is_not_entered() {
    let world = World::new();
    let (mallory, bob) = (world.person(1).await, world.person(2).await);
    for length in [1, 15, 17, 255] {
        let id = GroupId::from_slice(&vec![7; length]);
        let state = GroupState::new_group(mallory.inbox(), PolicySet::all_members());
        let add = Action::members(&[bob.inbox()], &[]);
        mallory.inner.found(&id, &state, None, &add).unwrap();
        mallory.inner.finish(&id).await.unwrap();
    }
    let dm = mallory.create_dm(bob.inbox()).await.unwrap();
    assert_eq!(bob.sync().await.unwrap().conversations, 1);
    agree(&dm, &[&mallory, &bob]);
}

#[tokio::test]
async fn a_welcome_that_is_told_again_leads_nowhere_once_we_were_removed() {
    let world = World::new();
    let (alice, bob, way, group) = world.two_on_a_way().await;
    let page = world.node.welcomes(bob.installation().to_bytes(), 0).await.unwrap();
    let mut welcome = page.entries.into_iter().next_back().unwrap();
    alice.remove_members(&group, &[bob.inbox()]).await.unwrap();
    bob.sync().await.unwrap();
    let before = bob.messages(&group).unwrap();
    assert!(!bob.conversation(&group).unwrap().active);
    welcome.id += 1;
    way.replay(welcome);
    assert_eq!(bob.sync().await.unwrap().conversations, 0);
    assert!(!bob.conversation(&group).unwrap().active);
    assert_eq!(bob.messages(&group).unwrap(), before);
    assert!(matches!(
        bob.send(&group, text("to nobody")).await,
        Err(ClientError::NotAMember)
    ));
}

#[tokio::test]
async fn a_stranger_s_dm_does_not_take_the_place_of_a_group_that_we_left() {
    let world = World::new();
    let (alice, bob, group) = world.two().await;
    alice.remove_members(&group, &[bob.inbox()]).await.unwrap();
    bob.sync().await.unwrap();
    let mallory = world.person(3).await;
    let state = GroupState::new_dm(mallory.inbox(), bob.inbox());
    let nobody = Action::members(&[], &[]);
    mallory.inner.found(&group, &state, Some(bob.inbox()), &nobody).unwrap();
    for _ in 0..5 {
        mallory.update_keys(&group).await.unwrap();
    }
    mallory.add_members(&group, &[bob.inbox()]).await.unwrap();
    assert_eq!(bob.sync().await.unwrap().conversations, 0);
    assert!(!bob.conversation(&group).unwrap().active);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_cannot_be_read_keeps_no_other_from_being_heard_at_once() {
    let world = World::new();
    let (alice, bob, way, group) = world.two_on_a_way().await;
    let broken = alice
        .create_group(GroupOptions::default(), &[bob.inbox()])
        .await
        .unwrap();
    bob.sync().await.unwrap();
    way.lose(&broken);
    let mut events = pin!(bob.follow());
    // until he would ask but once in half a minute
    let quiet = tokio::time::timeout(Duration::from_secs(600), events.next()).await;
    assert!(quiet.is_err(), "nothing has happened");
    for number in 0..10 {
        alice.send(&group, text(&format!("{number}"))).await.unwrap();
        let begun = Instant::now();
        while !matches!(events.next().await.unwrap().unwrap(), Event::Message(message) if said(&message).is_some()) {}
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        let quiet = tokio::time::timeout(Duration::from_secs(7), events.next()).await;
        assert!(quiet.is_err(), "nothing more has happened");
    }
}

#[tokio::test(start_paused = true)]
async fn nor_does_what_we_cannot_be_welcomed_to() {
    let world = World::new();
    let (alice, bob, way, group) = world.two_on_a_way().await;
    way.answer_welcomes(Some(NodeError::Unavailable("this topic is lost".to_owned())));
    let mut events = pin!(bob.follow());
    let quiet = tokio::time::timeout(Duration::from_secs(600), events.next()).await;
    assert!(quiet.is_err(), "nothing has happened");
    alice.send(&group, text("one")).await.unwrap();
    let begun = Instant::now();
    assert!(matches!(events.next().await.unwrap().unwrap(), Event::Message(_)));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_leaves_a_commit_out_parts_nobody() {
    let world = World::new();
    let (alice, bob, way, group) = world.two_on_a_way().await;
    let mut events = pin!(bob.follow());
    let quiet = tokio::time::timeout(Duration::from_secs(1), events.next()).await;
    assert!(quiet.is_err(), "nothing has happened");
    // ids rise by one, and there is but one group
    way.leave_out(bob.debug(&group).unwrap().cursor + 1);
    alice.update_keys(&group).await.unwrap();
    alice.send(&group, text("heard")).await.unwrap();
    let event = tokio::time::timeout(Duration::from_secs(60), events.next()).await;
    assert!(matches!(event.unwrap().unwrap().unwrap(), Event::Message(message) if said(&message).is_some()));
    agree(&group, &[&alice, &bob]);
}

#[tokio::test]
async fn more_conversations_than_one_stream_may_have_are_followed_by_several() {
    let world = World::new();
    let (alice, _bob, way, group) = world.two_on_a_way().await;
    // what a node of ours takes, and more
    let mut groups: Vec<_> = (0..20_000_u32)
        .map(|number| (GroupId::from_slice(&number.to_be_bytes()), 0))
        .collect();
    groups.push((group.clone(), 0));
    let mut messages = follow_groups(&way, &groups).await.unwrap();
    assert!(way.most_in_a_stream() <= 5_000);
    alice.send(&group, text("heard")).await.unwrap();
    let of = |message: Option<Option<Result<GroupEnvelope, NodeError>>>| message.unwrap().unwrap().unwrap().group;
    assert_eq!(of(messages.next().await), group);
}

#[tokio::test]
async fn who_links_a_contract_to_its_inbox_silences_nobody() {
    let world = World::new();
    let (alice, bob, way, group) = world.two_on_a_way().await;
    bob.send(&group, text("before")).await.unwrap();
    way.make_unverifiable(alice.inbox());
    world.clock.turn(6_000);
    bob.send(&group, text("after")).await.unwrap();
    // and the others are looked after as before
    let carol = world.person(3).await;
    bob.add_members(&group, &[carol.inbox()]).await.unwrap();
    world.installation(3, 33).await;
    world.clock.turn(6_000);
    bob.send(&group, text("to both")).await.unwrap();
    alice.sync().await.unwrap();
    carol.sync().await.unwrap();
    assert_eq!(texts(&alice, &group), ["before", "after", "to both"]);
    let members = alice.members(&group).unwrap();
    let installations = members.iter().find(|member| member.inbox == carol.inbox());
    assert_eq!(installations.unwrap().installations.len(), 2);
    agree(&group, &[&alice, &bob, &carol]);
    // but who cannot be verified is not let in
    let dave = world.person(4).await;
    way.make_unverifiable(dave.inbox());
    let refused = bob.add_members(&group, &[dave.inbox()]).await;
    assert!(matches!(refused, Err(ClientError::Directory(_))), "{refused:?}");
}

/// Offers a key package that is valid, and that no group of XMTP can take.
async fn offer_what_does_not_fit(world: &World, client: &Client) {
    let installation = &client.inner.installation;
    let bytes = client.inner.db.transaction(|tx| {
        let can = Capabilities::new(
            None,
            Some(&[CIPHERSUITE]),
            Some(&[ExtensionType::ApplicationId]),
            None,
            Some(&[CredentialType::Basic]),
        );
        let made = KeyPackage::builder()
            .key_package_lifetime(lifetime(world.clock.now()))
            .leaf_node_capabilities(can)
            .leaf_node_extensions(installation.leaf_extensions()?)
            .build(CIPHERSUITE, &tx.provider(), installation, installation.credential())
            .unwrap();
        Ok::<_, ClientError>(made.key_package().tls_serialize_detached().unwrap())
    });
    world.node.upload_key_package(bytes.unwrap().into()).await.unwrap();
}

#[tokio::test]
async fn a_key_package_that_does_not_fit_keeps_nobody_else_out_and_silences_nobody() {
    let world = World::new();
    let (alice, bob, group) = world.two().await;
    let (carol, dave) = (world.person(3).await, world.person(4).await);
    offer_what_does_not_fit(&world, &carol).await;
    alice.add_members(&group, &[carol.inbox(), dave.inbox()]).await.unwrap();
    // one more installation of somebody who is in the group
    let second = world.installation(2, 22).await;
    offer_what_does_not_fit(&world, &second).await;
    world.clock.turn(6_000);
    alice.send(&group, text("on")).await.unwrap();
    for client in [&bob, &dave] {
        client.sync().await.unwrap();
        assert_eq!(texts(client, &group), ["on"]);
    }
    agree(&group, &[&alice, &bob, &dave]);
    let members = bob.members(&group).unwrap();
    let leaves = |client: &Client| {
        let found = members.iter().find(|member| member.inbox == client.inbox());
        found.unwrap().installations.len()
    };
    assert_eq!([&alice, &bob, &carol, &dave].map(leaves), [1, 1, 0, 1]);
}

#[tokio::test]
async fn who_asks_to_be_let_go_a_hundred_times_is_removed_once() {
    let world = World::new();
    let (alice, bob, group) = world.two().await;
    for _ in 0..100 {
        world.clock.turn(1_000);
        let request = Content::LeaveRequest {
            authenticated_note: None,
        };
        bob.send(&group, request.encode().unwrap()).await.unwrap();
    }
    alice.inner.catch_up(&group).await.unwrap();
    assert_eq!(alice.debug(&group).unwrap().intents.len(), 1);
    alice.sync().await.unwrap();
    assert_eq!(alice.members(&group).unwrap().len(), 1);
}

#[tokio::test]
async fn a_conversation_into_which_nobody_could_be_let_is_not_there() {
    let world = World::new();
    let alice = world.person(1).await;
    let (bob, way) = world.person_on_a_way(2).await;
    way.refuse_commits(true);
    let group = bob.create_group(GroupOptions::default(), &[alice.inbox()]).await;
    assert!(
        matches!(group, Err(ClientError::Node(NodeError::Refused(_)))),
        "{group:?}"
    );
    let dm = bob.create_dm(alice.inbox()).await;
    assert!(matches!(dm, Err(ClientError::Node(NodeError::Refused(_)))), "{dm:?}");
    way.refuse_commits(false);
    let dm = bob.create_dm(alice.inbox()).await.unwrap();
    bob.send(&dm, text("hello")).await.unwrap();
    alice.sync().await.unwrap();
    assert_eq!(texts(&alice, &dm), ["hello"]);
    agree(&dm, &[&alice, &bob]);
}

#[tokio::test(start_paused = true)]
async fn who_writes_to_somebody_twice_at_once_makes_one_conversation() {
    let world = World::new();
    let alice = world.person(1).await;
    let (bob, way) = world.person_on_a_way(2).await;
    way.reading_takes(Duration::from_secs(1));
    let (one, two) = tokio::join!(bob.create_dm(alice.inbox()), bob.create_dm(alice.inbox()));
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(alice.sync().await.unwrap().conversations, 1);
}

#[tokio::test]
async fn a_clock_beyond_all_numbers_breaks_nothing_for_later() {
    let world = World::new();
    let (alice, bob, group) = world.two().await;
    alice.send(&group, text("before")).await.unwrap();
    // the year 73,000,000
    world.clock.turn(i64::MAX / 4_000);
    bob.sync().await.unwrap();
    assert_eq!(texts(&bob, &group), ["before"]);
    world.clock.turn(-(i64::MAX / 4_000));
    bob.sync().await.unwrap();
    bob.send(&group, text("after")).await.unwrap();
    alice.sync().await.unwrap();
    assert_eq!(texts(&alice, &group), ["before", "after"]);
    agree(&group, &[&alice, &bob]);
}
