//! Records: written and read as the same; without a member or with one of another type refused; with more, read.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::fmt::Debug;

use chancery_base::Rng;
use chancery_signet_wire::BearerToken;
use chancery_signet_wire::adapter::{AdapterManifest, AdapterVerb};
use chancery_signet_wire::record::{
    chat::{ChatCreated, ChatJoined, Invite},
    credential::{
        AgentRevocationReason, CredentialInfo, CredentialRecord, CredentialView, IssuedCredential, RevocationReason,
        ScopesChanged, TokenMetadata,
    },
    held::{PendingAction, RevealAnswer, Reveals},
    inbox::{CleanupPlan, InboxSummary},
    key::{KeySummary, KeysInitialized, PublicKeyExport},
    lookup::Lookup,
    operator::{Disclosures, OperatorConfig, OperatorRecord},
    policy::PolicyRecord,
    status::{Health, Started, Status},
    wallet::{WalletDetails, WalletInfo},
};
use common::{Step, other_types, places, replaced, without};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

const TIME: &str = "2026-01-01T00:00:00.000Z";
const UUID: &str = "c56a4180-65aa-42ec-a945-5fd21dec0538";

/// Holds `sample`, which has every member, to the rules; `optional` may be absent, `nullable` may be `null`.
fn holds<T: Serialize + DeserializeOwned + PartialEq + Debug>(sample: &Value, optional: &[&str], nullable: &[&str]) {
    let read: T = serde_json::from_value(sample.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), *sample);
    for path in places(sample) {
        let Step::Member(name) = path.last().unwrap() else {
            continue;
        };
        let shorter = without(sample, &path);
        let is_optional = optional.contains(&name.as_str());
        assert_eq!(
            serde_json::from_value::<T>(shorter.clone()).is_ok(),
            is_optional,
            "{shorter}"
        );
        if is_optional {
            let read: T = serde_json::from_value(shorter.clone()).unwrap();
            assert_eq!(
                serde_json::to_value(&read).unwrap(),
                shorter,
                "absent is written as absent"
            );
        }
        let old = common::at(&mut sample.clone(), &path).clone();
        for other in other_types(&old) {
            let spoilt = replaced(sample, &path, other.clone());
            let is_fine = other.is_null() && nullable.contains(&name.as_str());
            assert_eq!(serde_json::from_value::<T>(spoilt.clone()).is_ok(), is_fine, "{spoilt}");
        }
    }
    let mut more = sample.clone();
    more["stranger"] = json!({"a": 1});
    assert_eq!(serde_json::from_value::<T>(more).unwrap(), read);
    let values: Vec<&Value> = sample.as_object().unwrap().values().collect();
    assert!(
        serde_json::from_value::<T>(json!(values)).is_err(),
        "an array is no object"
    );
}

fn operator() -> Value {
    json!({
        "id": "op_a7f30c2e91d4b856",
        "config": {
            "label": "support-bot", "role": "operator", "scopeMode": "per-chat", "provider": "internal", "walletId": UUID,
            "inboxIds": ["inbox_0000000000000001"],
            "operatorDisclosures": {"inferenceMode": "hybrid", "inferenceProviders": ["a"],
                "contentEgressScope": "provider-only", "retentionAtProvider": "30 days", "hostingMode": "self-hosted"},
        },
        "createdAt": TIME, "createdBy": "owner", "status": "active",
    })
}

const DISCLOSURES: [&str; 5] = [
    "inferenceMode",
    "inferenceProviders",
    "contentEgressScope",
    "retentionAtProvider",
    "hostingMode",
];

#[test]
fn operators() {
    let optional = [&["walletId", "inboxIds", "operatorDisclosures"][..], &DISCLOSURES].concat();
    holds::<OperatorRecord>(&operator(), &optional, &[]);
    holds::<OperatorConfig>(&operator()["config"], &optional, &[]);
    assert_eq!(
        serde_json::from_value::<Disclosures>(json!({})).unwrap(),
        Disclosures::default()
    );
    // what a seal signs is closed
    assert!(serde_json::from_value::<Disclosures>(json!({"stranger": 1})).is_err());
    for (member, words) in [
        ("inferenceMode", &["local", "cloud", "hybrid"][..]),
        ("contentEgressScope", &["none", "provider-only", "unrestricted"]),
        ("hostingMode", &["self-hosted", "cloud", "tee"]),
    ] {
        for word in words {
            assert!(
                serde_json::from_value::<Disclosures>(json!({member: word})).is_ok(),
                "{word}"
            );
        }
        assert!(serde_json::from_value::<Disclosures>(json!({member: "other"})).is_err());
    }
    for (member, words) in [
        ("role", &["operator", "admin", "superadmin"][..]),
        ("scopeMode", &["per-chat", "shared"]),
        ("provider", &["internal", "ows"]),
    ] {
        for word in words {
            let mut record = operator();
            record["config"][member] = json!(word);
            assert!(serde_json::from_value::<OperatorRecord>(record).is_ok(), "{word}");
        }
    }
    for status in ["active", "suspended", "removed"] {
        let mut record = operator();
        record["status"] = json!(status);
        assert!(serde_json::from_value::<OperatorRecord>(record).is_ok(), "{status}");
    }
}

#[test]
fn policies() {
    let policy = json!({
        "id": "policy_a7f30c2e91d4b856",
        "config": {"label": "helper", "allow": ["send", "reply"], "deny": ["invite"], "confirm": ["send"]},
        "createdAt": TIME, "updatedAt": TIME,
    });
    holds::<PolicyRecord>(&policy, &["confirm"], &[]);
}

fn credential() -> Value {
    json!({
        "id": "cred_a7f30c2e91d4b856",
        "config": {
            "operatorId": "op_a7f30c2e91d4b856", "chatIds": ["conv_0000000000000001"],
            "policyId": "policy_a7f30c2e91d4b856", "allow": ["send"], "deny": ["invite"], "ttlSeconds": 3600,
            "contentTypes": ["xmtp.org/text:1.0"],
            // RFC 8032, test 1
            "harnessKey": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "harnessUid": 1000,
        },
        "inboxIds": ["inbox_0000000000000001"], "status": "active", "issuedAt": TIME, "expiresAt": TIME,
        "issuedBy": "op_a7f30c2e91d4b856",
    })
}

const CREDENTIAL_OPTIONAL: [&str; 7] = [
    "policyId",
    "allow",
    "deny",
    "ttlSeconds",
    "contentTypes",
    "harnessKey",
    "harnessUid",
];

#[test]
fn credentials() {
    holds::<CredentialRecord>(&credential(), &CREDENTIAL_OPTIONAL, &[]);
    for chats in [json!([]), json!(vec!["conv_0000000000000001"; 257])] {
        let mut none = credential();
        none["config"]["chatIds"] = chats;
        assert!(serde_json::from_value::<CredentialRecord>(none).is_err());
    }
    for ttl in [json!(0), json!(-1), json!(1.5), json!("1")] {
        let mut wrong = credential();
        wrong["config"]["ttlSeconds"] = ttl;
        assert!(serde_json::from_value::<CredentialRecord>(wrong).is_err());
    }
    for status in ["pending", "active", "expired", "revoked"] {
        let mut record = credential();
        record["status"] = json!(status);
        assert!(serde_json::from_value::<CredentialRecord>(record).is_ok(), "{status}");
    }
}

#[test]
fn credentials_at_work() {
    let mut view = credential();
    for (member, value) in [
        ("credentialId", json!("cred_a7f30c2e91d4b856")),
        ("operatorId", json!("op_a7f30c2e91d4b856")),
        ("isExpired", json!(false)),
        ("lastHeartbeat", json!(TIME)),
        ("revokedAt", json!(TIME)),
        ("revocationReason", json!("policy-violation")),
    ] {
        view[member] = value;
    }
    let optional = [&CREDENTIAL_OPTIONAL[..], &["revokedAt", "revocationReason"]].concat();
    // the two lists of effective scopes are named as those of the configuration, and required
    let mut with_scopes = view.clone();
    with_scopes["effectiveScopes"] = json!({"allow": ["send"], "deny": []});
    let read: CredentialView = serde_json::from_value(with_scopes.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), with_scopes);
    assert!(serde_json::from_value::<CredentialView>(view.clone()).is_err());
    for name in optional {
        let mut shorter = with_scopes.clone();
        shorter.as_object_mut().unwrap().remove(name);
        shorter["config"].as_object_mut().unwrap().remove(name);
        assert!(serde_json::from_value::<CredentialView>(shorter).is_ok(), "{name}");
    }
    let mut silent = with_scopes;
    silent["lastHeartbeat"] = json!(null);
    assert!(serde_json::from_value::<CredentialView>(silent).is_ok());

    let info = json!({"credentialId": "cred_a7f30c2e91d4b856", "operatorId": "op_a7f30c2e91d4b856", "status": "active",
        "config": credential()["config"], "issuedAt": TIME, "expiresAt": TIME});
    let read: CredentialInfo = serde_json::from_value(info.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), info);
}

struct Sevens;

impl Rng for Sevens {
    fn fill(&self, out: &mut [u8]) {
        out.fill(7);
    }
}

#[test]
fn a_token_is_32_bytes_shown_once() {
    let token = BearerToken::generate(&Sevens);
    // python3 -c 'import base64; print(base64.urlsafe_b64encode(bytes([7])*32))'
    assert_eq!(token.reveal(), "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc");
    assert_eq!(token.reveal().len(), 43);
    let issued = json!({"token": token.reveal(), "credential": credential()});
    let read: IssuedCredential = serde_json::from_value(issued.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), issued);
    assert!(!format!("{read:?}").contains("BwcHBw"));
}

#[test]
fn a_fingerprint_is_of_the_text_of_a_token() {
    // printf %s abc | sha256sum, as FIPS 180-4 has it
    assert_eq!(
        BearerToken::new("abc".to_owned()).fingerprint(),
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    let metadata = json!({"credentialId": "cred_a7f30c2e91d4b856", "operatorId": "op_a7f30c2e91d4b856",
        "fingerprint": "sha256:00", "issuedAt": TIME, "expiresAt": TIME, "id": "cred_a7f30c2e91d4b856"});
    let read: TokenMetadata = serde_json::from_value(metadata.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), metadata);
}

#[test]
fn reasons_of_a_chat_are_those_of_a_credential_but_one() {
    for reason in RevocationReason::ALL {
        let told = AgentRevocationReason::from(*reason).as_str();
        match reason {
            RevocationReason::ReauthorizationRequired => assert_eq!(told, "admin-removed"),
            other => assert_eq!(told, other.as_str()),
        }
    }
    let changed = json!({"updated": false, "material": true, "reason": "Material change: added: invite"});
    holds::<ScopesChanged>(&changed, &[], &["reason"]);
}

#[test]
fn inboxes_and_plans() {
    let inbox = json!({"id": "inbox_0000000000000001", "networkInboxId": "ab", "label": "x", "groupId": "g",
        "createdAt": TIME, "operatorId": "op_a7f30c2e91d4b856"});
    holds::<InboxSummary>(&inbox, &[], &["networkInboxId", "label", "groupId", "operatorId"]);
    holds::<CleanupPlan>(&json!({"executed": false, "actions": ["stop client"]}), &[], &[]);
}

#[test]
fn wallets() {
    let info = json!({"id": UUID, "label": "ops", "provider": "internal", "accountCount": 1, "createdAt": TIME});
    holds::<WalletInfo>(&info, &[], &[]);
    let mut details = info;
    details["accounts"] = json!([
        {"index": 0, "address": "0x00", "chain": "evm", "publicKey": "04"},
        {"index": 0, "address": "ab", "chain": "ed25519", "publicKey": "ab"},
    ]);
    holds::<WalletDetails>(&details, &[], &[]);
}

fn key() -> Value {
    json!({"keyId": "key_0000000000000001", "identityId": "inbox_0000000000000001", "groupId": "g", "publicKey": "ab",
        "fingerprint": "cd", "createdAt": TIME, "rotatedAt": TIME, "operatorId": "op_a7f30c2e91d4b856", "tier": "operational",
        "trustTier": "unverified", "walletId": UUID, "provider": "internal"})
}

#[test]
fn keys() {
    holds::<KeySummary>(
        &key(),
        &["operatorId", "walletId", "provider"],
        &["groupId", "rotatedAt"],
    );
    let made = json!({"operatorId": "op_a7f30c2e91d4b856", "walletId": UUID, "provider": "internal",
        "trustTier": "source-verified", "createdWallet": true, "createdOperationalKey": true,
        "identityKeyRef": "xmtp-identity-key:op_a7f30c2e91d4b856", "operationalKey": key()});
    let read: KeysInitialized = serde_json::from_value(made.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), made);
    let export =
        json!({"keyId": "k", "identityId": "i", "publicKey": "ab", "fingerprint": "cd", "trustTier": "unverified"});
    holds::<PublicKeyExport>(&export, &[], &[]);
}

#[test]
fn the_daemon() {
    let status = json!({
        "state": "running", "coreState": "ready-local", "pid": 7, "uptime": 1.25, "activeCredentials": 1,
        "activeConnections": 2, "onboardingScheme": "convos", "xmtpEnv": "local", "identityMode": "per-group", "wsPort": 8393,
        "version": "0.1.0", "identityCount": 1, "networkState": "connected", "connectedInboxIds": ["ab"],
        "inboxes": [{"inboxId": "ab", "state": "connected", "lastSyncAt": TIME, "lastError": "x"}],
        "warnings": ["limits are advisory for this harness"],
    });
    let read: Status = serde_json::from_value(status.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), status);
    for path in places(&status) {
        let Step::Member(name) = path.last().unwrap() else {
            continue;
        };
        let is_optional = ["inboxes", "warnings"].contains(&name.as_str());
        assert_eq!(
            serde_json::from_value::<Status>(without(&status, &path)).is_ok(),
            is_optional,
            "{name}"
        );
    }
    for (member, words) in [
        ("state", &["running", "draining", "stopped", "locked"][..]),
        (
            "coreState",
            &[
                "uninitialized",
                "ready-local",
                "initializing",
                "ready",
                "shutting-down",
                "stopped",
                "error",
            ],
        ),
        ("networkState", &["connected", "disconnected"]),
        ("xmtpEnv", &["local", "dev", "production"]),
        ("identityMode", &["per-group", "shared"]),
    ] {
        for word in words {
            let mut other = status.clone();
            other[member] = json!(word);
            assert!(serde_json::from_value::<Status>(other).is_ok(), "{word}");
        }
    }
    holds::<Health>(&json!({"ok": true, "state": "running"}), &[], &[]);
    let started = json!({"status": "running", "pid": 7, "ws": "ws://127.0.0.1:8393", "adminSocket": "/s", "env": "dev",
        "dataDir": "/d"});
    holds::<Started>(&started, &[], &[]);
}

#[test]
fn chats() {
    let invite = json!({"inviteUrl": "https://x", "chatId": "conv_0000000000000001", "groupId": "g", "groupName": "n",
        "creatorInboxId": "ab", "inviteTag": "t"});
    holds::<Invite>(&invite, &[], &[]);
    let created = json!({"chatId": "conv_0000000000000001", "groupId": "g", "name": "n", "creatorInboxId": "ab",
        "memberCount": 2, "inviteWarning": {"category": "network", "message": "x"}});
    holds::<ChatCreated>(&created, &["inviteWarning"], &[]);
    let joined = json!({"chatId": "conv_0000000000000001", "groupId": "g", "identityId": "i", "inboxId": "ab",
        "inviteTag": "t", "groupName": "n", "creatorInboxId": "cd", "profileName": "p", "profileSource": "operator-default",
        "profileApplied": false});
    holds::<ChatJoined>(&joined, &["profileName", "profileSource", "profileApplied"], &[]);
}

#[test]
fn lookups() {
    let nothing = json!({"query": "x", "found": false, "mapping": null, "inbox": null, "operator": null, "policy": null,
        "credential": null});
    let read: Lookup = serde_json::from_value(nothing.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), nothing);
    for path in places(&nothing) {
        assert!(
            serde_json::from_value::<Lookup>(without(&nothing, &path)).is_err(),
            "{path:?}"
        );
    }
}

fn manifest() -> Value {
    json!({"name": "openclaw", "source": "builtin", "supports": ["setup", "status"],
        "entrypoints": {"setup": "openclaw setup", "status": "openclaw status"}})
}

#[test]
fn an_adapter_has_an_entry_point_for_each_verb_and_for_no_other() {
    let read: AdapterManifest = serde_json::from_value(manifest()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), manifest());
    assert!(read.entrypoints.of(AdapterVerb::Setup).is_some());
    for (pointer, wrong) in [
        ("/name", json!("OpenClaw")),
        ("/name", json!("1claw")),
        ("/name", json!("-claw")),
        ("/name", json!("")),
        ("/name", json!("a b")),
        ("/name", json!("x".repeat(65))),
        ("/source", json!("remote")),
        ("/supports", json!([])),
        ("/supports", json!(["setup"])),
        ("/supports", json!(["setup", "status", "doctor"])),
        ("/supports", json!(["setup", "status", "status"])),
        ("/supports", json!(["setup", "status", "dance"])),
        ("/entrypoints", json!({"setup": "x"})),
        ("/entrypoints", json!({"setup": "x", "status": ""})),
        ("/entrypoints", json!({"setup": "x", "status": "y", "doctor": "z"})),
        ("/entrypoints", json!({"setup": "x", "status": "y", "dance": "z"})),
        ("/entrypoints", json!(null)),
    ] {
        let mut manifest = manifest();
        *manifest.pointer_mut(pointer).unwrap() = wrong;
        assert!(
            serde_json::from_value::<AdapterManifest>(manifest.clone()).is_err(),
            "{manifest}"
        );
    }
    for member in ["name", "source", "supports", "entrypoints"] {
        let mut manifest = manifest();
        manifest.as_object_mut().unwrap().remove(member);
        assert!(serde_json::from_value::<AdapterManifest>(manifest).is_err(), "{member}");
    }
    let mut more = manifest();
    more["stranger"] = json!(1);
    assert!(serde_json::from_value::<AdapterManifest>(more).is_err());
}

#[test]
fn what_waits_for_the_owner() {
    let pending = json!({"actionId": UUID, "credentialId": "cred_a7f30c2e91d4b856", "actionType": "send_message",
        "payload": "x", "createdAt": TIME, "expiresAt": TIME, "digest": "00"});
    let read: PendingAction = serde_json::from_value(pending.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), pending);

    let request = json!({"revealId": UUID, "groupId": "conv_0000000000000001", "scope": "message",
        "targetId": "msg_0000000000000001", "requestedBy": "cred_a7f30c2e91d4b856", "expiresAt": null});
    let access = json!({"revealId": UUID, "grantedAt": TIME, "grantedBy": "owner", "expiresAt": null});
    for answer in [access.clone(), json!({"pending": true, "revealId": UUID})] {
        let read: RevealAnswer = serde_json::from_value(answer.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), answer);
    }
    for reveals in [
        json!({"activeReveals": [{"access": access, "request": request}]}),
        json!({"activeReveals": [], "pendingReveals": [{"credentialId": "cred_a7f30c2e91d4b856", "request": request,
            "createdAt": TIME}]}),
    ] {
        let read: Reveals = serde_json::from_value(reveals.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), reveals);
    }
}
