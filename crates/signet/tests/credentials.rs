//! Credentials: issuing, bounds, ends (signet spec 1.7, 13 "sessions").
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

mod common;

use std::time::Duration;

use chancery_base::digest;
use chancery_signet::{Principal, settings::CredentialSettings};
use chancery_signet_wire::Category;
use common::{Desk, context, text};
use serde_json::{Value, json};

async fn view(desk: &Desk, credential: &Value) -> Value {
    desk.done("credential.lookup", json!({"credentialId": credential["id"]}))
        .await
}

#[tokio::test]
async fn a_token_is_shown_once_and_kept_as_its_hash() {
    let desk = Desk::new().await;
    let operator = desk.operator("one", "shared").await;
    let chat = desk.chat(&operator).await;
    let issued = desk.credential(&operator, &chat, json!(["send"])).await;
    let token = text(&issued["token"]);
    // 32 bytes in base64url without padding
    assert_eq!(token.len(), 43);
    assert!(
        token
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    );
    let credential = &issued["credential"];
    assert_eq!(credential["status"], "active");
    assert_eq!(credential["issuedBy"], "owner");
    assert_eq!(credential["issuedAt"], "2027-01-15T08:00:00.000Z");
    assert_eq!(credential["expiresAt"], "2027-01-15T09:00:00.000Z");
    assert_eq!(credential["config"]["chatIds"], json!([chat]));
    let shown = view(&desk, credential).await;
    assert!(!shown.to_string().contains(&token));
    assert_eq!(shown["effectiveScopes"], json!({"allow": ["send"], "deny": []}));
    assert_eq!(shown["isExpired"], false);
    assert_eq!(shown["lastHeartbeat"], Value::Null);
    // the same request is another credential with another token
    let again = desk.credential(&operator, &chat, json!(["send"])).await;
    assert_ne!(again["token"], issued["token"]);
    assert_ne!(again["credential"]["id"], credential["id"]);
    desk.signet.shutdown().await;
    for file in std::fs::read_dir(desk.folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        assert!(!holds(token.as_bytes()), "a token is in a file");
        if holds(b"SQLite format 3") {
            assert!(holds(&digest::sha256(&token)), "its hash is not");
        }
    }
}

#[tokio::test]
async fn a_fourth_credential_ends_the_oldest() {
    let desk = Desk::new().await;
    let operator = desk.operator("busy", "shared").await;
    let chat = desk.chat(&operator).await;
    let mut issued = Vec::new();
    for _ in 0..4 {
        desk.clock.advance(Duration::from_secs(1));
        issued.push(desk.credential(&operator, &chat, json!(["send"])).await["credential"].clone());
    }
    let first = view(&desk, &issued[0]).await;
    assert_eq!(
        (first["status"].clone(), first["revocationReason"].clone()),
        (json!("revoked"), json!("policy-violation"))
    );
    let listed = desk.done("credential.list", json!({})).await;
    let ids = |list: &Value| -> Vec<Value> { list.as_array().unwrap().iter().map(|one| one["id"].clone()).collect() };
    assert_eq!(
        ids(&listed),
        [
            issued[1]["id"].clone(),
            issued[2]["id"].clone(),
            issued[3]["id"].clone()
        ]
    );
    let all = desk
        .done("credential.list", json!({"all": true, "operatorId": "busy"}))
        .await;
    assert_eq!(all.as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn what_is_not_in_force_does_not_count() {
    let settings = CredentialSettings {
        max_concurrent: 1,
        ..CredentialSettings::default()
    };
    let desk = Desk::with(settings).await;
    let operator = desk.operator("one", "shared").await;
    let chat = desk.chat(&operator).await;
    let first = desk.credential(&operator, &chat, json!([])).await["credential"].clone();
    desk.clock.advance(Duration::from_secs(3600));
    desk.credential(&operator, &chat, json!([])).await;
    let over = view(&desk, &first).await;
    assert_eq!(
        (over["status"].clone(), over["isExpired"].clone()),
        (json!("expired"), json!(true))
    );
    assert!(over.get("revokedAt").is_none());
}

#[tokio::test]
async fn an_operator_that_keeps_chats_apart_has_one_chat_a_credential_and_an_inbox_a_chat() {
    let desk = Desk::new().await;
    let apart = desk.operator("apart", "per-chat").await;
    let (first, second) = (desk.chat(&apart).await, desk.chat(&apart).await);
    let input = json!({"operatorId": apart, "chatIds": [first, second], "allow": ["send"]});
    let both = desk.refused("credential.issue", input).await;
    assert_eq!(context(&both, "field"), (Category::Validation, json!("chatIds")));
    let one = desk.credential(&apart, &first, json!(["send"])).await;
    let other = desk.credential(&apart, &second, json!(["send"])).await;
    assert_ne!(one["credential"]["inboxIds"], other["credential"]["inboxIds"]);
    let shared = desk.operator("shared", "shared").await;
    let (third, fourth) = (desk.chat(&shared).await, desk.chat(&shared).await);
    let input = json!({"operatorId": shared, "chatIds": [third, fourth, third], "allow": ["send"]});
    let both = desk.done("credential.issue", input).await;
    assert_eq!(both["credential"]["config"]["chatIds"].as_array().unwrap().len(), 2);
    assert_eq!(both["credential"]["inboxIds"].as_array().unwrap().len(), 1);
    let kept = json!({"operatorId": shared, "changes": {"scopeMode": "per-chat"}});
    assert_eq!(desk.refused("operator.update", kept).await.kind(), Category::Validation);
}

#[tokio::test]
async fn one_inbox_does_not_join_two_chats_of_an_operator_that_keeps_them_apart() {
    let desk = Desk::new().await;
    desk.done("inbox.create", json!({"label": "the owner's"})).await;
    let room = |name: &str| json!({"memberInboxIds": [], "name": name, "creatorIdentityLabel": "the owner's"});
    let first = text(&desk.done("chat.create", room("first")).await["chatId"]);
    let second = text(&desk.done("chat.create", room("second")).await["chatId"]);
    let apart = desk.operator("apart", "per-chat").await;
    desk.credential(&apart, &first, json!(["send"])).await;
    let input = json!({"operatorId": apart, "chatIds": [second], "allow": ["send"]});
    let refused = desk.refused("credential.issue", input).await;
    assert_eq!(context(&refused, "chatId"), (Category::Validation, json!(second)));
}

#[tokio::test]
async fn chats_operators_and_policies_that_there_are_not_have_no_credentials() {
    let desk = Desk::new().await;
    let operator = desk.operator("one", "shared").await;
    let chat = desk.chat(&operator).await;
    let stranger = desk.operator("stranger", "shared").await;
    let none = "0000000000000000";
    for (input, kind) in [
        (
            json!({"operatorId": format!("op_{none}"), "chatIds": [chat]}),
            "operator",
        ),
        (
            json!({"operatorId": operator, "chatIds": [format!("conv_{none}")]}),
            "conversation",
        ),
        (
            json!({"operatorId": operator, "chatIds": [chat], "policyId": "no such"}),
            "policy",
        ),
    ] {
        let refused = desk.refused("credential.issue", input).await;
        assert_eq!(context(&refused, "resourceType"), (Category::NotFound, json!(kind)));
    }
    // a chat in which it has no inbox, and where those that are there are another operator's
    let refused = desk
        .refused("credential.issue", json!({"operatorId": stranger, "chatIds": [chat]}))
        .await;
    assert_eq!(context(&refused, "chatId"), (Category::Validation, json!(chat)));
    let empty = desk
        .refused("credential.issue", json!({"operatorId": operator, "chatIds": []}))
        .await;
    assert_eq!(empty.kind(), Category::Validation);
    for ttl in [0, 366 * 24 * 3600 + 1] {
        let input = json!({"operatorId": operator, "chatIds": [chat], "ttlSeconds": ttl});
        assert_eq!(
            desk.refused("credential.issue", input).await.kind(),
            Category::Validation
        );
    }
}

#[tokio::test]
async fn content_types_are_those_of_all_tiers() {
    let text_only = "xmtp.org/text:1.0";
    let settings = CredentialSettings {
        content_types: Some([text_only.parse().unwrap(), "xmtp.org/reaction:1.0".parse().unwrap()].into()),
        ..CredentialSettings::default()
    };
    let desk = Desk::with(settings).await;
    let operator = desk.operator("one", "shared").await;
    let chat = desk.chat(&operator).await;
    let with = |types: Value| json!({"operatorId": operator, "chatIds": [chat], "contentTypes": types});
    let issued = desk
        .done("credential.issue", with(json!([text_only, "xmtp.org/reply:1.0"])))
        .await;
    assert_eq!(
        view(&desk, &issued["credential"]).await["contentTypes"],
        json!([text_only])
    );
    // what another list gains later is not gained by it
    assert_eq!(issued["credential"]["config"]["contentTypes"], json!([text_only]));
    let nothing = desk
        .refused("credential.issue", with(json!(["xmtp.org/reply:1.0"])))
        .await;
    assert_eq!(
        context(&nothing, "field"),
        (Category::Validation, json!("contentTypes"))
    );
}

#[tokio::test]
async fn a_credential_is_bound_to_a_harness_key_or_uid() {
    let desk = Desk::new().await;
    let operator = desk.operator("bound", "shared").await;
    let chat = desk.chat(&operator).await;
    let key = chancery_base::ed25519::SecretKey::from_seed(&[7; 32]).public();
    let input = json!({"operatorId": operator, "chatIds": [chat], "harnessKey": key.to_b64(), "harnessUid": 1234});
    let issued = desk.done("credential.issue", input).await;
    let shown = view(&desk, &issued["credential"]).await;
    assert_eq!(shown["config"]["harnessKey"], key.to_b64());
    assert_eq!(shown["config"]["harnessUid"], 1234);
}

#[tokio::test]
async fn it_is_renewed_only_when_it_is_about_to_end() {
    let desk = Desk::new().await;
    let operator = desk.operator("one", "shared").await;
    let chat = desk.chat(&operator).await;
    let issued = desk.credential(&operator, &chat, json!([])).await;
    let id = text(&issued["credential"]["id"]).parse().unwrap();
    assert_eq!(desk.signet.renew(id).await.unwrap_err().kind(), Category::Auth);
    desk.clock.advance(Duration::from_secs(3300));
    let end = desk.signet.renew(id).await.unwrap();
    assert_eq!(end.to_rfc3339(), "2027-01-15T09:55:00.000Z");
    assert_eq!(
        view(&desk, &issued["credential"]).await["expiresAt"],
        "2027-01-15T09:55:00.000Z"
    );
    desk.clock.advance(Duration::from_secs(3600));
    assert_eq!(desk.signet.renew(id).await.unwrap_err().kind(), Category::Auth);
}

#[tokio::test]
async fn revoking_is_for_good() {
    let mut desk = Desk::new().await;
    let operator = desk.operator("one", "shared").await;
    let chat = desk.chat(&operator).await;
    let issued = desk.credential(&operator, &chat, json!(["send"])).await["credential"].clone();
    let by = |reason: &str| json!({"credentialId": issued["id"], "reason": reason});
    desk.done("credential.revoke", by("policy-violation")).await;
    desk.crash().await;
    assert_eq!(
        desk.done("credential.revoke", by("owner-initiated")).await,
        json!({"revoked": true})
    );
    let shown = view(&desk, &issued).await;
    assert_eq!(shown["revocationReason"], "policy-violation");
    assert_eq!(shown["revokedAt"], "2027-01-15T08:00:00.000Z");
    let update = json!({"credentialId": issued["id"], "scopes": {"deny": ["send"]}});
    assert_eq!(
        desk.refused("credential.updateScopes", update).await.kind(),
        Category::Validation
    );
    let itself = Principal::Credential(text(&issued["id"]).parse().unwrap());
    let asked = desk.call(itself, "credential.list", json!({})).await;
    assert_eq!(asked.unwrap_err().kind(), Category::Auth);
}
