//! Policies, and scopes that change (signet spec 1.6, 2.4, 13 "sessions").
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

mod common;

use chancery_signet::Principal;
use chancery_signet_wire::Category;
use common::{Desk, context, text};
use serde_json::{Value, json};

/// An operator in a chat, and a policy.
struct Scene {
    desk: Desk,
    operator: String,
    chat: String,
    policy: String,
}

impl Scene {
    async fn new(allow: Value, deny: Value) -> Self {
        let desk = Desk::new().await;
        let operator = desk.operator("one", "shared").await;
        let chat = desk.chat(&operator).await;
        let input = json!({"label": "helper", "allow": allow, "deny": deny});
        let policy = text(&desk.done("policy.create", input).await["id"]);
        Self {
            desk,
            operator,
            chat,
            policy,
        }
    }

    async fn issue(&self, own: Value) -> String {
        let mut input = json!({"operatorId": self.operator, "chatIds": [self.chat], "policyId": self.policy});
        for (key, value) in own.as_object().unwrap() {
            input[key] = value.clone();
        }
        text(&self.desk.done("credential.issue", input).await["credential"]["id"])
    }

    async fn shown(&self, id: &str) -> Value {
        self.desk.done("credential.lookup", json!({"credentialId": id})).await
    }

    async fn scopes(&self, id: &str) -> Value {
        self.shown(id).await["effectiveScopes"].clone()
    }
}

#[tokio::test]
async fn policies_are_made_found_changed_and_removed() {
    let desk = Desk::new().await;
    let input = json!({"label": "helper", "allow": ["react", "send", "send"], "deny": []});
    let made = desk.done("policy.create", input.clone()).await;
    // each once, in the order of the table
    assert_eq!(made["config"]["allow"], json!(["send", "react"]));
    assert_eq!(made["createdAt"], made["updatedAt"]);
    assert_eq!(desk.refused("policy.create", input).await.kind(), Category::Validation);
    assert_eq!(desk.done("policy.info", json!({"policyId": "helper"})).await, made);
    let update = json!({"policyId": made["id"], "changes": {"deny": ["forward-to-provider"]}});
    let updated = desk.done("policy.update", update).await;
    assert_eq!(updated["config"]["allow"], json!(["send", "react"]));
    assert_eq!(updated["config"]["deny"], json!(["forward-to-provider"]));
    assert!(
        text(&updated["updatedAt"]) > text(&made["updatedAt"]),
        "though the clock stood still"
    );
    let malformed = desk.refused("policy.info", json!({"policyId": "policy_xyz"})).await;
    assert_eq!(context(&malformed, "field"), (Category::Validation, json!("policyId")));
    assert_eq!(
        desk.done("policy.remove", json!({"policyId": "helper"})).await,
        json!({"removed": true})
    );
    assert_eq!(
        desk.refused("policy.info", json!({"policyId": made["id"]}))
            .await
            .kind(),
        Category::NotFound
    );
    assert_eq!(desk.done("policy.list", json!({})).await, json!([]));
    let unknown = json!({"label": "other", "allow": ["fly"], "deny": []});
    assert_eq!(
        desk.refused("policy.create", unknown).await.kind(),
        Category::Validation
    );
}

#[tokio::test]
async fn a_credential_has_the_lists_of_policy_and_its_own_and_deny_wins() {
    let scene = Scene::new(json!(["send", "reply"]), json!(["invite"])).await;
    let id = scene
        .issue(json!({"allow": ["invite", "react"], "deny": ["reply"]}))
        .await;
    assert_eq!(
        scene.scopes(&id).await,
        json!({"allow": ["send", "react"], "deny": ["reply", "invite"]})
    );
    let bare = json!({"operatorId": scene.operator, "chatIds": [scene.chat]});
    let nothing = scene.desk.done("credential.issue", bare).await;
    let id = text(&nothing["credential"]["id"]);
    assert_eq!(scene.scopes(&id).await, json!({"allow": [], "deny": []}));
}

#[tokio::test]
async fn a_policy_that_allows_less_narrows_its_credentials_in_place() {
    let mut scene = Scene::new(json!(["send", "reply", "react"]), json!([])).await;
    let id = scene.issue(json!({})).await;
    let update = json!({"policyId": scene.policy, "changes": {"deny": ["react"]}});
    scene.desk.done("policy.update", update).await;
    scene.desk.crash().await;
    let shown = scene.shown(&id).await;
    assert_eq!(shown["status"], "active");
    assert_eq!(
        shown["effectiveScopes"],
        json!({"allow": ["send", "reply"], "deny": ["react"]})
    );
}

#[tokio::test]
async fn a_policy_that_allows_more_ends_its_credentials() {
    let mut scene = Scene::new(json!(["send"]), json!([])).await;
    let id = scene.issue(json!({})).await;
    let has_it = scene.issue(json!({"allow": ["reply"]})).await;
    let update = json!({"policyId": scene.policy, "changes": {"allow": ["send", "reply"]}});
    scene.desk.done("policy.update", update).await;
    scene.desk.crash().await;
    let shown = scene.shown(&id).await;
    assert_eq!(shown["status"], "revoked");
    assert_eq!(shown["revocationReason"], "reauthorization-required");
    assert_eq!(
        scene.scopes(&id).await,
        json!({"allow": ["send"], "deny": []}),
        "it gained nothing"
    );
    // for one that could reply by itself nothing changes
    assert_eq!(scene.shown(&has_it).await["status"], "active");
    assert_eq!(
        scene.scopes(&has_it).await,
        json!({"allow": ["send", "reply"], "deny": []})
    );
}

#[tokio::test]
async fn removing_a_policy_takes_nothing_from_credentials() {
    let scene = Scene::new(json!(["send", "reply"]), json!([])).await;
    let id = scene.issue(json!({})).await;
    scene
        .desk
        .done("policy.remove", json!({"policyId": scene.policy}))
        .await;
    assert_eq!(scene.scopes(&id).await["allow"], json!(["send", "reply"]));
    let update = json!({"credentialId": id, "scopes": {"deny": ["reply"]}});
    assert_eq!(
        scene.desk.done("credential.updateScopes", update).await["updated"],
        true
    );
    assert_eq!(scene.scopes(&id).await["allow"], json!(["send"]));
}

#[tokio::test]
async fn an_update_that_allows_less_is_done_at_once_and_a_list_that_is_absent_stays() {
    let scene = Scene::new(json!(["send", "reply"]), json!([])).await;
    let id = scene.issue(json!({"allow": ["react"], "deny": []})).await;
    let update = |scopes: Value| json!({"credentialId": id, "scopes": scopes});
    let entries = async || scene.desk.done("admin.logs", json!({"limit": 2000})).await;
    let before = entries().await;
    let same = scene.desk.done("credential.updateScopes", update(json!({}))).await;
    assert_eq!(same, json!({"updated": true, "material": false, "reason": null}));
    assert_eq!(entries().await, before, "what changes nothing is recorded");
    let less = scene
        .desk
        .done("credential.updateScopes", update(json!({"deny": ["react", "reply"]})))
        .await;
    let reason = "Material change: changed: reply (allow -> deny), react (allow -> deny)";
    assert_eq!(less, json!({"updated": true, "material": true, "reason": reason}));
    assert_eq!(
        scene.scopes(&id).await,
        json!({"allow": ["send"], "deny": ["reply", "react"]})
    );
}

#[tokio::test]
async fn an_update_that_allows_more_ends_the_credential() {
    let scene = Scene::new(json!(["send"]), json!([])).await;
    let id = scene.issue(json!({})).await;
    let update = json!({"credentialId": id, "scopes": {"allow": ["invite"]}});
    let answer = scene.desk.done("credential.updateScopes", update).await;
    assert_eq!(
        answer,
        json!({"updated": false, "material": true, "reason": "Material change: added: invite"})
    );
    let shown = scene.shown(&id).await;
    assert_eq!(shown["revocationReason"], "reauthorization-required");
    assert_eq!(shown["config"].get("allow"), None);
}

#[tokio::test]
async fn another_policy_is_judged_as_a_change_of_scopes() {
    let scene = Scene::new(json!(["send", "reply"]), json!([])).await;
    for (label, allow) in [
        ("narrow", json!(["send"])),
        ("wide", json!(["send", "reply", "invite"])),
    ] {
        scene
            .desk
            .done("policy.create", json!({"label": label, "allow": allow, "deny": []}))
            .await;
    }
    let id = scene.issue(json!({})).await;
    let to = |policy: &str| json!({"credentialId": id, "policyId": policy});
    assert_eq!(
        scene.desk.done("credential.updateScopes", to("narrow")).await["updated"],
        true
    );
    assert_eq!(scene.scopes(&id).await["allow"], json!(["send"]));
    assert_eq!(
        scene.desk.done("credential.updateScopes", to("wide")).await["updated"],
        false
    );
    assert_eq!(scene.shown(&id).await["status"], "revoked");
}

#[tokio::test]
async fn a_harness_may_have_less_and_gets_no_more() {
    let scene = Scene::new(json!(["send", "reply"]), json!([])).await;
    let id = scene.issue(json!({})).await;
    let itself = Principal::Credential(id.parse().unwrap());
    let update = |scopes: Value| json!({"credentialId": id, "scopes": scopes});
    let less = scene
        .desk
        .call(itself, "credential.updateScopes", update(json!({"deny": ["reply"]})))
        .await;
    assert_eq!(less.unwrap()["updated"], true);
    let policy = json!({"credentialId": id, "policyId": scene.policy});
    let swapped = scene.desk.call(itself, "credential.updateScopes", policy).await;
    assert_eq!(swapped.unwrap_err().kind(), Category::Permission);
    let more = scene
        .desk
        .call(itself, "credential.updateScopes", update(json!({"deny": []})))
        .await;
    assert_eq!(more.unwrap()["updated"], false);
    assert_eq!(scene.shown(&id).await["status"], "revoked");
    assert_eq!(scene.scopes(&id).await["allow"], json!(["send"]));
}
