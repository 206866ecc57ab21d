//! What is said under a credential by another way than its WebSocket (signet spec 2.3, 9.2, 9.8, 11.4, 12).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops"
)]

mod common;

use std::{sync::Arc, time::Duration};

use chancery_policy::messaging::Scope;
use chancery_signet::{
    HarnessLogin, PeerUid, Principal,
    network::{ConversationName, Inbox, MessageQuery},
};
use chancery_signet_wire::{
    BearerToken, Category, Failure,
    action::{self, Entry},
    frame::{Auth, Request, Response},
};
use common::{Desk, context, text};
use serde_json::{Value, json};

/// What an agent that talks has.
const TALKS: [&str; 4] = ["send", "reply", "react", "read-receipt"];

/// A room in which Alice is, of an operator with an inbox of its own.
struct Scene {
    desk: Desk,
    alice: Arc<dyn Inbox>,
    operator: String,
    chat: String,
    group: ConversationName,
}

/// A credential, and the token of its harness.
struct Given {
    who: Principal,
    id: String,
    token: String,
}

impl Scene {
    async fn new() -> Self {
        let desk = Desk::new().await;
        let operator = desk.operator("one", "shared").await;
        let alice = desk.person("alice").await;
        let input = json!({"memberInboxIds": [alice.name().0], "name": "Team", "operatorId": operator});
        let made = desk.done("chat.create", input).await;
        Self {
            alice,
            operator,
            chat: text(&made["chatId"]),
            group: ConversationName(text(&made["groupId"])),
            desk,
        }
    }

    async fn credential(&self, allow: impl serde::Serialize) -> Given {
        self.given(json!({"operatorId": self.operator, "chatIds": [self.chat], "allow": allow}))
            .await
    }

    /// A credential by whose policy these scopes need the owner's word.
    async fn confirmed(&self, allow: &[&str]) -> Given {
        let policy = json!({"label": "asks first", "allow": allow, "deny": [], "confirm": allow});
        let policy = self.desk.done("policy.create", policy).await["id"].clone();
        self.given(json!({"operatorId": self.operator, "chatIds": [self.chat], "policyId": policy}))
            .await
    }

    async fn given(&self, input: Value) -> Given {
        let issued = self.desk.done("credential.issue", input).await;
        let id = text(&issued["credential"]["id"]);
        Given {
            who: Principal::Credential(id.parse().unwrap()),
            id,
            token: text(&issued["token"]),
        }
    }

    async fn says(&self, who: Principal, words: &str) -> Result<Value, Failure> {
        let input = json!({"chatId": self.chat, "text": words});
        self.desk.call(who, "message.send", input).await
    }

    /// As the owner, in the operator's name.
    async fn lends(&self, words: &str) -> Result<Value, Failure> {
        let input = json!({"chatId": self.chat, "text": words, "operatorId": self.operator});
        self.desk.owner("message.send", input).await
    }

    async fn heard(&self) -> Vec<(String, Value)> {
        let query = MessageQuery {
            conversation: &self.group,
            before: None,
            after: None,
            limit: 100,
        };
        let messages = self.alice.messages(query).await.unwrap();
        let said = messages.into_iter().map(|message| message.content);
        said.filter(|content| !content.content_type.contains("groupUpdated"))
            .map(|content| (content.content_type, content.body))
            .collect()
    }

    async fn texts(&self) -> Vec<String> {
        let heard = self.heard().await;
        let texts = heard.iter().filter_map(|(_, body)| body["text"].as_str());
        texts.map(str::to_owned).collect()
    }

    /// Asks on the WebSocket.
    async fn asks(&self, given: &Given, mut request: Value) -> Response {
        let auth = Auth {
            token: BearerToken::new(given.token.clone()),
            last_seen_seq: None,
            last_seen_epoch: None,
            proof: None,
        };
        let login = HarnessLogin {
            auth,
            nonce: None,
            uid: PeerUid::new(|| None),
        };
        let session = self.desk.signet.authenticate(login).await.unwrap();
        request["requestId"] = json!("r");
        let (id, request) = Request::parse(&request.to_string()).unwrap();
        session.harness().answer(id, request).await.unwrap()
    }

    /// The newest entries of the log: who did what on what.
    async fn log(&self, newest: usize) -> Vec<(String, String, String)> {
        let log = self.desk.done("admin.logs", json!({"limit": newest})).await;
        let entries = log.as_array().unwrap().iter();
        entries
            .map(|entry| (text(&entry["actor"]), text(&entry["action"]), text(&entry["target"])))
            .collect()
    }
}

#[tokio::test]
async fn a_credential_says_what_its_harness_could() {
    let scene = Scene::new().await;
    let given = scene.credential(TALKS).await;
    let call = async |id: &str, input: Value| scene.desk.call(given.who, id, input).await.unwrap();
    let sent = scene.says(given.who, "hello").await.unwrap();
    assert!(text(&sent["messageId"]).starts_with("msg_"));
    assert_eq!(sent["chatId"], scene.chat.as_str());
    let log = scene.log(1).await;
    let entry = (given.id.clone(), "message.send".to_owned(), text(&sent["messageId"]));
    assert_eq!(log, [entry]);

    let about = |more: (&str, &str)| json!({"chatId": scene.chat, "messageId": sent["messageId"], more.0: more.1});
    let reply = call("message.reply", about(("text", "again"))).await;
    assert_eq!(reply["inReplyTo"], sent["messageId"]);
    let reaction = call("message.react", about(("reaction", "👍"))).await;
    assert_eq!(reaction["reactedTo"], sent["messageId"]);
    let read = call("message.read", json!({"chatId": scene.chat})).await;
    assert_eq!(read, json!({"chatId": scene.chat, "markedRead": true}));

    let heard = scene.heard().await;
    let types: Vec<_> = heard.iter().map(|(kind, _)| kind.as_str()).collect();
    let expected = [
        "xmtp.org/text:1.0",
        "xmtp.org/reply:1.0",
        "xmtp.org/reaction:1.0",
        "xmtp.org/readReceipt:1.0",
    ];
    assert_eq!(types, expected);
    assert_eq!(heard[1].1["content"]["payload"], json!({"text": "again"}));
    assert_eq!(heard[1].1["reference"], heard[2].1["reference"]);
    // the chat and the message by the beginnings of their ids, too
    let input = json!({"chatId": scene.chat[..12], "messageId": text(&sent["messageId"])[..12], "text": "short"});
    let reply = call("message.reply", input).await;
    assert_eq!(reply["inReplyTo"], sent["messageId"]);
}

// spec 2.3: "Check order: chat first, then scope"; 9.8: whoever may not know of it is told that it is not there
#[tokio::test]
async fn a_scope_that_is_missing_is_named_and_a_chat_that_is_not_covered_is_not_there() {
    let scene = Scene::new().await;
    let given = scene.credential(["read-messages"]).await;
    let other = scene.desk.chat(&scene.operator).await;
    let nowhere = "conv_0000000000000000";
    let message = "msg_0000000000000000";
    for (id, scope, more) in [
        ("message.send", "send", json!({"text": "x"})),
        ("message.reply", "reply", json!({"text": "x", "messageId": message})),
        ("message.react", "react", json!({"reaction": "x", "messageId": message})),
        ("message.read", "read-receipt", json!({})),
    ] {
        let input = |chat: &str| {
            let mut input = more.clone();
            input["chatId"] = json!(chat);
            input
        };
        let refused = scene.desk.call(given.who, id, input(&scene.chat)).await.unwrap_err();
        assert_eq!(context(&refused, "scope"), (Category::Permission, json!(scope)));
        for chat in [other.as_str(), nowhere] {
            let absent = scene.desk.call(given.who, id, input(chat)).await.unwrap_err();
            assert_eq!(absent, Failure::not_found("conversation", chat), "{id}");
        }
    }
    assert!(scene.heard().await.is_empty());
}

#[tokio::test]
async fn what_is_of_another_chat_cannot_be_answered() {
    let scene = Scene::new().await;
    let other = scene.desk.chat(&scene.operator).await;
    let chats = json!([scene.chat, other]);
    let both = json!({"operatorId": scene.operator, "chatIds": chats, "allow": TALKS});
    let both = scene.given(both).await;
    let input = json!({"chatId": other, "text": "elsewhere"});
    let elsewhere = scene.desk.call(both.who, "message.send", input).await.unwrap();
    for message in [elsewhere["messageId"].clone(), json!("msg_0000000000000000")] {
        let input = json!({"chatId": scene.chat, "messageId": message, "text": "?"});
        let refused = scene.desk.call(both.who, "message.reply", input).await.unwrap_err();
        assert_eq!(
            context(&refused, "resourceType"),
            (Category::NotFound, json!("message"))
        );
    }
    assert!(scene.heard().await.is_empty());
}

#[tokio::test]
async fn a_credential_speaks_for_itself_and_through_its_own_inbox() {
    let scene = Scene::new().await;
    let given = scene.credential(TALKS).await;
    let inbox = scene.desk.done("inbox.list", json!({})).await[0]["id"].clone();
    for (member, value) in [
        ("operatorId", json!(scene.operator)),
        ("identityLabel", inbox),
        ("asOwner", json!(true)),
    ] {
        let input = json!({"chatId": scene.chat, "text": "x", member: value});
        let refused = scene.desk.call(given.who, "message.send", input).await.unwrap_err();
        assert_eq!(refused.kind(), Category::Permission, "{member}");
    }
    assert!(scene.heard().await.is_empty());
}

#[tokio::test]
async fn what_needs_the_owner_s_word_waits_for_it_by_whatever_way_it_comes() {
    let scene = Scene::new().await;
    let given = scene.confirmed(&TALKS).await;
    let held = scene.says(given.who, "may I").await.unwrap();
    assert_eq!(held["pending"], true);
    let read = json!({"chatId": scene.chat});
    let read = scene.desk.call(given.who, "message.read", read).await.unwrap();
    assert_eq!(read["pending"], true);
    // in the operator's name it waits as well
    let lent = scene.lends("may I, too").await.unwrap();
    assert_eq!(lent["pending"], true);
    assert!(scene.heard().await.is_empty());

    let id = json!({"actionId": held["actionId"]});
    let shown = scene.desk.done("action.show", id.clone()).await;
    assert_eq!(
        (&shown["actionType"], &shown["payload"]["content"]),
        (&json!("send_message"), &json!({"text": "may I"}))
    );
    let own = scene.desk.call(given.who, "action.approve", id.clone()).await;
    assert_eq!(own.unwrap_err().kind(), Category::Permission);
    assert!(scene.heard().await.is_empty());
    scene.desk.done("action.approve", id).await;
    assert_eq!(scene.texts().await, ["may I"]);
}

#[tokio::test]
async fn what_cannot_wait_for_the_owner_s_word_is_not_done_without_it() {
    let scene = Scene::new().await;
    let given = scene.confirmed(&["add-member", "list-members"]).await;
    let bob = scene.desk.person("bob").await.name().0.clone();
    let add = json!({"chatId": scene.chat, "inboxId": bob});
    let refused = scene.desk.call(given.who, "chat.add-member", add).await.unwrap_err();
    assert_eq!(
        context(&refused, "confirm"),
        (Category::Permission, json!("add-member"))
    );
    let list = json!({"chatId": scene.chat});
    let refused = scene
        .desk
        .call(given.who, "chat.members", list.clone())
        .await
        .unwrap_err();
    assert_eq!(
        context(&refused, "confirm"),
        (Category::Permission, json!("list-members"))
    );
    assert_eq!(scene.desk.done("chat.members", list).await["memberCount"], 2);
}

#[tokio::test]
async fn the_same_key_says_it_once_on_whatever_way() {
    let scene = Scene::new().await;
    let given = scene.credential(TALKS).await;
    let input = json!({"chatId": scene.chat, "text": "once", "idempotencyKey": "k1"});
    let first = scene.desk.call(given.who, "message.send", input.clone()).await.unwrap();
    let again = scene.desk.call(given.who, "message.send", input.clone()).await.unwrap();
    assert_eq!(first, again);
    let request = json!({"type": "send_message", "groupId": scene.chat, "contentType": "xmtp.org/text:1.0",
                         "content": {"text": "once"}, "idempotencyKey": "k1"});
    let Response::Success { data, .. } = scene.asks(&given, request).await else {
        panic!("refused");
    };
    assert_eq!(data.read::<Value>().unwrap()["messageId"], first["messageId"]);
    let mut other = input;
    other["text"] = json!("twice");
    let refused = scene.desk.call(given.who, "message.send", other).await.unwrap_err();
    assert_eq!(
        context(&refused, "field"),
        (Category::Validation, json!("idempotencyKey"))
    );
    assert_eq!(scene.texts().await, ["once"]);
}

#[tokio::test]
async fn all_ways_count_together() {
    let scene = Scene::new().await;
    let given = scene.credential(TALKS).await;
    let request = json!({"type": "send_message", "groupId": scene.chat, "contentType": "xmtp.org/text:1.0",
                         "content": {"text": "ws"}});
    // ten at once, whoever asks for them
    for _ in 0..4 {
        let answer = scene.asks(&given, request.clone()).await;
        assert!(matches!(answer, Response::Success { .. }), "{answer:?}");
    }
    for _ in 0..3 {
        scene.says(given.who, "http").await.unwrap();
        scene.lends("owner").await.unwrap();
    }
    let own = scene.says(given.who, "too much").await.unwrap_err();
    assert_eq!(context(&own, "limit"), (Category::Permission, json!("sends")));
    let lent = scene.lends("too much").await.unwrap_err();
    assert_eq!(context(&lent, "retryAfterMs"), (Category::Permission, json!(2000)));
    let Response::Failure { failure, .. } = scene.asks(&given, request).await else {
        panic!("let through");
    };
    assert_eq!(context(&failure, "limit"), (Category::Permission, json!("sends")));
    assert_eq!(scene.texts().await.len(), 10);
    scene.desk.clock.advance(Duration::from_secs(2));
    scene.says(given.who, "later").await.unwrap();
}

#[tokio::test]
async fn an_admin_speaks_in_an_operator_s_name_under_its_credential() {
    let scene = Scene::new().await;
    let given = scene.credential(["send"]).await;
    let sent = scene.lends("by the operator").await.unwrap();
    assert_eq!(scene.texts().await, ["by the operator"]);
    // who spoke, under what, and what came of it
    let who = |actor: &str, target: &Value| (actor.to_owned(), "message.send".to_owned(), text(target));
    let expected = [
        who("owner", &json!(given.id)),
        who(&given.id, &sent["messageId"]),
        who("owner", &json!(given.id)),
    ];
    assert_eq!(scene.log(3).await, expected);
    // and by its label
    let input = json!({"chatId": scene.chat, "text": "again", "operatorId": "one"});
    scene.desk.call(Principal::Admin, "message.send", input).await.unwrap();
}

#[tokio::test]
async fn of_several_credentials_the_newest_that_allows_it_speaks() {
    let scene = Scene::new().await;
    let talks = scene.credential(["send"]).await;
    scene.credential(["read-messages"]).await;
    scene.lends("by the first").await.unwrap();
    assert_eq!(scene.log(1).await[0].2, talks.id);
    let newer = scene.credential(["send"]).await;
    scene.lends("by the third").await.unwrap();
    assert_eq!(scene.log(1).await[0].2, newer.id);
}

#[tokio::test]
async fn the_limits_of_the_credential_hold_for_whoever_speaks_under_it() {
    let scene = Scene::new().await;
    let none = scene.lends("x").await.unwrap_err();
    assert_eq!(context(&none, "hint"), (Category::Permission, json!("xs cred issue")));
    let reads = scene.credential(["read-messages"]).await;
    let refused = scene.lends("x").await.unwrap_err();
    assert_eq!(context(&refused, "scope"), (Category::Permission, json!("send")));
    // one of another chat does not help
    let other = scene.desk.chat(&scene.operator).await;
    scene.desk.credential(&scene.operator, &other, json!(["send"])).await;
    let refused = scene.lends("x").await.unwrap_err();
    assert_eq!(context(&refused, "scope"), (Category::Permission, json!("send")));
    let revoke = json!({"credentialId": reads.id});
    scene.desk.done("credential.revoke", revoke).await;
    let none = scene.lends("x").await.unwrap_err();
    assert_eq!(context(&none, "hint"), (Category::Permission, json!("xs cred issue")));
    scene.credential(["send"]).await;
    scene.desk.clock.advance(Duration::from_secs(3600));
    let ended = scene.lends("x").await.unwrap_err();
    assert_eq!(context(&ended, "hint"), (Category::Permission, json!("xs cred issue")));
    assert!(scene.heard().await.is_empty());
}

#[tokio::test]
async fn only_who_administers_an_operator_speaks_in_its_name() {
    let scene = Scene::new().await;
    scene.credential(["send"]).await;
    let admin = async |label: &str| {
        let input = json!({"label": label, "role": "admin", "scopeMode": "shared"});
        let made = scene.desk.done("operator.create", input).await;
        Principal::Operator(text(&made["id"]).parse().unwrap())
    };
    let foreign = admin("another tree").await;
    let itself = Principal::Operator(scene.operator.parse().unwrap());
    for (who, category) in [(foreign, Category::NotFound), (itself, Category::Permission)] {
        let input = json!({"chatId": scene.chat, "text": "x", "operatorId": scene.operator});
        let refused = scene.desk.call(who, "message.send", input).await.unwrap_err();
        assert_eq!(refused.kind(), category);
    }
    for member in ["identityLabel", "asOwner"] {
        let value = if member == "asOwner" {
            json!(true)
        } else {
            json!("owner")
        };
        let input = json!({"chatId": scene.chat, "text": "x", "operatorId": scene.operator, member: value});
        let refused = scene.desk.refused("message.send", input).await;
        assert_eq!(context(&refused, "field"), (Category::Validation, json!("operatorId")));
    }
    assert!(scene.heard().await.is_empty());
}

/// The input by which a credential does what an action is for.
fn input(id: &str, chat: &str, message: &str, bob: &str) -> Value {
    let chat = json!(chat);
    match id {
        "message.send" => json!({"chatId": chat, "text": "x"}),
        "message.reply" => json!({"chatId": chat, "messageId": message, "text": "x"}),
        "message.react" => json!({"chatId": chat, "messageId": message, "reaction": "x"}),
        "chat.create" => json!({"memberInboxIds": []}),
        "chat.list" => json!({}),
        "chat.update" => {
            json!({"chatId": chat, "name": "New", "description": "new", "imageUrl": "https://example.test"})
        }
        "chat.add-member" | "chat.remove-member" | "chat.promote-member" | "chat.demote-member" => {
            json!({"chatId": chat, "inboxId": bob})
        }
        _ => json!({"chatId": chat}),
    }
}

/// Reading is not done here, and invites have tests of their own.
const ELSEWHERE: [&str; 6] = [
    "message.list",
    "message.info",
    "search.messages",
    "chat.join",
    "chat.invite",
    "chat.revoke-invite",
];

#[tokio::test]
async fn every_action_that_the_table_has_for_credentials_takes_the_scopes_that_it_names() {
    let registry = action::Registry::new(action::table().iter().copied()).unwrap();
    let open = registry.entries().filter_map(|entry: &Entry| {
        let scopes = entry.credential_scopes().filter(|scopes| !scopes.is_empty())?;
        Some((entry.id(), scopes))
    });
    let mut tried = 0;
    for (id, scopes) in open.filter(|(id, _)| !ELSEWHERE.contains(id)) {
        // each on a desk of its own: some of them end what the others need
        let scene = Scene::new().await;
        let bob = scene.desk.person("bob").await.name().0.clone();
        if ["chat.remove-member", "chat.promote-member", "chat.demote-member"].contains(&id) {
            let added = json!({"chatId": scene.chat, "inboxId": bob});
            scene.desk.done("chat.add-member", added).await;
        }
        let said = scene.credential(["send"]).await;
        let said = scene.says(said.who, "said").await.unwrap();
        let input = |chat: &str| input(id, chat, said["messageId"].as_str().unwrap(), &bob);
        let all: Vec<Scope> = Scope::ALL.into_iter().filter(|scope| !scopes.contains(scope)).collect();
        let without = scene.credential(&all).await;
        let refused = scene.desk.call(without.who, id, input(&scene.chat)).await.unwrap_err();
        let (category, scope) = context(&refused, "scope");
        assert_eq!(category, Category::Permission, "{id}");
        assert!(scopes.iter().any(|named| scope == named.as_str()), "{id}: {scope}");

        let with = scene.credential(scopes).await;
        let absent = scene.desk.call(with.who, id, input("conv_0000000000000000")).await;
        if !["chat.create", "chat.list"].contains(&id) {
            assert_eq!(absent.unwrap_err().kind(), Category::NotFound, "{id}");
        }
        let done = scene.desk.call(with.who, id, input(&scene.chat)).await;
        if id == "chat.leave" {
            // the network's word, not ours
            let refused = done.unwrap_err();
            assert!(refused.message.contains("super admin"), "{refused}");
        } else {
            done.unwrap();
        }
        tried += 1;
    }
    assert!(tried >= 13, "{tried}");
}

#[tokio::test]
async fn who_may_not_list_members_is_not_told_of_them_by_another_action() {
    let scene = Scene::new().await;
    let lists = scene.credential(["list-conversations", "update-name"]).await;
    let listed = scene.desk.call(lists.who, "chat.list", json!({})).await.unwrap();
    assert_eq!(listed["groups"][0]["chatId"], scene.chat.as_str());
    assert_eq!(listed["groups"][0]["memberInboxIds"], json!([]));
    let rename = json!({"chatId": scene.chat, "name": "Renamed"});
    let renamed = scene.desk.call(lists.who, "chat.update", rename).await.unwrap();
    assert_eq!(
        (&renamed["name"], &renamed["memberInboxIds"]),
        (&json!("Renamed"), &json!([]))
    );
    let info = json!({"chatId": scene.chat});
    let refused = scene.desk.call(lists.who, "chat.info", info.clone()).await.unwrap_err();
    assert_eq!(
        context(&refused, "scope"),
        (Category::Permission, json!("list-members"))
    );
    let sees = scene.credential(["list-members"]).await;
    let seen = scene.desk.call(sees.who, "chat.info", info).await.unwrap();
    assert_eq!(seen["memberInboxIds"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn reveals_are_asked_for_no_oftener_by_an_action_than_by_the_socket() {
    let scene = Scene::new().await;
    let asks = scene.credential(["stream-messages"]).await;
    let mut answers = Vec::new();
    for n in 0..11 {
        let ask = json!({"credentialId": asks.id, "chatId": scene.chat, "scope": "sender", "targetId": format!("somebody-{n}"),
            "expiresAt": null});
        answers.push(scene.desk.call(asks.who, "reveal.request", ask).await);
    }
    // ten at once, as settings have it
    let refused = answers.pop().unwrap().unwrap_err();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert!(context(&refused, "retryAfterMs").1.as_u64().unwrap() > 0, "{refused:?}");
}
