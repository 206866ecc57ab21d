//! Events for those who administer (signet spec 5.8): what happens, and not what is said.

use std::time::Duration;

use crate::common::{Desk, client::Client, harness::Agent, text};
use chancery_admin::Settings;
use chancery_policy::messaging::Scope;
use chancery_signet::network::{Content, ConversationName};
use serde_json::{Value, json};

async fn subscribe(client: &mut Client, what: Value) -> Value {
    let answer = client.ok("events.subscribe", what).await;
    answer["subscriptionId"].clone()
}

/// The next event, with the subscription that it is told to.
async fn event(client: &mut Client) -> Value {
    let line = client.line().await.unwrap();
    assert_eq!((&line["method"], line.get("id")), (&json!("event"), None), "{line}");
    line["params"].clone()
}

#[tokio::test]
async fn events_come_to_whom_asked_for_them_with_whose_they_are() {
    let desk = Desk::new().await;
    let (operator, chat) = desk.agent("a").await;
    let (mut watching, mut other) = (desk.admin().await, desk.admin().await);
    let id = subscribe(&mut watching, json!({})).await;
    let issued = desk.credential(&operator, &chat, json!(["send"])).await;
    let credential = &issued["credential"]["id"];
    let told = event(&mut watching).await;
    assert_eq!(told["subscriptionId"], id);
    assert_eq!((&told["credentialId"], &told["seq"]), (credential, &json!(1)));
    assert_eq!(told["occurredAt"], "2027-01-15T08:00:00.000Z");
    assert_eq!(
        told["event"],
        json!({"type": "credential.issued", "credentialId": credential, "operatorId": operator})
    );
    // its token is nobody's to see
    assert!(!told.to_string().contains(&text(&issued["token"])));
    desk.done("credential.revoke", json!({"credentialId": credential}))
        .await;
    assert_eq!(event(&mut watching).await["event"]["type"], "agent.revoked");
    // who asked for nothing is told nothing
    other.silent().await;
    // no longer
    watching.ok("events.unsubscribe", json!({"subscriptionId": id})).await;
    desk.credential(&operator, &chat, json!(["send"])).await;
    watching.silent().await;
    assert_eq!(
        watching.err("events.unsubscribe", json!({"subscriptionId": id})).await["code"],
        -32007
    );
}

#[tokio::test]
async fn only_what_was_asked_for_comes() {
    let desk = Desk::new().await;
    let (operator, chat) = desk.agent("a").await;
    let mut watching = desk.admin().await;
    let all = subscribe(&mut watching, json!({})).await;
    let mine = desk.credential(&operator, &chat, json!(["send"])).await["credential"]["id"].clone();
    // what was told before is not told again
    assert_eq!(event(&mut watching).await["credentialId"], mine);
    watching.ok("events.unsubscribe", json!({"subscriptionId": all})).await;
    let of_mine = subscribe(&mut watching, json!({"credentialId": mine})).await;
    let ends = subscribe(&mut watching, json!({"types": ["agent.revoked"]})).await;
    let other = desk.credential(&operator, &chat, json!(["reply"])).await["credential"]["id"].clone();
    desk.done("credential.revoke", json!({"credentialId": other})).await;
    let told = event(&mut watching).await;
    assert_eq!((&told["subscriptionId"], &told["credentialId"]), (&ends, &other));
    desk.done("credential.revoke", json!({"credentialId": mine})).await;
    let mut both = [event(&mut watching).await, event(&mut watching).await];
    both.sort_by_key(|told| told["subscriptionId"] == ends);
    assert_eq!(
        (&both[0]["subscriptionId"], &both[0]["credentialId"]),
        (&of_mine, &mine)
    );
    assert_eq!((&both[1]["subscriptionId"], &both[1]["credentialId"]), (&ends, &mine));
    watching.silent().await;
    for (wrong, code) in [
        (json!({"types": ["message.deleted"]}), -32602),
        (json!({"types": "agent.revoked"}), -32602),
        (json!({"credentialId": "cred_00000000000000aa"}), -32007),
        (json!({"stranger": 1}), -32602),
    ] {
        assert_eq!(
            watching.err("events.subscribe", wrong.clone()).await["code"],
            code,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn an_admin_is_told_that_something_was_said_and_not_what() {
    let desk = Desk::new().await;
    let human = desk.person("human").await;
    let operator = json!({"label": "a", "role": "operator", "scopeMode": "shared"});
    let operator = text(&desk.done("operator.create", operator).await["id"]);
    let room = json!({"memberInboxIds": [human.name().0], "name": "A room", "operatorId": operator});
    let room = desk.done("chat.create", room).await;
    let chat = text(&room["chatId"]);
    desk.credential(&operator, &chat, json!(["read-messages", "stream-messages"]))
        .await;
    let mut watching = desk.admin().await;
    subscribe(&mut watching, json!({"types": ["message.visible"]})).await;
    let content = Content {
        content_type: "xmtp.org/text:1.0".to_owned(),
        body: json!({"text": "between us"}),
    };
    human
        .send(&ConversationName(text(&room["groupId"])), &content, "1")
        .await
        .unwrap();
    let told = event(&mut watching).await;
    assert_eq!(told["event"]["groupId"], chat);
    assert_eq!(told["event"]["senderInboxId"], human.name().0);
    assert_eq!(told["event"]["content"], Value::Null);
    assert!(!told.to_string().contains("between us"));

    let agent = Agent::held(&desk).await;
    subscribe(&mut watching, json!({"types": ["action.confirmation_required"]})).await;
    let action = agent.wants_to_say("a plan").await;
    let told = event(&mut watching).await;
    assert_eq!(
        (&told["event"]["actionId"], &told["event"]["preview"]),
        (&json!(action), &Value::Null)
    );
}

#[tokio::test]
async fn a_reader_that_falls_behind_loses_the_oldest_is_told_and_holds_nobody_up() {
    const CREDENTIALS: u64 = 42;
    let desk = Desk::new().await;
    let all: Vec<Scope> = Scope::ALL.to_vec();
    desk.done("policy.create", json!({"label": "p", "allow": all, "deny": []}))
        .await;
    let (mut slow, mut quick) = (desk.admin().await, desk.admin().await);
    // many copies fill what lies between the signet and a client that does not read
    for _ in 0..8 {
        subscribe(&mut slow, json!({})).await;
    }
    subscribe(&mut quick, json!({})).await;
    for turn in 0..CREDENTIALS / 3 {
        let (operator, chat) = desk.agent(&format!("agent {turn}")).await;
        for _ in 0..3 {
            let input = json!({"operatorId": operator, "chatIds": [chat], "policyId": "p"});
            desk.done("credential.issue", input).await;
            event(&mut quick).await;
        }
    }
    // with every scope that goes each credential has an event, and who reads has each in time
    for left in (1..all.len()).rev() {
        let changes = json!({"policyId": "p", "changes": {"allow": all[..left]}});
        desk.done("policy.update", changes).await;
        for _ in 0..CREDENTIALS {
            assert_eq!(event(&mut quick).await["event"]["type"], "scopes.updated");
        }
    }
    let happened = CREDENTIALS * u64::try_from(all.len()).unwrap();
    let (mut lost, mut told) = (0, 0);
    while lost + told < 8 * happened {
        let params = event(&mut slow).await;
        match params["event"]["type"].as_str().unwrap() {
            "events.lost" => {
                assert!(params.get("credentialId").is_none());
                lost += params["event"]["count"].as_u64().unwrap();
            }
            _ => told += 1,
        }
    }
    assert_eq!(lost + told, 8 * happened);
    assert!(lost > 0);
    slow.silent().await;
}

#[tokio::test]
async fn there_are_so_many_subscriptions_of_one_connection_and_they_end_with_it() {
    let desk = Desk::new().await;
    let mut watching = desk.admin().await;
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(subscribe(&mut watching, json!({})).await);
    }
    let error = watching.err("events.subscribe", json!({})).await;
    assert_eq!(error["data"]["context"]["limit"], "subscriptions");
    watching
        .ok("events.unsubscribe", json!({"subscriptionId": ids[0]}))
        .await;
    subscribe(&mut watching, json!({})).await;
    // who has said all is not kept by them
    tokio::io::AsyncWriteExt::shutdown(&mut watching.writer).await.unwrap();
    assert_eq!(watching.line().await, None);
}

#[tokio::test]
async fn a_subscription_ends_with_the_token_that_it_was_opened_by() {
    let desk = Desk::with(Settings {
        peer_credentials: false,
        ..Settings::default()
    })
    .await;
    let (operator, chat) = desk.agent("a").await;
    let mut watching = Client::let_in(&desk.doors.socket, Some(&desk.token())).await;
    subscribe(&mut watching, json!({})).await;
    desk.credential(&operator, &chat, json!(["send"])).await;
    event(&mut watching).await;
    desk.clock.advance(Duration::from_secs(151));
    desk.credential(&operator, &chat, json!(["send"])).await;
    watching.silent().await;
}
