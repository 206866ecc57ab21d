//! Groups: made, entered, spoken in, changed.

use chancery_xmtp_wire::{
    content::Content,
    group::{Role, evaluate::Denied, field},
    identity::Nonce,
};

use super::world::{World, agree, said, text, texts};
use crate::{
    client::{AdminChange, Client, ClientError, Consent, Delivery, GroupOptions, Kind},
    commit::Rule,
};

#[tokio::test]
async fn a_group_is_made_entered_and_spoken_in() {
    let world = World::new();
    let (alice, bob, carol) = (world.person(1).await, world.person(2).await, world.person(3).await);
    let options = GroupOptions {
        name: "three".to_owned(),
        ..GroupOptions::default()
    };
    let group = alice
        .create_group(options, &[bob.inbox(), carol.inbox()])
        .await
        .unwrap();
    for other in [&bob, &carol] {
        assert_eq!(other.sync().await.unwrap().conversations, 1);
        let known = other.conversation(&group).unwrap();
        assert_eq!(
            (known.kind, known.name.as_str(), known.active),
            (Kind::Group, "three", true)
        );
        assert_eq!(known.consent, Consent::Unknown);
    }
    agree(&group, &[&alice, &bob, &carol]);

    let id = alice.send(&group, text("one")).await.unwrap();
    for other in [&bob, &carol] {
        other.sync().await.unwrap();
        let messages = other.messages(&group).unwrap();
        let one = messages.iter().find(|message| said(message).is_some()).unwrap();
        assert_eq!(
            (one.id, one.sender, one.installation),
            (id, alice.inbox(), alice.installation())
        );
    }
    bob.send(&group, text("two")).await.unwrap();
    carol.send(&group, text("three")).await.unwrap();
    for client in [&alice, &bob, &carol] {
        client.sync().await.unwrap();
        assert_eq!(texts(client, &group), ["one", "two", "three"]);
        // own messages came back, and stand among the others
        assert!(
            client
                .messages(&group)
                .unwrap()
                .iter()
                .all(|message| message.position.is_some())
        );
    }
    agree(&group, &[&alice, &bob, &carol]);
}

#[tokio::test]
async fn a_welcome_that_many_share_is_followed() {
    let world = World::new();
    let alice = world.person(1).await;
    let mut others = Vec::new();
    for seed in 2..8 {
        others.push(world.person(seed).await);
    }
    let inboxes: Vec<_> = others.iter().map(Client::inbox).collect();
    let group = alice.create_group(GroupOptions::default(), &inboxes).await.unwrap();
    for other in &others {
        other.sync().await.unwrap();
        agree(&group, &[&alice, other]);
    }
}

#[tokio::test]
async fn all_installations_of_an_inbox_are_in_it() {
    let world = World::new();
    let (alice, phone) = (world.person(1).await, world.installation(1, 11).await);
    let (bob, laptop) = (world.person(2).await, world.installation(2, 12).await);
    let group = alice
        .create_group(GroupOptions::default(), &[bob.inbox()])
        .await
        .unwrap();
    for client in [&phone, &bob, &laptop] {
        client.sync().await.unwrap();
    }
    agree(&group, &[&alice, &phone, &bob, &laptop]);
    assert!(
        alice
            .members(&group)
            .unwrap()
            .iter()
            .all(|member| member.installations.len() == 2)
    );

    // one that comes later is added by whoever speaks next
    let tablet = world.installation(2, 13).await;
    world.clock.turn(6_000);
    alice.send(&group, text("who is new?")).await.unwrap();
    for client in [&phone, &bob, &laptop, &tablet] {
        client.sync().await.unwrap();
    }
    alice.sync().await.unwrap();
    agree(&group, &[&alice, &phone, &bob, &laptop, &tablet]);
    assert_eq!(texts(&tablet, &group), ["who is new?"]);

    // and one that is revoked is removed
    bob.revoke_installations(&world.wallet(2), &[laptop.installation()])
        .await
        .unwrap();
    world.clock.turn(6_000);
    alice.send(&group, text("without it")).await.unwrap();
    for client in [&phone, &bob, &laptop, &tablet, &alice] {
        client.sync().await.unwrap();
    }
    agree(&group, &[&alice, &phone, &bob, &tablet]);
    assert!(!laptop.conversation(&group).unwrap().active);
    assert_eq!(texts(&laptop, &group), ["who is new?"]);
    let refused = laptop.send(&group, text("still here")).await;
    assert!(matches!(refused, Err(ClientError::NotAMember)));
}

#[tokio::test]
async fn members_come_and_go_and_change() {
    let world = World::new();
    let (alice, bob, carol) = (world.person(1).await, world.person(2).await, world.person(3).await);
    let group = alice
        .create_group(GroupOptions::default(), &[bob.inbox()])
        .await
        .unwrap();
    bob.sync().await.unwrap();

    bob.add_members(&group, &[carol.inbox()]).await.unwrap();
    carol.sync().await.unwrap();
    alice.sync().await.unwrap();
    agree(&group, &[&alice, &bob, &carol]);

    bob.set_field(&group, field::GROUP_NAME, "renamed").await.unwrap();
    let refused = bob.remove_members(&group, &[carol.inbox()]).await;
    assert!(
        matches!(&refused, Err(ClientError::Refused(Rule::Denied(Denied::RemoveMember)))),
        "{refused:?}"
    );
    alice
        .set_admin(&group, bob.inbox(), AdminChange::AddAdmin)
        .await
        .unwrap();
    bob.remove_members(&group, &[carol.inbox()]).await.unwrap();
    for client in [&alice, &bob, &carol] {
        client.sync().await.unwrap();
    }
    agree(&group, &[&alice, &bob]);
    assert_eq!(alice.conversation(&group).unwrap().name, "renamed");
    assert!(!carol.conversation(&group).unwrap().active);
    let bobs = alice
        .members(&group)
        .unwrap()
        .into_iter()
        .find(|member| member.inbox == bob.inbox());
    assert_eq!(bobs.unwrap().role, Role::Admin);

    // what happened is told in the conversation, to all alike
    let told = |client: &Client| {
        let messages = client.messages(&group).unwrap();
        let updates = messages.into_iter().filter(|message| {
            let content = message
                .content
                .as_ref()
                .and_then(|content| Content::decode(content).ok());
            matches!(content, Some(Content::GroupUpdated(_)))
        });
        updates.map(|message| (message.id, message.sender)).collect::<Vec<_>>()
    };
    assert_eq!(told(&alice).len(), 5);
    // the first says to each of them that Bob came, and was made by each from another thing
    assert_eq!(told(&alice)[1..], told(&bob)[1..]);

    // who was removed can come back
    alice.add_members(&group, &[carol.inbox()]).await.unwrap();
    carol.sync().await.unwrap();
    bob.sync().await.unwrap();
    agree(&group, &[&alice, &bob, &carol]);
    carol.send(&group, text("back")).await.unwrap();
    alice.sync().await.unwrap();
    assert_eq!(texts(&alice, &group), ["back"]);
}

#[tokio::test]
async fn two_who_commit_at_once_are_both_served() {
    let world = World::new();
    let (alice, bob, group) = world.two().await;
    for round in 0..5 {
        let name = format!("name {round}");
        let (one, two, three) = tokio::join!(
            alice.update_keys(&group),
            bob.set_field(&group, field::GROUP_NAME, &name),
            alice.send(&group, text(&name)),
        );
        one.unwrap();
        two.unwrap();
        three.unwrap();
    }
    alice.sync().await.unwrap();
    bob.sync().await.unwrap();
    agree(&group, &[&alice, &bob]);
    assert_eq!(alice.conversation(&group).unwrap().name, "name 4");
    let expected: Vec<_> = (0..5).map(|round| format!("name {round}")).collect();
    assert_eq!(texts(&bob, &group), expected);
    assert_eq!(alice.debug(&group).unwrap().intents, []);
}

#[tokio::test]
async fn who_was_removed_and_does_not_know_it_yet_is_told_when_committing() {
    let world = World::new();
    let (alice, bob, group) = world.two().await;
    alice.remove_members(&group, &[bob.inbox()]).await.unwrap();
    let refused = bob.set_field(&group, field::GROUP_NAME, "mine").await;
    assert!(matches!(refused, Err(ClientError::NotAMember)), "{refused:?}");
    assert_eq!(bob.debug(&group).unwrap().intents, []);
}

#[tokio::test]
async fn a_member_leaves() {
    let world = World::new();
    let (alice, bob, group) = world.two().await;
    assert!(matches!(alice.leave(&group).await, Err(ClientError::SuperAdminLeaves)));
    bob.leave(&group).await.unwrap();
    alice.sync().await.unwrap();
    bob.sync().await.unwrap();
    assert!(!bob.conversation(&group).unwrap().active);
    assert_eq!(alice.members(&group).unwrap().len(), 1);
    let left = alice.messages(&group).unwrap().into_iter().find_map(|message| {
        match Content::decode(message.content.as_ref()?).ok()? {
            Content::GroupUpdated(updated) => updated.left_inboxes.into_iter().next(),
            _ => None,
        }
    });
    assert_eq!(left.unwrap().inbox_id, bob.inbox().to_string());
}

#[tokio::test]
async fn the_same_key_and_content_is_one_message() {
    let world = World::new();
    let (alice, bob, group) = world.two().await;
    let first = alice.send_keyed(&group, text("receipt"), "key").await.unwrap();
    assert_eq!(alice.send_keyed(&group, text("receipt"), "key").await.unwrap(), first);
    alice.sync().await.unwrap();
    assert_eq!(alice.send_keyed(&group, text("receipt"), "key").await.unwrap(), first);
    // without a key two are two, in the same millisecond
    let (one, two) = tokio::join!(alice.send(&group, text("hi")), alice.send(&group, text("hi")));
    assert_ne!(one.unwrap(), two.unwrap());
    bob.sync().await.unwrap();
    assert_eq!(texts(&bob, &group), ["receipt", "hi", "hi"]);
    assert!(
        alice
            .messages(&group)
            .unwrap()
            .iter()
            .all(|message| message.delivery == Delivery::Sent)
    );
}

#[tokio::test]
async fn dms_that_both_made_are_one_conversation() {
    let world = World::new();
    let (alice, bob) = (world.person(1).await, world.person(2).await);
    let one = alice.create_dm(bob.inbox()).await.unwrap();
    let two = bob.create_dm(alice.inbox()).await.unwrap();
    assert_ne!(one, two);
    alice.send(&one, text("from alice")).await.unwrap();
    bob.send(&two, text("from bob")).await.unwrap();
    for client in [&alice, &bob] {
        client.sync().await.unwrap();
        client.sync().await.unwrap();
        assert_eq!(client.conversations().unwrap().len(), 1);
        assert_eq!(texts(client, &one), ["from alice", "from bob"]);
        assert_eq!(texts(client, &two), ["from alice", "from bob"]);
    }
    // from now on both write in the same one
    assert_eq!(
        alice.create_dm(bob.inbox()).await.unwrap(),
        bob.create_dm(alice.inbox()).await.unwrap()
    );
    assert_eq!(alice.conversation(&one).unwrap().kind, Kind::Dm { peer: bob.inbox() });
    assert!(matches!(alice.leave(&one).await, Err(ClientError::WrongKind)));
}

#[tokio::test]
async fn whom_nobody_knows_cannot_be_added() {
    let world = World::new();
    let (alice, bob) = (world.person(1).await, world.person(2).await);
    let nobody = crate::identity::inbox_of(&world.wallet(99), Nonce(1));
    let refused = alice
        .create_group(GroupOptions::default(), &[bob.inbox(), nobody])
        .await;
    assert!(matches!(refused, Err(ClientError::NoInbox(inbox)) if inbox == nobody));
    assert_eq!(alice.conversations().unwrap(), []);
}
