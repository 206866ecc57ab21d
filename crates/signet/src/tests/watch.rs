//! What those see who administer: that something happens, and not what is said.

use chancery_policy::messaging::Scope;
use chancery_signet_wire::frame::EventKind;

use super::*;
use crate::{Seen, Watch, Watched};

async fn seen(watch: &mut Watch) -> Watched {
    match tokio::time::timeout(Duration::from_secs(30), watch.next())
        .await
        .unwrap()
    {
        Some(Seen::Event(watched)) => watched,
        other => panic!("no event: {other:?}"),
    }
}

fn read(watched: &Watched) -> Value {
    serde_json::from_str(&watched.event).unwrap()
}

#[tokio::test]
async fn every_credential_is_watched_and_nothing_that_was_said() {
    let world = World::new(71).await;
    let (name, chat) = world.chat().await;
    let mut watch = world.traffic.watch();
    let both = [1, 2].map(|number| Issued::new(number, USUAL, chat));
    for issued in &both {
        world.issue(issued).await;
        let told = seen(&mut watch).await;
        assert_eq!(
            (told.credential, told.seq, told.kind),
            (issued.id(), 1, EventKind::CredentialIssued)
        );
        assert_eq!(told.at, START);
    }
    world.say_text(&name, "between us").await;
    let mut told = [seen(&mut watch).await, seen(&mut watch).await];
    told.sort_by_key(|watched| watched.credential);
    for (watched, issued) in told.iter().zip(&both) {
        assert_eq!((watched.credential, watched.seq), (issued.id(), 2));
        assert_eq!(watched.kind, EventKind::MessageVisible);
        let event = read(watched);
        assert_eq!(event["content"], Value::Null);
        assert_eq!(event["groupId"], chat.to_string());
        assert!(!watched.event.contains("between us"));
    }
}

#[tokio::test]
async fn what_an_agent_wants_to_say_is_not_told_either() {
    let world = World::new(72).await;
    let (_, chat) = world.chat().await;
    let issued = Issued {
        confirm: vec![Scope::Send],
        ..Issued::new(1, USUAL, chat)
    };
    world.issue(&issued).await;
    let mut session = world.connect(&issued, None).await;
    let mut watch = world.traffic.watch();
    let request = json!({"type": "send_message", "groupId": chat.to_string(),
        "contentType": "xmtp.org/text:1.0", "content": {"text": "a plan"}});
    assert_eq!(ask(&session, request).await.unwrap()["pending"], true);
    let told = seen(&mut watch).await;
    assert_eq!(told.kind, EventKind::ActionConfirmationRequired);
    assert_eq!(read(&told)["preview"], Value::Null);
    assert!(!told.event.contains("a plan"));
    // its harness is told of its own plan
    while let Some(Outgoing::Event(frame)) = next(&mut session).await {
        if frame.event().contains("a plan") {
            return;
        }
    }
    panic!("the harness was not told");
}

#[tokio::test]
async fn who_reads_too_slowly_loses_the_oldest_and_is_told_how_many_and_nobody_waits() {
    let world = World::new(73).await;
    let (_, chat) = world.chat().await;
    let issued = Issued::new(1, USUAL, chat);
    let mut watch = world.traffic.watch();
    world.issue(&issued).await;
    let turns = 1100_u64;
    for turn in 0..turns {
        let deny = if turn % 2 == 0 { r#"["send"]"# } else { "[]" };
        let allow = if turn % 2 == 0 { "[]" } else { r#"["send"]"# };
        world
            .sql(format!(
                r#"UPDATE credentials SET effective = '{{"allow":{allow},"deny":{deny}}}' WHERE id = '{}'"#,
                issued.id()
            ))
            .await;
        while world.traffic.tell().await.unwrap() > 0 {}
    }
    world.traffic.flushed().await;
    let Some(Seen::Lost(lost)) = watch.next().await else {
        panic!("nothing was lost")
    };
    let first = seen(&mut watch).await.seq;
    assert_eq!(first, lost + 1);
    let mut last = first;
    while last < turns + 1 {
        let next = seen(&mut watch).await.seq;
        assert_eq!(next, last + 1);
        last = next;
    }
    world.traffic.stop().await;
    assert_eq!(watch.next().await, None);
}
