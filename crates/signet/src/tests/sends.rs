//! What a harness asks to be said.

use chancery_policy::messaging::Scope;
use serde_json::json;

use super::*;

async fn connected(seed: u64) -> (World, ConversationName, ConversationId, HarnessSession) {
    let world = World::new(seed).await;
    let (name, chat) = world.chat().await;
    let issued = Issued::new(1, USUAL, chat);
    world.issue(&issued).await;
    let session = world.connect(&issued, None).await;
    (world, name, chat, session)
}

fn text(chat: ConversationId, text: &str) -> Value {
    json!({"type": "send_message", "groupId": chat, "contentType": "xmtp.org/text:1.0", "content": {"text": text}})
}

#[tokio::test]
async fn a_text_goes_out_and_is_answered_with_its_local_id() {
    let (world, name, chat, session) = connected(1).await;
    let sent = ask(&session, text(chat, "hello")).await.unwrap();
    assert!(sent["messageId"].as_str().unwrap().starts_with("msg_"));
    assert_eq!(sent["groupId"], chat.to_string());
    assert_eq!(sent["sentAt"], START.to_string());
    // spec 5.5: provenance null and a warning, when nothing binds it
    assert_eq!(sent["provenance"], json!(null));
    assert!(sent["warning"].is_string());
    assert_eq!(texts(&world.seen_by_human(&name).await), ["hello"]);
}

#[tokio::test]
async fn a_reply_and_a_reaction_name_the_message_as_the_network_does() {
    let (world, name, chat, mut session) = connected(2).await;
    let said = world.say_text(&name, "question").await;
    let question = message(&mut session).await.message_id;
    let reply = json!({"type": "send_reply", "groupId": chat, "messageId": question,
        "contentType": "xmtp.org/text:1.0", "content": {"text": "answer"}});
    ask(&session, reply).await.unwrap();
    // by the beginning of its id, too
    let short = &question.to_string()[..12];
    let reaction =
        json!({"type": "send_reaction", "groupId": chat, "messageId": short, "action": "added", "content": "+1"});
    ask(&session, reaction).await.unwrap();
    let seen = world.seen_by_human(&name).await;
    let [_, .., reply, reaction] = seen.as_slice() else {
        panic!()
    };
    assert_eq!(reply.content_type, "xmtp.org/reply:1.0");
    assert_eq!(reply.body["reference"], said.0);
    assert_eq!(
        reply.body["content"],
        json!({"type": "xmtp.org/text:1.0", "payload": {"text": "answer"}})
    );
    assert_eq!(
        reaction.body,
        json!({"reference": said.0, "action": "added", "content": "+1", "schema": "unicode"})
    );
}

// spec 2.3: "Check order: chat first, then scope"
#[tokio::test]
async fn what_the_credential_does_not_allow_is_refused_before_the_network() {
    let (world, name, chat, session) = connected(3).await;
    let (_, other) = world.chat().await;
    let refused = ask(&session, text(other, "x")).await.unwrap_err();
    assert_eq!(
        (refused["code"].as_u64(), &refused["context"]["chatId"]),
        (Some(1200), &json!(other))
    );
    let receipt =
        json!({"type": "send_message", "groupId": other, "contentType": "xmtp.org/readReceipt:1.0", "content": {}});
    let refused = ask(&session, receipt.clone()).await.unwrap_err();
    assert_eq!(refused["context"]["chatId"], json!(other));
    let mut receipt = receipt;
    receipt["groupId"] = json!(chat);
    let refused = ask(&session, receipt).await.unwrap_err();
    assert_eq!(refused["context"]["scope"], "read-receipt");
    let custom = json!({"type": "send_message", "groupId": chat, "contentType": "example.org/own:1.0", "content": {}});
    let refused = ask(&session, custom).await.unwrap_err();
    assert_eq!(refused["context"]["contentType"], "example.org/own:1.0");
    let seal = json!({"type": "send_message", "groupId": chat, "contentType": "xmtp.org/agentSeal:1.0", "content": {}});
    assert_eq!(ask(&session, seal).await.unwrap_err()["code"], 1200);
    // only what the network itself made
    let said = world.seen_by_human(&name).await;
    assert!(
        said.iter()
            .all(|content| content.content_type == "xmtp.org/groupUpdated:1.0"),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_reply_in_a_message_of_another_kind_needs_the_scope_of_a_reply() {
    let world = World::new(4).await;
    let (name, chat) = world.chat().await;
    let issued = Issued::new(1, [Scope::Send, Scope::ReadMessages, Scope::StreamMessages], chat);
    world.issue(&issued).await;
    let mut session = world.connect(&issued, None).await;
    world.say_text(&name, "root").await;
    let root = message(&mut session).await.message_id;
    let content = json!({"reference": root, "content": {"type": "xmtp.org/text:1.0", "payload": {"text": "re"}}});
    let reply =
        json!({"type": "send_message", "groupId": chat, "contentType": "xmtp.org/reply:1.0", "content": content});
    assert_eq!(ask(&session, reply).await.unwrap_err()["context"]["scope"], "reply");
}

#[tokio::test]
async fn what_is_not_of_the_chat_cannot_be_referred_to() {
    let (world, _, chat, mut session) = connected(5).await;
    // a chat that the same inbox is in, and the credential does not cover
    let (secret, _) = world.chat().await;
    let said = world.say_text(&secret, "elsewhere").await;
    world.settle().await;
    assert_eq!(next(&mut session).await, None);
    let known = world.traffic.store.read(move |sql| {
        let query = "SELECT local_id FROM id_mappings WHERE network_id = ?1";
        Ok::<String, Problem>(sql.query_row(query, [said.0], |row| row.get(0))?)
    });
    let elsewhere = known.await.unwrap();
    for reference in [elsewhere.as_str(), "msg_0123456789abcdef", "not an id"] {
        let reaction = json!({"type": "send_reaction", "groupId": chat, "messageId": reference, "action": "added", "content": "+"});
        let refused = ask(&session, reaction).await.unwrap_err();
        assert_eq!(
            (refused["code"].as_u64(), refused["category"].as_str()),
            (Some(1100), Some("not_found"))
        );
    }
}

#[tokio::test]
async fn malformed_contents_are_refused() {
    let (_world, _, chat, session) = connected(6).await;
    for content in [
        json!({}),
        json!({"text": ""}),
        json!({"text": 1}),
        json!(null),
        json!([]),
    ] {
        let mut request = text(chat, "");
        request["content"] = content;
        assert_eq!(ask(&session, request).await.unwrap_err()["code"], 1000);
    }
}

#[tokio::test]
async fn what_comes_again_under_its_key_is_sent_once() {
    let (world, name, chat, session) = connected(7).await;
    let mut request = text(chat, "once");
    request["idempotencyKey"] = json!("k1");
    let first = ask(&session, request.clone()).await.unwrap();
    assert_eq!(ask(&session, request.clone()).await.unwrap(), first);
    request["content"] = json!({"text": "twice"});
    let refused = ask(&session, request.clone()).await.unwrap_err();
    assert_eq!(refused["context"]["field"], "idempotencyKey");
    assert_eq!(texts(&world.seen_by_human(&name).await), ["once"]);
    // it is remembered for a day
    world.pass(24 * 3_600_000 - 1);
    world.traffic.tidy(true).await.unwrap();
    world.sql("UPDATE credentials SET expires_at = expires_at * 2").await;
    while world.traffic.tell().await.unwrap() > 0 {}
    assert!(ask(&session, request.clone()).await.is_err());
    world.pass(2);
    world.traffic.tidy(true).await.unwrap();
    ask(&session, request).await.unwrap();
    assert_eq!(texts(&world.seen_by_human(&name).await), ["once", "twice"]);
}

#[tokio::test]
async fn two_that_ask_at_once_under_one_key_get_the_same_answer() {
    let (world, name, chat, session) = connected(8).await;
    world.network.lose_answers(2);
    let mut request = text(chat, "once");
    request["idempotencyKey"] = json!("k1");
    request["requestId"] = json!("a");
    let (a, one) = Request::parse(&request.to_string()).unwrap();
    request["requestId"] = json!("b");
    let (b, two) = Request::parse(&request.to_string()).unwrap();
    let harness = session.harness();
    let (one, two) = tokio::join!(harness.answer(a, one), harness.answer(b, two));
    let data = |answer: Option<Response>| match answer {
        Some(Response::Success { data, .. }) => data,
        other => panic!("{other:?}"),
    };
    assert_eq!(data(one), data(two));
    assert_eq!(texts(&world.seen_by_human(&name).await), ["once"]);
}

#[tokio::test]
async fn a_request_id_that_is_being_answered_is_refused() {
    let (world, _, chat, session) = connected(9).await;
    world.network.set_reachable(false);
    let (id, request) = Request::parse(&{
        let mut request = text(chat, "x");
        request["requestId"] = json!("same");
        request.to_string()
    })
    .unwrap();
    let harness = session.harness().clone();
    let other = request.clone();
    let first = tokio::spawn(async move { harness.answer("same".to_owned(), other).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let Some(Response::Failure { failure, .. }) = session.harness().answer(id, request).await else {
        panic!()
    };
    assert_eq!(failure.context.unwrap()["field"], "requestId");
    world.network.set_reachable(true);
    assert!(matches!(first.await.unwrap(), Some(Response::Success { .. })));
}

#[tokio::test]
async fn a_lost_answer_does_not_send_twice() {
    let (world, name, chat, session) = connected(10).await;
    world.network.lose_answers(3);
    ask(&session, text(chat, "hello")).await.unwrap();
    world.network.lose_sends(3);
    ask(&session, text(chat, "again")).await.unwrap();
    assert_eq!(texts(&world.seen_by_human(&name).await), ["hello", "again"]);
}

#[tokio::test]
async fn a_network_that_stays_away_is_answered_in_time_and_the_same_key_sends_later() {
    let (world, name, chat, session) = connected(11).await;
    world.network.set_reachable(false);
    let mut request = text(chat, "late");
    request["idempotencyKey"] = json!("k");
    let failed = ask(&session, request.clone()).await.unwrap_err();
    assert!([1500, 1700].contains(&failed["code"].as_u64().unwrap()), "{failed}");
    world.network.set_reachable(true);
    ask(&session, request).await.unwrap();
    assert_eq!(texts(&world.seen_by_human(&name).await), ["late"]);
}

#[tokio::test]
async fn what_was_open_when_the_signet_ended_goes_out_once_it_is_back() {
    let (mut world, name, chat, session) = connected(12).await;
    world.network.set_reachable(false);
    let harness = session.harness().clone();
    let (id, request) = Request::parse(&{
        let mut request = text(chat, "kept");
        request["requestId"] = json!("r");
        request.to_string()
    })
    .unwrap();
    let asking = tokio::spawn(async move { harness.answer(id, request).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    asking.abort();
    drop(session);
    world.restart().await;
    world.network.set_reachable(true);
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if !texts(&world.seen_by_human(&name).await).is_empty() {
            break;
        }
    }
    assert_eq!(texts(&world.seen_by_human(&name).await), ["kept"]);
}

#[tokio::test]
async fn what_was_open_is_not_sent_for_a_credential_that_was_revoked() {
    let (mut world, name, chat, session) = connected(13).await;
    world.network.set_reachable(false);
    let harness = session.harness().clone();
    let (id, request) = Request::parse(&{
        let mut request = text(chat, "too late");
        request["requestId"] = json!("r");
        request.to_string()
    })
    .unwrap();
    let asking = tokio::spawn(async move { harness.answer(id, request).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    asking.abort();
    world.sql("UPDATE credentials SET status = 'revoked'").await;
    drop(session);
    world.restart().await;
    world.network.set_reachable(true);
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(texts(&world.seen_by_human(&name).await).is_empty());
}

#[tokio::test]
async fn a_harness_that_says_too_much_is_told_when_to_go_on() {
    let (world, name, chat, session) = connected(14).await;
    let meter = crate::outbound::rate::Meter::new("sends", Rate::default());
    for _ in 0..10 {
        meter.take(session.harness().credential(), START).unwrap();
    }
    let refused = meter.take(session.harness().credential(), START).unwrap_err();
    let context = refused.context.unwrap();
    assert_eq!(
        (context["limit"].as_str(), context["retryAfterMs"].as_u64()),
        (Some("sends"), Some(2000))
    );
    ask(&session, text(chat, "its own meter is another")).await.unwrap();
    assert_eq!(
        world.seen_by_human(&name).await.last().unwrap().body["text"],
        "its own meter is another"
    );
}

#[tokio::test]
async fn an_id_is_of_one_request_at_a_time() {
    let world = World::new(40).await;
    let (_, chat) = world.chat().await;
    let issued = Issued::new(1, USUAL, chat);
    world.issue(&issued).await;
    let session = world.connect(&issued, None).await;
    let begin = |request: serde_json::Value| {
        let (id, request) = Request::parse(&request.to_string()).unwrap();
        session.harness().ask(id, request)
    };
    let list = json!({"type": "list_conversations", "requestId": "r1"});
    let beat = json!({"type": "heartbeat", "requestId": "r1", "credentialId": issued.id()});
    let Answering::Waiting(_, first) = begin(list.clone()) else {
        panic!("it was answered at once")
    };
    for second in [list.clone(), beat.clone()] {
        let Answering::Ready(Some(Response::Failure { failure, .. })) = begin(second) else {
            panic!("two requests go by one id")
        };
        assert_eq!(failure.class.code(), 1000);
        assert_eq!(failure.context.unwrap()["field"], "requestId");
    }
    // whether it is answered or nobody waits for it any more
    drop(first);
    let Answering::Ready(Some(Response::Success { .. })) = begin(beat) else {
        panic!("the id is not free again")
    };
    assert!(matches!(begin(list), Answering::Waiting(..)));
}

#[tokio::test]
async fn a_heartbeat_is_of_the_credential_of_its_connection() {
    let (_world, _, _, session) = connected(15).await;
    let own = session.harness().credential();
    let heard = ask(&session, json!({"type": "heartbeat", "credentialId": own})).await;
    assert_eq!(heard, Ok(json!(null)));
    let other = CredentialId::from_bytes([9; 8]);
    let refused = ask(&session, json!({"type": "heartbeat", "credentialId": other}))
        .await
        .unwrap_err();
    assert_eq!(refused["code"], 1300);
    assert_eq!(
        refused["context"],
        json!({"credentialId": own, "requestedCredentialId": other})
    );
}

#[tokio::test]
async fn history_takes_its_scope_and_a_no_looks_like_nothing() {
    let world = World::new(16).await;
    let (name, chat) = world.chat().await;
    let (_, other) = world.chat().await;
    let reader = Issued::new(
        1,
        USUAL.into_iter().chain([Scope::ReadHistory, Scope::ListMembers]),
        chat,
    );
    let talker = Issued::new(2, USUAL, chat);
    world.issue(&reader).await;
    world.issue(&talker).await;
    for n in 0..5 {
        world.say_text(&name, &n.to_string()).await;
        world.pass(1000);
    }
    let (reader, talker) = (world.connect(&reader, None).await, world.connect(&talker, None).await);
    let page = |before: Option<&Value>, limit: u64| {
        let mut request = json!({"type": "read_history", "groupId": chat, "limit": limit});
        if let Some(before) = before {
            request["before"] = before.clone();
        }
        request
    };
    let newest = ask(&reader, page(None, 2)).await.unwrap();
    let said = |page: &Value| -> Vec<String> {
        let messages = page["messages"].as_array().unwrap();
        messages
            .iter()
            .map(|m| m["content"]["text"].as_str().unwrap_or("-").to_owned())
            .collect()
    };
    assert_eq!(
        (said(&newest), &newest["hasMore"]),
        (vec!["4".to_owned(), "3".to_owned()], &json!(true))
    );
    let before = ask(&reader, page(Some(&newest["messages"][1]["messageId"]), 2))
        .await
        .unwrap();
    assert_eq!(said(&before), ["2", "1"]);
    assert_eq!(before["messages"][0]["visibility"], "historical");
    let refused = ask(&talker, page(None, 2)).await.unwrap_err();
    let mut nowhere = page(None, 2);
    nowhere["groupId"] = json!(other);
    let outside = ask(&reader, nowhere).await.unwrap_err();
    assert_eq!(
        (refused["code"].as_u64(), outside["code"].as_u64()),
        (Some(1100), Some(1100))
    );
    let members = ask(&reader, json!({"type": "list_members", "groupId": chat}))
        .await
        .unwrap();
    assert_eq!(members["members"].as_array().unwrap().len(), 2);
    let refused = ask(&talker, json!({"type": "list_members", "groupId": chat}))
        .await
        .unwrap_err();
    assert_eq!(refused["context"]["scope"], "list-members");
    let refused = ask(&talker, json!({"type": "list_conversations"})).await.unwrap_err();
    assert_eq!(refused["context"]["scope"], "list-conversations");
}
