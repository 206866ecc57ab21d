//! Links to chats: those who are let in by them and those who are not, on both sides (signet spec 9.5, 10.5, 10.6, 13
//! "convos").
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops"
)]

mod common;

use std::{sync::Arc, time::Duration};

use chancery_signet::{
    Principal,
    network::{
        Change, Content, ConversationName, Cursor, Details, Event, Inbox, InboxName, InviteTerms, MessageQuery,
        Network as _,
    },
};
use chancery_signet_wire::{Category, Failure};
use common::{Desk, context, text};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait for what must not happen.
const MOMENT: Duration = Duration::from_millis(300);

/// An operator's chat, and Bob, who is not in it.
struct Scene {
    desk: Desk,
    host: InboxName,
    chat: String,
    group: ConversationName,
    bob: Arc<dyn Inbox>,
}

impl Scene {
    async fn new() -> Self {
        let desk = Desk::new().await;
        desk.operator("host", "shared").await;
        desk.done("inbox.create", json!({"operatorId": "host"})).await;
        let input = json!({"memberInboxIds": [], "name": "Team", "operatorId": "host"});
        let made = desk.done("chat.create", input).await;
        Self {
            bob: desk.person("bob").await,
            host: InboxName(text(&made["creatorInboxId"])),
            chat: text(&made["chatId"]),
            group: ConversationName(text(&made["groupId"])),
            desk,
        }
    }

    async fn invite(&self, more: Value) -> Value {
        let mut input = json!({"chatId": self.chat});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.desk.done("chat.invite", input).await
    }

    async fn slug(&self, more: Value) -> String {
        let invite = self.invite(more).await;
        let read = self.desk.network.read_invite(invite["inviteUrl"].as_str().unwrap());
        read.await.unwrap().slug
    }

    /// Bob asks as an app of people does.
    async fn asks(&self, slug: &str, key: &str) -> ConversationName {
        let dm = self.bob.create_dm(&self.host).await.unwrap();
        let body = json!({"inviteSlug": slug, "profile": {"name": "Bob"}});
        self.bob
            .send(&dm, &content("convos.org/join_request:1.0", body), key)
            .await
            .unwrap();
        dm
    }

    async fn is_in(&self, inbox: &InboxName) -> bool {
        let members = self.desk.done("chat.members", json!({"chatId": self.chat})).await;
        let members = members["members"].as_array().unwrap().clone();
        members.iter().any(|member| member["inboxId"] == inbox.0.as_str())
    }

    async fn let_in(&self) {
        eventually("Bob is in", async || self.is_in(self.bob.name()).await).await;
    }

    /// Why Bob is not let in, as he is told.
    async fn told(&self, dm: &ConversationName) -> Value {
        let told = async || no_in(&*self.bob, dm).await.pop();
        eventually("Bob is told", async || told().await.is_some()).await;
        told().await.unwrap()
    }

    async fn logged(&self, kind: &str) -> Vec<Value> {
        let log = self.desk.done("admin.logs", json!({"limit": 2000})).await;
        let entries = log.as_array().unwrap().iter();
        entries.filter(|entry| entry["action"] == kind).cloned().collect()
    }

    /// Waits until so many were let in, as the log has it, and no more.
    async fn accepted(&self, times: usize) {
        let logged = async || self.logged("convos.join-request.accepted").await.len();
        eventually("they are let in", async || logged().await >= times).await;
        assert_eq!(logged().await, times);
    }

    async fn inboxes(&self) -> usize {
        self.desk.done("inbox.list", json!({})).await.as_array().unwrap().len()
    }
}

async fn eventually(what: &str, so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "{what}");
}

fn content(content_type: &str, body: Value) -> Content {
    Content {
        content_type: content_type.to_owned(),
        body,
    }
}

async fn all(inbox: &dyn Inbox, conversation: &ConversationName, kind: &str) -> Vec<Value> {
    let query = MessageQuery {
        conversation,
        before: None,
        after: None,
        limit: 1000,
    };
    let messages = inbox.messages(query).await.unwrap_or_default();
    let of_kind = messages
        .into_iter()
        .filter(|message| message.content.content_type == kind);
    of_kind.map(|message| message.content.body).collect()
}

async fn no_in(inbox: &dyn Inbox, dm: &ConversationName) -> Vec<Value> {
    all(inbox, dm, "convos.app/inviteJoinError:1.0").await
}

fn terms(group: &ConversationName) -> InviteTerms {
    InviteTerms {
        conversation: group.clone(),
        tag: "x7k2m9q4t1".to_owned(),
        title: None,
        description: None,
        expires_at: None,
        single_use: false,
    }
}

#[tokio::test]
async fn whoever_has_a_link_comes_in_by_it_and_is_known_by_their_name() {
    let scene = Scene::new().await;
    let profile = json!({"chatId": scene.chat, "profileName": "The host"});
    scene.desk.done("chat.update-profile", profile).await;
    let invite = scene.invite(json!({})).await;
    let tag = text(&invite["inviteTag"]);
    assert!(tag.len() == 10 && tag.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()));
    assert_eq!(invite["chatId"], scene.chat.as_str());
    assert_eq!(invite["groupId"], scene.group.0);
    assert_eq!(invite["groupName"], "Team");
    assert_eq!(invite["creatorInboxId"], scene.host.0);

    scene.desk.operator("guest", "per-chat").await;
    let join = json!({"inviteUrl": invite["inviteUrl"], "label": "at-team", "operatorId": "guest"});
    let joined = scene.desk.done("chat.join", join).await;
    let expected = json!({"chatId": scene.chat, "groupId": scene.group.0, "identityId": joined["identityId"],
        "inboxId": joined["inboxId"], "inviteTag": tag, "groupName": "Team", "creatorInboxId": scene.host.0,
        "profileName": "guest", "profileSource": "operator-default", "profileApplied": true});
    assert_eq!(joined, expected);
    let inbox = json!({"inboxId": joined["identityId"]});
    let inbox = scene.desk.done("inbox.info", inbox).await;
    assert_eq!(
        (&inbox["label"], &inbox["networkInboxId"]),
        (&json!("at-team"), &joined["inboxId"])
    );
    assert!(scene.is_in(&InboxName(text(&joined["inboxId"]))).await);
    scene.accepted(1).await;

    // whoever comes next is told how the others show themselves
    scene.asks(&scene.slug(json!({})).await, "bob").await;
    scene.let_in().await;
    let snapshot = "convos.org/profile_snapshot:1.0";
    eventually("Bob is told of the others", async || {
        !all(&*scene.bob, &scene.group, snapshot).await.is_empty()
    })
    .await;
    let told = all(&*scene.bob, &scene.group, snapshot).await.pop().unwrap();
    assert_eq!(told["profiles"][&scene.host.0]["name"], "The host");
    assert_eq!(
        told["profiles"][text(&joined["inboxId"])],
        json!({"name": "guest", "memberKind": "agent"})
    );
}

#[tokio::test]
async fn a_plain_text_is_as_good_as_a_request_and_both_count_once() {
    let scene = Scene::new().await;
    let slug = scene.slug(json!({"singleUse": true})).await;
    let dm = scene.asks(&slug, "structured").await;
    let plain = content("xmtp.org/text:1.0", json!({"text": slug}));
    scene.bob.send(&dm, &plain, "plain").await.unwrap();
    scene.let_in().await;
    // and much later once more: who is in is not let in, nor told that they cannot be
    scene.desk.clock.advance(Duration::from_secs(60));
    scene.bob.send(&dm, &plain, "late").await.unwrap();
    let carol = scene.desk.person("carol").await;
    let hers = carol.create_dm(&scene.host).await.unwrap();
    let other = scene.slug(json!({})).await;
    carol
        .send(&hers, &content("xmtp.org/text:1.0", json!({"text": other})), "plain")
        .await
        .unwrap();
    // requests are answered in order: his was before hers
    eventually("Carol is in", async || scene.is_in(carol.name()).await).await;
    scene.accepted(2).await;
    assert_eq!(scene.logged("convos.join-request.rejected").await.len(), 0);
    assert!(no_in(&*scene.bob, &dm).await.is_empty());
}

#[tokio::test]
async fn who_asks_while_the_signet_is_away_is_answered_when_it_is_back() {
    let mut scene = Scene::new().await;
    let slug = scene.slug(json!({})).await;
    scene.desk.signet.shutdown().await;
    scene.asks(&slug, "meanwhile").await;
    scene.desk.clock.advance(Duration::from_secs(24 * 3600));
    scene.desk.signet = scene.desk.another().await.unwrap();
    scene.desk.settled().await;
    scene.let_in().await;
}

#[tokio::test]
async fn a_link_that_does_not_count_any_more_lets_nobody_in_and_says_why() {
    for why in ["expired", "revoked", "used"] {
        let scene = Scene::new().await;
        let invite = scene
            .invite(json!({"expiresInSeconds": 3600, "singleUse": why == "used"}))
            .await;
        let slug = scene.desk.network.read_invite(invite["inviteUrl"].as_str().unwrap());
        let slug = slug.await.unwrap().slug;
        match why {
            "expired" => scene.desk.clock.advance(Duration::from_secs(3600)),
            "revoked" => {
                let input = json!({"chatId": scene.chat, "inviteTag": invite["inviteTag"]});
                for _ in 0..2 {
                    let revoked = scene.desk.done("chat.revoke-invite", input.clone()).await;
                    assert_eq!(revoked["revoked"], true);
                }
            }
            _ => {
                scene.desk.operator("guest", "shared").await;
                let join = json!({"inviteUrl": slug, "operatorId": "guest"});
                scene.desk.done("chat.join", join).await;
            }
        }
        let dm = scene.asks(&slug, "too late").await;
        let told = scene.told(&dm).await;
        assert_eq!(told["errorType"], "genericFailure");
        assert_eq!(
            (&told["inviteTag"], &told["reason"]),
            (&invite["inviteTag"], &json!(why))
        );
        assert!(!scene.is_in(scene.bob.name()).await);
        let rejected = async || scene.logged("convos.join-request.rejected").await;
        eventually("it is noted", async || rejected().await.len() == 1).await;
        assert_eq!(rejected().await[0]["detail"]["reason"], why);

        // who joins by a signet is told in words, and keeps no identity
        let before = scene.inboxes().await;
        let refused = scene.desk.refused("chat.join", json!({"inviteUrl": slug})).await;
        let words = ["has expired", "was revoked", "has been used"];
        assert!(words.iter().any(|word| refused.message.contains(word)), "{refused}");
        assert_eq!(context(&refused, "field"), (Category::Validation, json!("inviteUrl")));
        assert_eq!(scene.inboxes().await, before);
    }
}

#[tokio::test]
async fn what_another_made_or_nobody_lets_nobody_in() {
    let scene = Scene::new().await;
    let carol = scene.desk.person("carol").await;
    let hers = carol.create_group(&[], &Details::default()).await.unwrap();
    let foreign = carol.invite(&terms(&hers)).await.unwrap();
    scene.asks(&foreign, "foreign").await;
    eventually("it is refused", async || {
        scene.logged("convos.join-request.rejected").await.len() == 1
    })
    .await;
    // a long word is no request, and no word to anybody about it
    let dm = scene.bob.create_dm(&scene.host).await.unwrap();
    let word = content("xmtp.org/text:1.0", json!({"text": "a".repeat(80)}));
    scene.bob.send(&dm, &word, "word").await.unwrap();
    scene.asks(&scene.slug(json!({})).await, "good").await;
    scene.let_in().await;
    assert_eq!(scene.logged("convos.join-request.rejected").await.len(), 1);
    assert!(no_in(&*scene.bob, &dm).await.is_empty());
}

#[tokio::test]
async fn a_link_that_is_shown_in_a_group_lets_nobody_in() {
    let scene = Scene::new().await;
    let slug = scene.slug(json!({})).await;
    let both = [scene.host.clone()];
    let other = scene.bob.create_group(&both, &Details::default()).await.unwrap();
    let shown = content("xmtp.org/text:1.0", json!({"text": slug}));
    scene.bob.send(&other, &shown, "look").await.unwrap();
    tokio::time::sleep(MOMENT).await;
    assert!(!scene.is_in(scene.bob.name()).await);
    // it counts all the same
    scene.asks(&slug, "asked").await;
    scene.let_in().await;
    scene.accepted(1).await;
}

#[tokio::test]
async fn the_links_of_a_credential_end_with_it_and_are_its_own() {
    let scene = Scene::new().await;
    let issue = async |allow: Value| {
        let input = json!({"operatorId": "host", "chatIds": [scene.chat], "allow": allow});
        let issued = scene.desk.done("credential.issue", input).await;
        text(&issued["credential"]["id"])
    };
    let who = |id: &str| Principal::Credential(id.parse().unwrap());
    let reads = issue(json!(["read-messages"])).await;
    let input = json!({"chatId": scene.chat});
    let refused = scene
        .desk
        .call(who(&reads), "chat.invite", input.clone())
        .await
        .unwrap_err();
    assert_eq!(context(&refused, "scope"), (Category::Permission, json!("invite")));

    let invites = issue(json!(["invite"])).await;
    let invite = scene.desk.call(who(&invites), "chat.invite", input).await.unwrap();
    let elsewhere = json!({"chatId": "conv_0000000000000000"});
    let absent = scene
        .desk
        .call(who(&invites), "chat.invite", elsewhere)
        .await
        .unwrap_err();
    assert_eq!(absent.kind(), Category::NotFound);
    let owners = scene.invite(json!({})).await;
    let other = json!({"chatId": scene.chat, "inviteTag": owners["inviteTag"]});
    let absent = scene
        .desk
        .call(who(&invites), "chat.revoke-invite", other)
        .await
        .unwrap_err();
    assert_eq!(absent.kind(), Category::NotFound);

    let revoke = json!({"credentialId": invites});
    scene.desk.done("credential.revoke", revoke).await;
    let slug = scene.desk.network.read_invite(invite["inviteUrl"].as_str().unwrap());
    let dm = scene.asks(&slug.await.unwrap().slug, "after").await;
    assert_eq!(scene.told(&dm).await["reason"], "revoked");
    assert!(!scene.is_in(scene.bob.name()).await);
}

#[tokio::test]
async fn who_is_kept_out_is_not_let_in_by_a_link() {
    let scene = Scene::new().await;
    let slug = scene.slug(json!({})).await;
    let inboxes = scene.desk.done("inbox.list", json!({})).await;
    let deny = json!({"entity": scene.bob.name().0, "identityLabel": inboxes[0]["id"]});
    scene.desk.done("consent.deny", deny).await;
    let dm = scene.asks(&slug, "may I").await;
    eventually("it is refused", async || {
        scene.logged("convos.join-request.rejected").await.len() == 1
    })
    .await;
    let rejected = scene.logged("convos.join-request.rejected").await;
    assert_eq!(rejected[0]["detail"]["reason"], "denied");
    assert!(!scene.is_in(scene.bob.name()).await);
    assert!(no_in(&*scene.bob, &dm).await.is_empty());
    // and nobody is let into a conversation of two
    let listed = scene.desk.done("chat.list", json!({})).await;
    let groups = listed["groups"].as_array().unwrap();
    let direct = groups.iter().find(|group| group["groupId"] == dm.0.as_str()).unwrap();
    let refused = scene
        .desk
        .refused("chat.invite", json!({"chatId": direct["chatId"]}))
        .await;
    assert_eq!(context(&refused, "field"), (Category::Validation, json!("chatId")));
}

#[tokio::test]
async fn links_of_a_chat_are_so_many_and_none_outlives_it() {
    let scene = Scene::new().await;
    let slug = scene.slug(json!({})).await;
    for _ in 1..100 {
        scene.invite(json!({})).await;
    }
    let more = scene.desk.refused("chat.invite", json!({"chatId": scene.chat})).await;
    assert_eq!(context(&more, "limit"), (Category::Validation, json!("invites")));
    let long = json!({"chatId": scene.chat, "expiresInSeconds": 367 * 24 * 3600});
    let long = scene.desk.refused("chat.invite", long).await;
    assert_eq!(
        context(&long, "field"),
        (Category::Validation, json!("expiresInSeconds"))
    );
    let forget = json!({"chatId": scene.chat, "force": true});
    scene.desk.done("chat.rm", forget).await;
    let dm = scene.asks(&slug, "after").await;
    assert_eq!(scene.told(&dm).await["reason"], "unknown");
}

/// A host that is not a signet: it is asked, and does what the test does.
struct Host {
    scene: Scene,
    alice: Arc<dyn Inbox>,
    group: ConversationName,
    link: String,
}

impl Host {
    async fn new() -> Self {
        let scene = Scene::new().await;
        let alice = scene.desk.person("alice").await;
        let details = Details {
            title: "Hers".to_owned(),
            ..Details::default()
        };
        let group = alice.create_group(&[], &details).await.unwrap();
        let link = alice.invite(&terms(&group)).await.unwrap();
        Self {
            scene,
            alice,
            group,
            link,
        }
    }

    /// Joins as a task, so that the test can be the host meanwhile.
    fn join(&self, more: Value) -> tokio::task::JoinHandle<Result<chancery_signet_wire::Json, Failure>> {
        let mut input = json!({"inviteUrl": self.link, "timeoutSeconds": 30});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let call = chancery_signet_wire::action::Call::parse("chat.join", &input.to_string()).unwrap();
        let signet = self.scene.desk.signet.clone();
        tokio::spawn(async move { signet.dispatch(Principal::Owner, call).await })
    }

    /// Waits for the request: who asks, where, and with what.
    async fn asked(&self) -> (InboxName, ConversationName, Value) {
        let mut events = self.alice.events(Cursor(0));
        let waiting = async {
            loop {
                if let Some(Ok((_, Event::Said(message)))) = events.next().await
                    && message.content.content_type == "convos.org/join_request:1.0"
                {
                    return (message.sender, message.conversation, message.content.body);
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap()
    }
}

#[tokio::test]
async fn only_the_inviter_lets_us_in() {
    let host = Host::new().await;
    let joining = host.join(json!({"label": "joiner", "profileName": "Joiner"}));
    let (joiner, dm, request) = host.asked().await;
    assert_eq!(request["profile"], json!({"memberKind": "agent", "name": "Joiner"}));
    let plain = async || all(&*host.alice, &dm, "xmtp.org/text:1.0").await;
    eventually("the plain copy comes", async || !plain().await.is_empty()).await;
    assert_eq!(plain().await, [json!({"text": request["inviteSlug"]})]);
    // somebody else draws us into a group in which the inviter is
    let mallory = host.scene.desk.person("mallory").await;
    let both = [joiner.clone(), host.alice.name().clone()];
    mallory.create_group(&both, &Details::default()).await.unwrap();
    tokio::time::sleep(MOMENT).await;
    host.alice
        .change(&host.group, &Change::Add(vec![joiner]))
        .await
        .unwrap();
    let joined: Value = joining.await.unwrap().unwrap().read().unwrap();
    assert_eq!(joined["groupId"], host.group.0);
    assert_eq!(
        (&joined["groupName"], &joined["profileSource"]),
        (&json!("Hers"), &json!("explicit"))
    );
    let profiles = all(&*host.alice, &host.group, "convos.org/profile_update:1.0").await;
    assert_eq!(profiles, [json!({"name": "Joiner", "memberKind": "agent"})]);
}

#[tokio::test]
async fn a_no_of_the_inviter_ends_the_join() {
    let host = Host::new().await;
    let before = host.scene.inboxes().await;
    let joining = host.join(json!({}));
    let (_, dm, _) = host.asked().await;
    let no = |tag: &str| {
        let body = json!({"errorType": "conversationExpired", "inviteTag": tag, "timestamp": "2027-01-15T08:00:00Z"});
        content("convos.app/inviteJoinError:1.0", body)
    };
    // one to another link is none to this
    host.alice.send(&dm, &no("another"), "1").await.unwrap();
    tokio::time::sleep(MOMENT).await;
    assert!(!joining.is_finished());
    host.alice.send(&dm, &no("x7k2m9q4t1"), "2").await.unwrap();
    let refused = joining.await.unwrap().unwrap_err();
    assert!(refused.message.contains("the conversation has ended"), "{refused}");
    assert_eq!(
        context(&refused, "inviteTag"),
        (Category::Validation, json!("x7k2m9q4t1"))
    );
    assert_eq!(host.scene.inboxes().await, before);
}

#[tokio::test]
async fn nobody_waits_for_ever_and_nothing_is_left_of_a_join_that_came_to_nothing() {
    let mut host = Host::new().await;
    let before = host.scene.inboxes().await;
    let late = host.join(json!({"timeoutSeconds": 1})).await.unwrap().unwrap_err();
    assert_eq!(late.kind(), Category::Timeout);
    assert_eq!(host.scene.inboxes().await, before);
    let long = host.join(json!({"timeoutSeconds": 3601})).await.unwrap().unwrap_err();
    assert_eq!(context(&long, "field"), (Category::Validation, json!("timeoutSeconds")));

    // the caller goes away, and then the signet dies
    let joining = host.join(json!({"label": "gone"}));
    let dms = async || host.alice.conversations().await.unwrap().len();
    let asked = dms().await;
    eventually("it asks", async || dms().await > asked).await;
    joining.abort();
    assert_eq!(host.scene.inboxes().await, before + 1);
    host.scene.desk.crash().await;
    let desk = &host.scene.desk;
    eventually("nothing is left", async || {
        desk.done("inbox.list", json!({})).await.as_array().unwrap().len() == before
    })
    .await;
}

#[tokio::test]
async fn what_is_no_link_is_refused_before_anything_is_made() {
    let scene = Scene::new().await;
    for url in ["hello", "https://example.org/v2?i=x"] {
        let refused = scene.desk.refused("chat.join", json!({"inviteUrl": url})).await;
        assert_eq!(context(&refused, "field"), (Category::Validation, json!("inviteUrl")));
    }
    let issue = json!({"operatorId": "host", "chatIds": [scene.chat], "allow": ["send"]});
    let issued = scene.desk.done("credential.issue", issue).await;
    let sends = Principal::Credential(text(&issued["credential"]["id"]).parse().unwrap());
    let link = scene.invite(json!({})).await["inviteUrl"].clone();
    let join = json!({"inviteUrl": link});
    let refused = scene.desk.call(sends, "chat.join", join).await.unwrap_err();
    assert_eq!(context(&refused, "scope"), (Category::Permission, json!("join")));
    assert_eq!(scene.inboxes().await, 1);
}

#[tokio::test]
async fn a_credential_joins_for_its_operator() {
    let scene = Scene::new().await;
    let guest = scene.desk.operator("guest", "per-chat").await;
    let own = scene.desk.chat(&guest).await;
    let issue = json!({"operatorId": guest, "chatIds": [own], "allow": ["join"]});
    let issued = scene.desk.done("credential.issue", issue).await;
    let joins = Principal::Credential(text(&issued["credential"]["id"]).parse().unwrap());
    let link = scene.invite(json!({})).await["inviteUrl"].clone();
    let other = json!({"inviteUrl": link, "operatorId": "host"});
    let refused = scene.desk.call(joins, "chat.join", other).await.unwrap_err();
    assert_eq!(refused.kind(), Category::Permission);
    let joined = scene
        .desk
        .call(joins, "chat.join", json!({"inviteUrl": link}))
        .await
        .unwrap();
    let inbox = json!({"inboxId": joined["identityId"]});
    let inbox = scene.desk.done("inbox.info", inbox).await;
    assert_eq!(inbox["operatorId"], guest.as_str());
    // what it joined is not its own until it is issued for it
    let look = scene
        .desk
        .call(joins, "chat.leave", json!({"chatId": scene.chat}))
        .await;
    assert_eq!(look.unwrap_err().kind(), Category::NotFound);
}

#[tokio::test]
async fn a_profile_has_the_name_that_is_given_or_the_operator_s() {
    let scene = Scene::new().await;
    let applied = |name: &str, source: &str| {
        json!({"chatId": scene.chat, "groupId": scene.group.0, "profileName": name, "profileSource": source,
               "profileApplied": true})
    };
    let input = json!({"chatId": scene.chat, "profileName": "Alice"});
    let done = scene.desk.done("chat.update-profile", input).await;
    assert_eq!(done, applied("Alice", "explicit"));
    let input = json!({"chatId": scene.chat, "operatorId": "host"});
    let done = scene.desk.done("chat.update-profile", input).await;
    assert_eq!(done, applied("host", "operator-default"));
    let none = json!({"chatId": scene.chat});
    let refused = scene.desk.refused("chat.update-profile", none).await;
    assert_eq!(refused.kind(), Category::Validation);
    let log = scene.desk.log().await;
    // before and after each
    assert_eq!(log.iter().filter(|action| *action == "chat.update-profile").count(), 4);
}
