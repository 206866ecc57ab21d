//! Root, admin and operational keys: made once, used inside, rotated without losing what they signed (signet spec 8, 13).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

mod common;

use chancery_base::{Clock as _, ErrorCode as _, b64, ed25519::PublicKey, hex};
use chancery_custody::{CustodyError, KeyHolder, Places, WalletId, init};
use chancery_keys::{
    AdminTokenError, ApprovalError, Gates, Operation, Platform, TrustTier, What, admin_token, fingerprint, rotation,
};
use chancery_vault::{KeySource, Secret, VaultError};
use common::{NOW, OWNERS_PASSPHRASE, World, operator, yes};
use serde_json::{Value, json};

#[test]
fn init_makes_root_admin_and_the_default_key_and_a_repeat_makes_nothing() {
    let world = World::empty();
    let made = init(&world.plan(), &world.clock, &world.rng).unwrap();
    assert!(made.created);
    assert_eq!(made.evidence, None);
    let custody = made.custody;
    assert_eq!(custody.root().platform, Platform::SoftwareVault);
    assert_eq!(custody.trust_tier(), TrustTier::Unverified);
    assert_eq!(custody.root().public_key, world.root().public());
    assert_eq!(custody.holders(), [KeyHolder::default_key()]);
    let names: Vec<_> = world.entries().into_keys().collect();
    assert_eq!(names, ["signet.admin", "signet.operator/default", "signet.root"]);
    let before = (
        custody.admin_fingerprint().unwrap(),
        custody.key(&KeyHolder::default_key()).unwrap(),
    );
    drop(custody);
    let again = init(&world.plan(), &world.clock, &world.rng).unwrap();
    assert!(!again.created);
    let custody = again.custody;
    let after = (
        custody.admin_fingerprint().unwrap(),
        custody.key(&KeyHolder::default_key()).unwrap(),
    );
    assert_eq!(after, before);
}

#[test]
fn the_owner_may_live_elsewhere_and_the_daemon_needs_nothing_of_it() {
    let world = World::empty();
    let elsewhere = common::private_dir();
    let mut plan = world.plan();
    plan.places = Places::in_dir(world.dir.path().join("signet")).with_owner(elsewhere.path().join("owner"));
    let custody = init(&plan, &world.clock, &world.rng).unwrap().custody;
    let root = custody.root().clone();
    drop((custody, elsewhere));
    assert_eq!(*world.open(Gates::ALL).root(), root);
    // the owner's vault is lost, and a new one says yes with another key
    std::fs::remove_file(world.places.vault()).unwrap();
    std::fs::remove_file(world.dir.path().join("signet/vault.json.seen")).unwrap();
    let again = init(&world.plan(), &world.clock, &world.rng).unwrap();
    assert_ne!(again.custody.root().public_key, root.public_key);
}

#[test]
fn without_keys_it_says_to_make_them() {
    let world = World::empty();
    let refused = || chancery_custody::Custody::open(&world.places, &world.source, Gates::ALL).unwrap_err();
    assert_eq!(refused().code(), "CUSTODY_NOT_INITIALISED");
    std::fs::create_dir(world.dir.path().join("signet")).unwrap();
    common::chmod(&world.dir.path().join("signet"), 0o700);
    let error = refused();
    assert_eq!(error.code(), "CUSTODY_NOT_INITIALISED");
    assert_eq!(error.hint(), Some("run `xs init`"));
}

#[test]
fn a_short_passphrase_makes_nothing() {
    let world = World::empty();
    let mut plan = world.plan();
    plan.root = chancery_custody::RootPlan::Passphrase(Secret::from("short"));
    let error = init(&plan, &world.clock, &world.rng).unwrap_err();
    assert_eq!(error.code(), "VAULT_PASSPHRASE_TOO_SHORT");
    plan = world.plan();
    plan.vault = KeySource::Passphrase(Secret::from("short"));
    let error = init(&plan, &world.clock, &world.rng).unwrap_err();
    assert_eq!(error.code(), "VAULT_PASSPHRASE_TOO_SHORT");
    assert!(common::files(world.dir.path()).is_empty());
}

#[test]
fn hardened_with_a_given_passphrase_is_refused_before_anything_is_written() {
    let world = World::empty();
    let mut plan = world.plan();
    plan.gates = Gates::ALL;
    let error = init(&plan, &world.clock, &world.rng).unwrap_err();
    assert_eq!(error.code(), "KEYS_GATES_INFEASIBLE");
    assert!(error.to_string().contains("making the root key"), "{error}");
    assert!(error.to_string().contains("nobody was asked"), "{error}");
    assert!(common::files(world.dir.path()).is_empty());
    assert!(!world.dir.path().join("signet").exists());
}

#[test]
fn the_root_key_is_neither_in_the_daemons_vault_nor_derived_from_it() {
    let (world, custody) = World::new();
    let root = world.root();
    drop(custody);
    let daemon = chancery_vault::Vault::open(&world.places.vault(), &world.source).unwrap();
    let derived = daemon.derive("signet.root/0").unwrap();
    assert_ne!(
        chancery_keys::RootSecret::from_bytes(&derived).unwrap().public(),
        root.public()
    );
    // nor does the daemon's key open the owner's vault, or another passphrase
    let owner = world.places.owner_vault();
    assert!(matches!(
        chancery_vault::Vault::open(&owner, &world.source),
        Err(VaultError::WrongSource { .. })
    ));
    let other = KeySource::Passphrase(Secret::from(format!("{OWNERS_PASSPHRASE} ").as_str()));
    assert!(matches!(
        chancery_vault::Vault::open(&owner, &other),
        Err(VaultError::WrongKey)
    ));
}

#[test]
fn admin_tokens_are_taken_and_those_of_a_rotated_key_for_the_overlap() {
    let (world, mut custody) = World::new();
    let token = |custody: &chancery_custody::Custody| {
        custody
            .admin_token(120, Some("daemon-1"), world.clock.now(), &world.rng)
            .unwrap()
    };
    let judged = |custody: &chancery_custody::Custody, token: &str| {
        let now = world.clock.now();
        admin_token::verify(token, &custody.admin_keys(now).unwrap(), "daemon-1", now).map(|claims| claims.sub)
    };
    let old = token(&custody);
    assert_eq!(judged(&custody, &old).unwrap(), "admin");
    let before = custody.admin_fingerprint().unwrap();
    let after = custody.rotate_admin(60_000, world.clock.now(), &world.rng).unwrap();
    assert_ne!(before, after);
    assert_eq!(custody.admin_fingerprint().unwrap(), after);
    assert!(judged(&custody, &old).is_ok());
    assert!(judged(&custody, &token(&custody)).is_ok());
    // it is kept through a restart
    drop(custody);
    let mut custody = world.open(Gates::default());
    assert!(judged(&custody, &old).is_ok());
    world.clock.forward(60_000);
    assert_eq!(judged(&custody, &old), Err(AdminTokenError::Issuer));
    // without overlap at once
    let old = token(&custody);
    custody.rotate_admin(0, world.clock.now(), &world.rng).unwrap();
    assert_eq!(judged(&custody, &old), Err(AdminTokenError::Issuer));
    assert!(matches!(
        custody.admin_token(3601, None, NOW, &world.rng),
        Err(CustodyError::AdminToken(AdminTokenError::Lifetime))
    ));
    for _ in 0..20 {
        custody.rotate_admin(i64::MAX, world.clock.now(), &world.rng).unwrap();
    }
    assert_eq!(custody.admin_keys(world.clock.now()).unwrap().len(), 5);
}

#[test]
fn an_operator_gets_a_key_and_a_wallet_once() {
    let (world, mut custody) = World::new();
    let ada = operator(1);
    assert!(matches!(custody.key(&ada), Err(CustodyError::UnknownHolder(_))));
    let first = custody.init_operator(&ada, None, "ada", NOW, &world.rng).unwrap();
    assert!(first.created_key && first.created_wallet);
    let changes = world.changes();
    let again = custody
        .init_operator(&ada, None, "ada", NOW.plus(5), &world.rng)
        .unwrap();
    assert!(!again.created_key && !again.created_wallet);
    assert_eq!((again.wallet, &again.key), (first.wallet, &first.key));
    assert_eq!(world.changes(), changes, "a repeat writes nothing");
    assert_eq!(custody.wallet(first.wallet).unwrap().info.label, "ada");
    // a wallet that is named: the same is fine, another is not, one that is not there neither
    assert!(
        custody
            .init_operator(&ada, Some(first.wallet), "ada", NOW, &world.rng)
            .is_ok()
    );
    let other = custody.create_wallet("other", NOW, &world.rng).unwrap().id;
    assert!(matches!(
        custody.init_operator(&ada, Some(other), "ada", NOW, &world.rng),
        Err(CustodyError::OtherWallet { .. })
    ));
    let nobody: WalletId = "00000000-0000-4000-8000-000000000000".parse().unwrap();
    assert!(matches!(
        custody.init_operator(&operator(2), Some(nobody), "ira", NOW, &world.rng),
        Err(CustodyError::UnknownWallet(_))
    ));
    assert!(custody.key(&operator(2)).is_err());
    let second = custody
        .init_operator(&operator(2), Some(other), "ira", NOW, &world.rng)
        .unwrap();
    assert!(second.created_key && !second.created_wallet);
    assert_eq!(second.wallet, other);
    assert_ne!(second.key.public_key, first.key.public_key);
    assert_eq!(custody.holders(), [KeyHolder::default_key(), ada, operator(2)]);
}

#[test]
fn a_summary_has_the_members_of_the_wire() {
    let (world, mut custody) = World::new();
    let made = custody
        .init_operator(&operator(1), None, "ada", NOW, &world.rng)
        .unwrap();
    let shown = serde_json::to_value(&made.key).unwrap();
    let key = PublicKey::from_bytes(&hex::decode_array(shown["publicKey"].as_str().unwrap()).unwrap()).unwrap();
    assert_eq!(
        shown,
        json!({
            "keyId": fingerprint::key_id(&key), "identityId": "op_0000000000000001", "groupId": null,
            "publicKey": hex::encode(key.to_bytes()), "fingerprint": fingerprint::of(&key),
            "createdAt": "2026-01-01T00:00:00.000Z", "rotatedAt": null, "operatorId": "op_0000000000000001",
            "tier": "operational", "trustTier": "unverified", "walletId": made.wallet, "provider": "internal",
        })
    );
    let default = serde_json::to_value(custody.key(&KeyHolder::default_key()).unwrap()).unwrap();
    assert!(default.get("operatorId").is_none() && default.get("walletId").is_none());
    let export = serde_json::to_value(custody.export_public(&operator(1)).unwrap()).unwrap();
    let members: Vec<_> = export.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        ["fingerprint", "identityId", "keyId", "publicKey", "trustTier"]
    );
    assert_eq!(export["publicKey"], shown["publicKey"]);
}

#[test]
fn what_a_key_signed_is_checked_by_its_export_also_after_a_restart() {
    let (world, custody) = World::new();
    let holder = KeyHolder::default_key();
    let signed = custody.sign(&holder, b"a seal").unwrap();
    drop(custody);
    // finding 14.1 number 1: there, operational keys are gone after a restart
    let custody = world.open(Gates::default());
    let export = custody.export_public(&holder).unwrap();
    assert_eq!(export.key_id, signed.key_id);
    let key = PublicKey::from_bytes(&hex::decode_array(&export.public_key).unwrap()).unwrap();
    assert!(key.verify(b"a seal", &signed.signature).is_ok());
    assert!(key.verify(b"another", &signed.signature).is_err());
}

#[test]
fn rotation_keeps_what_was_signed_checkable_and_forgets_the_private_key() {
    let (world, mut custody) = World::new();
    let ada = operator(1);
    let first = custody.init_operator(&ada, None, "ada", NOW, &world.rng).unwrap().key;
    let seal = custody.sign(&ada, b"a seal").unwrap();
    let entry = |world: &World| -> Value {
        serde_json::from_str(&world.entries()["signet.operator/op_0000000000000001"]).unwrap()
    };
    let old_seed = entry(&world)["seed"].as_str().unwrap().to_owned();
    assert_eq!(b64::decode(&old_seed).unwrap().len(), 32);
    let mut keys = vec![first.public_key.clone()];
    for n in 1..=5 {
        world.clock.forward(1000);
        let changes = world.changes();
        let rotated = world.rotate(&mut custody, &ada).unwrap();
        assert_eq!(world.changes(), changes + 1, "one rotation is one write");
        assert_eq!(rotated.statement.sequence, n);
        assert_eq!(rotated.statement.verify(), Ok(()));
        assert_eq!(rotated.evidence, None);
        assert_eq!(rotated.key.rotated_at, Some(world.clock.now()));
        assert_eq!(rotated.key.wallet_id, first.wallet_id);
        keys.push(rotated.key.public_key);
    }
    drop(custody);
    let custody = world.open(Gates::default());
    let retired = custody.history(&ada).unwrap();
    let found: Vec<_> = retired
        .iter()
        .map(|retired| hex::encode(retired.key.to_bytes()))
        .collect();
    assert_eq!(found, keys[..5]);
    assert!(retired.iter().is_sorted_by_key(|retired| retired.until));
    assert_eq!(retired[0].key, seal.key);
    assert!(retired[0].key.verify(b"a seal", &seal.signature).is_ok());
    // anybody can follow the chain from the first key to the one in use
    let statements = custody.rotations(&ada).unwrap();
    let last = rotation::follow(ada.as_str(), seal.key, &statements).unwrap();
    assert_eq!(hex::encode(last.to_bytes()), custody.key(&ada).unwrap().public_key);
    assert!(!entry(&world).to_string().contains(&old_seed));
    assert_eq!(custody.history(&KeyHolder::default_key()).unwrap(), []);
}

#[test]
fn a_clock_that_is_set_back_does_not_break_the_chain() {
    let (world, mut custody) = World::new();
    let holder = KeyHolder::default_key();
    world.rotate(&mut custody, &holder).unwrap();
    world.clock.forward(-3_600_000);
    world.rotate(&mut custody, &holder).unwrap();
    assert_eq!(custody.history(&holder).unwrap().len(), 2);
}

#[test]
fn rotation_waits_where_its_gate_says_so_and_for_that_key_only() {
    let (world, custody) = World::new();
    drop(custody);
    let mut custody = world.open(Gates::ALL);
    let holder = KeyHolder::default_key();
    let before = custody.key(&holder).unwrap();
    let what = custody.rotation(&holder).unwrap();
    assert_eq!(what.operation, Operation::OperationalKeyRotation);
    // an approval of something else
    let other = What::new(
        Operation::OperationalKeyRotation,
        "keys.rotate",
        json!({ "operator": "op_1" }),
    );
    let clearance = world.approved(&mut custody, other);
    let refused = custody.rotate(&holder, clearance, NOW, &world.rng).unwrap_err();
    assert!(matches!(refused, CustodyError::Approval(ApprovalError::Other)));
    // one that is too late
    let clearance = world.approved(&mut custody, what.clone());
    world.clock.forward(60_000);
    let refused = custody
        .rotate(&holder, clearance, world.clock.now(), &world.rng)
        .unwrap_err();
    assert!(matches!(refused, CustodyError::Approval(ApprovalError::Expired)));
    assert_eq!(custody.key(&holder).unwrap(), before);
    // two for the same key: the second finds another one in use
    let (one, two) = (
        world.approved(&mut custody, what.clone()),
        world.approved(&mut custody, what),
    );
    let rotated = custody.rotate(&holder, one, world.clock.now(), &world.rng).unwrap();
    let evidence = rotated.evidence.unwrap();
    assert_eq!(evidence.approver_fingerprint, custody.root().public_key.fingerprint());
    let refused = custody.rotate(&holder, two, world.clock.now(), &world.rng).unwrap_err();
    assert!(matches!(refused, CustodyError::Approval(ApprovalError::Other)));
    assert_eq!(custody.history(&holder).unwrap().len(), 1);
}

#[test]
fn a_signature_by_the_daemons_own_keys_is_no_approval() {
    let (world, custody) = World::new();
    drop(custody);
    let mut custody = world.open(Gates::ALL);
    let what = custody.rotation(&KeyHolder::default_key()).unwrap();
    let asked = custody
        .approvals()
        .ask(what, 60_000, world.clock.now(), &world.rng)
        .unwrap();
    let chancery_keys::Asked::Waiting(request) = asked else {
        panic!("nobody was asked");
    };
    // all that a process can derive which has the daemon's vault open
    let daemon = chancery_vault::Vault::open(&world.places.vault(), &world.source).unwrap();
    for domain in ["signet.root/0", "signet.root", "signet.admin"] {
        let key = chancery_keys::RootSecret::from_bytes(&daemon.derive(domain).unwrap()).unwrap();
        let refused = custody
            .approvals()
            .settle(&yes(&request, &key), world.clock.now())
            .unwrap_err();
        assert_eq!(refused, ApprovalError::Signature);
    }
}

#[test]
fn a_lost_or_changed_history_is_told_and_stops_no_rotation() {
    let (world, mut custody) = World::new();
    let holder = KeyHolder::default_key();
    for _ in 0..3 {
        world.rotate(&mut custody, &holder).unwrap();
    }
    let path = world.places.history(&holder);
    let whole = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = whole.lines().collect();
    let incomplete =
        |custody: &chancery_custody::Custody| matches!(custody.history(&holder), Err(CustodyError::History(_)));
    for changed in [
        String::new(),
        format!("{}\n", lines[0]),
        format!("{}\n{}\n", lines[0], lines[2]),
        format!("{}\n{}\n{}\n", lines[1], lines[0], lines[2]),
        whole.replace("\"sequence\":2", "\"sequence\":9"),
        format!("{whole}{}\n", lines[2]),
        format!("{whole}not a statement\n"),
    ] {
        std::fs::write(&path, &changed).unwrap();
        assert!(incomplete(&custody), "{changed}");
        assert!(custody.sign(&holder, b"a seal").is_ok());
    }
    world.rotate(&mut custody, &holder).unwrap();
    assert!(incomplete(&custody));
    // what a crash leaves: the last line cut short, or not there at all. It is repeated from the vault
    drop(custody);
    for cut in [lines[2].len() + 1, 1, lines[2].len() / 2] {
        let (world, mut custody) = World::new();
        for _ in 0..3 {
            world.rotate(&mut custody, &holder).unwrap();
        }
        let path = world.places.history(&holder);
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        assert_eq!(custody.history(&holder).unwrap().len(), 3);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), whole);
    }
}

#[test]
fn two_processes_that_change_the_same_key_do_not_both_succeed() {
    let (world, mut one) = World::new();
    let mut two = world.open(Gates::default());
    let holder = KeyHolder::default_key();
    world.rotate(&mut one, &holder).unwrap();
    let error = world.rotate(&mut two, &holder).unwrap_err();
    assert!(matches!(error, CustodyError::Vault(VaultError::Conflict(_))), "{error}");
    // and the second one goes on from what the first one wrote
    assert_eq!(two.key(&holder).unwrap(), one.key(&holder).unwrap());
    world.rotate(&mut two, &holder).unwrap();
    assert_eq!(two.history(&holder).unwrap().len(), 2);
}

#[test]
fn another_source_opens_the_keys_and_the_old_one_no_more() {
    let (world, mut custody) = World::new();
    let source = KeySource::Passphrase(Secret::from("the daemon's words"));
    custody.change_key(&source, &world.rng).unwrap();
    let admin = custody.admin_fingerprint().unwrap();
    drop(custody);
    let custody = chancery_custody::Custody::open(&world.places, &source, Gates::default()).unwrap();
    assert_eq!(custody.admin_fingerprint().unwrap(), admin);
    assert!(chancery_custody::Custody::open(&world.places, &world.source, Gates::default()).is_err());
}

#[test]
fn names_that_could_be_paths_are_none() {
    for name in ["", ".", "..", "../x", "a/b", "op 1", "op\n1", "é", &"a".repeat(65)] {
        assert!(name.parse::<KeyHolder>().is_err(), "{name:?}");
        assert!(name.parse::<chancery_custody::InboxName>().is_err(), "{name:?}");
    }
}

#[test]
fn the_audit_key_stays_when_others_are_replaced_and_is_in_no_entry() {
    let (world, mut custody) = World::new();
    let before = custody.audit_key().unwrap();
    custody.rotate_admin(0, NOW, &world.rng).unwrap();
    assert_eq!(custody.audit_key().unwrap().public(), before.public());
    drop(custody);
    let again = world.open(Gates::default()).audit_key().unwrap();
    assert_eq!(again.public(), before.public());
    let seed = before.to_b64();
    assert!(world.entries().values().all(|entry| !entry.contains(seed.as_str())));
}
