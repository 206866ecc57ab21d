//! Secrets are in no file in the clear, in no message, and in no file that others can read.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

mod common;

use std::os::unix::fs::PermissionsExt as _;

use chancery_base::{b64, hex};
use chancery_custody::{Custody, CustodyError, InboxName};
use chancery_keys::{AccountIndex, Mnemonic};
use chancery_vault::KeySource;
use common::{NOW, OWNERS_PASSPHRASE, World, operator};
use serde_json::Value;

/// A signet with everything in it.
fn full() -> (World, Custody) {
    let (world, mut custody) = World::new();
    let made = custody
        .init_operator(&operator(1), None, "ada", NOW, &world.rng)
        .unwrap();
    let inbox: InboxName = "inbox_0000000000000001".parse().unwrap();
    custody.create_inbox(&inbox, made.wallet, &world.rng).unwrap();
    world.rotate(&mut custody, &operator(1)).unwrap();
    custody.rotate_admin(1000, NOW, &world.rng).unwrap();
    (world, custody)
}

/// Every secret that is in the daemon's vault or follows from it, in each form that it could show up in.
fn secrets(world: &World) -> Vec<Vec<u8>> {
    let mut raw: Vec<Vec<u8>> = Vec::new();
    let mut texts = vec![OWNERS_PASSPHRASE.to_owned()];
    for value in world.entries().values() {
        let value: Value = serde_json::from_str(value).unwrap();
        for member in ["seed", "entropy", "fileKey"] {
            if let Some(text) = value.get(member) {
                raw.push(b64::decode(text.as_str().unwrap()).unwrap());
            }
        }
        if let Some(entropy) = value.get("entropy") {
            let mnemonic = Mnemonic::from_entropy(&b64::decode_array(entropy.as_str().unwrap()).unwrap()).unwrap();
            texts.push(mnemonic.words().to_string());
            let seed = mnemonic.seed();
            raw.push(seed.as_bytes().to_vec());
            raw.push(seed.evm(AccountIndex::FIRST).unwrap().to_bytes().to_vec());
        }
    }
    let source = KeySource::Passphrase(chancery_vault::Secret::from(OWNERS_PASSPHRASE));
    let owner = chancery_vault::Vault::open(&world.places.owner_vault(), &source).unwrap();
    raw.push(owner.derive("signet.root/0").unwrap().to_vec());
    assert_eq!(
        raw.len(),
        8,
        "two operational, admin, entropy, file key, seed, account, root"
    );
    let mut forms: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    for bytes in raw {
        forms.push(hex::encode(&bytes).into_bytes());
        forms.push(b64::encode(&bytes).into_bytes());
        forms.push(b64::encode_standard(&bytes).into_bytes());
        forms.push(format!("{bytes:?}").into_bytes());
        forms.push(bytes);
    }
    forms
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[test]
fn no_secret_is_in_a_file_in_the_clear() {
    let (world, custody) = full();
    drop(custody);
    let secrets = secrets(&world);
    let files = common::files(world.dir.path());
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        for secret in &secrets {
            assert!(!contains(&bytes, secret), "{}", file.display());
        }
    }
}

#[test]
fn every_file_is_for_its_owner_only_and_so_is_every_folder() {
    let (world, custody) = full();
    drop(custody);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    for file in common::files(world.dir.path()) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
        let folder = file.parent().unwrap();
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
}

#[test]
fn nothing_that_can_be_printed_prints_a_secret() {
    let (world, mut custody) = full();
    let inbox: InboxName = "inbox_0000000000000001".parse().unwrap();
    let secrets = secrets(&world);
    let holder = operator(1);
    let wallets = custody.wallets().unwrap();
    let rotated = world.rotate(&mut custody, &holder).unwrap();
    let shown = [
        format!("{custody:?}"),
        format!("{:?}", custody.root()),
        format!("{:?}", custody.inbox_signer(&inbox).unwrap()),
        format!("{:?}", custody.key(&holder).unwrap()),
        serde_json::to_string(&custody.key(&holder).unwrap()).unwrap(),
        serde_json::to_string(&custody.export_public(&holder).unwrap()).unwrap(),
        serde_json::to_string(&custody.wallet(wallets[0].id).unwrap()).unwrap(),
        format!("{:?} {:?}", rotated, custody.history(&holder).unwrap()),
        format!("{:?}", world.plan()),
        custody.admin_token(120, None, NOW, &world.rng).unwrap(),
    ];
    for text in shown {
        for secret in &secrets {
            assert!(!contains(text.as_bytes(), secret), "{text}");
        }
    }
}

#[test]
fn no_error_quotes_a_secret() {
    let (world, mut custody) = full();
    let words = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo";
    let error = custody.restore_wallet(words, "x", 0, NOW, &world.rng).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("zoo"));
    // an entry that is not ours: neither its content nor what is wrong with it
    drop(custody);
    let mut vault = chancery_vault::Vault::open(&world.places.vault(), &world.source).unwrap();
    for value in ["{\"seed\":\"c2VjcmV0\"}", "[\"secret\"]", "secret", "{\"secret\":1}"] {
        vault
            .set("signet.operator/default", chancery_vault::Secret::from(value))
            .unwrap();
        vault.save(&world.rng).unwrap();
        let custody = world.open(chancery_keys::Gates::default());
        let error = custody.key(&chancery_custody::KeyHolder::default_key()).unwrap_err();
        assert!(matches!(error, CustodyError::Entry(_)));
        let said = format!("{error} {error:?}");
        assert!(!said.contains("secret") && !said.contains("c2VjcmV0"), "{said}");
    }
}
