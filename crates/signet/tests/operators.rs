//! Operators (signet spec 1.4, 13 "sessions").
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

mod common;

use chancery_signet::Principal;
use chancery_signet_wire::Category;
use common::{Desk, context, text};
use serde_json::json;

fn operator(label: &str, role: &str) -> serde_json::Value {
    json!({"label": label, "role": role, "scopeMode": "per-chat"})
}

#[tokio::test]
async fn an_operator_is_what_was_asked_for_and_says_who_made_it() {
    let desk = Desk::new().await;
    let made = desk
        .done(
            "operator.create",
            json!({"label": "support", "role": "operator", "scopeMode": "shared",
                   "operatorDisclosures": {"inferenceMode": "local", "hostingMode": "self-hosted"}}),
        )
        .await;
    assert_eq!(made["config"]["label"], "support");
    assert_eq!(made["config"]["scopeMode"], "shared");
    assert_eq!(made["config"]["provider"], "internal");
    assert_eq!(made["config"]["operatorDisclosures"]["inferenceMode"], "local");
    assert_eq!(made["createdBy"], "owner");
    assert_eq!(made["status"], "active");
    assert_eq!(made["createdAt"], "2027-01-15T08:00:00.000Z");
    let id = text(&made["id"]);
    assert_eq!(desk.done("operator.info", json!({"operatorId": id})).await, made);
    assert_eq!(desk.done("operator.info", json!({"operatorId": "support"})).await, made);
    assert_eq!(desk.done("operator.list", json!({})).await, json!([made]));
}

#[tokio::test]
async fn a_short_id_stands_for_an_operator_where_it_is_the_only_one() {
    let desk = Desk::new().await;
    let first = desk.operator("first", "shared").await;
    let second = desk.operator("second", "shared").await;
    let common = first.bytes().zip(second.bytes()).take_while(|(a, b)| a == b).count();
    for short in [first.get(..=common).unwrap(), first.get(3..=common).unwrap()] {
        let found = desk.done("operator.info", json!({"operatorId": short})).await;
        assert_eq!(found["id"], first.as_str());
    }
    // with the bytes of the double, both begin with the same two digits
    let ambiguous = desk
        .refused("operator.info", json!({"operatorId": first.get(..common)}))
        .await;
    let mut both = [first.as_str(), second.as_str()];
    both.sort_unstable();
    assert_eq!(context(&ambiguous, "suggestions"), (Category::Validation, json!(both)));
    let bare = desk.refused("operator.info", json!({"operatorId": "op_"})).await;
    assert_eq!(bare.kind(), Category::Validation);
    let none = desk.refused("operator.info", json!({"operatorId": "nobody"})).await;
    assert_eq!(context(&none, "resourceType"), (Category::NotFound, json!("operator")));
}

#[tokio::test]
async fn labels_are_unique_among_operators_that_are_not_removed() {
    let desk = Desk::new().await;
    let first = desk.operator("twin", "shared").await;
    let again = desk.refused("operator.create", operator("twin", "operator")).await;
    assert_eq!(context(&again, "field"), (Category::Validation, json!("label")));
    let other = desk.operator("other", "shared").await;
    let renamed = json!({"operatorId": other, "changes": {"label": "twin"}});
    assert_eq!(
        desk.refused("operator.update", renamed.clone()).await.kind(),
        Category::Validation
    );
    desk.done("operator.remove", json!({"operatorId": first})).await;
    assert_eq!(desk.done("operator.update", renamed).await["config"]["label"], "twin");
    // the removed one is found by its id and by nothing else
    let removed = desk.done("operator.info", json!({"operatorId": first})).await;
    assert_eq!(removed["status"], "removed");
    assert_eq!(
        desk.done("operator.info", json!({"operatorId": "twin"})).await["id"],
        other.as_str()
    );
    assert_eq!(desk.done("operator.list", json!({})).await.as_array().unwrap().len(), 1);
    let gone = desk
        .refused("operator.update", json!({"operatorId": first, "changes": {}}))
        .await;
    assert_eq!(gone.kind(), Category::NotFound);
}

#[tokio::test]
async fn an_empty_label_is_refused() {
    let desk = Desk::new().await;
    let id = desk.operator("named", "shared").await;
    let made = desk.refused("operator.create", operator("", "operator")).await;
    assert_eq!(context(&made, "field"), (Category::Validation, json!("label")));
    let renamed = desk
        .refused("operator.update", json!({"operatorId": id, "changes": {"label": ""}}))
        .await;
    assert_eq!(renamed.kind(), Category::Validation);
}

#[tokio::test]
async fn only_the_owner_in_person_makes_a_superadmin() {
    let desk = Desk::new().await;
    let by_key = desk
        .call(Principal::Admin, "operator.create", operator("root", "superadmin"))
        .await;
    assert_eq!(
        context(&by_key.unwrap_err(), "role"),
        (Category::Permission, json!("superadmin"))
    );
    let made = desk.done("operator.create", operator("root", "superadmin")).await;
    let superadmin = Principal::Operator(text(&made["id"]).parse().unwrap());
    let another = desk
        .call(superadmin, "operator.create", operator("second", "superadmin"))
        .await;
    assert_eq!(another.unwrap_err().kind(), Category::Permission);
    let admin = desk
        .call(superadmin, "operator.create", operator("admin", "admin"))
        .await
        .unwrap();
    assert_eq!(admin["createdBy"], made["id"]);
    let raised = json!({"operatorId": admin["id"], "changes": {"role": "superadmin"}});
    assert_eq!(
        desk.call(superadmin, "operator.update", raised.clone())
            .await
            .unwrap_err()
            .kind(),
        Category::Permission
    );
    assert_eq!(
        desk.done("operator.update", raised).await["config"]["role"],
        "superadmin"
    );
}

#[tokio::test]
async fn an_admin_administers_what_it_made_and_what_that_made() {
    let desk = Desk::new().await;
    let admin = text(&desk.done("operator.create", operator("admin", "admin")).await["id"]);
    let me = Principal::Operator(admin.parse().unwrap());
    let made = desk
        .call(me, "operator.create", operator("mine", "operator"))
        .await
        .unwrap();
    assert_eq!(made["createdBy"], admin.as_str());
    let mine = text(&made["id"]);
    let renamed = json!({"operatorId": mine, "changes": {"label": "still mine"}});
    assert!(desk.call(me, "operator.update", renamed).await.is_ok());
    // no admin makes admins, nor raises itself
    let peer = desk.call(me, "operator.create", operator("peer", "admin")).await;
    assert_eq!(peer.unwrap_err().kind(), Category::Permission);
    let itself = json!({"operatorId": admin, "changes": {"label": "more"}});
    assert_eq!(
        desk.call(me, "operator.update", itself).await.unwrap_err().kind(),
        Category::Permission
    );
    // and what the owner made it does not know of
    let theirs = desk.operator("theirs", "shared").await;
    let unknown = desk.call(me, "operator.info", json!({"operatorId": theirs})).await;
    assert_eq!(unknown.unwrap_err().kind(), Category::NotFound);
    let seen = desk.call(me, "operator.list", json!({})).await.unwrap();
    let seen: Vec<_> = seen.as_array().unwrap().iter().map(|one| text(&one["id"])).collect();
    assert_eq!(seen, [admin.clone(), mine]);
    // once it is removed it may nothing
    desk.done("operator.remove", json!({"operatorId": admin})).await;
    let after = desk.call(me, "operator.list", json!({})).await;
    assert_eq!(after.unwrap_err().kind(), Category::Auth);
}

#[tokio::test]
async fn removing_an_operator_ends_its_credentials_first() {
    let mut desk = Desk::new().await;
    let id = desk.operator("gone", "shared").await;
    let chat = desk.chat(&id).await;
    let credential = desk.credential(&id, &chat, json!(["send"])).await;
    desk.done("operator.remove", json!({"operatorId": id})).await;
    desk.crash().await;
    let input = json!({"credentialId": credential["credential"]["id"]});
    let after = desk.done("credential.lookup", input).await;
    assert_eq!(after["status"], "revoked");
    assert_eq!(after["revocationReason"], "owner-initiated");
    let log = desk.log().await;
    let at = |action: &str| log.iter().position(|entry| entry == action).unwrap();
    assert!(at("credential.revoke") < at("operator.remove"));
    let issue = json!({"operatorId": id, "chatIds": [chat], "allow": ["send"]});
    assert_eq!(desk.refused("credential.issue", issue).await.kind(), Category::NotFound);
}

#[tokio::test]
async fn a_wallet_is_named_by_its_uuid() {
    let desk = Desk::new().await;
    let uuid = "0b0a2e6c-5b0f-4a57-9d3a-3d3f1f6c2b11";
    let mut input = operator("with", "operator");
    input["walletId"] = json!(format!("wallet_{uuid}"));
    assert_eq!(
        desk.done("operator.create", input.clone()).await["config"]["walletId"],
        uuid
    );
    input["label"] = json!("without");
    input["walletId"] = json!("wallet_7");
    let refused = desk.refused("operator.create", input).await;
    assert_eq!(context(&refused, "field"), (Category::Validation, json!("walletId")));
}
