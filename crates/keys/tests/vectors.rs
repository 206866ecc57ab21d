//! `vectors/signet.json`, as far as it is about keys, byte for byte.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops there")]

use chancery_base::{b64, ed25519::SecretKey, hex, json};
use chancery_keys::{AccountIndex, Chain, Mnemonic, fingerprint};
use serde_json::{Value, json};

fn vectors() -> Value {
    let all: Value = serde_json::from_str(include_str!("../../../vectors/signet.json")).unwrap();
    all["keys_seals"].clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn index(row: &Value) -> AccountIndex {
    AccountIndex::new(u32::try_from(row["index"].as_u64().unwrap()).unwrap()).unwrap()
}

#[test]
fn the_seed_of_the_mnemonic() {
    let vectors = vectors();
    let mnemonic = Mnemonic::parse(text(&vectors["mnemonic"])).unwrap();
    assert_eq!(hex::encode(mnemonic.seed().as_bytes()), text(&vectors["seed"]));
    assert_eq!(mnemonic.words().as_str(), text(&vectors["mnemonic"]));
}

#[test]
fn accounts_on_both_chains() {
    let vectors = vectors();
    let seed = Mnemonic::parse(text(&vectors["mnemonic"])).unwrap().seed();
    for row in vectors["evm"].as_array().unwrap() {
        let key = seed.evm(index(row)).unwrap();
        assert_eq!(hex::encode(key.to_bytes().as_slice()), text(&row["priv"]));
        assert_eq!(key.public_key(), text(&row["pub"]));
        assert_eq!(key.address(), text(&row["address"]));
        let [account, _] = seed.accounts(index(row)).unwrap();
        assert_eq!(account.chain, Chain::Evm);
        assert_eq!(account.address, text(&row["address"]));
        assert_eq!(account.public_key, text(&row["pub"]));
    }
    for row in vectors["ed25519"].as_array().unwrap() {
        let key = seed.ed25519(index(row));
        assert_eq!(hex::encode(key.to_seed().as_slice()), text(&row["priv"]));
        assert_eq!(hex::encode(key.public().to_bytes()), text(&row["pub"]));
        let [_, account] = seed.accounts(index(row)).unwrap();
        let expected = json!({
            "index": row["index"], "address": row["pub"], "chain": "ed25519", "publicKey": row["pub"],
        });
        assert_eq!(serde_json::to_value(account).unwrap(), expected);
    }
}

#[test]
fn an_operational_key_signs_seals_and_bindings() {
    let vectors = vectors();
    let seal = &vectors["seal"];
    let key = SecretKey::from_seed(&hex::decode_array(text(&seal["edPriv"])).unwrap());
    assert_eq!(hex::encode(key.public().to_bytes()), text(&seal["edPub"]));
    let canonical = json::canonical(&seal["payload"]).unwrap();
    assert_eq!(canonical, text(&seal["canonical"]));
    let signature = |bytes: &str| b64::encode_standard(key.sign(bytes.as_bytes()).to_bytes());
    assert_eq!(signature(&canonical), text(&seal["sigBase64"]));
    let binding = &vectors["binding"];
    assert_eq!(signature(text(&binding["canonical"])), text(&binding["sigBase64"]));
    // spec 7.3: `key_` and the first 16 digits of what sha256sum says of the raw key
    assert_eq!(
        fingerprint::of(&key.public()),
        "fe812c12f3ab4ce6ac5db69ac352f906cb1b11ef43fb33e252ef7ff552263889"
    );
    assert_eq!(fingerprint::key_id(&key.public()), "key_fe812c12f3ab4ce6");
}

#[test]
fn the_last_index_can_be_derived_and_no_other_above() {
    assert!(AccountIndex::new(1 << 31).is_none());
    assert!(serde_json::from_value::<AccountIndex>(json!(2_147_483_648_u64)).is_err());
    let last = AccountIndex::new((1 << 31) - 1).unwrap();
    let seed = Mnemonic::from_entropy(&[7; 32]).unwrap().seed();
    assert_ne!(
        seed.evm(last).unwrap().address(),
        seed.evm(AccountIndex::FIRST).unwrap().address()
    );
}
