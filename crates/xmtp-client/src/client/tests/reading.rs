//! Reading many conversations.

use std::time::Duration;

use super::world::{World, text, texts};
use crate::client::{Client, GroupOptions};

/// Conversations that are read at a time.
const AT_ONCE: usize = 8;

#[tokio::test(start_paused = true)]
async fn several_conversations_are_read_at_a_time_and_each_in_its_order() {
    let world = World::new();
    let alice = world.person(1).await;
    let (bob, way) = world.person_on_a_way(2).await;
    let mut groups = Vec::new();
    for _ in 0..2 * AT_ONCE + 1 {
        let group = alice.create_group(GroupOptions::default(), &[bob.inbox()]).await;
        groups.push(group.unwrap());
    }
    bob.sync().await.unwrap();
    for said in ["one", "two", "three"] {
        for group in &groups {
            alice.send(group, text(said)).await.unwrap();
        }
    }
    let page = Duration::from_secs(1);
    way.reading_takes(page);
    let begun = tokio::time::Instant::now();
    assert_eq!(bob.sync().await.unwrap().messages, 3 * groups.len());
    // the last one alone
    assert_eq!(begun.elapsed().as_secs(), 3);
    assert_eq!(way.most_at_a_time(), AT_ONCE);
    for group in &groups {
        assert_eq!(texts(&bob, group), ["one", "two", "three"]);
    }
}

#[tokio::test]
async fn one_that_cannot_be_read_keeps_no_other_from_being_read() {
    let world = World::new();
    let (alice, bob, way, group) = world.two_on_a_way().await;
    let broken = alice
        .create_group(GroupOptions::default(), &[bob.inbox()])
        .await
        .unwrap();
    bob.sync().await.unwrap();
    way.lose(&broken);
    for group in [&broken, &group] {
        alice.send(group, text("one")).await.unwrap();
    }
    assert!(bob.sync().await.unwrap_err().is_retryable());
    let heard = |client: &Client| [&group, &broken].map(|group| texts(client, group).len());
    assert_eq!(heard(&bob), [1, 0]);
}
