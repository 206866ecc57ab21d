//! What happens, as it happens; what waits, and what disappears.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use chancery_xmtp_wire::group::{Disappearing, field};
use futures_util::{Stream, StreamExt as _};
use openmls::group::GroupId;

use super::world::{World, agree, said, seeded, text, texts};
use crate::{
    client::{Client, ClientError, Event, GroupOptions},
    group::{GroupState, with_metadata},
    network::{Faults, Faulty, NodeApi as _},
};

/// Of tokio's clock, which is turned when all wait: much longer than any pause of ours.
const PATIENCE: Duration = Duration::from_secs(600);

/// The next texts that a stream tells, passing over all else.
async fn hear(events: &mut (impl Stream<Item = Result<Event, ClientError>> + Unpin), count: usize) -> Vec<String> {
    let mut heard = Vec::new();
    while heard.len() < count {
        let event = tokio::time::timeout(PATIENCE, events.next()).await.unwrap().unwrap();
        if let Event::Message(message) = event.unwrap() {
            heard.extend(said(&message));
        }
    }
    heard
}

#[tokio::test(start_paused = true)]
async fn a_follower_hears_of_new_conversations_and_what_is_said_there() {
    let world = World::new();
    let (alice, bob) = (world.person(1).await, world.person(2).await);
    let mut events = pin!(bob.follow());
    let first = tokio::time::timeout(Duration::from_millis(1), events.next()).await;
    assert!(first.is_err(), "nothing has happened");

    let group = alice
        .create_group(GroupOptions::default(), &[bob.inbox()])
        .await
        .unwrap();
    let event = tokio::time::timeout(PATIENCE, events.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(matches!(event, Event::Conversation(conversation) if conversation.id == group));
    alice.send(&group, text("one")).await.unwrap();
    alice.send(&group, text("two")).await.unwrap();
    assert_eq!(hear(&mut events, 2).await, ["one", "two"]);
    // what we say ourselves is told, too, when it has its place
    bob.send(&group, text("three")).await.unwrap();
    assert_eq!(hear(&mut events, 1).await, ["three"]);
}

#[tokio::test(start_paused = true)]
async fn a_follower_misses_and_repeats_nothing_on_a_bad_way() {
    let world = World::new();
    let alice = world.person(1).await;
    let way = Faulty::new(Arc::new(world.node.clone()), seeded(9), Faults::default());
    let parts = world.parts(2, Arc::new(way.clone()));
    let bob = Client::register(parts, &world.wallet(2), chancery_xmtp_wire::identity::Nonce(1))
        .await
        .unwrap();
    let group = alice
        .create_group(GroupOptions::default(), &[bob.inbox()])
        .await
        .unwrap();
    bob.sync().await.unwrap();
    way.set(Faults {
        lost_request: 100,
        lost_answer: 100,
        twice: 200,
        broken_off: 100,
        delay_ms: 20,
    });
    let expected: Vec<_> = (0..200).map(|number| format!("number {number}")).collect();
    let mut events = pin!(bob.follow());
    let mut heard = Vec::new();
    // so many are on their way while he hears them
    for some in expected.chunks(10) {
        let (_, of_these) = tokio::join!(
            async {
                for said in some {
                    alice.send(&group, text(said)).await.unwrap();
                }
            },
            hear(&mut events, some.len()),
        );
        heard.extend(of_these);
    }
    assert_eq!(heard, expected);
    assert_eq!(texts(&bob, &group), expected);
}

#[tokio::test]
async fn a_group_that_demands_more_waits() {
    let world = World::new();
    let (alice, bob, group) = world.two().await;
    let demand = field::MINIMUM_SUPPORTED_PROTOCOL_VERSION;
    // what we are is enough
    alice.set_field(&group, demand, "1.10.0").await.unwrap();
    bob.sync().await.unwrap();
    agree(&group, &[&alice, &bob]);
    // and we do not shut ourselves out
    let refused = alice.set_field(&group, demand, "1.11.0").await;
    assert!(matches!(refused, Err(ClientError::Paused(version)) if version == "1.11.0"));
    alice.send(&group, text("on")).await.unwrap();
    bob.sync().await.unwrap();
    assert_eq!(texts(&bob, &group), ["on"]);

    // Alice has a newer program
    demand_unchecked(&alice, &world, &group, "1.11.0").await;
    alice.send(&group, text("beyond")).await.unwrap();
    let before = bob.debug(&group).unwrap();
    bob.sync().await.unwrap();
    bob.sync().await.unwrap();
    // nor does what a stream brings move it
    let page = world.node.group_messages(&group, before.cursor).await.unwrap();
    assert_eq!(page.entries.len(), 2);
    for envelope in &page.entries {
        bob.inner.take(envelope).await.unwrap();
    }
    assert_eq!(bob.conversation(&group).unwrap().paused_for.as_deref(), Some("1.11.0"));
    assert_eq!(bob.debug(&group).unwrap(), before);
    let refused = bob.send(&group, text("waiting")).await;
    assert!(matches!(refused, Err(ClientError::Paused(version)) if version == "1.11.0"));
}

/// Sends the commit that a newer program would send.
async fn demand_unchecked(client: &Client, world: &World, group: &GroupId, version: &str) {
    let inner = &client.inner;
    let payload = inner.db.transaction(|tx| {
        let mut mls = inner.load(tx, group)?;
        let mut metadata = GroupState::of(&mls)?.metadata;
        let demand = field::MINIMUM_SUPPORTED_PROTOCOL_VERSION;
        metadata.attributes.insert(demand.to_owned(), version.to_owned());
        let context = with_metadata(mls.extensions(), &metadata)?;
        let (provider, signer) = (tx.provider(), &inner.installation);
        let made = mls.update_group_context_extensions(&provider, context, signer).unwrap();
        Ok::<_, ClientError>(made.0.to_bytes().unwrap())
    });
    let payload = payload.unwrap().into();
    world
        .node
        .send_group_messages(vec![(payload, Bytes::new())])
        .await
        .unwrap();
}

#[tokio::test]
async fn messages_disappear_when_their_time_is_over() {
    let world = World::new();
    let (alice, bob) = (world.person(1).await, world.person(2).await);
    let options = GroupOptions {
        disappearing: Some(Disappearing {
            from_ns: 1,
            in_ns: 10_000_000_000,
        }),
        ..GroupOptions::default()
    };
    let group = alice.create_group(options, &[bob.inbox()]).await.unwrap();
    bob.sync().await.unwrap();
    alice.send(&group, text("for ten seconds")).await.unwrap();
    world.clock.turn(5_000);
    alice.send(&group, text("five later")).await.unwrap();
    for client in [&alice, &bob] {
        client.sync().await.unwrap();
        assert_eq!(texts(client, &group), ["for ten seconds", "five later"]);
    }
    // a little later than the first, which the node may have stamped a few nanoseconds late
    world.clock.turn(5_001);
    for client in [&alice, &bob] {
        assert_eq!(texts(client, &group), ["five later"]);
        client.sync().await.unwrap();
        assert_eq!(texts(client, &group), ["five later"]);
    }
}
