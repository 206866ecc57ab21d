//! The other lines: what the seeds do not show, and what is refused.

use chancery_signet_wire::action::{Registry, table};
use clap::{CommandFactory as _, Parser as _};
use serde_json::json;

use super::{ask, call, plan, words};
use crate::{cli::Cli, step::Then};

#[test]
fn every_option_reaches_its_member() {
    for (line, id, input) in [
        (
            "xs operator create --label a --role admin --provider ows --wallet w --inference-mode hybrid --inference-providers x,y \
          --content-egress-scope provider-only --retention-at-provider none --hosting-mode tee",
            "operator.create",
            json!({"label": "a", "role": "admin", "scopeMode": "per-chat", "provider": "ows", "walletId": "w",
                "operatorDisclosures": {"inferenceMode": "hybrid", "inferenceProviders": ["x", "y"],
                "contentEgressScope": "provider-only", "retentionAtProvider": "none", "hostingMode": "tee"}}),
        ),
        (
            "xs operator rm a --force",
            "operator.remove",
            json!({"operatorId": "a"}),
        ),
        (
            "xs policy create --label a --deny send --confirm reply,view-permissions",
            "policy.create",
            json!({"label": "a", "allow": [], "deny": ["send"], "confirm": ["reply", "read-permissions"]}),
        ),
        (
            "xs policy update a --label b --allow send --confirm \"\"",
            "policy.update",
            json!({"policyId": "a", "changes": {"label": "b", "allow": ["send"], "confirm": []}}),
        ),
        (
            "xs cred issue --op a --chat b,c --chat d --deny send --content-types xmtp.org/text:1.0 --harness-uid 1001",
            "credential.issue",
            json!({"operatorId": "a", "chatIds": ["b", "c", "d"], "deny": ["send"],
            "contentTypes": ["xmtp.org/text:1.0"], "harnessUid": 1001}),
        ),
        // RFC 8032 section 7.1, the public key of test 1
        (
            "xs cred issue --op a --chat b --harness-key 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "credential.issue",
            json!({"operatorId": "a", "chatIds": ["b"], "harnessKey": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
        ),
        ("xs cred list --all", "credential.list", json!({"all": true})),
        (
            "xs cred update a --allow send --deny reply --policy b",
            "credential.updateScopes",
            json!({"credentialId": "a", "scopes": {"allow": ["send"], "deny": ["reply"]}, "policyId": "b"}),
        ),
        (
            "xs inbox rm a --force",
            "inbox.rm",
            json!({"inboxId": "a", "execute": true}),
        ),
        (
            "xs chat create --name a --members b,c --as d --op e",
            "chat.create",
            json!({"memberInboxIds": ["b", "c"], "name": "a", "creatorIdentityLabel": "d", "operatorId": "e"}),
        ),
        (
            "xs chat list --as a --op b",
            "chat.list",
            json!({"identityLabel": "a", "operatorId": "b"}),
        ),
        (
            "xs chat update a --description b --image c",
            "chat.update",
            json!({"chatId": "a", "description": "b", "imageUrl": "c"}),
        ),
        ("xs chat sync --as a", "chat.sync", json!({"identityLabel": "a"})),
        (
            "xs chat join a --op b --timeout 9",
            "chat.join",
            json!({"inviteUrl": "a", "operatorId": "b", "timeoutSeconds": 9}),
        ),
        (
            "xs chat invite a --as b --name c --description d",
            "chat.invite",
            json!({"chatId": "a", "identityLabel": "b", "name": "c", "description": "d"}),
        ),
        (
            "xs chat invite a --expires-in 60 --single-use",
            "chat.invite",
            json!({"chatId": "a", "expiresInSeconds": 60, "singleUse": true}),
        ),
        (
            "xs chat revoke-invite a b",
            "chat.revoke-invite",
            json!({"chatId": "a", "inviteTag": "b"}),
        ),
        (
            "xs chat update-profile a --as b --op c",
            "chat.update-profile",
            json!({"chatId": "a", "identityLabel": "b", "operatorId": "c"}),
        ),
        (
            "xs chat leave a --purge --force",
            "chat.leave",
            json!({"chatId": "a", "purge": true}),
        ),
        ("xs chat rm a --force", "chat.rm", json!({"chatId": "a", "force": true})),
        (
            "xs chat member add a b --as c",
            "chat.add-member",
            json!({"chatId": "a", "inboxId": "b", "identityLabel": "c"}),
        ),
        (
            "xs msg send hi --to a --as-owner --idempotency-key k",
            "message.send",
            json!({"chatId": "a", "text": "hi", "asOwner": true, "idempotencyKey": "k"}),
        ),
        (
            "xs msg list --from a --limit 3 --before b --after c --as d",
            "message.list",
            json!({"chatId": "a", "limit": 3, "before": "b", "after": "c", "identityLabel": "d"}),
        ),
        ("xs msg info a", "message.info", json!({"messageId": "a"})),
        (
            "xs search a --type resources",
            "search.resources",
            json!({"query": "a"}),
        ),
        (
            "xs search a --type policy --limit 2",
            "search.resources",
            json!({"query": "a", "type": "policy", "limit": 2}),
        ),
        (
            "xs consent deny a --type group_id --as b",
            "consent.deny",
            json!({"entity": "a", "entityType": "group_id", "identityLabel": "b"}),
        ),
        (
            "xs logs --since 2026-01-01T00:00:00Z --limit 5",
            "admin.logs",
            json!({"since": "2026-01-01T00:00:00.000Z", "limit": 5}),
        ),
        ("xs logs export", "admin.logs-export", json!({})),
        ("xs logs verify", "admin.logs-verify", json!({})),
        (
            "xs key init --operator a --wallet b",
            "keys.init",
            json!({"operatorId": "a", "walletId": "b"}),
        ),
        ("xs key rotate --operator a", "keys.rotate", json!({"operatorId": "a"})),
        ("xs seal list --credential a", "seal.list", json!({"credentialId": "a"})),
        ("xs action list --cred a", "action.list", json!({"credentialId": "a"})),
        (
            "xs action show c56a4180-65aa-42ec-a945-5fd21dec0538",
            "action.show",
            json!({"actionId": "c56a4180-65aa-42ec-a945-5fd21dec0538"}),
        ),
        (
            "xs action approve c56a4180-65aa-42ec-a945-5fd21dec0538",
            "action.approve",
            json!({"actionId": "c56a4180-65aa-42ec-a945-5fd21dec0538"}),
        ),
        (
            "xs action deny c56a4180-65aa-42ec-a945-5fd21dec0538",
            "action.deny",
            json!({"actionId": "c56a4180-65aa-42ec-a945-5fd21dec0538"}),
        ),
        ("xs reveal list --cred a", "reveal.list", json!({"credentialId": "a"})),
        (
            "xs reveal approve c56a4180-65aa-42ec-a945-5fd21dec0538 --until 2026-01-01T00:00:00Z",
            "reveal.approve",
            json!({"revealId": "c56a4180-65aa-42ec-a945-5fd21dec0538", "expiresAt": "2026-01-01T00:00:00.000Z"}),
        ),
        (
            "xs reveal deny c56a4180-65aa-42ec-a945-5fd21dec0538",
            "reveal.deny",
            json!({"revealId": "c56a4180-65aa-42ec-a945-5fd21dec0538"}),
        ),
        ("xs admin token --ttl 60", "admin.token", json!({"ttlSeconds": 60})),
        ("xs admin verify-keys", "admin.verify-keys", json!({})),
        ("xs admin export-state", "admin.export-state", json!({})),
    ] {
        assert_eq!(call(line), (id, input), "{line}");
    }
    // a text may begin with a hyphen
    assert_eq!(call("xs msg send -1 --to a").1["text"], "-1");
}

#[test]
fn what_does_not_fit_is_refused_before_anybody_is_asked() {
    for line in [
        "xs operator create",
        "xs operator create --label \"\"",
        "xs operator create --label a --role god",
        "xs operator create --label a --scope both",
        "xs cred issue --op a",
        "xs cred issue --op a --chat b --allow fly",
        "xs cred issue --op a --chat b --ttl 0",
        "xs cred issue --op a --chat b --ttl 1h",
        "xs cred issue --op a --chat b --content-types text",
        "xs cred issue --op a --chat b --harness-key abc",
        "xs cred issue --op a --chat b --deny send --deny reply",
        "xs cred revoke a --reason boredom",
        "xs logs --since yesterday",
        "xs logs --limit 3 export",
        "xs search a --type everything",
        "xs consent check a --type person",
        "xs action approve c56a",
        "xs reveal approve c56a",
        "xs init bogus",
        "xs init --env main",
        "xs chat create --name a --invite-name b",
        "xs inbox info a --network --only id",
        "xs msg send hi --to a --op b --as-owner",
        "xs agent setup Open_Claw",
        "xs status --json --output ndjson",
        "xs reset --keep-audit false",
        "xs start",
    ] {
        let parsed = Cli::try_parse_from(words(line));
        let error = parsed.map(|_| ()).unwrap_err();
        assert!(
            error.use_stderr() && !error.to_string().contains("hunter2"),
            "{line}: {error}"
        );
    }
    for line in [
        "xs cred update a",
        "xs policy update a",
        "xs chat update a",
        "xs chat update-profile a",
        "xs search a --type policy --chat b",
    ] {
        let problem = plan(line).unwrap_err();
        assert_eq!(problem.exit_code(), 1, "{line}");
    }
}

#[test]
fn a_plan_is_asked_for_and_said_to_be_one() {
    assert_eq!(
        ask("xs inbox rm a").plan_of.as_deref(),
        Some("remove inbox 'a' and its files")
    );
    assert_eq!(ask("xs inbox rm a --force").plan_of, None);
    assert_eq!(
        ask("xs chat rm a").plan_of.as_deref(),
        Some("forget what is here of chat 'a'")
    );
    assert_eq!(ask("xs inbox info a --network").only.as_deref(), Some("networkInboxId"));
    assert_eq!(ask("xs chat info a --only name").only.as_deref(), Some("name"));
}

#[test]
fn what_is_watched_is_the_list_and_not_the_events() {
    for (line, place) in [
        ("xs chat list --watch", "groups"),
        ("xs msg list --from a --watch", "messages"),
        ("xs action list --watch", "actions"),
    ] {
        assert!(
            matches!(ask(line).then, Then::Watch(kinds, at) if at == place && !kinds.is_empty()),
            "{line}"
        );
    }
    assert!(matches!(ask("xs chat list").then, Then::Nothing));
}

/// Each action of the table has a line here or above, but for those that only a harness or another surface calls.
#[test]
fn every_action_of_the_command_line_has_a_command() {
    const ELSEWHERE: [&str; 4] = ["signet.status", "signet.stop", "config.show", "events.poll"];
    let shown = concat!(include_str!("seeds.rs"), include_str!("lines.rs"));
    let registry = Registry::new(table().iter().copied()).unwrap();
    for id in registry.entries().map(|entry| entry.id()) {
        let called = shown.contains(&format!("\"{id}\", ")) || shown.contains(&format!("\"{id}\",\n"));
        assert!(called || ELSEWHERE.contains(&id) || id == "reveal.request", "{id}");
    }
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}
