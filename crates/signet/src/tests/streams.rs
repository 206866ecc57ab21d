//! What a harness is sent.

use chancery_policy::messaging::{Scope, Visibility};
use chancery_signet_wire::frame::{CloseCode, Event, Gap, ServerFrame};
use serde_json::json;

use super::*;
use crate::{AuthRefused, SendBuffer};

#[tokio::test]
async fn a_message_arrives_as_a_numbered_event_under_local_ids() {
    let world = World::new(1).await;
    let (name, chat) = world.chat().await;
    let issued = Issued::new(1, USUAL, chat);
    world.issue(&issued).await;
    let mut session = world.connect(&issued, None).await;
    let said = world.say_text(&name, "hi").await;
    let sequenced = event(&mut session).await;
    // 1 was `credential.issued`
    assert_eq!(sequenced.seq, 2);
    let Event::MessageVisible(message) = sequenced.event else {
        panic!()
    };
    assert_eq!(message.group_id, chat);
    assert_eq!(message.sender_inbox_id, world.human.name().0);
    assert_eq!(message.content_type.as_str(), "xmtp.org/text:1.0");
    assert_eq!(message.content.get(), r#"{"text":"hi"}"#);
    assert_eq!(message.visibility, Visibility::Visible);
    assert_eq!(message.sent_at.0, START);
    let raw = kept(&world).await.into_iter().collect::<String>();
    assert!(!raw.contains(&said.0) && !raw.contains(&name.0), "{raw}");
}

#[tokio::test]
async fn the_answer_to_a_login_is_what_both_kinds_of_clients_read() {
    let world = World::new(2).await;
    let (_, chat) = world.chat().await;
    let issued = Issued::new(1, USUAL, chat);
    world.issue(&issued).await;
    let session = world.connect(&issued, None).await;
    let frame = ServerFrame::Authenticated(session.authenticated().clone())
        .encode()
        .unwrap();
    let frame: serde_json::Value = serde_json::from_str(&frame).unwrap();
    assert_eq!(frame["type"], "authenticated");
    assert_eq!(frame["credential"]["credentialId"], issued.id().to_string());
    assert_eq!(frame["credential"]["id"], issued.id().to_string());
    assert_eq!(frame["effectiveScopes"]["deny"], json!([]));
    assert_eq!(frame["resumedFromSeq"], json!(null));
    assert!(frame["streamEpoch"].is_string() && frame["features"].is_array());
    assert!(
        frame["credential"]["fingerprint"]
            .as_str()
            .unwrap()
            .starts_with("sha256:")
    );
}

#[tokio::test]
async fn two_connections_of_a_credential_get_the_same_frames() {
    let world = World::new(3).await;
    let (name, chat) = world.chat().await;
    let issued = Issued::new(1, USUAL, chat);
    world.issue(&issued).await;
    let mut one = world.connect(&issued, None).await;
    let mut two = world.connect(&issued, None).await;
    for n in 0..3 {
        world.say_text(&name, &n.to_string()).await;
    }
    for seq in 2..5 {
        let (a, b) = (frame(&mut one).await, frame(&mut two).await);
        assert_eq!((a.seq(), &a), (seq, &b));
        // not a copy of it
        assert!(std::ptr::eq(a.event(), b.event()));
    }
}

#[tokio::test]
async fn a_message_is_written_once_for_all_credentials_that_see_the_same_of_it() {
    let world = World::new(4).await;
    let (name, chat) = world.chat().await;
    let mut sessions = Vec::new();
    for number in 1..=5 {
        let issued = Issued::new(number, USUAL, chat);
        world.issue(&issued).await;
        sessions.push(world.connect(&issued, None).await);
    }
    let before = kept(&world).await.len();
    world.say_text(&name, "to all").await;
    let mut frames = Vec::new();
    for session in &mut sessions {
        frames.push(frame(session).await);
    }
    assert!(
        frames
            .iter()
            .all(|frame| std::ptr::eq(frame.event(), frames[0].event()))
    );
    assert_eq!(kept(&world).await.len(), before + 1);
}

#[tokio::test]
async fn what_was_missed_comes_as_history_and_its_end_is_told() {
    let world = World::new(5).await;
    let (name, chat) = world.chat().await;
    let issued = Issued::new(1, USUAL, chat);
    world.issue(&issued).await;
    for n in 0..3 {
        world.say_text(&name, &n.to_string()).await;
    }
    world.settle().await;
    let mut session = world.connect(&issued, Some(2)).await;
    assert_eq!(session.authenticated().resumed_from_seq, Some(2));
    for n in 1..3 {
        let message = message(&mut session).await;
        assert_eq!(message.visibility, Visibility::Historical);
        assert_eq!(message.content.get(), format!(r#"{{"text":"{n}"}}"#));
    }
    let end = event(&mut session).await;
    assert_eq!(end.seq, 5);
    let Event::RecoveryComplete(end) = end.event else {
        panic!()
    };
    assert_eq!((end.caught_up_through.0, end.gap, end.reset), (START, None, None));
    world.say_text(&name, "now").await;
    assert_eq!(message(&mut session).await.visibility, Visibility::Visible);
}

#[tokio::test]
async fn who_has_everything_is_told_the_end_of_the_catch_up_too() {
    let world = World::new(6).await;
    let (_, chat) = world.chat().await;
    let issued = Issued::new(1, USUAL, chat);
    world.issue(&issued).await;
    // however often: the numbers go on, and what is kept does not grow
    for seq in 1..=5 {
        let mut session = world.connect(&issued, Some(seq)).await;
        assert_eq!(session.authenticated().resumed_from_seq, None);
        let end = event(&mut session).await;
        assert_eq!(end.seq, seq + 1);
        assert!(matches!(end.event, Event::RecoveryComplete(_)));
    }
    let mut late = world.connect(&issued, Some(2)).await;
    for seq in 3..=7 {
        assert_eq!(event(&mut late).await.seq, seq);
    }
    let rows = world
        .traffic
        .store
        .read(|sql| Ok::<u32, Problem>(sql.query_row("SELECT count(*) FROM events", [], |row| row.get(0))?));
    assert_eq!(rows.await.unwrap(), 2);
}

#[tokio::test]
async fn what_is_no_longer_kept_is_told_as_a_gap() {
    let settings = TrafficSettings {
        replay_buffer: 10,
        ..TrafficSettings::default()
    };
    let world = World::with(7, settings).await;
    let (name, chat) = world.chat().await;
    let issued = Issued::new(1, USUAL, chat);
    world.issue(&issued).await;
    for n in 0..200 {
        world.say_text(&name, &n.to_string()).await;
    }
    world.settle().await;
    let mut session = world.connect(&issued, Some(3)).await;
    assert_eq!(session.authenticated().resumed_from_seq, None);
    let end = event(&mut session).await;
    assert_eq!(end.seq, 202);
    let Event::RecoveryComplete(end) = end.event else {
        panic!()
    };
    assert_eq!(end.gap, Some(Gap { from: 4, to: 201 }));
    // the newest ten can be had still
    let mut session = world.connect(&issued, Some(192)).await;
    assert_eq!(event(&mut session).await.seq, 193);
    let rows = world
        .traffic
        .store
        .read(|sql| Ok::<u32, Problem>(sql.query_row("SELECT count(*) FROM events", [], |row| row.get(0))?));
    assert!(rows.await.unwrap() < 10 + 2 * 64);
}

#[tokio::test]
async fn a_checkpoint_of_another_stream_is_reset() {
    let world = World::new(8).await;
    let (_, chat) = world.chat().await;
    let issued = Issued::new(1, USUAL, chat);
    world.issue(&issued).await;
    for (seq, epoch) in [(1, Some("another".to_owned())), (99, None)] {
        let login = login(&issued, Some(seq), epoch);
        let mut session = world.traffic.authenticate(login).await.unwrap();
        assert_eq!(session.authenticated().resumed_from_seq, None);
        let Event::RecoveryComplete(end) = event(&mut session).await.event else {
            panic!()
        };
        assert_eq!((end.reset, end.gap), (Some(true), None));
    }
}

#[tokio::test]
async fn numbers_and_epoch_outlive_a_restart() {
    let mut world = World::new(9).await;
    let (name, chat) = world.chat().await;
    let issued = Issued::new(1, USUAL, chat);
    world.issue(&issued).await;
    world.say_text(&name, "before").await;
    world.settle().await;
    let epoch = world.connect(&issued, None).await.authenticated().stream_epoch.clone();
    world.restart().await;
    world.say_text(&name, "after").await;
    let login = login(&issued, Some(0), epoch);
    let mut session = world.traffic.authenticate(login).await.unwrap();
    assert!(matches!(event(&mut session).await.event, Event::CredentialIssued(_)));
    let mut said = Vec::new();
    for seq in 2..=4 {
        let sequenced = event(&mut session).await;
        assert_eq!(sequenced.seq, seq);
        if let Event::MessageVisible(message) = sequenced.event {
            said.push(message.content.get().to_owned());
        }
    }
    assert_eq!(said, [r#"{"text":"before"}"#, r#"{"text":"after"}"#]);
}

#[tokio::test]
async fn what_was_said_while_the_signet_was_away_for_long_is_history() {
    let mut world = World::new(10).await;
    let (name, chat) = world.chat().await;
    let issued = Issued::new(1, USUAL, chat);
    world.issue(&issued).await;
    world.settle().await;
    world.traffic.unfollow(agent_inbox()).await;
    world.say_text(&name, "long ago").await;
    world.pass(120_000);
    world.say_text(&name, "just now").await;
    world.restart().await;
    world.settle().await;
    let mut session = world.connect(&issued, None).await;
    let all = kept(&world).await;
    let of = |text: &str| all.iter().find(|event| event.contains(text)).unwrap().clone();
    assert!(of("long ago").contains(r#""visibility":"historical""#));
    assert!(of("just now").contains(r#""visibility":"visible""#));
    world.say_text(&name, "and on").await;
    assert_eq!(message(&mut session).await.visibility, Visibility::Visible);
}

#[tokio::test]
async fn a_restart_takes_nothing_from_a_credential_that_was_in_force_all_the_time() {
    let mut world = World::new(18).await;
    let (name, chat) = world.chat().await;
    // neither may read history
    let issued = Issued::new(1, USUAL, chat);
    let later = Issued {
        issued_at: START.plus(50 * 18_000),
        ..Issued::new(2, USUAL, chat)
    };
    world.issue(&issued).await;
    world.issue(&later).await;
    let mut session = world.connect(&issued, None).await;
    world.say_text(&name, "heard").await;
    let heard = event(&mut session).await.seq;
    drop(session);
    // half an hour in which nobody follows the chat: more than is taken or sent at once
    world.traffic.unfollow(agent_inbox()).await;
    let missed: Vec<String> = (0..100).map(|n| format!("missed {n}")).collect();
    for text in &missed {
        world.say_text(&name, text).await;
        world.pass(18_000);
    }
    world.restart().await;
    world.settle().await;
    for (issued, after, told) in [(&issued, heard, &missed[..]), (&later, 1, &missed[50..])] {
        let mut session = world.connect(issued, Some(after)).await;
        assert_eq!(session.authenticated().resumed_from_seq, Some(after));
        for (seq, text) in (after + 1..).zip(told) {
            let sequenced = event(&mut session).await;
            assert_eq!(sequenced.seq, seq);
            let Event::MessageVisible(message) = sequenced.event else {
                panic!()
            };
            assert_eq!(message.content.get(), format!(r#"{{"text":"{text}"}}"#));
            assert_eq!(message.visibility, Visibility::Historical);
        }
        assert!(matches!(event(&mut session).await.event, Event::RecoveryComplete(_)));
    }
}

#[tokio::test]
async fn what_was_said_before_the_credential_was_issued_takes_read_history() {
    let world = World::new(11).await;
    let (name, chat) = world.chat().await;
    let later = Issued {
        issued_at: START.plus(1000),
        ..Issued::new(1, USUAL, chat)
    };
    let reader = Issued {
        issued_at: START.plus(1000),
        ..Issued::new(2, USUAL.into_iter().chain([Scope::ReadHistory]), chat)
    };
    world.issue(&later).await;
    world.issue(&reader).await;
    let mut later = world.connect(&later, None).await;
    let mut reader = world.connect(&reader, None).await;
    world.say_text(&name, "early").await;
    assert_eq!(message(&mut reader).await.visibility, Visibility::Historical);
    world.pass(2000);
    world.say_text(&name, "late").await;
    assert_eq!(message(&mut reader).await.visibility, Visibility::Visible);
    assert_eq!(message(&mut later).await.content.get(), r#"{"text":"late"}"#);
}

#[tokio::test]
async fn a_harness_that_does_not_read_is_told_and_then_left() {
    let settings = TrafficSettings {
        send_buffer: SendBuffer { soft: 2, hard: 5 },
        ..TrafficSettings::default()
    };
    let world = World::with(12, settings).await;
    let (name, chat) = world.chat().await;
    let issued = Issued::new(1, USUAL, chat);
    world.issue(&issued).await;
    let mut session = world.connect(&issued, None).await;
    // it follows the stream from here on
    assert_eq!(next(&mut session).await, None);
    for n in 0..3 {
        world.say_text(&name, &n.to_string()).await;
    }
    world.settle().await;
    let Some(Outgoing::Text(warning)) = next(&mut session).await else {
        panic!()
    };
    assert_eq!(warning, r#"{"type":"backpressure","buffered":3,"limit":5}"#);
    for n in 0..3 {
        world.say_text(&name, &n.to_string()).await;
    }
    world.settle().await;
    assert_eq!(next(&mut session).await, Some(Outgoing::Close(CloseCode::Backpressure)));
}

#[tokio::test]
async fn connections_are_limited_and_a_closed_one_makes_room() {
    let settings = TrafficSettings {
        connections_per_credential: 2,
        connections: 3,
        ..TrafficSettings::default()
    };
    let world = World::with(13, settings).await;
    let (_, chat) = world.chat().await;
    let (one, two) = (Issued::new(1, USUAL, chat), Issued::new(2, USUAL, chat));
    world.issue(&one).await;
    world.issue(&two).await;
    let first = world.connect(&one, None).await;
    let _second = world.connect(&one, None).await;
    let refused = world.traffic.authenticate(login(&one, None, None)).await;
    assert_eq!(refused.err(), Some(AuthRefused::Full));
    let _third = world.connect(&two, None).await;
    let refused = world.traffic.authenticate(login(&two, None, None)).await;
    assert_eq!(refused.err(), Some(AuthRefused::Full));
    drop(first);
    world.connect(&two, None).await;
}

#[tokio::test]
async fn a_heartbeat_takes_no_number() {
    let world = World::new(14).await;
    let (name, chat) = world.chat().await;
    let issued = Issued::new(1, USUAL, chat);
    world.issue(&issued).await;
    let mut session = world.connect(&issued, None).await;
    let heartbeat: serde_json::Value = serde_json::from_str(&session.harness().beat()).unwrap();
    assert_eq!(heartbeat["type"], "heartbeat");
    assert_eq!(heartbeat["credentialId"], issued.id().to_string());
    assert_eq!(heartbeat["timestamp"], START.to_string());
    world.say_text(&name, "hi").await;
    assert_eq!(event(&mut session).await.seq, 2);
}

#[tokio::test]
async fn at_the_end_harnesses_are_told_and_their_connections_close() {
    let world = World::new(15).await;
    let (_, chat) = world.chat().await;
    let issued = Issued::new(1, USUAL, chat);
    world.issue(&issued).await;
    let mut session = world.connect(&issued, None).await;
    assert_eq!(next(&mut session).await, None);
    world.traffic.say_farewell();
    let farewell = r#"{"type":"signet.shutdown","reason":"signet_shutdown"}"#;
    assert_eq!(next(&mut session).await, Some(Outgoing::Text(farewell.to_owned())));
    assert_eq!(next(&mut session).await, Some(Outgoing::Close(CloseCode::GoingAway)));
}

#[tokio::test]
async fn what_the_inbox_says_itself_is_not_news_to_its_harness() {
    let world = World::new(16).await;
    let (name, chat) = world.chat().await;
    let issued = Issued::new(1, USUAL, chat);
    let reader = Issued::new(2, USUAL.into_iter().chain([Scope::ReadHistory]), chat);
    world.issue(&issued).await;
    world.issue(&reader).await;
    let mut session = world.connect(&issued, None).await;
    let mut reader = world.connect(&reader, None).await;
    let send =
        json!({"type": "send_message", "groupId": chat, "contentType": "xmtp.org/text:1.0", "content": {"text": "me"}});
    ask(&session, send).await.unwrap();
    world.say_text(&name, "you").await;
    assert_eq!(message(&mut session).await.content.get(), r#"{"text":"you"}"#);
    let own = message(&mut reader).await;
    assert_eq!(
        (own.content.get(), own.visibility),
        (r#"{"text":"me"}"#, Visibility::Historical)
    );
}

#[tokio::test]
async fn a_reply_names_its_thread_and_a_reaction_its_message() {
    let world = World::new(17).await;
    let (name, chat) = world.chat().await;
    let issued = Issued::new(1, USUAL, chat);
    world.issue(&issued).await;
    let mut session = world.connect(&issued, None).await;
    let root = world.say_text(&name, "root").await;
    let root_id = message(&mut session).await.message_id;
    let reply = json!({"reference": root.0, "content": {"type": "xmtp.org/text:1.0", "payload": {"text": "re"}}});
    world.say(&name, "xmtp.org/reply:1.0", reply).await;
    let reply = message(&mut session).await;
    assert_eq!(reply.thread_id, Some(root_id));
    let content: serde_json::Value = reply.content.read().unwrap();
    assert_eq!(id_of(&content["reference"]), root_id);
    let reaction = json!({"reference": root.0, "action": "added", "content": "+", "schema": "unicode"});
    world.say(&name, "xmtp.org/reaction:1.0", reaction).await;
    let reaction = message(&mut session).await;
    assert_eq!(reaction.thread_id, None);
    let content: serde_json::Value = reaction.content.read().unwrap();
    assert_eq!(id_of(&content["reference"]), root_id);
}
