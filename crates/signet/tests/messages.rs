//! What the owner says and does not read (signet spec 9.8, 11.4, 13 "core").
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

mod common;

use std::sync::Arc;

use chancery_signet::{
    Principal,
    network::{ConversationName, Inbox, MessageQuery},
};
use chancery_signet_wire::Category;
use common::{Desk, context, text};
use serde_json::{Value, json};

/// A room in which Alice is, and what she hears.
struct Scene {
    desk: Desk,
    alice: Arc<dyn Inbox>,
    chat: String,
    group: ConversationName,
}

impl Scene {
    async fn new(creator: Value) -> Self {
        let desk = Desk::new().await;
        desk.done("inbox.create", json!({"label": "owner"})).await;
        desk.operator("one", "shared").await;
        let alice = desk.person("alice").await;
        let mut input = json!({"memberInboxIds": [alice.name().0], "name": "Team"});
        for (key, value) in creator.as_object().unwrap() {
            input[key] = value.clone();
        }
        let made = desk.done("chat.create", input).await;
        Self {
            alice,
            chat: text(&made["chatId"]),
            group: ConversationName(text(&made["groupId"])),
            desk,
        }
    }

    async fn heard(&self) -> Vec<(String, Value)> {
        let query = MessageQuery {
            conversation: &self.group,
            before: None,
            after: None,
            limit: 100,
        };
        let messages = self.alice.messages(query).await.unwrap();
        let said = messages
            .into_iter()
            .filter(|m| !m.content.content_type.contains("groupUpdated"));
        said.map(|message| (message.content.content_type, message.content.body))
            .collect()
    }
}

#[tokio::test]
async fn the_owner_says_something_through_an_inbox_that_is_nobody_s() {
    let scene = Scene::new(json!({"creatorIdentityLabel": "owner"})).await;
    let (desk, chat) = (&scene.desk, &scene.chat);
    let sent = desk
        .done("message.send", json!({"chatId": chat, "text": "hello"}))
        .await;
    assert!(text(&sent["messageId"]).starts_with("msg_"));
    assert_eq!(sent["chatId"], chat.as_str());
    let about = |extra: Value| {
        let mut input = json!({"chatId": chat, "messageId": sent["messageId"]});
        for (key, value) in extra.as_object().unwrap() {
            input[key] = value.clone();
        }
        input
    };
    let reply = desk.done("message.reply", about(json!({"text": "again"}))).await;
    assert_eq!(reply["inReplyTo"], sent["messageId"]);
    let reaction = desk.done("message.react", about(json!({"reaction": "👍"}))).await;
    assert_eq!(reaction["reactedTo"], sent["messageId"]);
    assert_eq!(
        desk.done("message.read", json!({"chatId": chat})).await["markedRead"],
        true
    );
    let heard = scene.heard().await;
    let types: Vec<_> = heard.iter().map(|(kind, _)| kind.as_str()).collect();
    let expected = [
        "xmtp.org/text:1.0",
        "xmtp.org/reply:1.0",
        "xmtp.org/reaction:1.0",
        "xmtp.org/readReceipt:1.0",
    ];
    assert_eq!(types, expected);
    assert_eq!(heard[0].1, json!({"text": "hello"}));
    assert_eq!(
        heard[1].1["content"],
        json!({"type": "xmtp.org/text:1.0", "payload": {"text": "again"}})
    );
    assert_eq!(heard[1].1["reference"], heard[2].1["reference"]);
    assert_eq!(
        (heard[2].1["content"].clone(), heard[2].1["action"].clone()),
        (json!("👍"), json!("added"))
    );
    let log = desk.log().await;
    assert_eq!(
        log.iter().filter(|action| *action == "message.send").count(),
        2,
        "before and after"
    );
}

#[tokio::test]
async fn through_an_operator_s_inbox_only_as_the_owner() {
    let scene = Scene::new(json!({"operatorId": "one"})).await;
    let mut input = json!({"chatId": scene.chat, "text": "hello"});
    let refused = scene.desk.refused("message.send", input.clone()).await;
    assert_eq!(context(&refused, "hint"), (Category::Permission, json!("--as-owner")));
    assert!(scene.heard().await.is_empty());
    input["asOwner"] = json!(true);
    scene.desk.done("message.send", input).await;
    assert_eq!(scene.heard().await.len(), 1);
    assert!(scene.desk.log().await.contains(&"message.send".to_owned()));
}

#[tokio::test]
async fn the_same_key_says_it_once() {
    let scene = Scene::new(json!({"creatorIdentityLabel": "owner"})).await;
    let input = json!({"chatId": scene.chat, "text": "once", "idempotencyKey": "k1"});
    let first = scene.desk.done("message.send", input.clone()).await;
    assert_eq!(scene.desk.done("message.send", input).await, first);
    let without = json!({"chatId": scene.chat, "text": "once"});
    assert_ne!(scene.desk.done("message.send", without).await, first);
    assert_eq!(scene.heard().await.len(), 2);
}

#[tokio::test]
async fn what_is_of_another_chat_cannot_be_answered() {
    let scene = Scene::new(json!({"creatorIdentityLabel": "owner"})).await;
    let room = json!({"memberInboxIds": [], "name": "Other", "creatorIdentityLabel": "owner"});
    let other = scene.desk.done("chat.create", room).await["chatId"].clone();
    let sent = scene
        .desk
        .done("message.send", json!({"chatId": other, "text": "elsewhere"}))
        .await;
    for message in [
        sent["messageId"].clone(),
        json!("msg_0000000000000000"),
        json!("ff".repeat(32)),
    ] {
        let input = json!({"chatId": scene.chat, "messageId": message, "text": "?"});
        let refused = scene.desk.refused("message.reply", input).await;
        assert_eq!(
            context(&refused, "resourceType"),
            (Category::NotFound, json!("message"))
        );
    }
    assert!(scene.heard().await.is_empty());
}

#[tokio::test]
async fn nobody_reads_by_being_an_admin() {
    let scene = Scene::new(json!({"creatorIdentityLabel": "owner"})).await;
    let role = json!({"label": "root", "role": "superadmin", "scopeMode": "shared"});
    let root = Principal::Operator(
        text(&scene.desk.done("operator.create", role).await["id"])
            .parse()
            .unwrap(),
    );
    for who in [Principal::Owner, Principal::Admin, root] {
        let list = scene
            .desk
            .call(who, "message.list", json!({"chatId": scene.chat}))
            .await
            .unwrap_err();
        assert_eq!(list.message, "Admin message reads require owner-approved elevation");
        assert_eq!(
            context(&list, "hint"),
            (Category::Permission, json!("--dangerously-allow-message-read"))
        );
        let input = json!({"chatId": scene.chat, "messageId": "msg_0000000000000000"});
        let info = scene.desk.call(who, "message.info", input).await.unwrap_err();
        assert_eq!(context(&info, "chatId"), (Category::Permission, json!(scene.chat)));
        let search = scene
            .desk
            .call(who, "search.messages", json!({"query": "x"}))
            .await
            .unwrap_err();
        assert_eq!(search.message, "Admin message search requires a specific conversation");
        assert_eq!(context(&search, "hint"), (Category::Permission, json!("--chat")));
    }
}
