//! Chats, their members and consent (signet spec 11.4, 13 "core").
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

mod common;

use chancery_signet::Principal;
use chancery_signet_wire::Category;
use common::{Desk, context, text};
use serde_json::{Value, json};

/// A room that the owner's inbox made, with somebody else in it.
async fn room(desk: &Desk) -> (Value, String) {
    desk.done("inbox.create", json!({"label": "owner"})).await;
    let alice = desk.person("alice").await.name().0.clone();
    let input = json!({"memberInboxIds": [alice], "name": "Team", "creatorIdentityLabel": "owner"});
    (desk.done("chat.create", input).await, alice)
}

#[tokio::test]
async fn a_chat_has_an_id_of_ours_that_stays() {
    let mut desk = Desk::new().await;
    let (made, alice) = room(&desk).await;
    assert_eq!(
        (made["name"].clone(), made["memberCount"].clone()),
        (json!("Team"), json!(2))
    );
    assert!(text(&made["chatId"]).starts_with("conv_"));
    desk.crash().await;
    let info = desk.done("chat.info", json!({"chatId": made["chatId"]})).await;
    assert_eq!(info["groupId"], made["groupId"]);
    assert_eq!(info["memberInboxIds"].as_array().unwrap().len(), 2);
    // by the network's name, too
    assert_eq!(desk.done("chat.info", json!({"chatId": made["groupId"]})).await, info);
    assert_eq!(desk.done("chat.list", json!({})).await, json!({"groups": [info]}));
    let members = desk.done("chat.members", json!({"chatId": made["chatId"]})).await;
    assert_eq!(members["memberCount"], 2);
    let role = |inbox: &str| {
        let members = members["members"].as_array().unwrap();
        members.iter().find(|member| member["inboxId"] == inbox).unwrap()["role"].clone()
    };
    assert_eq!(role(&alice), "member");
    assert_eq!(role(&text(&made["creatorInboxId"])), "super_admin");
}

#[tokio::test]
async fn a_chat_that_others_made_is_known_once_an_inbox_of_ours_is_in_it() {
    let desk = Desk::new().await;
    let ours = text(&desk.done("inbox.create", json!({"label": "owner"})).await["networkInboxId"]);
    let alice = desk.person("alice").await;
    let details = chancery_signet::network::Details {
        title: "Hers".to_owned(),
        ..Default::default()
    };
    let ours = chancery_signet::network::InboxName(ours);
    alice.create_group(&[ours], &details).await.unwrap();
    let listed = desk.done("chat.list", json!({"identityLabel": "owner"})).await;
    assert_eq!(listed["groups"][0]["name"], "Hers");
    let found = desk.done("search.resources", json!({"query": "hers"})).await;
    assert_eq!(found["matches"][0]["type"], "conversation");
    let chat = text(&listed["groups"][0]["chatId"]);
    assert_eq!(found["matches"][0]["id"], chat.as_str());
    // whoever works under its own inbox can get a credential there
    let operator = desk.operator("one", "shared").await;
    desk.credential(&operator, &chat, json!(["send"])).await;
}

#[tokio::test]
async fn each_chat_of_an_operator_that_keeps_them_apart_has_an_inbox_of_its_own() {
    let desk = Desk::new().await;
    let apart = desk.operator("apart", "per-chat").await;
    desk.chat(&apart).await;
    desk.chat(&apart).await;
    let inboxes = desk.done("inbox.list", json!({})).await;
    let inboxes = inboxes.as_array().unwrap();
    assert_eq!(inboxes.len(), 2);
    assert_ne!(inboxes[0]["networkInboxId"], inboxes[1]["networkInboxId"]);
    assert!(inboxes.iter().all(|inbox| inbox["operatorId"] == apart.as_str()));
    assert_ne!(inboxes[0]["groupId"], inboxes[1]["groupId"]);
    let shared = desk.operator("shared", "shared").await;
    desk.chat(&shared).await;
    desk.chat(&shared).await;
    assert_eq!(desk.done("inbox.list", json!({})).await.as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn an_inbox_whose_chat_came_to_nothing_goes_with_it() {
    let desk = Desk::new().await;
    let apart = desk.operator("apart", "per-chat").await;
    let nobody = "0".repeat(64);
    let input = json!({"memberInboxIds": [nobody], "operatorId": apart});
    assert_eq!(desk.refused("chat.create", input).await.kind(), Category::NotFound);
    assert_eq!(desk.done("inbox.list", json!({})).await, json!([]));
}

#[tokio::test]
async fn members_come_go_and_change_their_roles() {
    let desk = Desk::new().await;
    let (made, alice) = room(&desk).await;
    let chat = made["chatId"].clone();
    let bob = desk.person("bob").await.name().0.clone();
    let with = |inbox: &str| json!({"chatId": chat, "inboxId": inbox});
    let added = desk.done("chat.add-member", with(&bob)).await;
    assert_eq!(
        added,
        json!({"chatId": chat, "groupId": made["groupId"], "memberCount": 3})
    );
    assert_eq!(desk.done("chat.remove-member", with(&bob)).await["memberCount"], 2);
    assert_eq!(desk.done("chat.promote-member", with(&alice)).await["role"], "admin");
    assert_eq!(desk.done("chat.demote-member", with(&alice)).await["role"], "member");
    let nobody = desk.refused("chat.add-member", with(&"0".repeat(64))).await;
    assert_eq!(nobody.kind(), Category::NotFound);
    // what is done outside is recorded before and after
    let log = desk.log().await;
    assert_eq!(log.iter().filter(|action| *action == "chat.add-member").count(), 2);
}

#[tokio::test]
async fn a_chat_is_renamed_by_at_least_one_change() {
    let desk = Desk::new().await;
    let (made, _) = room(&desk).await;
    let none = desk.refused("chat.update", json!({"chatId": made["chatId"]})).await;
    assert_eq!(none.kind(), Category::Validation);
    let input = json!({"chatId": made["chatId"], "name": "Renamed", "imageUrl": "https://example.test/x.png"});
    let info = desk.done("chat.update", input).await;
    assert_eq!(
        (info["name"].clone(), info["imageUrl"].clone()),
        (json!("Renamed"), json!("https://example.test/x.png"))
    );
    let synced = desk.done("chat.sync", json!({})).await;
    assert_eq!(synced, json!({"chatIds": [made["chatId"]]}));
}

#[tokio::test]
async fn forgetting_a_chat_is_planned_first_and_ends_what_covers_it() {
    let mut desk = Desk::new().await;
    let operator = desk.operator("apart", "per-chat").await;
    let chat = desk.chat(&operator).await;
    let issued = desk.credential(&operator, &chat, json!(["send"])).await["credential"].clone();
    let plan = desk.done("chat.rm", json!({"chatId": chat})).await;
    assert_eq!(
        (plan["removed"].clone(), plan["cleanup"]["executed"].clone()),
        (json!(false), json!(false))
    );
    let inbox = text(&issued["inboxIds"][0]);
    let actions = json!([
        format!("revoke credential {}", text(&issued["id"])),
        format!("remove mapping {chat} <-> {}", text(&plan["groupId"])),
        format!("remove identity {inbox}"),
        format!("delete db {inbox}"),
    ]);
    assert_eq!(plan["cleanup"]["actions"], actions);
    let done = desk.done("chat.rm", json!({"chatId": chat, "force": true})).await;
    assert_eq!(
        (done["removed"].clone(), done["cleanup"].clone()),
        (json!(true), json!({"executed": true, "actions": actions}))
    );
    desk.crash().await;
    assert_eq!(
        desk.refused("chat.info", json!({"chatId": chat})).await.kind(),
        Category::NotFound
    );
    assert_eq!(desk.done("inbox.list", json!({})).await, json!([]));
    let shown = desk
        .done("credential.lookup", json!({"credentialId": issued["id"]}))
        .await;
    assert_eq!(shown["status"], "revoked");
}

#[tokio::test]
async fn leaving_keeps_the_records_unless_they_are_to_go() {
    let desk = Desk::new().await;
    let alice = desk.person("alice").await;
    let ours = text(&desk.done("inbox.create", json!({"label": "owner"})).await["networkInboxId"]);
    let ours = chancery_signet::network::InboxName(ours);
    alice.create_group(&[ours], &Default::default()).await.unwrap();
    let listed = desk.done("chat.list", json!({})).await;
    let chat = listed["groups"][0]["chatId"].clone();
    let left = desk.done("chat.leave", json!({"chatId": chat, "purge": true})).await;
    assert_eq!(
        (left["leftGroup"].clone(), left["purged"].clone()),
        (json!(true), json!(true))
    );
    assert_eq!(
        desk.refused("chat.info", json!({"chatId": chat})).await.kind(),
        Category::NotFound
    );
}

#[tokio::test]
async fn consent_is_given_and_taken() {
    let desk = Desk::new().await;
    let (made, alice) = room(&desk).await;
    let of = json!({"entity": alice});
    assert_eq!(desk.done("consent.check", of.clone()).await["entityType"], "inbox_id");
    for (action, state) in [("consent.allow", "allowed"), ("consent.deny", "denied")] {
        assert_eq!(desk.done(action, of.clone()).await["state"], state);
        assert_eq!(desk.done("consent.check", of.clone()).await["state"], state);
    }
    let group = json!({"entity": made["chatId"], "entityType": "group_id"});
    assert_eq!(desk.done("consent.deny", group).await["state"], "denied");
}

#[tokio::test]
async fn a_credential_manages_a_chat_as_far_as_its_scopes_go() {
    let desk = Desk::new().await;
    let operator = desk.operator("one", "shared").await;
    let chat = desk.chat(&operator).await;
    let issued = desk
        .credential(&operator, &chat, json!(["list-members", "add-member"]))
        .await;
    let harness = Principal::Credential(text(&issued["credential"]["id"]).parse().unwrap());
    let bob = desk.person("bob").await.name().0.clone();
    let with = json!({"chatId": chat, "inboxId": bob});
    assert!(
        desk.call(harness, "chat.members", json!({"chatId": chat}))
            .await
            .is_ok()
    );
    assert!(desk.call(harness, "chat.add-member", with.clone()).await.is_ok());
    let removed = desk.call(harness, "chat.remove-member", with).await.unwrap_err();
    assert_eq!(
        context(&removed, "scope"),
        (Category::Permission, json!("remove-member"))
    );
    // another chat of the same operator is not there for it
    let other = desk.chat(&operator).await;
    let unseen = desk
        .call(harness, "chat.members", json!({"chatId": other}))
        .await
        .unwrap_err();
    assert_eq!(unseen.kind(), Category::NotFound);
}
