//! Inboxes and how they are registered (signet spec 1.9, 13 "core").
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

mod common;

use chancery_signet::{StartError, network::memory::MemoryNetwork};
use chancery_signet_wire::Category;
use chancery_store::StoreError;
use common::{Desk, context, keys_of, text};
use serde_json::{Value, json};

#[tokio::test]
async fn an_inbox_is_registered_with_keys_of_its_own() {
    let desk = Desk::new().await;
    let made = desk.done("inbox.create", json!({"label": "qa"})).await;
    let id = text(&made["id"]);
    let name = MemoryNetwork::name_of(&keys_of(&id).identity);
    assert_eq!(made["networkInboxId"], name.0.as_str());
    assert_eq!(
        (made["label"].clone(), made["operatorId"].clone()),
        (json!("qa"), Value::Null)
    );
    for reference in [id.as_str(), "qa", name.0.as_str()] {
        assert_eq!(desk.done("inbox.info", json!({"inboxId": reference})).await, made);
    }
    let mapping = desk.done("lookup.resolve", json!({"query": name.0})).await["mapping"].clone();
    assert_eq!(mapping, json!({"localId": id, "networkId": name.0}));
    let again = desk.refused("inbox.create", json!({"label": "qa"})).await;
    assert_eq!(context(&again, "field"), (Category::Validation, json!("label")));
    let none = desk.refused("inbox.info", json!({"inboxId": "nobody"})).await;
    assert_eq!(context(&none, "resourceType"), (Category::NotFound, json!("inbox")));
}

#[tokio::test]
async fn an_inbox_that_cannot_be_registered_leaves_nothing() {
    let desk = Desk::new().await;
    desk.network.set_reachable(false);
    let refused = desk.refused("inbox.create", json!({"label": "qa"})).await;
    assert_eq!(refused.kind(), Category::Network);
    assert_eq!(desk.done("inbox.list", json!({})).await, json!([]));
    desk.network.set_reachable(true);
    desk.done("inbox.create", json!({"label": "qa"})).await;
}

#[tokio::test]
async fn an_inbox_belongs_to_one_operator_at_most() {
    let desk = Desk::new().await;
    let first = desk.operator("first", "shared").await;
    desk.operator("second", "shared").await;
    desk.done("inbox.create", json!({"label": "qa"})).await;
    let link = |operator: &str| json!({"inboxId": "qa", "operatorId": operator});
    let linked = desk.done("inbox.link", link("first")).await;
    assert_eq!(linked["operatorId"], first.as_str());
    assert_eq!(desk.done("inbox.link", link("first")).await, linked);
    let second = desk.refused("inbox.link", link("second")).await;
    assert_eq!(context(&second, "operatorId"), (Category::Validation, json!(first)));
    let shown = desk.done("operator.info", json!({"operatorId": "first"})).await;
    assert_eq!(shown["config"]["inboxIds"], json!([linked["id"]]));
    for _ in 0..2 {
        let free = desk.done("inbox.unlink", json!({"inboxId": "qa"})).await;
        assert_eq!(free["operatorId"], Value::Null);
    }
    desk.done("inbox.link", link("second")).await;
}

#[tokio::test]
async fn what_speaks_through_an_inbox_is_revoked_before_it_is_another_s() {
    let desk = Desk::new().await;
    desk.operator("other", "shared").await;
    let operator = desk.operator("one", "shared").await;
    let chat = desk.chat(&operator).await;
    let issued = desk.credential(&operator, &chat, json!(["send"])).await["credential"].clone();
    let inbox = issued["inboxIds"][0].clone();
    let unlink = desk.refused("inbox.unlink", json!({"inboxId": inbox})).await;
    assert_eq!(context(&unlink, "inboxId"), (Category::Validation, inbox.clone()));
    let none = json!({"operatorId": "one", "changes": {"inboxIds": []}});
    assert_eq!(
        desk.refused("operator.update", none.clone()).await.kind(),
        Category::Validation
    );
    desk.done("credential.revoke", json!({"credentialId": issued["id"]}))
        .await;
    assert_eq!(desk.done("operator.update", none).await["config"].get("inboxIds"), None);
}

#[tokio::test]
async fn removing_an_inbox_says_what_it_does_and_does_it_only_when_told() {
    let mut desk = Desk::new().await;
    let operator = desk.operator("one", "shared").await;
    let chat = desk.chat(&operator).await;
    let issued = desk.credential(&operator, &chat, json!(["send"])).await["credential"].clone();
    let inbox = text(&issued["inboxIds"][0]);
    let plan = json!([
        format!("revoke credential {}", text(&issued["id"])),
        format!("unlink operator {operator}"),
        format!("remove inbox {inbox}"),
        "remove id mapping",
        "stop client",
        "delete db",
    ]);
    let planned = desk.done("inbox.rm", json!({"inboxId": inbox})).await;
    assert_eq!(planned, json!({"executed": false, "actions": plan}));
    assert_eq!(desk.done("inbox.list", json!({})).await.as_array().unwrap().len(), 1);
    let done = desk.done("inbox.rm", json!({"inboxId": inbox, "execute": true})).await;
    assert_eq!(done, json!({"executed": true, "actions": plan}));
    desk.crash().await;
    assert_eq!(desk.done("inbox.list", json!({})).await, json!([]));
    let shown = desk
        .done("credential.lookup", json!({"credentialId": issued["id"]}))
        .await;
    assert_eq!(shown["status"], "revoked");
}

#[tokio::test]
async fn inboxes_open_again_after_a_crash_and_when_the_network_is_back() {
    let mut desk = Desk::new().await;
    let made = desk.done("inbox.create", json!({"label": "qa"})).await;
    desk.crash().await;
    assert_eq!(desk.done("inbox.info", json!({"inboxId": "qa"})).await, made);
    let status = desk.done("signet.status", json!({})).await;
    assert_eq!(status["connectedInboxIds"], json!([made["networkInboxId"]]));
    assert_eq!(status["networkState"], "connected");
    desk.network.set_reachable(false);
    let status = desk.done("signet.status", json!({})).await;
    assert_eq!(status["networkState"], "disconnected");
    // a start without the network is a start all the same
    desk.signet.shutdown().await;
    desk.signet = desk.another().await.unwrap();
    assert_eq!(desk.done("signet.status", json!({})).await["state"], "running");
    desk.network.set_reachable(true);
    desk.settled().await;
}

#[tokio::test]
async fn a_second_daemon_is_refused_and_the_first_goes_on() {
    let desk = Desk::new().await;
    let refused = desk.another().await.unwrap_err();
    assert!(
        matches!(refused, StartError::Store(StoreError::Locked { .. })),
        "{refused}"
    );
    desk.done("signet.status", json!({})).await;
}

#[tokio::test]
async fn the_state_is_exported_without_secrets_and_the_log_is_whole() {
    let desk = Desk::new().await;
    let operator = desk.operator("one", "shared").await;
    let chat = desk.chat(&operator).await;
    let issued = desk.credential(&operator, &chat, json!(["send"])).await;
    let state = desk.done("admin.export-state", json!({})).await;
    assert_eq!(state["operators"][0]["id"], operator.as_str());
    assert_eq!(state["credentials"][0]["id"], issued["credential"]["id"]);
    assert_eq!(state["status"]["activeCredentials"], 1);
    assert!(!state.to_string().contains(&text(&issued["token"])));
    let log = desk.log().await;
    let expected = [
        "daemon.start",
        "operator.create",
        "inbox.create",
        "inbox.register",
        "chat.create",
        "chat.create",
        "chat.create",
        "credential.issue",
    ];
    assert_eq!(log, expected);
    assert_eq!(
        desk.done("admin.logs-verify", json!({})).await,
        json!({"ok": true, "entries": 8})
    );
    assert_eq!(
        desk.done("admin.logs", json!({"limit": 1}))
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
