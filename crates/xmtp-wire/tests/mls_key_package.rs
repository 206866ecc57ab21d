//! Key packages: a good one is read, and each rule refuses what breaks just it.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

mod common;

use chancery_base::Millis;
use chancery_xmtp_wire::{
    mls::{KeyPackageError, ValidatedKeyPackage, key_package},
    proto::{
        identity::MlsCredential,
        mls::message_contents::{
            WelcomePointeeEncryptionAeadTypesExtension, WelcomeWrapperAlgorithm, WelcomeWrapperEncryption,
        },
    },
};
use common::{Draft, INBOX, Member, basic, bytes, sign};
use prost::Message as _;

const NOW: Millis = Millis(1_500_000);

fn parse(bytes: &[u8]) -> Result<ValidatedKeyPackage, KeyPackageError> {
    ValidatedKeyPackage::parse(bytes, NOW)
}

fn refused(change: impl FnOnce(&mut Draft)) -> KeyPackageError {
    let mut draft = Draft::valid();
    change(&mut draft);
    parse(&draft.bytes()).unwrap_err()
}

#[test]
fn what_openmls_makes_is_taken() {
    let member = Member::new(INBOX);
    let package = parse(&bytes(&member.key_package(1000..2000))).unwrap();
    assert_eq!(package.installation().as_bytes().as_slice(), member.signer.public());
    assert_eq!(package.inbox_id().to_string(), INBOX);
    assert_eq!(
        (package.lifetime().not_before, package.lifetime().not_after),
        (1000, 2000)
    );
    assert!(package.last_resort());
    assert!(!package.follows_pointers());
    assert_eq!(package.welcome_key().as_bytes(), package.init_key());
    assert_eq!(package.key_package().hpke_init_key().as_slice(), package.init_key());
}

#[test]
fn the_draft_that_the_other_tests_break_is_taken() {
    let package = parse(&Draft::valid().bytes()).unwrap();
    assert_eq!(package.inbox_id().to_string(), INBOX);
    assert_eq!(package.init_key(), &[1; 32]);
}

#[test]
fn a_key_package_without_the_mark_of_last_resort_says_so() {
    let mut draft = Draft::valid();
    draft.extensions.clear();
    assert!(!parse(&draft.bytes()).unwrap().last_resort());
}

#[test]
fn the_lifetime_is_judged_by_the_time_that_is_passed_in() {
    let member = Member::new(INBOX);
    // by the machine's clock the one is long over, and the other far off
    for (seconds, now) in [(1000..2000, 1500), (9_000_000_000..9_000_001_000, 9_000_000_500)] {
        let bytes = bytes(&member.key_package(seconds));
        assert!(ValidatedKeyPackage::parse(&bytes, Millis::from_secs(now)).is_ok());
    }
    let bytes = bytes(&member.key_package(1000..2000));
    let at = |secs| ValidatedKeyPackage::parse(&bytes, Millis::from_secs(secs)).map(drop);
    assert_eq!(at(999), Err(KeyPackageError::NotYetValid));
    assert_eq!(at(1000), Ok(()));
    assert_eq!(at(1999), Ok(()));
    assert_eq!(at(2000), Err(KeyPackageError::Expired));
    assert_eq!(at(-1), Err(KeyPackageError::NotYetValid));
}

/// A key package whose lifetime openmls refuses is judged by the other checks all the same. Should openmls ask its clock
/// earlier one day, these would be taken.
#[test]
fn no_check_is_lost_behind_the_clock_of_openmls() {
    // every draft here is over by the clock of any machine that runs this
    assert_eq!(refused(|draft| draft.init_key = vec![2; 32]), KeyPackageError::SameKeys);
    assert_eq!(
        refused(|draft| draft.extensions.push((0xff09, Vec::new()))),
        KeyPackageError::Extension
    );
    let forged = Draft::valid().signed_by(|content| sign("LeafNodeTBS", content), |_| vec![0; 64]);
    assert_eq!(parse(&forged).unwrap_err(), KeyPackageError::Signature);
}

#[test]
fn bytes_that_are_no_key_package_are_refused() {
    assert_eq!(parse(&[]).unwrap_err(), KeyPackageError::Malformed);
    let bytes = Draft::valid().bytes();
    for end in 4..bytes.len() {
        assert_eq!(parse(&bytes[..end]).unwrap_err(), KeyPackageError::Malformed, "{end}");
    }
    let huge = vec![0; key_package::MAX_SIZE + 1];
    assert_eq!(parse(&huge).unwrap_err(), KeyPackageError::TooLarge);
}

#[test]
fn nothing_may_follow() {
    let mut bytes = Draft::valid().bytes();
    bytes.push(0);
    assert_eq!(parse(&bytes).unwrap_err(), KeyPackageError::Trailing);
}

#[test]
fn the_header_of_an_mls_message_does_not_belong_before_it() {
    // version 1, wire format 5: read as a key package, that is a ciphersuite
    let bytes = [&[0, 1, 0, 5][..], &Draft::valid().bytes()].concat();
    assert_eq!(parse(&bytes).unwrap_err(), KeyPackageError::Ciphersuite(5));
}

#[test]
fn another_version_or_ciphersuite_is_refused() {
    assert_eq!(refused(|draft| draft.version = 2), KeyPackageError::Version(2));
    assert_eq!(refused(|draft| draft.ciphersuite = 1), KeyPackageError::Ciphersuite(1));
}

#[test]
fn a_leaf_of_another_origin_is_refused() {
    // RFC 9420 7.2: 2 is an update, which has no lifetime
    assert_eq!(refused(|draft| draft.source = vec![2]), KeyPackageError::LeafSource);
}

#[test]
fn signatures_must_verify() {
    let whole = |content: &[u8]| sign("KeyPackageTBS", content);
    let leaf = |content: &[u8]| sign("LeafNodeTBS", content);
    let draft = Draft::valid();
    assert!(parse(&draft.signed_by(leaf, whole)).is_ok());
    let forged_leaf = draft.signed_by(|content| sign("KeyPackageTBS", content), whole);
    assert_eq!(parse(&forged_leaf).unwrap_err(), KeyPackageError::LeafSignature);
    let forged_whole = draft.signed_by(leaf, |content| sign("LeafNodeTBS", content));
    assert_eq!(parse(&forged_whole).unwrap_err(), KeyPackageError::Signature);
    let short = draft.signed_by(leaf, |content| whole(content)[..63].to_vec());
    assert_eq!(parse(&short).unwrap_err(), KeyPackageError::Signature);
}

#[test]
fn every_byte_is_signed() {
    let bytes = Draft::valid().bytes();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(parse(&changed).is_err(), "{at}");
    }
}

#[test]
fn a_weak_installation_key_is_refused() {
    // a point of small order, under which a signature of zeros may verify
    let mut weak = vec![0; 32];
    weak[0] = 1;
    assert_eq!(
        refused(|draft| draft.signature_key = weak),
        KeyPackageError::LeafSignature
    );
}

#[test]
fn keys_have_32_bytes() {
    assert_eq!(refused(|draft| draft.init_key = vec![1; 31]), KeyPackageError::InitKey);
    assert_eq!(
        refused(|draft| draft.signature_key.push(0)),
        KeyPackageError::LeafSignature
    );
}

#[test]
fn init_key_and_encryption_key_differ() {
    assert_eq!(
        refused(|draft| draft.encryption_key = draft.init_key.clone()),
        KeyPackageError::SameKeys
    );
}

#[test]
fn the_credential_is_basic() {
    // X.509 with no certificates
    assert_eq!(
        refused(|draft| draft.credential = vec![0, 2, 0]),
        KeyPackageError::CredentialType
    );
}

#[test]
fn the_credential_names_an_inbox() {
    assert_eq!(
        refused(|draft| draft.credential = basic(&[0xff])),
        KeyPackageError::Credential
    );
    for inbox_id in [
        "",
        "ab",
        &INBOX.to_uppercase(),
        &format!("0x{INBOX}"),
        &format!("{INBOX}0"),
    ] {
        let identity = MlsCredential {
            inbox_id: inbox_id.to_owned(),
        };
        assert_eq!(
            refused(|draft| draft.credential = basic(&identity.encode_to_vec())),
            KeyPackageError::InboxId,
            "{inbox_id}"
        );
    }
}

#[test]
fn what_the_leaf_uses_it_lists() {
    assert!(matches!(
        refused(|draft| draft.versions.clear()),
        KeyPackageError::Capability(_)
    ));
    assert!(matches!(
        refused(|draft| draft.ciphersuites = vec![1]),
        KeyPackageError::Capability(_)
    ));
    assert!(matches!(
        refused(|draft| draft.credentials = vec![2]),
        KeyPackageError::Capability(_)
    ));
    assert!(matches!(
        refused(|draft| draft.leaf_extensions.push((0xff09, vec![1]))),
        KeyPackageError::Capability(_)
    ));
}

#[test]
fn extensions_are_listed_and_have_their_place() {
    assert_eq!(
        refused(|draft| draft.extensions.push((0xff09, Vec::new()))),
        KeyPackageError::Extension
    );
    // required_capabilities belongs to a group
    assert_eq!(
        refused(|draft| draft.extensions.push((3, vec![0, 0, 0]))),
        KeyPackageError::Extension
    );
    assert_eq!(
        refused(|draft| draft.extensions.push((0x000a, Vec::new()))),
        KeyPackageError::Malformed,
        "no extension comes twice"
    );
}

fn wrapper(algorithm: i32, length: usize) -> (u16, Vec<u8>) {
    let extension = WelcomeWrapperEncryption {
        pub_key: vec![9; length].into(),
        algorithm,
    };
    (key_package::WRAPPER_ENCRYPTION, extension.encode_to_vec())
}

#[test]
fn the_key_for_welcomes_is_read() {
    let read = |algorithm, length| {
        let mut draft = Draft::valid();
        draft.extensions.push(wrapper(algorithm, length));
        parse(&draft.bytes()).map(|package| package.welcome_key().clone())
    };
    let xwing = WelcomeWrapperAlgorithm::XwingMlkem768Draft6;
    let key = read(xwing as i32, key_package::XWING_PUBLIC_KEY).unwrap();
    assert_eq!((key.algorithm(), key.as_bytes()), (xwing, &[9; 1216][..]));
    // the reference takes every number that it does not know for Curve25519
    for algorithm in [0, 1, 99] {
        let key = read(algorithm, 32).unwrap();
        assert_eq!(
            (key.algorithm(), key.as_bytes()),
            (WelcomeWrapperAlgorithm::Curve25519, &[9; 32][..])
        );
    }
    for (algorithm, length) in [(2, 1215), (2, 32), (1, 31), (1, 0), (3, 32)] {
        assert_eq!(read(algorithm, length).unwrap_err(), KeyPackageError::WrapperEncryption);
    }
    assert_eq!(
        refused(|draft| draft.extensions.push((key_package::WRAPPER_ENCRYPTION, vec![0xff]))),
        KeyPackageError::WrapperEncryption
    );
}

#[test]
fn whether_it_follows_pointers_is_read() {
    let read = |types: &[i32]| {
        let extension = WelcomePointeeEncryptionAeadTypesExtension {
            supported_aead_types: types.to_vec(),
        };
        let mut draft = Draft::valid();
        draft
            .extensions
            .push((key_package::WELCOME_POINTERS, extension.encode_to_vec()));
        parse(&draft.bytes()).unwrap().follows_pointers()
    };
    assert!(read(&[3]));
    assert!(read(&[7, 3]));
    assert!(!read(&[]));
    assert!(!read(&[1]));
    assert_eq!(
        refused(|draft| draft.extensions.push((key_package::WELCOME_POINTERS, vec![0xff]))),
        KeyPackageError::WelcomePointers
    );
}
