//! Wallets, and the inboxes whose identities are their accounts (signet spec 8.3).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

mod common;

use chancery_base::ErrorCode as _;
use chancery_custody::{Custody, CustodyError, InboxName, WalletId};
use chancery_keys::{AccountIndex, ApprovalError, Gates, MnemonicError};
use chancery_xmtp_wire::identity::{InboxId, Signature, WalletKey};
use common::{NOW, World, operator};
use serde_json::{Value, json};

fn vectors() -> Value {
    let all: Value = serde_json::from_str(include_str!("../../../vectors/signet.json")).unwrap();
    all["keys_seals"].clone()
}

fn inbox(n: u8) -> InboxName {
    format!("inbox_{n:016x}").parse().unwrap()
}

fn index(n: u32) -> AccountIndex {
    AccountIndex::new(n).unwrap()
}

#[test]
fn a_wallet_from_the_vectors_words_has_the_vectors_accounts_and_identities() {
    let (world, mut custody) = World::new();
    let vectors = vectors();
    let words = vectors["mnemonic"].as_str().unwrap();
    let wallet = custody.restore_wallet(words, "ops", 2, NOW, &world.rng).unwrap();
    let details = serde_json::to_value(custody.wallet(wallet.id).unwrap()).unwrap();
    let account = |n: usize| {
        let (evm, ed25519) = (&vectors["evm"][n], &vectors["ed25519"][n]);
        [
            json!({ "index": n, "address": evm["address"], "chain": "evm", "publicKey": evm["pub"] }),
            json!({ "index": n, "address": ed25519["pub"], "chain": "ed25519", "publicKey": ed25519["pub"] }),
        ]
    };
    let accounts = [account(0), account(1)].concat();
    assert_eq!(
        details,
        json!({
            "id": wallet.id, "label": "ops", "provider": "internal", "accountCount": 2,
            "createdAt": "2026-01-01T00:00:00.000Z", "backedUp": false,
            "accounts": accounts,
        })
    );
    for n in 0..2_u8 {
        custody
            .restore_inbox(&inbox(n), wallet.id, index(n.into()), &world.rng)
            .unwrap();
        let signer = custody.inbox_signer(&inbox(n)).unwrap();
        let row = &vectors["evm"][usize::from(n)];
        assert_eq!(signer.address().to_string(), row["address"].as_str().unwrap());
        // the same key signs, by the address that verifiers recover
        let Signature::Erc191(bytes) = signer.sign("hello") else {
            panic!("another kind of signature");
        };
        let private = chancery_base::hex::decode_array(row["priv"].as_str().unwrap()).unwrap();
        let expected = chancery_xmtp_wire::identity::WalletKey::from_bytes(&private)
            .unwrap()
            .sign("hello");
        assert_eq!(Signature::Erc191(bytes), expected);
    }
}

#[test]
fn a_wallet_has_a_uuid_that_is_read_with_and_without_its_prefix() {
    let (world, mut custody) = World::new();
    let id = custody.create_wallet("ops", NOW, &world.rng).unwrap().id;
    let text = id.to_string();
    let digits: Vec<_> = text.split('-').map(str::len).collect();
    assert_eq!(digits, [8, 4, 4, 4, 12]);
    assert_eq!(&text[14..15], "4");
    assert!(["8", "9", "a", "b"].contains(&&text[19..20]));
    assert_eq!(text.parse::<WalletId>().unwrap(), id);
    assert_eq!(format!("wallet_{text}").parse::<WalletId>().unwrap(), id);
    for wrong in [
        text.replace('-', ""),
        text.to_uppercase(),
        text.replacen('-', "", 1),
        format!("{text}0"),
        String::new(),
    ] {
        assert_eq!(wrong.parse::<WalletId>().is_ok(), wrong == text, "{wrong}");
    }
}

#[test]
fn labels_are_text_of_a_line() {
    let (world, mut custody) = World::new();
    for label in ["", "a\nb", "\u{1b}[2J", &"x".repeat(129)] {
        let error = custody.create_wallet(label, NOW, &world.rng).unwrap_err();
        assert_eq!(error.code(), "CUSTODY_LABEL_INVALID");
    }
    assert!(custody.create_wallet("Кошелёк", NOW, &world.rng).is_ok());
    // an operator whose wallet cannot be named gets no key either
    assert!(custody.init_operator(&operator(1), None, "", NOW, &world.rng).is_err());
    assert!(custody.key(&operator(1)).is_err());
    assert_eq!(world.open(Gates::default()).wallets().unwrap().len(), 1);
}

#[test]
fn words_are_shown_once_and_with_the_owners_approval_whatever_the_gates_say() {
    let (world, mut custody) = World::new();
    let id = custody.create_wallet("ops", NOW, &world.rng).unwrap().id;
    let addresses = |custody: &Custody, id| {
        let accounts = custody.wallet(id).unwrap().accounts;
        accounts.into_iter().map(|account| account.address).collect::<Vec<_>>()
    };
    custody.create_inbox(&inbox(1), id, &world.rng).unwrap();
    let clearance = world.approved(&mut custody, Custody::backup(id, false));
    let (words, evidence) = custody.backup_wallet(id, false, clearance, NOW, &world.rng).unwrap();
    assert!(evidence.is_some());
    assert_eq!(words.split(' ').count(), 24);
    assert!(custody.wallet(id).unwrap().info.backed_up);
    // a second time only when the owner was told that it is one
    let clearance = world.approved(&mut custody, Custody::backup(id, false));
    let error = custody
        .backup_wallet(id, false, clearance, NOW, &world.rng)
        .unwrap_err();
    assert!(matches!(error, CustodyError::BackedUp(_)));
    let clearance = world.approved(&mut custody, Custody::backup(id, false));
    let error = custody.backup_wallet(id, true, clearance, NOW, &world.rng).unwrap_err();
    assert!(matches!(error, CustodyError::Approval(ApprovalError::Other)));
    let clearance = world.approved(&mut custody, Custody::backup(id, true));
    assert_eq!(
        custody.backup_wallet(id, true, clearance, NOW, &world.rng).unwrap().0,
        words
    );
    // and they are the wallet
    let (other, mut restored) = World::new();
    let again = restored.restore_wallet(&words, "ops", 1, NOW, &other.rng).unwrap();
    assert_eq!(addresses(&restored, again.id), addresses(&custody, id));
}

#[test]
fn an_approval_for_one_wallet_shows_no_other() {
    let (world, mut custody) = World::new();
    let one = custody.create_wallet("one", NOW, &world.rng).unwrap().id;
    let two = custody.create_wallet("two", NOW, &world.rng).unwrap().id;
    let clearance = world.approved(&mut custody, Custody::backup(one, false));
    let error = custody
        .backup_wallet(two, false, clearance, NOW, &world.rng)
        .unwrap_err();
    assert!(matches!(error, CustodyError::Approval(ApprovalError::Other)));
    assert!(!custody.wallet(two).unwrap().info.backed_up);
}

#[test]
fn words_are_taken_once_and_whole() {
    let (world, mut custody) = World::new();
    let words = vectors()["mnemonic"].as_str().unwrap().to_owned();
    let first = custody.restore_wallet(&words, "a", 0, NOW, &world.rng).unwrap();
    let error = custody.restore_wallet(&words, "b", 0, NOW, &world.rng).unwrap_err();
    assert!(matches!(error, CustodyError::WalletExists(id) if id == first.id));
    let wrong = words.replace("art", "abandon");
    let error = custody.restore_wallet(&wrong, "b", 0, NOW, &world.rng).unwrap_err();
    assert!(matches!(error, CustodyError::Mnemonic(MnemonicError::Checksum)));
    let other = "hamster diagram private dutch cause delay private meat slide toddler razor book happy fancy gospel tennis maple dilemma loan word shrug inflict delay length";
    assert!(
        custody
            .restore_wallet(other, "b", (1 << 31) + 1, NOW, &world.rng)
            .is_err()
    );
    let full = custody.restore_wallet(other, "b", 1 << 31, NOW, &world.rng).unwrap();
    let error = custody.create_inbox(&inbox(1), full.id, &world.rng).unwrap_err();
    assert!(matches!(error, CustodyError::Exhausted(_)));
}

#[test]
fn each_inbox_has_the_next_account_and_a_file_key_of_its_own() {
    let (world, mut custody) = World::new();
    let id = custody.create_wallet("ops", NOW, &world.rng).unwrap().id;
    let changes = world.changes();
    for n in 0..3 {
        assert_eq!(
            custody.create_inbox(&inbox(n), id, &world.rng).unwrap().get(),
            u32::from(n)
        );
    }
    assert_eq!(world.changes(), changes + 3, "one inbox is one write");
    // a repeat gives what is there
    assert_eq!(custody.create_inbox(&inbox(1), id, &world.rng).unwrap().get(), 1);
    assert_eq!(world.changes(), changes + 3);
    assert_eq!(custody.inbox_account(&inbox(1)).unwrap(), (id, index(1)));
    assert_eq!(custody.inboxes(), [inbox(0), inbox(1), inbox(2)]);
    let keys: Vec<_> = (0..3).map(|n| custody.inbox_file_key(&inbox(n)).unwrap()).collect();
    assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
    let address = |n| custody.inbox_signer(&inbox(n)).unwrap().address();
    assert!(address(0) != address(1) && address(1) != address(2));
    // kept through a restart
    let again = world.open(Gates::default());
    assert_eq!(again.inbox_file_key(&inbox(2)).unwrap(), keys[2]);
    assert_eq!(again.inbox_signer(&inbox(2)).unwrap().address(), address(2));
    let other = custody.create_wallet("other", NOW, &world.rng).unwrap().id;
    assert!(matches!(
        custody.create_inbox(&inbox(1), other, &world.rng),
        Err(CustodyError::InboxExists(_))
    ));
}

#[test]
fn a_removed_inbox_takes_its_file_key_along_and_its_account_is_not_used_again() {
    let (world, mut custody) = World::new();
    let id = custody.create_wallet("ops", NOW, &world.rng).unwrap().id;
    custody.create_inbox(&inbox(0), id, &world.rng).unwrap();
    assert!(custody.remove_inbox(&inbox(0), &world.rng).unwrap());
    assert!(!custody.remove_inbox(&inbox(0), &world.rng).unwrap());
    assert!(matches!(
        custody.inbox_file_key(&inbox(0)),
        Err(CustodyError::UnknownInbox(_))
    ));
    assert!(custody.inbox_signer(&inbox(0)).is_err());
    assert_eq!(custody.create_inbox(&inbox(0), id, &world.rng).unwrap().get(), 1);
}

#[test]
fn after_a_total_loss_the_words_bring_the_inboxes_identities_back() {
    let (world, mut custody) = World::new();
    let id = custody.create_wallet("ops", NOW, &world.rng).unwrap().id;
    for n in 0..2 {
        custody.create_inbox(&inbox(n), id, &world.rng).unwrap();
    }
    let clearance = world.approved(&mut custody, Custody::backup(id, false));
    let (words, _) = custody.backup_wallet(id, false, clearance, NOW, &world.rng).unwrap();
    let address = custody.inbox_signer(&inbox(1)).unwrap().address();
    let file_key = custody.inbox_file_key(&inbox(1)).unwrap();

    let (mut world, mut custody) = World::new();
    world.rng = common::Counted::new(2);
    let id = custody.restore_wallet(&words, "ops", 0, NOW, &world.rng).unwrap().id;
    custody.restore_inbox(&inbox(1), id, index(1), &world.rng).unwrap();
    assert_eq!(custody.inbox_signer(&inbox(1)).unwrap().address(), address);
    assert_ne!(custody.inbox_file_key(&inbox(1)).unwrap(), file_key);
    // no identity twice, and new ones come after those that are back
    for taken in [inbox(1), inbox(2)] {
        let error = custody.restore_inbox(&taken, id, index(1), &world.rng).unwrap_err();
        assert!(matches!(error, CustodyError::InboxExists(_)));
    }
    assert_eq!(custody.create_inbox(&inbox(3), id, &world.rng).unwrap().get(), 2);
}

#[test]
fn an_inboxs_identity_signs_invites_whose_tokens_it_can_read() {
    let (world, mut custody) = World::new();
    let id = custody.create_wallet("ops", NOW, &world.rng).unwrap().id;
    custody.create_inbox(&inbox(0), id, &world.rng).unwrap();
    let signer = custody.inbox_signer(&inbox(0)).unwrap();
    let creator = InboxId::from_bytes([0xab; 32]);
    let key = signer.invite_key(creator).unwrap();
    let invite = chancery_xmtp_wire::convos::Invite {
        token: key.seal("conversation", &world.rng).unwrap(),
        creator,
        tag: "tag".to_owned(),
        name: None,
        description: None,
        image_url: None,
        conversation_expires_at: None,
        expires_at: None,
        expires_after_use: false,
    };
    let signed = signer.sign_invite(invite).unwrap();
    assert_eq!(signed.signer().unwrap().address(), signer.address());
    assert_eq!(key.open(&signed.claims().token).unwrap(), "conversation");
}

#[test]
fn the_key_of_an_inboxs_identity_is_the_one_that_it_signs_with() {
    let (world, mut custody) = World::new();
    let made = custody
        .init_operator(&operator(1), None, "ada", NOW, &world.rng)
        .unwrap();
    for n in [1, 2] {
        custody.create_inbox(&inbox(n), made.wallet, &world.rng).unwrap();
        let key = WalletKey::from_bytes(&custody.inbox_identity_key(&inbox(n)).unwrap()).unwrap();
        assert_eq!(key.address(), custody.inbox_signer(&inbox(n)).unwrap().address());
    }
    let missing = custody.inbox_identity_key(&inbox(3)).unwrap_err();
    assert!(matches!(missing, CustodyError::UnknownInbox(_)));
}
