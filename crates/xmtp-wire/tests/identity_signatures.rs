//! The kinds of signature, against published examples and against one changed byte.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect"
)]

mod people;

use chancery_base::{Category, ErrorCode as _, ed25519::SecretKey};
use chancery_xmtp_wire::{
    identity::{
        AccountId, EthereumAddress, Identifier, IdentityUpdate, InboxId, InstallationKey, MemberIdentifier, NoChain,
        ParseError, Passkey, PasskeyAssertion, Signature, SignatureError, VerifiedSignature, WalletKey, eip191_digest,
        sign_as_installation,
    },
    proto::identity::associations as proto,
};
use people::{Chains, add, contract, create, inbox_of, installation, signed, wallet};
use prost::Message as _;

fn hex<const N: usize>(text: &str) -> [u8; N] {
    let bytes: Vec<u8> = (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect();
    bytes.try_into().unwrap()
}

fn verify(text: &str, signature: &Signature) -> Result<VerifiedSignature, SignatureError> {
    signature.verify(text, &NoChain)
}

/// The example of `web3.eth.accounts.sign` in the documentation of web3.js.
mod web3 {
    pub(super) const KEY: &str = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";
    pub(super) const ADDRESS: &str = "0x2c7536e3605d9c16a7a3d7b1898e529396a65c23";
    pub(super) const TEXT: &str = "Some data";
    pub(super) const DIGEST: &str = "1da44b586eb0729ff70a73c326926f6ed5a25f5b056e7f47fbc6e58d86871655";
    pub(super) const SIGNATURE: &str = "b91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd\
                                        6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c";
}

#[test]
fn wallets_sign_as_the_published_example() {
    let key = WalletKey::from_bytes(&hex(web3::KEY)).unwrap();
    assert_eq!(key.address().to_string(), web3::ADDRESS);
    assert_eq!(eip191_digest(web3::TEXT), hex(web3::DIGEST));
    assert_eq!(key.sign(web3::TEXT), Signature::Erc191(hex(web3::SIGNATURE)));
}

fn example() -> [u8; 65] {
    hex(web3::SIGNATURE)
}

#[test]
fn the_signer_of_the_published_example_is_recovered() {
    let verified = verify(web3::TEXT, &Signature::Erc191(example())).unwrap();
    assert_eq!(verified.signer().to_string(), web3::ADDRESS);
    assert_eq!(verified.chain_id(), None);
}

/// n - s: the other half of the order (SEC 2, 2.4.1), under the v of the lower half.
fn negated(bytes: [u8; 65]) -> [u8; 65] {
    let order: [u8; 32] = hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    let mut out = bytes;
    let mut borrow = 0;
    for at in (0..32).rev() {
        let difference = i16::from(order[at]) - i16::from(bytes[32 + at]) - borrow;
        borrow = i16::from(difference < 0);
        out[32 + at] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    out
}

#[test]
fn every_encoding_of_a_wallets_signature_has_one_signer_and_one_replay_key() {
    let expected = verify(web3::TEXT, &Signature::Erc191(example())).unwrap();
    for mut bytes in [example(), negated(example())] {
        assert_eq!(verify(web3::TEXT, &Signature::Erc191(bytes)), Ok(expected.clone()));
        // the example's v is 28: odd
        for v in [1, 36, 38, 254] {
            bytes[64] = v;
            assert_eq!(
                verify(web3::TEXT, &Signature::Erc191(bytes)),
                Ok(expected.clone()),
                "{v}"
            );
        }
    }
}

#[test]
fn the_other_v_is_another_signer() {
    let mut bytes = example();
    bytes[64] = if bytes[64] == 27 { 28 } else { 27 };
    let other = verify(web3::TEXT, &Signature::Erc191(bytes)).unwrap();
    assert_ne!(other.signer().to_string(), web3::ADDRESS);
}

#[test]
fn other_recovery_bytes_are_refused() {
    let mut bytes = example();
    for v in (2..27).chain(29..35) {
        bytes[64] = v;
        assert_eq!(
            verify(web3::TEXT, &Signature::Erc191(bytes)),
            Err(SignatureError::Invalid),
            "{v}"
        );
    }
}

#[test]
fn numbers_that_are_no_signature_are_refused() {
    let order: [u8; 32] = hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    for (half, value) in [(0..32, [0; 32]), (32..64, [0; 32]), (0..32, order), (32..64, order)] {
        let mut bytes = example();
        bytes[half].copy_from_slice(&value);
        assert_eq!(
            verify(web3::TEXT, &Signature::Erc191(bytes)),
            Err(SignatureError::Invalid)
        );
    }
}

#[test]
fn the_secret_of_a_wallet_is_a_number_below_the_order() {
    let order = hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    for bytes in [[0; 32], order, [0xff; 32]] {
        assert!(WalletKey::from_bytes(&bytes).is_err());
    }
    let key = WalletKey::from_bytes(&hex(web3::KEY)).unwrap();
    assert_eq!(*key.to_bytes(), hex(web3::KEY));
    assert_eq!(format!("{key:?}"), "WalletKey(..)");
}

#[test]
fn an_installation_signs_under_its_own_context() {
    let key = SecretKey::from_seed(&[1; 32]);
    let Signature::Installation { key: public, signature } = sign_as_installation(&key, "text").unwrap() else {
        unreachable!()
    };
    let signed = |signature| Signature::Installation { key: public, signature };
    assert_eq!(verify("text", &signed(signature)).unwrap().signer(), &public.into());
    assert_eq!(verify("texts", &signed(signature)), Err(SignatureError::Invalid));
    // plain Ed25519 by the same key over the same text is something else
    let plain = key.sign(b"text").to_bytes();
    assert_eq!(verify("text", &signed(plain)), Err(SignatureError::Invalid));
}

#[test]
fn an_installation_key_is_a_point() {
    // y = 2 is on no point of the curve
    let mut bytes = [0; 32];
    bytes[0] = 2;
    let key = InstallationKey::from_bytes(bytes);
    let signature = Signature::Installation {
        key,
        signature: [0; 64],
    };
    assert_eq!(verify("text", &signature), Err(SignatureError::PublicKey));
}

/// The assertion that the official SDK took, and its text.
fn passkey() -> (String, PasskeyAssertion) {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/xmtp-identity.json");
    let recorded: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let step = recorded["sessions"][0]["steps"].as_array().unwrap().last().unwrap();
    let update = step["update"].as_str().unwrap();
    let bytes: Vec<u8> = (0..update.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&update[at..at + 2], 16).unwrap())
        .collect();
    let update = IdentityUpdate::decode(&bytes).unwrap();
    let text = update.signing_text();
    let assertion = update.signatures().find_map(|signature| match signature {
        Signature::Passkey(assertion) => Some(assertion.clone()),
        _ => None,
    });
    (text, assertion.unwrap())
}

#[test]
fn a_passkey_signs_its_text_and_every_byte_of_its_data() {
    let (text, assertion) = passkey();
    let verified = verify(&text, &Signature::Passkey(assertion.clone())).unwrap();
    let MemberIdentifier::Passkey(signer) = verified.signer() else {
        panic!("{verified:?}")
    };
    assert_eq!(signer.key(), assertion.public_key);
    assert_eq!(signer.relying_party(), Some("https://example.test"));
    let other = verify(&format!("{text} "), &Signature::Passkey(assertion.clone()));
    assert_eq!(other, Err(SignatureError::ClientData));
    for at in 0..assertion.authenticator_data.len() {
        let mut changed = assertion.clone();
        changed.authenticator_data[at] ^= 1;
        assert_eq!(
            verify(&text, &Signature::Passkey(changed)),
            Err(SignatureError::Invalid)
        );
    }
    for at in 0..assertion.client_data_json.len() {
        let mut changed = assertion.clone();
        changed.client_data_json[at] ^= 1;
        assert!(
            verify(&text, &Signature::Passkey(changed)).is_err(),
            "byte {at} of the client data"
        );
    }
}

#[test]
fn a_passkey_signs_with_its_own_key() {
    let (text, assertion) = passkey();
    // the other of the two points with this x
    let mut mirrored = assertion.clone();
    mirrored.public_key[0] ^= 1;
    assert_eq!(
        verify(&text, &Signature::Passkey(mirrored)),
        Err(SignatureError::Invalid)
    );
    let mut short = assertion;
    short.public_key.pop();
    assert_eq!(
        verify(&text, &Signature::Passkey(short)),
        Err(SignatureError::PublicKey)
    );
}

#[test]
fn a_contract_is_judged_by_its_chain() {
    let owner = contract(1, 5);
    let update = signed(inbox_of(&owner), 1, &[create(&owner)]);
    let judged = update.verify(&Chains).unwrap();
    let signature = judged.update().signatures().next().unwrap();
    assert_eq!((signature.signer(), signature.chain_id()), (&owner.member(), Some(1)));

    let refused = signed(inbox_of(&owner), 1, &[create(&owner)])
        .try_map(|_, signature| match signature {
            Signature::Erc6492 { account, signature, .. } => Ok(Signature::Erc6492 {
                account: *account,
                block_number: 8,
                signature: signature.clone(),
            }),
            _ => Err(()),
        })
        .unwrap();
    assert_eq!(refused.verify(&Chains), Err(SignatureError::ContractRefused));
}

#[test]
fn without_a_chain_a_contract_is_not_refused_for_good() {
    let owner = contract(1, 5);
    let error = signed(inbox_of(&owner), 1, &[create(&owner)])
        .verify(&NoChain)
        .unwrap_err();
    assert_eq!(error, SignatureError::ChainUnavailable);
    assert_eq!(error.category(), Category::Unavailable);
}

#[test]
fn keys_of_the_second_version_are_refused() {
    let signature = proto::Signature {
        signature: Some(proto::signature::Signature::DelegatedErc191(
            proto::LegacyDelegatedSignature::default(),
        )),
    };
    let parsed = Signature::try_from(signature).unwrap();
    assert_eq!(verify("text", &parsed), Err(SignatureError::LegacyUnsupported));
}

#[test]
fn one_bad_signature_spoils_the_update() {
    let (owner, phone) = (wallet(1), installation(1));
    let good = signed(inbox_of(&owner), 1, &[create(&owner), add(&owner, &phone)]);
    let mut at = 0;
    let bad = good
        .try_map(|_, signature| {
            at += 1;
            Ok::<_, ()>(match signature {
                Signature::Installation { key, .. } => Signature::Installation {
                    key: *key,
                    signature: [0; 64],
                },
                other => other.clone(),
            })
        })
        .unwrap();
    assert_eq!(at, 3);
    assert_eq!(bad.verify(&NoChain), Err(SignatureError::Invalid));
}

#[test]
fn account_ids_are_contracts_on_ethereum_chains() {
    let address = "0x2c7536e3605d9c16a7a3d7b1898e529396a65c23";
    let account: AccountId = format!("eip155:8453:{address}").parse().unwrap();
    assert_eq!(
        (account.chain_id, account.address.to_string()),
        (8453, address.to_owned())
    );
    assert_eq!(account.to_string(), format!("eip155:8453:{address}"));
    // the spelling with a checksum is the same account
    let spelt = "eip155:8453:0x2c7536E3605D9C16a7a3D7b1898e529396a65c23".parse();
    assert_eq!(spelt, Ok(account));
    for chain in [
        "cosmos:cosmoshub-4",
        "eip155",
        "eip155:",
        "eip155:01",
        "eip155:+1",
        "eip155:0x1",
        "eip155:18446744073709551616",
        "EIP155:1",
    ] {
        let parsed = format!("{chain}:{address}").parse::<AccountId>();
        assert_eq!(parsed, Err(ParseError::AccountId), "{chain}");
    }
    for address in [
        "bad",
        "2c7536e3605d9c16a7a3d7b1898e529396a65c23",
        "0x2c",
        "",
        "0x2c7536e3605d9c16a7a3d7b1898e529396a65c2g",
    ] {
        let parsed = format!("eip155:1:{address}").parse::<AccountId>();
        assert_eq!(parsed, Err(ParseError::AccountId), "{address}");
    }
}

#[test]
fn identifiers_have_one_spelling() {
    let address = "0x2c7536e3605d9c16a7a3d7b1898e529396a65c23";
    assert_eq!(address.parse::<EthereumAddress>().unwrap().to_string(), address);
    for other in [
        "0x2C7536E3605D9C16A7A3D7B1898E529396A65C23",
        "0X2c7536e3605d9c16a7a3d7b1898e529396a65c23",
        "2c7536e3605d9c16a7a3d7b1898e529396a65c23",
        "0x2c7536e3605d9c16a7a3d7b1898e529396a65c2",
        "0x2c7536e3605d9c16a7a3d7b1898e529396a65c233",
        "0x2c7536e3605d9c16a7a3d7b1898e529396a65c2g",
        "",
    ] {
        assert_eq!(
            other.parse::<EthereumAddress>(),
            Err(ParseError::EthereumAddress),
            "{other}"
        );
    }
    let inbox = "ab".repeat(32);
    assert_eq!(inbox.parse::<InboxId>().unwrap().to_string(), inbox);
    for other in [
        inbox.to_uppercase(),
        inbox[1..].to_owned(),
        format!("{inbox}ab"),
        String::new(),
    ] {
        assert_eq!(other.parse::<InboxId>(), Err(ParseError::InboxId), "{other}");
        assert_eq!(
            other.parse::<InstallationKey>(),
            Err(ParseError::InstallationKey),
            "{other}"
        );
    }
}

#[test]
fn a_passkey_is_its_key() {
    let key = [&[2][..], &[7; 32]].concat();
    let one = Passkey::new(key.clone(), None).unwrap();
    let two = Passkey::new(key.clone(), Some("https://example.test".into())).unwrap();
    assert_eq!(one, two);
    for bad in [
        vec![],
        vec![2; 32],
        vec![4; 33],
        vec![2; 65],
        [&[5][..], &key[1..]].concat(),
    ] {
        assert_eq!(Passkey::new(bad, None), Err(ParseError::Passkey));
    }
}

#[test]
fn an_identifier_without_a_kind_is_an_address() {
    let address = "0x2c7536e3605d9c16a7a3d7b1898e529396a65c23";
    let identifier = Identifier::Ethereum(address.parse().unwrap());
    assert_eq!(Identifier::from_wire(address, 0), Ok(identifier.clone()));
    assert_eq!(Identifier::from_wire(address, 1), Ok(identifier));
    assert_eq!(Identifier::from_wire(address, 2), Err(ParseError::Passkey));
    assert_eq!(Identifier::from_wire(address, 3), Err(ParseError::IdentifierKind));
}

/// A valid update, as protobuf, spoilt.
fn spoilt(spoil: impl FnOnce(&mut proto::IdentityUpdate)) -> Result<IdentityUpdate, ParseError> {
    let (owner, phone) = (wallet(1), installation(1));
    let update = signed(inbox_of(&owner), 1, &[create(&owner), add(&owner, &phone)]);
    let mut message = proto::IdentityUpdate::from(&update);
    spoil(&mut message);
    IdentityUpdate::decode(&message.encode_to_vec())
}

fn added(update: &mut proto::IdentityUpdate) -> &mut proto::AddAssociation {
    match update.actions[1].kind.as_mut().unwrap() {
        proto::identity_action::Kind::Add(add) => add,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_missing_is_named() {
    assert!(spoilt(|_| ()).is_ok());
    assert_eq!(spoilt(|u| u.actions[0].kind = None), Err(ParseError::Missing("action")));
    let missing = Err(ParseError::Missing("member"));
    assert_eq!(spoilt(|u| added(u).new_member_identifier = None), missing);
    assert_eq!(
        spoilt(|u| added(u).new_member_identifier = Some(proto::MemberIdentifier { kind: None })),
        missing
    );
    let missing = Err(ParseError::Missing("signature"));
    assert_eq!(spoilt(|u| added(u).existing_member_signature = None), missing);
    assert_eq!(
        spoilt(|u| added(u).new_member_signature = Some(proto::Signature { signature: None })),
        missing
    );
}

#[test]
fn what_cannot_be_is_refused_when_it_is_read() {
    use proto::{member_identifier::Kind as Member, signature::Signature as Kind};
    assert_eq!(
        spoilt(|u| u.inbox_id = u.inbox_id.to_uppercase()),
        Err(ParseError::InboxId)
    );
    let member = |kind| {
        move |u: &mut proto::IdentityUpdate| {
            added(u).new_member_identifier = Some(proto::MemberIdentifier { kind: Some(kind) });
        }
    };
    let key = |n| Member::InstallationPublicKey(vec![1; n]);
    assert_eq!(spoilt(member(key(31))), Err(ParseError::InstallationKey));
    assert_eq!(spoilt(member(key(33))), Err(ParseError::InstallationKey));
    let address = Member::EthereumAddress("0x2C7536E3605D9C16A7A3D7B1898E529396A65C23".into());
    assert_eq!(spoilt(member(address)), Err(ParseError::EthereumAddress));
    assert_eq!(
        spoilt(member(Member::Passkey(proto::Passkey::default()))),
        Err(ParseError::Passkey)
    );

    let signature = |kind| {
        move |u: &mut proto::IdentityUpdate| {
            added(u).new_member_signature = Some(proto::Signature { signature: Some(kind) });
        }
    };
    let wallet = |n| Kind::Erc191(proto::RecoverableEcdsaSignature { bytes: vec![1; n] });
    assert_eq!(spoilt(signature(wallet(64))), Err(ParseError::SignatureLength(65)));
    assert_eq!(spoilt(signature(wallet(66))), Err(ParseError::SignatureLength(65)));
    let app = |bytes, key| {
        Kind::InstallationKey(proto::RecoverableEd25519Signature {
            bytes: vec![1; bytes],
            public_key: vec![1; key],
        })
    };
    assert_eq!(spoilt(signature(app(63, 32))), Err(ParseError::SignatureLength(64)));
    assert_eq!(spoilt(signature(app(64, 31))), Err(ParseError::InstallationKey));
    let contract = Kind::Erc6492(proto::SmartContractWalletSignature::default());
    assert_eq!(spoilt(signature(contract)), Err(ParseError::AccountId));
    assert_eq!(IdentityUpdate::decode(&[0xff]), Err(ParseError::Protobuf));
}
