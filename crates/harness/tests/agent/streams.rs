//! Events, and going on after a break (signet spec 5.3, 5.4, appendix B).

use std::time::{Duration, Instant};

use chancery_harness::Settings;
use chancery_signet::TrafficSettings;
use serde_json::{Value, json};

use crate::{
    client::Client,
    world::{Setup, USUAL, World},
};

/// The scopes of one who may read what was said before.
const READER: [&str; 3] = ["read-messages", "read-history", "stream-messages"];

#[tokio::test]
async fn two_connections_of_a_credential_get_the_same_numbers() {
    let world = World::new().await;
    let issued = world.issue(&USUAL).await;
    let (mut one, _) = world.let_in(&issued, None).await;
    let (mut two, _) = world.let_in(&issued, None).await;
    let mut last = None;
    for n in 0..5 {
        world.say(&n.to_string()).await;
        let (seq, event) = one.event().await;
        assert_eq!((seq, event.clone()), two.event().await);
        assert_eq!(event["content"]["text"], n.to_string());
        assert_eq!(event["groupId"], world.chat);
        assert!(last.is_none_or(|last| seq == last + 1), "{last:?} {seq}");
        last = Some(seq);
    }
}

#[tokio::test]
async fn a_harness_that_comes_back_is_told_what_it_missed_as_history() {
    let world = World::new().await;
    let issued = world.issue(&USUAL).await;
    let (mut client, _) = world.let_in(&issued, None).await;
    world.say("heard").await;
    let (seen, event) = client.event().await;
    assert_eq!(event["visibility"], "visible");
    drop(client);
    world.until_left(0).await;
    let (mut other, _) = world.let_in(&issued, None).await;
    world.say("missed").await;
    world.say("missed too").await;
    // by when they are in the stream
    other.event().await;
    other.event().await;
    let (mut client, answer) = world.let_in(&issued, Some(seen)).await;
    assert_eq!(answer["resumedFromSeq"], seen);
    for (n, words) in [(1, "missed"), (2, "missed too")] {
        let (seq, event) = client.event().await;
        assert_eq!(seq, seen + n);
        assert_eq!(
            (&event["content"]["text"], &event["visibility"]),
            (&json!(words), &json!("historical"))
        );
    }
    let (seq, end) = client.event().await;
    assert_eq!((seq, &end["type"]), (seen + 3, &json!("signet.recovery.complete")));
    assert!(end["caughtUpThrough"].is_string() && end.get("gap").is_none() && end.get("reset").is_none());
    world.say("now").await;
    let (seq, event) = client.event().await;
    assert_eq!((seq, &event["visibility"]), (seen + 4, &json!("visible")));
    // who has everything is told the end of the catch-up too
    let (mut again, answer) = world.let_in(&issued, Some(seq)).await;
    assert_eq!(answer["resumedFromSeq"], Value::Null);
    assert_eq!(again.event().await.1["type"], "signet.recovery.complete");
}

#[tokio::test]
async fn a_gap_and_a_strange_number_are_told() {
    let world = World::with(Setup {
        traffic: TrafficSettings {
            replay_buffer: 4,
            ..Setup::default().traffic
        },
        ..Setup::default()
    })
    .await;
    let issued = world.issue(&USUAL).await;
    let (mut client, answer) = world.let_in(&issued, None).await;
    let mut last = 0;
    for n in 0..100 {
        world.say(&n.to_string()).await;
        last = client.event().await.0;
    }
    let (mut late, told) = world.let_in(&issued, Some(1)).await;
    assert_eq!(told["resumedFromSeq"], Value::Null);
    let (_, end) = late.event().await;
    assert_eq!(end["gap"], json!({"from": 2, "to": last}));
    let (mut strange, _) = world.let_in(&issued, Some(last + 1000)).await;
    assert_eq!(strange.event().await.1["reset"], true);
    // a number of another stream
    let mut foreign = Client::open(world.address).await;
    let auth = json!({"type": "auth", "token": issued.token, "lastSeenSeq": last, "lastSeenEpoch": "another"});
    foreign.say(auth).await;
    assert_eq!(foreign.hear().await["streamEpoch"], answer["streamEpoch"]);
    assert_eq!(foreign.event().await.1["reset"], true);
}

#[tokio::test]
async fn a_harness_may_ask_and_catch_up_at_the_same_time() {
    let world = World::new().await;
    let issued = world.issue(&READER).await;
    let (mut first, _) = world.let_in(&issued, None).await;
    for n in 0..300 {
        world.say(&n.to_string()).await;
        first.event().await;
    }
    let (mut client, _) = world.let_in(&issued, Some(0)).await;
    for _ in 0..200 {
        let beat = json!({"type": "heartbeat", "credentialId": issued.id});
        assert_eq!(client.ask(beat).await, Ok(Value::Null));
    }
    let mut next = 1;
    loop {
        let (seq, event) = client.event().await;
        assert_eq!(seq, next);
        next += 1;
        if event["type"] == "signet.recovery.complete" {
            break;
        }
    }
    assert!(next > 300);
}

#[tokio::test]
async fn a_long_event_arrives_whole_on_every_connection() {
    let world = World::new().await;
    let issued = world.issue(&READER).await;
    let (mut one, _) = world.let_in(&issued, None).await;
    let (mut two, _) = world.let_in(&issued, None).await;
    // no piece ends where a character does
    let words = "é€𝄞".repeat(7_000);
    world.say(&words).await;
    world.say("short").await;
    for client in [&mut one, &mut two] {
        assert_eq!(client.event().await.1["content"]["text"], words);
        assert_eq!(client.event().await.1["content"]["text"], "short");
    }
    let answer = one
        .ask(json!({"type": "read_history", "groupId": world.chat, "limit": 2}))
        .await
        .unwrap();
    assert_eq!(answer["messages"][1]["content"]["text"], words);
}

#[tokio::test]
async fn less_is_told_in_place_and_more_needs_another_token() {
    let world = World::new().await;
    let (mut client, issued) = world.harness(&["send", "reply"]).await;
    let change = |allow: Value| json!({"credentialId": issued.id, "scopes": {"allow": allow}});
    world.owner("credential.updateScopes", change(json!(["send"]))).await;
    let narrowed = client.event_of("scopes.updated").await;
    assert_eq!(narrowed["permissions"], json!({"allow": ["send"], "deny": []}));
    assert!(client.ask(world.text_request("still")).await.is_ok());
    world
        .owner("credential.updateScopes", change(json!(["send", "invite"])))
        .await;
    let (code, reason, told) = client.ended().await;
    assert_eq!((code, reason.as_str()), (4005, "Reauthorization required"));
    let last = &told.last().unwrap()["event"];
    assert_eq!(last["type"], "credential.reauthorization_required");
    assert_eq!(last["credentialId"], issued.id);
    assert!(last["reason"].as_str().unwrap().contains("invite"), "{last}");
    let mut again = Client::open(world.address).await;
    again.auth(&issued.token, None).await;
    assert_eq!(again.closed().await.0, 4001);
}

#[tokio::test]
async fn what_is_said_after_a_change_is_judged_by_it() {
    let world = World::new().await;
    let (mut client, issued) = world.harness(&USUAL).await;
    let (mut other, _) = world.harness(&USUAL).await;
    world.say("before").await;
    let change = json!({"credentialId": issued.id, "scopes": {"allow": ["send"]}});
    world.owner("credential.updateScopes", change).await;
    world.say("secret").await;
    while other.event_of("message.visible").await["content"]["text"] != "secret" {}
    client.event_of("scopes.updated").await;
    assert!(client.ask(world.text_request("mine")).await.is_ok());
    // what came meanwhile, to the end
    world
        .owner("credential.revoke", json!({"credentialId": issued.id}))
        .await;
    let (_, _, told) = client.ended().await;
    let messages = told.iter().filter(|frame| frame["event"]["type"] == "message.visible");
    assert_eq!(messages.count(), 0, "{told:?}");
}

#[tokio::test]
async fn a_revoked_credential_closes_its_connections_within_a_second() {
    let world = World::new().await;
    let issued = world.issue(&USUAL).await;
    let (mut one, _) = world.let_in(&issued, None).await;
    let (mut two, _) = world.let_in(&issued, None).await;
    let (mut other, beside) = world.harness(&USUAL).await;
    let begun = Instant::now();
    world
        .owner("credential.revoke", json!({"credentialId": issued.id}))
        .await;
    for client in [&mut one, &mut two] {
        let (code, reason, told) = client.ended().await;
        assert_eq!((code, reason.as_str()), (4004, "Credential revoked"));
        assert_eq!(told.last().unwrap()["event"]["type"], "agent.revoked");
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let beat = json!({"type": "heartbeat", "credentialId": beside.id});
    assert_eq!(other.ask(beat).await, Ok(Value::Null));
}

#[tokio::test]
async fn a_credential_whose_time_is_over_closes_its_connections() {
    let world = World::new().await;
    let issued = world.issue_with(json!({"allow": USUAL, "ttlSeconds": 2})).await;
    let (mut client, _) = world.let_in(&issued, None).await;
    let (code, reason, told) = client.ended().await;
    assert_eq!((code, reason.as_str()), (4003, "Credential expired"));
    let last = &told.last().unwrap()["event"];
    assert_eq!(
        (&last["type"], &last["credentialId"]),
        (&json!("credential.expired"), &json!(issued.id))
    );
}

#[tokio::test]
async fn the_signet_says_that_it_is_there_without_taking_a_number() {
    let world = World::ws(Settings {
        heartbeat: Duration::from_millis(100),
        missed_heartbeats: 100,
        ..Settings::default()
    })
    .await;
    let (mut client, issued) = world.harness(&USUAL).await;
    world.say("one").await;
    let mut seen = None;
    let mut beats = 0;
    while beats < 3 {
        let frame = client.hear().await;
        if frame["type"] == "heartbeat" {
            assert_eq!(frame["credentialId"], issued.id);
            assert!(frame["timestamp"].is_string());
            beats += 1;
        } else {
            seen = frame["seq"].as_u64().or(seen);
        }
    }
    world.say("two").await;
    loop {
        let frame = client.hear().await;
        if let Some(seq) = frame["seq"].as_u64() {
            assert_eq!(seq, seen.unwrap() + 1);
            return;
        }
    }
}
