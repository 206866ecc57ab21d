//! Requests and their answers (signet spec 5.5, 14.4).

use std::time::Duration;

use chancery_signet::TrafficSettings;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::Client,
    world::{Gate, Issued, Setup, USUAL, World, text},
};

fn heartbeat(issued: &Issued) -> Value {
    json!({"type": "heartbeat", "credentialId": issued.id})
}

#[tokio::test]
async fn what_a_harness_says_is_said_in_the_chat() {
    let world = World::new().await;
    let (mut client, _) = world.harness(&USUAL).await;
    let sent = client.ask(world.text_request("hello")).await.unwrap();
    assert!(text(&sent["messageId"]).starts_with("msg_"));
    assert_eq!(sent["groupId"], world.chat);
    assert!(sent["sentAt"].is_string());
    assert_eq!(sent["provenance"], Value::Null);
    world.say("and you").await;
    let message = text(&client.event_of("message.visible").await["messageId"]);
    let reply = json!({"type": "send_reply", "groupId": world.chat, "messageId": message,
        "contentType": "xmtp.org/text:1.0", "content": {"text": "me too"}});
    client.ask(reply).await.unwrap();
    let reaction = json!({"type": "send_reaction", "groupId": world.chat, "messageId": message,
        "action": "added", "content": "👍"});
    client.ask(reaction).await.unwrap();
    let said = world.said().await;
    let types: Vec<_> = said.iter().map(|content| content.content_type.as_str()).collect();
    let text = "xmtp.org/text:1.0";
    assert_eq!(types, [text, text, "xmtp.org/reply:1.0", "xmtp.org/reaction:1.0"]);
    assert_eq!(said[0].body["text"], "hello");
    assert_eq!(said[2].body["content"]["payload"]["text"], "me too");
    assert_eq!(said[3].body["content"], "👍");
}

#[tokio::test]
async fn what_the_credential_does_not_allow_is_refused_and_the_connection_goes_on() {
    let world = World::new().await;
    let (mut client, issued) = world.harness(&["react"]).await;
    let refused = client.ask(world.text_request("no")).await.unwrap_err();
    assert_eq!(
        (&refused["code"], &refused["category"]),
        (&json!(1200), &json!("permission"))
    );
    assert_eq!(refused["context"], json!({"scope": "send"}));
    let elsewhere = json!({"type": "send_message", "groupId": "conv_0123456789abcdef",
        "contentType": "xmtp.org/text:1.0", "content": {"text": "no"}});
    let refused = client.ask(elsewhere).await.unwrap_err();
    assert_eq!(refused["context"], json!({"chatId": "conv_0123456789abcdef"}));
    assert_eq!(client.ask(heartbeat(&issued)).await, Ok(Value::Null));
    assert!(world.said().await.is_empty());
}

#[tokio::test]
async fn a_held_action_is_neither_confirmed_nor_altered_by_its_harness() {
    let world = World::new().await;
    let policy = json!({"label": "careful", "allow": USUAL, "deny": [], "confirm": ["send"]});
    let policy = world.owner("policy.create", policy).await;
    let issued = world.issue_with(json!({"policyId": policy["id"]})).await;
    let (mut client, _) = world.let_in(&issued, None).await;
    let held = client.ask(world.text_request("may I")).await.unwrap();
    assert_eq!(held["pending"], true);
    let told = client.event_of("action.confirmation_required").await;
    assert_eq!(
        (&told["actionId"], &told["actionType"]),
        (&held["actionId"], &json!("send_message"))
    );
    let confirm =
        |confirmed: bool| json!({"type": "confirm_action", "actionId": held["actionId"], "confirmed": confirmed});
    let refused = client.ask(confirm(true)).await.unwrap_err();
    assert_eq!(refused["category"], "permission");
    assert!(world.said().await.is_empty());
    let taken_back = client.ask(confirm(false)).await.unwrap();
    assert_eq!(taken_back, json!({"denied": true, "actionId": held["actionId"]}));
    assert_eq!(client.ask(confirm(false)).await.unwrap_err()["category"], "not_found");
}

#[tokio::test]
async fn a_reveal_is_asked_for_and_not_granted_to_oneself() {
    let world = World::new().await;
    let (mut client, issued) = world.harness(&["stream-messages"]).await;
    let reveal = json!({"revealId": "mine", "groupId": world.chat, "scope": "sender",
        "targetId": world.human.name().0, "requestedBy": "owner", "expiresAt": null});
    let asked = client
        .ask(json!({"type": "reveal_content", "reveal": reveal}))
        .await
        .unwrap();
    assert_eq!(asked["pending"], true);
    assert_ne!(asked["revealId"], "mine");
    let kept = world.owner("reveal.list", json!({"credentialId": issued.id})).await;
    assert_eq!(kept["activeReveals"], json!([]));
}

#[tokio::test]
async fn a_harness_asks_what_it_can_see() {
    let world = World::new().await;
    let scopes = ["read-messages", "read-history", "list-members", "list-conversations"];
    let (mut client, _) = world.harness(&scopes).await;
    world.say("before").await;
    let chats = client.ask(json!({"type": "list_conversations"})).await.unwrap();
    assert_eq!(chats["conversations"][0]["groupId"], world.chat);
    let chat = client
        .ask(json!({"type": "get_conversation_info", "groupId": world.chat}))
        .await
        .unwrap();
    assert_eq!((&chat["name"], &chat["memberCount"]), (&json!("A room"), &json!(2)));
    let members = client
        .ask(json!({"type": "list_members", "groupId": world.chat}))
        .await
        .unwrap();
    assert_eq!(members["members"].as_array().unwrap().len(), 2);
    let history = client
        .ask(json!({"type": "read_history", "groupId": world.chat, "limit": 10}))
        .await
        .unwrap();
    let newest = &history["messages"][0];
    assert_eq!(newest["content"]["text"], "before");
    assert_eq!(newest["visibility"], "historical");
    assert_eq!(client.ask(json!({"type": "ack", "seq": 1})).await, Ok(Value::Null));
}

#[tokio::test]
async fn a_heartbeat_is_of_the_credential_of_its_connection() {
    let world = World::new().await;
    let (mut client, issued) = world.harness(&USUAL).await;
    assert_eq!(client.ask(heartbeat(&issued)).await, Ok(Value::Null));
    let other = "cred_0123456789abcdef";
    let refused = client
        .ask(json!({"type": "heartbeat", "credentialId": other}))
        .await
        .unwrap_err();
    assert_eq!(refused["code"], 1300);
    assert_eq!(
        refused["context"],
        json!({"credentialId": issued.id, "requestedCredentialId": other})
    );
}

#[tokio::test]
async fn a_malformed_request_with_an_id_is_answered_with_its_place() {
    let world = World::new().await;
    let (mut client, issued) = world.harness(&USUAL).await;
    let cases = [
        (json!({"type": "send_message"}), "groupId"),
        (json!({"type": "heartbeat", "credentialId": 7}), "credentialId"),
        (json!({"type": "fly"}), "type"),
        (json!({"more": 1}), "type"),
    ];
    for (request, field) in cases {
        let refused = client.ask(request.clone()).await.unwrap_err();
        assert_eq!(
            (&refused["code"], &refused["message"]),
            (&json!(1000), &json!("Invalid request frame")),
            "{request}"
        );
        // a member that is missing is of the whole
        let place = text(&refused["context"]["field"]);
        let reason = text(&refused["context"]["reason"]);
        assert!(place == field || reason.contains(field), "{refused}");
    }
    assert_eq!(client.ask(heartbeat(&issued)).await, Ok(Value::Null));
}

#[tokio::test]
async fn what_nobody_could_be_answered_for_closes_the_connection() {
    let world = World::new().await;
    let issued = world.issue(&USUAL).await;
    let id = "x".repeat(129);
    let texts = [
        "".to_owned(),
        "{".to_owned(),
        "[]".to_owned(),
        json!({"type": "heartbeat", "credentialId": issued.id}).to_string(),
        json!({"type": "heartbeat", "credentialId": issued.id, "requestId": 7}).to_string(),
        json!({"type": "heartbeat", "credentialId": issued.id, "requestId": id}).to_string(),
        r#"{"requestId":"a","requestId":"b","type":"list_conversations"}"#.to_owned(),
        // once is enough
        json!({"type": "auth", "token": issued.token}).to_string(),
    ];
    for text in texts {
        let (mut client, _) = world.let_in(&issued, None).await;
        client.put(Message::text(text.clone())).await;
        assert_eq!(
            client.closed().await,
            (4009, "Invalid request frame".to_owned()),
            "{text}"
        );
    }
    let (mut client, _) = world.let_in(&issued, None).await;
    client.put(Message::binary(heartbeat(&issued).to_string())).await;
    assert_eq!(client.closed().await, (4009, "Binary frames are not taken".to_owned()));
}

#[tokio::test]
async fn what_takes_long_holds_nothing_else_up() {
    let world = World::new().await;
    let (mut client, issued) = world.harness(&USUAL).await;
    world.gate.send_replace(Gate::Shut);
    let mut slow = world.text_request("later");
    slow["requestId"] = json!("slow");
    client.say(slow.clone()).await;
    assert_eq!(client.ask(heartbeat(&issued)).await, Ok(Value::Null));
    // an id is of one request at a time
    client.say(slow).await;
    let refused = client.answer("slow").await.unwrap_err();
    assert_eq!(
        (&refused["code"], &refused["context"]["field"]),
        (&json!(1000), &json!("requestId"))
    );
    world.gate.send_replace(Gate::Open);
    assert!(client.answer("slow").await.is_ok());
    assert_eq!(world.said().await.len(), 1);
}

#[tokio::test]
async fn a_connection_has_so_many_requests_under_way() {
    let world = World::new().await;
    let (mut client, issued) = world.harness(&USUAL).await;
    world.gate.send_replace(Gate::Shut);
    for n in 0..257 {
        let mut request = world.text_request("x");
        request["requestId"] = json!(format!("n{n}"));
        client.say(request).await;
    }
    let refused = client.answer("n256").await.unwrap_err();
    assert_eq!(refused["context"]["limit"], "requests");
    assert!(refused["context"]["retryAfterMs"].is_u64());
    // what takes no time needs no place
    assert_eq!(client.ask(heartbeat(&issued)).await, Ok(Value::Null));
    world.gate.send_replace(Gate::Open);
    for _ in 0..256 {
        assert_eq!(client.hear().await["ok"], true);
    }
    assert_eq!(world.said().await.len(), 256);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_so_and_its_result_comes_no_more() {
    let world = World::with(Setup {
        traffic: TrafficSettings {
            request_timeout: Duration::from_millis(200),
            ..Setup::default().traffic
        },
        ..Setup::default()
    })
    .await;
    let (mut client, issued) = world.harness(&USUAL).await;
    world.gate.send_replace(Gate::Shut);
    let late = client.ask(world.text_request("late")).await.unwrap_err();
    assert_eq!((&late["code"], &late["category"]), (&json!(1500), &json!("timeout")));
    world.gate.send_replace(Gate::Open);
    // nothing comes before the answer to what is asked next
    client
        .say(json!({"type": "heartbeat", "credentialId": issued.id, "requestId": "next"}))
        .await;
    assert_eq!(client.hear().await["requestId"], "next");
    assert!(world.said().await.is_empty());
}

#[tokio::test]
async fn a_defect_ends_one_request_and_not_the_connection() {
    let world = World::new().await;
    let (mut client, issued) = world.harness(&USUAL).await;
    world.gate.send_replace(Gate::Broken);
    let failed = client.ask(world.text_request("x")).await.unwrap_err();
    assert_eq!(failed["code"], 1400);
    assert!(!failed.to_string().contains("of the test's"), "{failed}");
    world.gate.send_replace(Gate::Open);
    assert_eq!(client.ask(heartbeat(&issued)).await, Ok(Value::Null));
    assert!(client.ask(world.text_request("x")).await.is_ok());
}

#[tokio::test]
async fn a_key_keeps_a_message_from_being_sent_twice() {
    let world = World::new().await;
    let issued = world.issue(&USUAL).await;
    let mut sent = Vec::new();
    for _ in 0..2 {
        // as after an answer that was lost
        let (mut client, _): (Client, _) = world.let_in(&issued, None).await;
        let mut request = world.text_request("once");
        request["idempotencyKey"] = json!("k1");
        sent.push(client.ask(request).await.unwrap()["messageId"].clone());
    }
    assert_eq!(sent[0], sent[1]);
    assert_eq!(world.said().await.len(), 1);
}
