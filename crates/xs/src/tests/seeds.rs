//! Every command line of the two published skill texts: it is understood, and comes to the action of the specification's
//! appendix A. `…` in a text is a whole id here.

use serde_json::json;

use super::{call, plan, rehearsal};
use crate::commands::{Here, Plan};

#[test]
fn the_lines_that_the_daemon_does() {
    for (line, id, input) in [
        // day to day
        (
            r#"xs operator create --label support-agent --scope per-chat"#,
            "operator.create",
            json!({"label": "support-agent", "role": "operator", "scopeMode": "per-chat"}),
        ),
        (
            r#"xs chat join "https://popup.convos.org/v2?i=slug" --as support-agent --profile-name "Support Agent""#,
            "chat.join",
            json!({"inviteUrl": "https://popup.convos.org/v2?i=slug", "label": "support-agent", "profileName": "Support Agent"}),
        ),
        ("xs chat list", "chat.list", json!({})),
        (
            "xs cred issue --op op_a7f30c2e91d4b856 --chat conv_9e2d1a4b8c3f7e60 --allow send,reply,react,read-messages,stream-messages",
            "credential.issue",
            json!({"operatorId": "op_a7f30c2e91d4b856", "chatIds": ["conv_9e2d1a4b8c3f7e60"],
            "allow": ["send", "reply", "react", "read-messages", "stream-messages"]}),
        ),
        (
            r#"xs chat create --name "Agent Room" --invite --profile-name "Host Agent" --format both"#,
            "chat.create",
            json!({"memberInboxIds": [], "name": "Agent Room"}),
        ),
        (
            "xs chat invite conv_9e2d1a4b8c3f7e60 --format both",
            "chat.invite",
            json!({"chatId": "conv_9e2d1a4b8c3f7e60"}),
        ),
        (
            "xs chat info conv_9e2d1a4b8c3f7e60",
            "chat.info",
            json!({"chatId": "conv_9e2d1a4b8c3f7e60"}),
        ),
        (
            "xs chat member list conv_9e2d",
            "chat.members",
            json!({"chatId": "conv_9e2d"}),
        ),
        (
            r#"xs msg send "hello from the agent" --to conv_9e2d"#,
            "message.send",
            json!({"chatId": "conv_9e2d", "text": "hello from the agent"}),
        ),
        (
            "xs msg list --from conv_9e2d --dangerously-allow-message-read",
            "message.list",
            json!({"chatId": "conv_9e2d", "dangerouslyAllowMessageRead": true}),
        ),
        (
            "xs msg list --from conv_9e2d",
            "message.list",
            json!({"chatId": "conv_9e2d"}),
        ),
        (
            "xs cred info cred_b2c1",
            "credential.lookup",
            json!({"credentialId": "cred_b2c1"}),
        ),
        ("xs logs", "admin.logs", json!({})),
        (
            r#"xs chat update conv_9e2d --name "Renamed""#,
            "chat.update",
            json!({"chatId": "conv_9e2d", "name": "Renamed"}),
        ),
        ("xs chat sync conv_9e2d", "chat.sync", json!({"chatId": "conv_9e2d"})),
        (
            r#"xs chat update-profile conv_9e2d --profile-name "Alice""#,
            "chat.update-profile",
            json!({"chatId": "conv_9e2d", "profileName": "Alice"}),
        ),
        ("xs chat rm conv_9e2d", "chat.rm", json!({"chatId": "conv_9e2d"})),
        (
            "xs chat member add conv_9e2d 0xabc",
            "chat.add-member",
            json!({"chatId": "conv_9e2d", "inboxId": "0xabc"}),
        ),
        (
            "xs chat member rm conv_9e2d abab",
            "chat.remove-member",
            json!({"chatId": "conv_9e2d", "inboxId": "abab"}),
        ),
        (
            "xs chat member promote conv_9e2d abab",
            "chat.promote-member",
            json!({"chatId": "conv_9e2d", "inboxId": "abab"}),
        ),
        (
            "xs chat member demote conv_9e2d abab",
            "chat.demote-member",
            json!({"chatId": "conv_9e2d", "inboxId": "abab"}),
        ),
        (
            r#"xs msg send "hello" --to conv_9e2d --as inbox_1 --op op_2"#,
            "message.send",
            json!({"chatId": "conv_9e2d", "text": "hello", "identityLabel": "inbox_1", "operatorId": "op_2"}),
        ),
        (
            r#"xs msg reply "ack" --chat conv_9e2d --to msg_41c8 --as inbox_1"#,
            "message.reply",
            json!({"chatId": "conv_9e2d", "messageId": "msg_41c8", "text": "ack", "identityLabel": "inbox_1"}),
        ),
        (
            r#"xs msg react "👍" --chat conv_9e2d --to msg_41c8 --as inbox_1"#,
            "message.react",
            json!({"chatId": "conv_9e2d", "messageId": "msg_41c8", "reaction": "👍", "identityLabel": "inbox_1"}),
        ),
        (
            "xs msg read --chat conv_9e2d --as inbox_1",
            "message.read",
            json!({"chatId": "conv_9e2d", "identityLabel": "inbox_1"}),
        ),
        (
            "xs msg info msg_41c8 --chat conv_9e2d",
            "message.info",
            json!({"chatId": "conv_9e2d", "messageId": "msg_41c8"}),
        ),
        ("xs inbox list", "inbox.list", json!({})),
        (
            "xs inbox info inbox_4b1d",
            "inbox.info",
            json!({"inboxId": "inbox_4b1d"}),
        ),
        ("xs operator list", "operator.list", json!({})),
        (
            "xs operator info op_a7f3",
            "operator.info",
            json!({"operatorId": "op_a7f3"}),
        ),
        ("xs cred list", "credential.list", json!({})),
        (
            "xs cred list --op op_a7f3",
            "credential.list",
            json!({"operatorId": "op_a7f3"}),
        ),
        (
            "xs seal list --chat conv_9e2d",
            "seal.list",
            json!({"chatId": "conv_9e2d"}),
        ),
        ("xs seal info seal_77aa", "seal.info", json!({"sealId": "seal_77aa"})),
        ("xs policy list", "policy.list", json!({})),
        (
            "xs policy info policy_helper",
            "policy.info",
            json!({"policyId": "policy_helper"}),
        ),
        ("xs lookup op_alice", "lookup.resolve", json!({"query": "op_alice"})),
        (
            r#"xs search "support escalation""#,
            "search.messages",
            json!({"query": "support escalation"}),
        ),
        (
            r#"xs search "refund" --type messages --chat conv_9e2d --as alice-bot"#,
            "search.messages",
            json!({"query": "refund", "chatId": "conv_9e2d", "identityLabel": "alice-bot"}),
        ),
        (
            "xs consent check inbox_4b1d",
            "consent.check",
            json!({"entity": "inbox_4b1d"}),
        ),
        (
            "xs consent allow inbox_4b1d",
            "consent.allow",
            json!({"entity": "inbox_4b1d"}),
        ),
        (
            "xs consent deny inbox_4b1d",
            "consent.deny",
            json!({"entity": "inbox_4b1d"}),
        ),
        (
            r#"xs search "incident" --type messages --dangerously-allow-message-read"#,
            "search.messages",
            json!({"query": "incident", "dangerouslyAllowMessageRead": true}),
        ),
        // administration
        (
            "xs key init --operator op_a7f3",
            "keys.init",
            json!({"operatorId": "op_a7f3"}),
        ),
        ("xs key rotate", "keys.rotate", json!({})),
        ("xs key list", "keys.list", json!({})),
        ("xs key info key_3d9e", "keys.info", json!({"keyId": "key_3d9e"})),
        ("xs key export-public", "keys.export-public", json!({})),
        (
            "xs key export-public op_helper",
            "keys.export-public",
            json!({"keyId": "op_helper"}),
        ),
        (
            "xs wallet create --label ops-wallet",
            "wallet.create",
            json!({"label": "ops-wallet"}),
        ),
        ("xs wallet list", "wallet.list", json!({})),
        (
            "xs wallet info wallet_0f8c",
            "wallet.info",
            json!({"walletId": "wallet_0f8c"}),
        ),
        ("xs wallet provider list", "wallet.provider-list", json!({})),
        (
            "xs wallet provider set ows --path /usr/bin/ows",
            "wallet.provider-set",
            json!({"name": "ows", "path": "/usr/bin/ows"}),
        ),
        (
            r#"xs operator create --label "support-bot" --scope per-chat"#,
            "operator.create",
            json!({"label": "support-bot", "role": "operator", "scopeMode": "per-chat"}),
        ),
        (
            r#"xs operator create --label boss --role superadmin --scope shared"#,
            "operator.create",
            json!({"label": "boss", "role": "superadmin", "scopeMode": "shared"}),
        ),
        (
            r#"xs operator rename op_a7f3 --label "support-bot-v2""#,
            "operator.update",
            json!({"operatorId": "op_a7f3", "changes": {"label": "support-bot-v2"}}),
        ),
        (
            r#"xs policy create --label "helper" --allow send,reply,react"#,
            "policy.create",
            json!({"label": "helper", "allow": ["send", "reply", "react"], "deny": []}),
        ),
        (
            "xs policy update policy_helper --deny forward-to-provider",
            "policy.update",
            json!({"policyId": "policy_helper", "changes": {"deny": ["forward-to-provider"]}}),
        ),
        (
            "xs policy rm policy_helper --force",
            "policy.remove",
            json!({"policyId": "policy_helper"}),
        ),
        (
            "xs cred issue --op op_a7f3 --chat conv_9e2d1a4b8c3f7e60 --policy policy_helper --allow send,reply --ttl 86400",
            "credential.issue",
            json!({"operatorId": "op_a7f3", "chatIds": ["conv_9e2d1a4b8c3f7e60"],
            "policyId": "policy_helper", "allow": ["send", "reply"], "ttlSeconds": 86400}),
        ),
        (
            "xs cred update cred_b2c1 --deny forward-to-provider",
            "credential.updateScopes",
            json!({"credentialId": "cred_b2c1", "scopes": {"deny": ["forward-to-provider"]}}),
        ),
        (
            "xs cred update cred_b2c1 --policy policy_restricted",
            "credential.updateScopes",
            json!({"credentialId": "cred_b2c1", "policyId": "policy_restricted"}),
        ),
        (
            "xs cred revoke cred_b2c1 --force",
            "credential.revoke",
            json!({"credentialId": "cred_b2c1"}),
        ),
        (
            "xs cred revoke cred_b2c1 --force --reason policy-violation",
            "credential.revoke",
            json!({"credentialId": "cred_b2c1", "reason": "policy-violation"}),
        ),
        (
            "xs inbox create --label qa-inbox",
            "inbox.create",
            json!({"label": "qa-inbox"}),
        ),
        (
            "xs inbox create --label qa-inbox --op op_a7f3",
            "inbox.create",
            json!({"label": "qa-inbox", "operatorId": "op_a7f3"}),
        ),
        (
            "xs inbox link inbox_helper --op op_helper",
            "inbox.link",
            json!({"inboxId": "inbox_helper", "operatorId": "op_helper"}),
        ),
        (
            "xs inbox unlink inbox_4b1d",
            "inbox.unlink",
            json!({"inboxId": "inbox_4b1d"}),
        ),
        ("xs inbox rm inbox_4b1d", "inbox.rm", json!({"inboxId": "inbox_4b1d"})),
        (
            "xs seal verify seal_77aa",
            "seal.verify",
            json!({"sealId": "seal_77aa"}),
        ),
        (
            "xs seal history cred_b2c1 --chat conv_9e2d",
            "seal.history",
            json!({"credentialId": "cred_b2c1", "chatId": "conv_9e2d"}),
        ),
    ] {
        assert_eq!(call(line), (id, input), "{line}");
    }
}

#[test]
fn the_lines_that_are_done_here() {
    for line in [
        "xs init --env production --label owner",
        "xs init --env dev --label owner",
        "xs init",
        "xs init trusted-local",
        "xs init hardened",
        "xs daemon start",
        "xs daemon status",
        "xs daemon stop",
        "xs status --json",
        "xs reset",
        "xs agent setup",
        "xs agent setup openclaw",
        "xs agent status",
        "xs agent status openclaw",
        "xs agent doctor",
        "xs agent doctor openclaw",
    ] {
        assert!(matches!(plan(line), Ok(Plan::Here(_))), "{line}");
    }
    assert!(matches!(plan("xs status --json"), Ok(Plan::Here(Here::Status))));
}

/// Signet spec 9.1.
#[test]
fn the_lines_that_destroy_do_nothing_without_force() {
    assert_eq!(
        rehearsal("xs operator rm op_a7f3"),
        "remove operator 'op_a7f3' and revoke its credentials"
    );
    assert_eq!(rehearsal("xs policy rm helper"), "remove policy 'helper'");
    assert_eq!(
        rehearsal("xs cred revoke cred_b2c1"),
        "revoke credential 'cred_b2c1', close its connections and tell its chats"
    );
    assert_eq!(rehearsal("xs chat leave conv_9e2d"), "leave chat 'conv_9e2d'");
}
