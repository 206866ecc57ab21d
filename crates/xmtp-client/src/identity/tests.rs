//! Key packages as the network's rules read them.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use chancery_base::{Millis, Rng, ed25519::SecretKey};
use chancery_xmtp_wire::{
    identity::{IdentityLog, InboxId, NoChain, Nonce, WalletKey},
    mls::{ValidatedKeyPackage, key_package::WelcomeKey},
};
use openmls::extensions::ExtensionType;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::{IdentityError, Installation, LIFETIME_SECS, MARGIN_SECS, inbox_of, revocation};
use crate::{
    crypto::Crypto,
    storage::InboxDb,
    welcome::{open, seal},
};

struct Seeded(Mutex<ChaCha20Rng>);

impl Rng for Seeded {
    fn fill(&self, out: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(out);
    }
}

const NOW: Millis = Millis(1_790_000_000_000);

fn inbox() -> (Installation, InboxDb, Arc<Seeded>) {
    let rng = Arc::new(Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(5))));
    let installation = Installation::new(SecretKey::generate(&rng), InboxId::from_bytes([3; 32]));
    let db = InboxDb::in_memory(Crypto::new(rng.clone())).unwrap();
    (installation, db, rng)
}

fn made(installation: &Installation, db: &mut InboxDb, now: Millis) -> ValidatedKeyPackage {
    let bytes = db.transaction(|tx| installation.new_key_package(tx, now)).unwrap();
    ValidatedKeyPackage::parse(&bytes, now).unwrap()
}

#[test]
fn a_key_package_says_who_we_are_and_what_we_can_do() {
    let (installation, mut db, _) = inbox();
    let made = made(&installation, &mut db, NOW);
    assert_eq!(made.installation(), installation.public());
    assert_eq!(made.inbox_id(), installation.inbox());
    assert!(made.last_resort() && made.follows_pointers());
    assert!(matches!(made.welcome_key(), WelcomeKey::XWing(_)));
    let now = u64::try_from(NOW.secs()).unwrap();
    assert_eq!(made.lifetime().not_before, now - MARGIN_SECS);
    assert_eq!(made.lifetime().not_after, now + LIFETIME_SECS);

    let leaf = made.key_package().leaf_node();
    assert_eq!(
        leaf.extensions().application_id().unwrap().as_slice(),
        installation.inbox().to_string().as_bytes()
    );
    // xmtp spec 3.3, in its order; neither the dictionary of applications (0006) nor its proposals (0008)
    let numbers = |kinds: &[ExtensionType]| kinds.iter().map(|kind| u16::from(*kind)).collect::<Vec<_>>();
    let can = leaf.capabilities();
    assert_eq!(
        numbers(can.extensions()),
        [0x000a, 0x0001, 0xff02, 0xff00, 0xff01, 0xff03, 0xff04, 0xf000]
    );
    let proposals: Vec<u16> = can.proposals().iter().map(|kind| u16::from(*kind)).collect();
    assert_eq!((proposals, can.ciphersuites().len()), (vec![0x0007], 1));
}

#[test]
fn welcomes_for_every_key_package_that_was_ever_made_can_be_opened() {
    let (installation, mut db, rng) = inbox();
    let first = made(&installation, &mut db, NOW);
    let second = made(&installation, &mut db, NOW.plus(1));
    assert_ne!(first.welcome_key().as_bytes(), second.welcome_key().as_bytes());
    for made in [first, second] {
        // by the key of ff03, and by the init key, which clients that do not read ff03 take
        for key in [made.welcome_key().clone(), WelcomeKey::Curve25519(*made.init_key())] {
            let secret = db.transaction(|tx| tx.welcome_secret(key.as_bytes())).unwrap().unwrap();
            let wrapped = seal(&key, b"a welcome", 1, &*rng).unwrap();
            assert_eq!(open(&secret, &wrapped).unwrap().welcome.as_slice(), b"a welcome");
        }
    }
    assert!(db.transaction(|tx| tx.welcome_secret(&[0; 32])).unwrap().is_none());
}

#[test]
fn a_key_package_that_was_not_committed_has_no_keys() {
    let (installation, mut db, _) = inbox();
    let mut key = None;
    let refused = db.transaction(|tx| {
        let bytes = installation.new_key_package(tx, NOW)?;
        key = Some(*ValidatedKeyPackage::parse(&bytes, NOW).unwrap().init_key());
        Err::<(), _>(IdentityError::Encode)
    });
    assert!(refused.is_err());
    let secret = db.transaction(|tx| tx.welcome_secret(&key.unwrap())).unwrap();
    assert!(secret.is_none());
}

#[test]
fn a_wallet_opens_an_inbox_lets_installations_in_and_shuts_one_out() {
    let rng = Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(6)));
    let wallet = WalletKey::generate(&rng).unwrap();
    let inbox = inbox_of(&wallet, Nonce(1));
    let [one, two] = [(); 2].map(|()| Installation::new(SecretKey::generate(&rng), inbox));
    let updates = [
        one.registration(&wallet, Nonce(1), NOW).unwrap(),
        two.addition(&wallet, NOW.plus(1)).unwrap(),
        revocation(&wallet, inbox, &[one.public()], NOW.plus(2)).unwrap(),
    ];
    // as a node takes them, and as every reader replays them
    let mut log = IdentityLog::new(inbox);
    let mut members = Vec::new();
    for (sequence_id, update) in (1..).zip(&updates) {
        let verified = update.verify(&NoChain).unwrap();
        log.admit(&verified).unwrap();
        members.push(
            log.append(sequence_id, verified)
                .unwrap()
                .installations()
                .collect::<BTreeSet<_>>(),
        );
    }
    let set = |keys: &[&Installation]| keys.iter().map(|key| key.public()).collect::<BTreeSet<_>>();
    assert_eq!(members, [set(&[&one]), set(&[&one, &two]), set(&[&two])]);
}

#[test]
fn another_wallet_lets_nobody_in() {
    let rng = Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(8)));
    let (wallet, other) = (WalletKey::generate(&rng).unwrap(), WalletKey::generate(&rng).unwrap());
    let inbox = inbox_of(&wallet, Nonce(1));
    let [one, two] = [(); 2].map(|()| Installation::new(SecretKey::generate(&rng), inbox));
    let mut log = IdentityLog::new(inbox);
    let registration = one
        .registration(&wallet, Nonce(1), NOW)
        .unwrap()
        .verify(&NoChain)
        .unwrap();
    log.append(1, registration).unwrap();
    let addition = two.addition(&other, NOW).unwrap().verify(&NoChain).unwrap();
    assert!(log.append(2, addition).is_err());
}
