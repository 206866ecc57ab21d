//! Every action, tried as everybody whom it does not concern (signet spec 1.4). The verdicts are written down here.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops"
)]

mod common;

use std::collections::BTreeSet;

use chancery_signet::Principal;
use chancery_signet_wire::{Category, action};
use common::{Desk, text};
use serde_json::{Value, json};

/// What becomes of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Refused.
    No,
    /// Answered as if what it names were not there.
    Absent,
    /// Refused for what it asks.
    Wrong,
    /// Answered, and nothing in it is of anybody else.
    Own,
    /// Done or answered.
    Yes,
}
use Verdict::{Absent, No, Own, Wrong, Yes};

/// By action: an admin, an operator and a credential of another tree; the operator itself; its credential, which may read
/// messages, list chats and list members.
const TABLE: &[(&str, [Verdict; 5])] = &[
    ("signet.status", [No, No, No, No, No]),
    ("signet.stop", [No, No, No, No, No]),
    ("admin.logs", [No, No, No, No, No]),
    ("admin.logs-export", [No, No, No, No, No]),
    ("admin.logs-verify", [No, No, No, No, No]),
    ("admin.token", [No, No, No, No, No]),
    ("admin.verify-keys", [No, No, No, No, No]),
    ("admin.export-state", [No, No, No, No, No]),
    ("config.show", [No, No, No, No, No]),
    ("operator.create", [Absent, No, No, No, No]),
    ("operator.list", [Own, Own, Own, Yes, Yes]),
    ("operator.info", [Absent, Absent, Absent, Yes, Yes]),
    ("operator.update", [Absent, No, No, No, No]),
    ("operator.remove", [Absent, No, No, No, No]),
    // that a label is taken is known to whoever wants it
    ("policy.create", [Wrong, No, No, No, No]),
    ("policy.list", [Own, Own, Own, Yes, Yes]),
    ("policy.info", [Absent, Absent, Absent, Yes, Yes]),
    ("policy.update", [Absent, No, No, No, No]),
    ("policy.remove", [Absent, No, No, No, No]),
    ("credential.issue", [Absent, No, No, No, No]),
    ("credential.list", [Own, Own, Own, Yes, Yes]),
    ("credential.lookup", [Absent, Absent, Absent, Yes, Yes]),
    ("credential.revoke", [Absent, No, No, No, No]),
    ("credential.updateScopes", [Absent, Absent, Absent, No, Own]),
    ("inbox.create", [Absent, No, No, No, No]),
    ("inbox.list", [Own, Own, Own, Yes, Yes]),
    ("inbox.info", [Absent, Absent, Absent, Yes, Yes]),
    ("inbox.link", [Absent, No, No, No, No]),
    ("inbox.unlink", [Absent, No, No, No, No]),
    ("inbox.rm", [Absent, No, No, No, No]),
    ("chat.create", [Absent, No, No, No, No]),
    ("chat.list", [Absent, Absent, Absent, Yes, Yes]),
    ("chat.info", [Absent, Absent, Absent, Yes, Yes]),
    ("chat.members", [Absent, Absent, Absent, Yes, Yes]),
    ("chat.update", [Absent, No, Absent, No, No]),
    ("chat.sync", [Absent, Absent, Absent, Yes, Yes]),
    ("chat.update-profile", [Absent, No, No, No, No]),
    ("chat.join", [Wrong, No, No, No, No]),
    ("chat.invite", [Absent, No, Absent, No, No]),
    ("chat.revoke-invite", [Absent, No, Absent, No, No]),
    ("chat.leave", [Absent, No, Absent, No, No]),
    ("chat.rm", [Absent, No, No, No, No]),
    ("chat.add-member", [Absent, No, Absent, No, No]),
    ("chat.remove-member", [Absent, No, Absent, No, No]),
    ("chat.promote-member", [Absent, No, Absent, No, No]),
    ("chat.demote-member", [Absent, No, Absent, No, No]),
    ("message.send", [No, No, Absent, No, No]),
    ("message.list", [No, No, No, No, No]),
    ("message.info", [No, No, No, No, No]),
    ("message.reply", [No, No, Absent, No, No]),
    ("message.react", [No, No, Absent, No, No]),
    ("message.read", [No, No, Absent, No, No]),
    ("consent.check", [Absent, No, No, No, No]),
    ("consent.allow", [Absent, No, No, No, No]),
    ("consent.deny", [Absent, No, No, No, No]),
    ("search.messages", [No, No, No, No, No]),
    ("search.resources", [Own, Own, Own, Yes, Yes]),
    ("lookup.resolve", [Own, Own, Own, Yes, Yes]),
    ("seal.list", [No, No, No, No, No]),
    ("seal.info", [No, No, No, No, No]),
    ("seal.history", [No, No, No, No, No]),
    ("seal.verify", [No, No, No, No, No]),
    ("keys.init", [Absent, No, No, No, No]),
    ("keys.list", [No, No, No, No, No]),
    ("keys.info", [No, No, No, No, No]),
    ("keys.export-public", [No, No, No, No, No]),
    ("keys.rotate", [No, No, No, No, No]),
    ("wallet.create", [No, No, No, No, No]),
    ("wallet.list", [No, No, No, No, No]),
    ("wallet.info", [No, No, No, No, No]),
    ("wallet.provider-list", [No, No, No, No, No]),
    ("wallet.provider-set", [No, No, No, No, No]),
    ("reveal.request", [Absent, Absent, No, No, Own]),
    ("reveal.list", [Own, Own, Own, Yes, Yes]),
    ("reveal.approve", [Absent, No, No, No, No]),
    ("reveal.deny", [Absent, No, No, No, No]),
    ("action.list", [Own, Own, Own, Own, Own]),
    ("action.show", [Absent, Absent, Absent, Absent, Absent]),
    ("action.approve", [Absent, No, No, No, No]),
    ("action.deny", [Absent, No, No, No, No]),
    ("events.poll", [No, No, Own, No, Yes]),
];

/// An admin, an operator that it made, and what belongs to that.
struct Tree {
    admin: Principal,
    operator: String,
    policy: String,
    inbox: String,
    chat: String,
    credential: String,
    /// What the credential asked to see.
    reveal: String,
}

async fn tree(desk: &Desk, name: &str) -> Tree {
    let admin = desk.done(
        "operator.create",
        json!({"label": format!("{name} admin"), "role": "admin", "scopeMode": "shared"}),
    );
    let admin = Principal::Operator(text(&admin.await["id"]).parse().unwrap());
    let by = |id: &'static str, input: Value| async move { desk.call(admin, id, input).await.unwrap() };
    let role = json!({"label": format!("{name} operator"), "role": "operator", "scopeMode": "shared"});
    let operator = text(&by("operator.create", role).await["id"]);
    let scopes = json!(["read-messages", "list-conversations", "list-members"]);
    let policy = json!({"label": format!("{name} policy"), "allow": scopes, "deny": []});
    let policy = text(&by("policy.create", policy).await["id"]);
    let inbox = json!({"label": format!("{name} inbox"), "operatorId": operator});
    let inbox = text(&by("inbox.create", inbox).await["id"]);
    let room = json!({"memberInboxIds": [], "name": format!("{name} room"), "operatorId": operator});
    let chat = text(&by("chat.create", room).await["chatId"]);
    let issue = json!({"operatorId": operator, "chatIds": [chat], "policyId": policy});
    let credential = text(&by("credential.issue", issue).await["credential"]["id"]);
    let harness = Principal::Credential(credential.parse().unwrap());
    let ask = json!({"credentialId": credential, "chatId": chat, "scope": "sender", "targetId": "somebody",
                     "expiresAt": null});
    let reveal = text(&desk.call(harness, "reveal.request", ask).await.unwrap()["revealId"]);
    Tree {
        admin,
        operator,
        policy,
        inbox,
        chat,
        credential,
        reveal,
    }
}

/// The input by which an action is about what belongs to `of`.
fn input(id: &str, of: &Tree) -> Value {
    let Tree {
        operator,
        policy,
        inbox,
        chat,
        credential,
        reveal,
        ..
    } = of;
    let uuid = "0b0a2e6c-5b0f-4a57-9d3a-3d3f1f6c2b11";
    let message = "msg_0000000000000000";
    match id {
        "operator.create" => json!({"label": "x", "role": "operator", "scopeMode": "shared", "inboxIds": [inbox]}),
        "operator.info" | "operator.remove" => json!({"operatorId": operator}),
        "operator.update" => json!({"operatorId": operator, "changes": {"label": "taken over"}}),
        "policy.create" => json!({"label": "first policy", "allow": [], "deny": []}),
        "policy.info" | "policy.remove" => json!({"policyId": policy}),
        "policy.update" => json!({"policyId": policy, "changes": {"allow": ["send"]}}),
        "credential.issue" => json!({"operatorId": operator, "chatIds": [chat], "allow": ["send"]}),
        "credential.lookup" | "credential.revoke" | "credential.updateScopes" => json!({"credentialId": credential}),
        "inbox.create" => json!({"operatorId": operator}),
        "inbox.info" | "inbox.unlink" => json!({"inboxId": inbox}),
        "inbox.link" => json!({"inboxId": inbox, "operatorId": operator}),
        "inbox.rm" => json!({"inboxId": inbox, "execute": true}),
        "chat.create" => json!({"memberInboxIds": [], "creatorIdentityLabel": inbox}),
        "chat.list" => json!({"identityLabel": inbox}),
        "chat.info"
        | "chat.members"
        | "chat.sync"
        | "chat.leave"
        | "chat.update-profile"
        | "chat.invite"
        | "message.read" => json!({"chatId": chat}),
        "chat.revoke-invite" => json!({"chatId": chat, "inviteTag": "x7k2m9q4t1"}),
        "chat.join" => json!({"inviteUrl": "x"}),
        "chat.update" => json!({"chatId": chat, "name": "taken over"}),
        "chat.rm" => json!({"chatId": chat, "force": true}),
        "chat.add-member" | "chat.remove-member" | "chat.promote-member" | "chat.demote-member" => {
            json!({"chatId": chat, "inboxId": inbox})
        }
        "message.send" => json!({"chatId": chat, "text": "x"}),
        "message.list" => json!({"chatId": chat, "dangerouslyAllowMessageRead": true}),
        "message.info" => json!({"chatId": chat, "messageId": message}),
        "message.reply" => json!({"chatId": chat, "messageId": message, "text": "x"}),
        "message.react" => json!({"chatId": chat, "messageId": message, "reaction": "x"}),
        "consent.check" | "consent.allow" | "consent.deny" => json!({"entity": inbox, "identityLabel": inbox}),
        "search.messages" => json!({"query": "x", "chatId": chat}),
        "search.resources" => json!({"query": "first"}),
        "lookup.resolve" => json!({"query": operator}),
        "seal.info" | "seal.verify" => json!({"sealId": "seal_0000000000000000"}),
        "seal.history" => json!({"credentialId": credential, "chatId": chat}),
        "keys.init" => json!({"operatorId": operator}),
        "keys.info" => json!({"keyId": operator}),
        "wallet.create" => json!({"label": "x"}),
        "wallet.info" => json!({"walletId": uuid}),
        "wallet.provider-set" => json!({"name": "x", "path": "/bin/true"}),
        "reveal.request" => json!({"credentialId": credential, "chatId": chat, "scope": "message", "targetId": message,
                                   "expiresAt": null}),
        "reveal.approve" | "reveal.deny" => json!({"revealId": reveal}),
        "action.show" | "action.approve" | "action.deny" => json!({"actionId": uuid}),
        _ => json!({}),
    }
}

async fn verdict(desk: &Desk, who: Principal, id: &str, of: &Tree) -> Verdict {
    match desk.call(who, id, input(id, of)).await {
        Ok(answer) => {
            let mut shown = answer;
            if let Some(query) = shown.get_mut("query") {
                *query = Value::Null;
            }
            let shown = shown.to_string();
            let foreign = [&of.operator, &of.policy, &of.inbox, &of.chat, &of.credential];
            if foreign.iter().any(|id| shown.contains(*id)) || shown.contains("first") {
                Yes
            } else {
                Own
            }
        }
        Err(failure) => match failure.kind() {
            Category::Permission => No,
            Category::NotFound => Absent,
            Category::Validation => Wrong,
            other => panic!("{id}: {other}: {failure}"),
        },
    }
}

#[tokio::test]
async fn every_action_ends_for_everybody_as_it_is_written_down() {
    let desk = Desk::new().await;
    let (first, second) = (tree(&desk, "first").await, tree(&desk, "second").await);
    let operator = |tree: &Tree| Principal::Operator(tree.operator.parse().unwrap());
    let credential = |tree: &Tree| Principal::Credential(tree.credential.parse().unwrap());
    let callers = [
        second.admin,
        operator(&second),
        credential(&second),
        operator(&first),
        credential(&first),
    ];

    let written: BTreeSet<&str> = TABLE.iter().map(|(id, _)| *id).collect();
    let registry = action::Registry::new(action::table().iter().copied()).unwrap();
    let actions: BTreeSet<&str> = registry.entries().map(action::Entry::id).collect();
    assert_eq!(written, actions);

    let state = |mut state: Value| {
        state["status"] = Value::Null;
        state
    };
    let before = state(desk.done("admin.export-state", json!({})).await);
    let mut wrong = Vec::new();
    for (id, expected) in TABLE {
        for (column, (who, expected)) in callers.iter().zip(expected).enumerate() {
            let found = verdict(&desk, *who, id, &first).await;
            if found != *expected {
                wrong.push(format!("{id} [{column}]: {found:?}, not {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // and none of it changed anything
    assert_eq!(state(desk.done("admin.export-state", json!({})).await), before);
}

#[tokio::test]
async fn refusals_are_recorded() {
    let desk = Desk::new().await;
    let tree = tree(&desk, "first").await;
    let harness = Principal::Credential(tree.credential.parse().unwrap());
    desk.call(harness, "operator.remove", json!({"operatorId": tree.operator}))
        .await
        .unwrap_err();
    let log = desk.done("admin.logs", json!({"limit": 1})).await;
    assert_eq!(log[0]["action"], "operator.remove");
    assert_eq!(log[0]["actor"], tree.credential.as_str());
    assert_eq!(log[0]["success"], false);
}
