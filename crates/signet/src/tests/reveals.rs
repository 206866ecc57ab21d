//! Reveals: asked for, granted, and what they bring to light.

use chancery_policy::messaging::{RevealRequest, RevealTarget, Scope, TargetId};
use chancery_signet_wire::{Uuid, frame::Event, record::held::RevealAnswer};
use serde_json::json;

use super::*;

/// What may be streamed and not read; with the history, so that what was said can be revealed.
const BLIND: [Scope; 2] = [Scope::StreamMessages, Scope::ReadHistory];

fn asked(chat: ConversationId, scope: &str, target: &str) -> Value {
    json!({"type": "reveal_content", "reveal": {"revealId": "mine", "groupId": chat, "scope": scope,
        "targetId": target, "requestedBy": "owner", "expiresAt": null}})
}

struct Case {
    world: World,
    name: ConversationName,
    chat: ConversationId,
    issued: Issued,
    session: HarnessSession,
}

async fn case(seed: u64, scopes: &[Scope]) -> Case {
    let world = World::new(seed).await;
    let (name, chat) = world.chat().await;
    let issued = Issued::new(1, scopes.iter().copied(), chat);
    world.issue(&issued).await;
    let session = world.connect(&issued, None).await;
    Case {
        world,
        name,
        chat,
        issued,
        session,
    }
}

impl Case {
    async fn ask(&self, scope: &str, target: &str) -> Uuid {
        let pending = ask(&self.session, asked(self.chat, scope, target)).await.unwrap();
        assert_eq!(pending["pending"], true);
        pending["revealId"].as_str().unwrap().parse().unwrap()
    }

    /// That the agent came in.
    async fn revealed_joining(&mut self) {
        let frame = frame(&mut self.session).await;
        assert!(frame.event().contains("groupUpdated"));
    }

    async fn revealed(&mut self) -> (String, String) {
        loop {
            match event(&mut self.session).await.event {
                // that the agent came in was said by the same sender
                Event::MessageRevealed(event) if event.content_type.as_str().contains("groupUpdated") => {}
                Event::MessageRevealed(event) => return (event.reveal_id, event.content.get().to_owned()),
                other => panic!("nothing revealed: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn what_is_hidden_comes_when_the_owner_grants_it() {
    let mut case = case(1, &BLIND).await;
    let sender = case.world.human.name().0.clone();
    case.world.say_text(&case.name, "one").await;
    case.world.pass(1);
    case.world.say_text(&case.name, "two").await;
    case.world.settle().await;
    let id = case.ask("sender", &sender).await;
    // asking shows nothing
    assert_eq!(next(&mut case.session).await, None);
    assert!(!kept(&case.world).await.iter().any(|event| event.contains("one")));
    let waiting = case.world.traffic.list_reveals(None).await.unwrap();
    let request = &waiting.pending_reveals.unwrap()[0].request;
    // who asks is who was authenticated, under an id of ours
    assert_eq!(
        (request.requested_by.as_str(), request.id.as_str()),
        (&*case.issued.id().to_string(), &*id.to_string())
    );
    let access = case
        .world
        .traffic
        .grant_reveal(id, "owner".to_owned(), None)
        .await
        .unwrap();
    assert_eq!((access.id, access.granted_by), (id.to_string(), "owner".to_owned()));
    assert_eq!(case.revealed().await, (id.to_string(), r#"{"text":"one"}"#.to_owned()));
    assert_eq!(case.revealed().await, (id.to_string(), r#"{"text":"two"}"#.to_owned()));
    // and what comes now is seen as revealed
    case.world.say_text(&case.name, "three").await;
    assert_eq!(message(&mut case.session).await.visibility.as_str(), "revealed");
    assert_eq!(next(&mut case.session).await, None);
}

#[tokio::test]
async fn one_message_alone_is_revealed() {
    let mut case = case(2, &BLIND).await;
    let said = case.world.say_text(&case.name, "this").await;
    case.world.say_text(&case.name, "not this").await;
    case.world.settle().await;
    let known = case.world.traffic.store.read(move |sql| {
        let query = "SELECT local_id FROM id_mappings WHERE network_id = ?1";
        Ok::<String, Problem>(sql.query_row(query, [said.0], |row| row.get(0))?)
    });
    let id = case.ask("message", &known.await.unwrap()).await;
    case.world
        .traffic
        .grant_reveal(id, "owner".to_owned(), None)
        .await
        .unwrap();
    assert_eq!(case.revealed().await.1, r#"{"text":"this"}"#);
    assert_eq!(next(&mut case.session).await, None);
}

#[tokio::test]
async fn without_read_history_nothing_that_was_said_is_revealed() {
    let mut case = case(3, &[Scope::StreamMessages]).await;
    case.world.say_text(&case.name, "before").await;
    case.world.settle().await;
    let sender = case.world.human.name().0.clone();
    let id = case.ask("sender", &sender).await;
    case.world
        .traffic
        .grant_reveal(id, "owner".to_owned(), None)
        .await
        .unwrap();
    assert_eq!(next(&mut case.session).await, None);
    case.world.say_text(&case.name, "after").await;
    assert_eq!(message(&mut case.session).await.content.get(), r#"{"text":"after"}"#);
}

#[tokio::test]
async fn a_reveal_of_a_chat_that_is_not_covered_is_refused() {
    let case = case(4, &BLIND).await;
    let (_, other) = case.world.chat().await;
    let refused = ask(&case.session, asked(other, "sender", "x")).await.unwrap_err();
    assert_eq!(
        (refused["code"].as_u64(), &refused["context"]["chatId"]),
        (Some(1200), &json!(other))
    );
}

#[tokio::test]
async fn a_refused_reveal_shows_nothing_and_is_over() {
    let mut case = case(5, &BLIND).await;
    case.world.say_text(&case.name, "hidden").await;
    case.world.settle().await;
    let id = case.ask("content-type", "xmtp.org/text:1.0").await;
    case.world.traffic.refuse_reveal(id, "owner".to_owned()).await.unwrap();
    let again = case
        .world
        .traffic
        .grant_reveal(id, "owner".to_owned(), None)
        .await
        .unwrap_err();
    assert_eq!(again.class.code(), 1100);
    assert_eq!(next(&mut case.session).await, None);
}

#[tokio::test]
async fn a_reveal_ends_with_its_time() {
    let mut case = case(6, &BLIND).await;
    let request = RevealRequest {
        id: String::new(),
        chat: case.chat.to_string(),
        target: RevealTarget::Sender(TargetId::new(&case.world.human.name().0).unwrap()),
        requested_by: String::new(),
        expires_at: Some(START.plus(1000)),
    };
    let granted = case
        .world
        .traffic
        .reveal(case.issued.id(), request, "owner".to_owned(), true)
        .await;
    assert!(matches!(granted, Ok(RevealAnswer::Granted(_))));
    case.revealed_joining().await;
    case.world.say_text(&case.name, "in time").await;
    assert_eq!(message(&mut case.session).await.content.get(), r#"{"text":"in time"}"#);
    case.world.pass(1000);
    case.world.say_text(&case.name, "too late").await;
    case.world.settle().await;
    assert_eq!(next(&mut case.session).await, None);
    assert!(
        case.world
            .traffic
            .list_reveals(None)
            .await
            .unwrap()
            .active_reveals
            .is_empty()
    );
}

#[tokio::test]
async fn what_was_granted_is_told_even_if_the_signet_ended_just_then() {
    let mut case = case(7, &BLIND).await;
    case.world.say_text(&case.name, "kept back").await;
    case.world.settle().await;
    let id = case.ask("content-type", "xmtp.org/text:1.0").await;
    // the grant is the last step that is done
    case.world.traffic.store.die_after(1);
    case.world
        .traffic
        .grant_reveal(id, "owner".to_owned(), None)
        .await
        .unwrap();
    case.world.restart().await;
    let mut session = case.world.connect(&case.issued, Some(1)).await;
    let mut revealed = 0;
    for out in drain(&mut session).await {
        if let Outgoing::Event(frame) = out {
            revealed += usize::from(frame.event().contains("kept back"));
        }
    }
    assert_eq!(revealed, 1);
}

#[tokio::test]
async fn reveals_end_with_their_credential() {
    let case = case(8, &BLIND).await;
    let id = case.ask("content-type", "xmtp.org/text:1.0").await;
    case.world
        .traffic
        .grant_reveal(id, "owner".to_owned(), None)
        .await
        .unwrap();
    case.world.sql("UPDATE credentials SET status = 'revoked'").await;
    while case.world.traffic.tell().await.unwrap() > 0 {}
    let left = case.world.traffic.list_reveals(None).await.unwrap();
    assert!(left.active_reveals.is_empty() && left.pending_reveals.is_none());
}
