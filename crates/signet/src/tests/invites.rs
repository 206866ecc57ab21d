//! Letting somebody in, with an engine that dies at any step.

use futures_util::{FutureExt as _, StreamExt as _};
use serde_json::json;

use super::*;
use crate::network::{Cursor, Event as Heard, InviteTerms};

async fn count(world: &World, query: &'static str) -> u64 {
    let counted = world
        .traffic
        .store
        .read(|sql| Ok::<_, Problem>(sql.query_row(query, [], |row| row.get(0))?));
    counted.await.unwrap()
}

/// How often `inbox` was told that it is not let in.
async fn told(inbox: &Arc<dyn Inbox>) -> usize {
    let mut events = inbox.events(Cursor(0));
    let mut told = 0;
    while let Some(Some(Ok((_, event)))) = events.next().now_or_never() {
        let no = |content: &Content| content.content_type == "convos.app/inviteJoinError:1.0";
        told += usize::from(matches!(event, Heard::Said(message) if no(&message.content)));
    }
    told
}

/// Two ask by a link for one, and the engine dies after so many steps of its database.
async fn two_ask(steps: u8) {
    let mut world = World::new(u64::from(steps)).await;
    let agent = world.traffic.inbox(agent_inbox()).unwrap();
    let group = agent.create_group(&[], &Details::default()).await.unwrap();
    world.settle().await;
    let chat = world.traffic.store.run(ChatOf(group.clone())).await.unwrap();
    let noted = format!(
        "INSERT INTO invites (tag, chat_id, inbox_id, created_by, created_at, single_use)
         VALUES ('x7k2m9q4t1', '{chat}', '{}', 'owner', 0, 1)",
        agent_inbox()
    );
    world.sql(noted).await;
    let terms = InviteTerms {
        conversation: group.clone(),
        tag: "x7k2m9q4t1".to_owned(),
        title: None,
        description: None,
        expires_at: None,
        single_use: true,
    };
    let link = agent.invite(&terms).await.unwrap();
    let slug = world.network.read_invite(&link).await.unwrap().slug;
    let host = agent.name().clone();
    drop(agent);

    let carol = world.network.open("carol", keys(3)).await.unwrap();
    world.traffic.store.die_after(i64::from(steps));
    world.network.lose_answers(usize::from(steps % 2));
    for person in [&world.human, &carol] {
        let dm = person.create_dm(&host).await.unwrap();
        let content = Content {
            content_type: "convos.org/join_request:1.0".to_owned(),
            body: json!({"inviteSlug": slug}),
        };
        while person.send(&dm, &content, "asks").await.is_err() {}
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    world.restart().await;
    for _ in 0..3000 {
        if count(&world, "SELECT count(*) FROM join_requests WHERE state = 'done'").await == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let agent = world.traffic.inbox(agent_inbox()).unwrap();
    let members = agent.members(&group).await.unwrap();
    let is_in = |inbox: &Arc<dyn Inbox>| members.iter().any(|member| member.inbox == *inbox.name());
    // the first who asked, and nobody else
    assert!(is_in(&world.human) && !is_in(&carol), "{steps}: {members:?}");
    assert_eq!(count(&world, "SELECT uses FROM invites").await, 1, "{steps}");
    assert_eq!((told(&world.human).await, told(&carol).await), (0, 1), "{steps}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_for_one_lets_in_one_whenever_the_engine_dies() {
    for steps in 0..12 {
        two_ask(steps).await;
    }
}
