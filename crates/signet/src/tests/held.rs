//! Actions that wait for the owner.

use chancery_policy::messaging::Scope;
use chancery_signet_wire::{Uuid, frame::Event, record::held::Verdict};
use serde_json::json;

use super::*;

struct Case {
    world: World,
    name: ConversationName,
    chat: ConversationId,
    issued: Issued,
    session: HarnessSession,
}

async fn case(seed: u64) -> Case {
    let world = World::new(seed).await;
    let (name, chat) = world.chat().await;
    let issued = Issued {
        confirm: vec![Scope::Send],
        ..Issued::new(1, USUAL, chat)
    };
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
    /// Asks for a text to be sent, which is held.
    async fn hold(&mut self, text: &str) -> Uuid {
        let request = json!({"type": "send_message", "groupId": self.chat, "contentType": "xmtp.org/text:1.0", "content": {"text": text}});
        let held = ask(&self.session, request).await.unwrap();
        assert_eq!(held["pending"], true);
        let Event::ActionConfirmationRequired(event) = event(&mut self.session).await.event else {
            panic!()
        };
        assert_eq!(event.action_type, "send_message");
        assert_eq!(json!(event.action_id), held["actionId"]);
        let preview: Value = event.preview.read().unwrap();
        assert_eq!(preview["content"]["text"], text);
        event.action_id
    }

    async fn said(&self) -> Vec<String> {
        texts(&self.world.seen_by_human(&self.name).await)
    }

    async fn resolved(&mut self) -> (Uuid, Verdict, Option<Value>) {
        let Event::ActionResolved(event) = event(&mut self.session).await.event else {
            panic!()
        };
        (
            event.action_id,
            event.verdict,
            event.data.map(|data| data.read().unwrap()),
        )
    }
}

#[tokio::test]
async fn a_held_action_is_done_when_the_owner_agrees_and_once() {
    let mut case = case(1).await;
    let id = case.hold("may I").await;
    assert!(case.said().await.is_empty());
    let shown = case.world.traffic.held_action(id).await.unwrap();
    let approved = case.world.traffic.approve(id, "owner".to_owned(), shown.digest).await;
    approved.unwrap().answer(case.chat).unwrap();
    assert_eq!(case.said().await, ["may I"]);
    let (resolved, verdict, data) = case.resolved().await;
    assert_eq!((resolved, verdict), (id, Verdict::Approved));
    assert!(data.unwrap()["messageId"].is_string());
    let again = case
        .world
        .traffic
        .approve(id, "owner".to_owned(), None)
        .await
        .unwrap_err();
    assert_eq!(again.class.code(), 1100);
    assert_eq!(case.said().await, ["may I"]);
}

#[tokio::test]
async fn the_harness_can_take_an_action_back_and_not_agree_to_it() {
    let mut case = case(2).await;
    let id = case.hold("let me").await;
    let confirm = |confirmed: bool| json!({"type": "confirm_action", "actionId": id, "confirmed": confirmed});
    let refused = ask(&case.session, confirm(true)).await.unwrap_err();
    assert_eq!(refused["code"], 1200);
    assert!(case.said().await.is_empty());
    // nor can another harness say anything about it
    let other = Issued::new(2, USUAL, case.chat);
    case.world.issue(&other).await;
    let other = case.world.connect(&other, None).await;
    assert_eq!(ask(&other, confirm(false)).await.unwrap_err()["code"], 1100);
    let denied = ask(&case.session, confirm(false)).await.unwrap();
    assert_eq!(denied, json!({"denied": true, "actionId": id}));
    assert_eq!(case.resolved().await, (id, Verdict::Denied, None));
    let late = case.world.traffic.approve(id, "owner".to_owned(), None).await;
    assert_eq!(late.unwrap_err().class.code(), 1100);
    assert!(case.said().await.is_empty());
}

#[tokio::test]
async fn a_denied_action_is_told_and_over() {
    let mut case = case(3).await;
    let id = case.hold("no").await;
    case.world.traffic.deny(id, "owner".to_owned()).await.unwrap();
    assert_eq!(case.resolved().await, (id, Verdict::Denied, None));
    assert!(case.world.traffic.held_actions(None).await.unwrap().actions.is_empty());
    assert!(case.world.traffic.approve(id, "owner".to_owned(), None).await.is_err());
}

#[tokio::test]
async fn an_action_that_nobody_decides_expires() {
    let mut case = case(4).await;
    let id = case.hold("wait").await;
    case.world.pass(300_000);
    let late = case
        .world
        .traffic
        .approve(id, "owner".to_owned(), None)
        .await
        .unwrap_err();
    assert_eq!(late.class.code(), 1200);
    case.world.traffic.tidy(false).await.unwrap();
    assert_eq!(case.resolved().await, (id, Verdict::Expired, None));
    assert!(case.said().await.is_empty());
}

#[tokio::test]
async fn what_waits_is_still_there_after_a_restart() {
    let mut case = case(5).await;
    let id = case.hold("later").await;
    case.world.restart().await;
    let waiting = case.world.traffic.held_actions(Some(case.issued.id())).await.unwrap();
    assert_eq!(waiting.actions.len(), 1);
    assert!(case.said().await.is_empty());
    case.world.traffic.approve(id, "owner".to_owned(), None).await.unwrap();
    assert_eq!(case.said().await, ["later"]);
}

#[tokio::test]
async fn everything_is_checked_again_when_the_owner_agrees() {
    for (change, code) in [
        (
            r#"UPDATE credentials SET effective = '{"allow":["react"],"deny":[]}'"#,
            1200,
        ),
        ("UPDATE credentials SET status = 'revoked'", 1300),
        ("UPDATE credentials SET expires_at = 1", 1310),
    ] {
        let mut case = case(6).await;
        let id = case.hold("then").await;
        case.world.sql(change).await;
        let refused = case
            .world
            .traffic
            .approve(id, "owner".to_owned(), None)
            .await
            .unwrap_err();
        assert_eq!(refused.class.code(), code, "{change}");
        assert!(case.said().await.is_empty());
    }
}

#[tokio::test]
async fn the_word_is_bound_to_what_was_held() {
    let mut case = case(7).await;
    let id = case.hold("as shown").await;
    let other = case
        .world
        .traffic
        .approve(id, "owner".to_owned(), Some("0".repeat(64)))
        .await;
    assert_eq!(other.unwrap_err().class.code(), 1200);
    // whoever alters the row does not get the owner's word for it
    for change in [
        r#"UPDATE held_actions SET draft = replace(draft, 'as shown', 'altered!')"#,
        "UPDATE held_actions SET expires_at = expires_at + 1",
        "UPDATE held_actions SET kind = 'send_reply'",
    ] {
        let mut case = self::case(8).await;
        let id = case.hold("as shown").await;
        case.world.sql(change).await;
        let refused = case.world.traffic.approve(id, "owner".to_owned(), None).await;
        assert_eq!(refused.unwrap_err().class.code(), 1200, "{change}");
        assert!(case.said().await.is_empty());
    }
}

#[tokio::test]
async fn asking_again_under_the_same_key_holds_one_action() {
    let case = case(9).await;
    let request = json!({"type": "send_message", "groupId": case.chat, "contentType": "xmtp.org/text:1.0",
        "content": {"text": "once"}, "idempotencyKey": "k"});
    let first = ask(&case.session, request.clone()).await.unwrap();
    assert_eq!(ask(&case.session, request.clone()).await.unwrap(), first);
    let id: Uuid = first["actionId"].as_str().unwrap().parse().unwrap();
    case.world.traffic.approve(id, "owner".to_owned(), None).await.unwrap();
    // and then what came of it is known under the key
    assert!(ask(&case.session, request).await.unwrap()["messageId"].is_string());
    assert_eq!(case.said().await, ["once"]);
}

#[tokio::test]
async fn only_so_many_actions_wait_for_one_credential() {
    let case = case(10).await;
    let request = json!({"type": "send_message", "groupId": case.chat, "contentType": "xmtp.org/text:1.0", "content": {"text": "x"}});
    for _ in 0..100 {
        ask(&case.session, request.clone()).await.unwrap();
    }
    let refused = ask(&case.session, request).await.unwrap_err();
    assert_eq!(refused["context"]["limit"], "pendingActions");
}

#[tokio::test]
async fn what_needs_no_word_goes_out_at_once() {
    let mut case = case(11).await;
    case.world.say_text(&case.name, "hi").await;
    let hi = message(&mut case.session).await.message_id;
    let reaction =
        json!({"type": "send_reaction", "groupId": case.chat, "messageId": hi, "action": "added", "content": "+"});
    assert!(ask(&case.session, reaction).await.unwrap()["messageId"].is_string());
}
