//! Ours beside that of openmls_rust_crypto.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

use std::sync::{Arc, Mutex};

use chancery_base::Rng;
use chancery_xmtp_wire::mls::CIPHERSUITE;
use openmls::prelude::{CryptoError, HashType, OpenMlsCrypto, SignatureScheme};
use openmls_rust_crypto::RustCrypto;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::{Crypto, HpkeError, KemId, Opening, Sealing, XWingSecret};

struct Seeded(Mutex<ChaCha20Rng>);

impl Rng for Seeded {
    fn fill(&self, out: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(out);
    }
}

fn seeded(seed: u64) -> Arc<Seeded> {
    Arc::new(Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(seed))))
}

fn ours() -> Crypto {
    Crypto::new(seeded(1))
}

#[test]
fn what_one_seals_the_other_opens() {
    let (ours, theirs) = (ours(), RustCrypto::default());
    let pair = ours.derive_hpke_keypair(CIPHERSUITE.hpke_config(), &[7; 32]).unwrap();
    let same = theirs.derive_hpke_keypair(CIPHERSUITE.hpke_config(), &[7; 32]).unwrap();
    assert_eq!((&*pair.private, &pair.public), (&*same.private, &same.public));
    let (secret, public) = (pair.private, pair.public);

    let config = || CIPHERSUITE.hpke_config();
    let sealed = ours.hpke_seal(config(), &public, b"info", b"aad", b"text").unwrap();
    assert_eq!(
        theirs.hpke_open(config(), &sealed, &secret, b"info", b"aad").unwrap(),
        b"text"
    );
    let sealed = theirs.hpke_seal(config(), &public, b"info", b"aad", b"text").unwrap();
    assert_eq!(
        ours.hpke_open(config(), &sealed, &secret, b"info", b"aad").unwrap(),
        b"text"
    );
    assert!(ours.hpke_open(config(), &sealed, &secret, b"info", b"other").is_err());
    assert!(ours.hpke_open(config(), &sealed, &secret, b"other", b"aad").is_err());

    let (enc, exported) = ours
        .hpke_setup_sender_and_export(config(), &public, b"info", b"context", 48)
        .unwrap();
    let same = theirs
        .hpke_setup_receiver_and_export(config(), &enc, &secret, b"info", b"context", 48)
        .unwrap();
    assert_eq!(&*exported, &*same);
    let (enc, exported) = theirs
        .hpke_setup_sender_and_export(config(), &public, b"info", b"context", 48)
        .unwrap();
    let same = ours
        .hpke_setup_receiver_and_export(config(), &enc, &secret, b"info", b"context", 48)
        .unwrap();
    assert_eq!(&*exported, &*same);
}

#[test]
fn hashes_keys_and_ciphers_are_theirs() {
    let (ours, theirs) = (ours(), RustCrypto::default());
    let sha = HashType::Sha2_256;
    assert_eq!(ours.hash(sha, b"data").unwrap(), theirs.hash(sha, b"data").unwrap());
    assert_eq!(
        ours.hmac(sha, b"key", b"data").unwrap(),
        theirs.hmac(sha, b"key", b"data").unwrap()
    );
    let prk = ours.hkdf_extract(sha, b"salt", b"ikm").unwrap();
    assert_eq!(prk, theirs.hkdf_extract(sha, b"salt", b"ikm").unwrap());
    assert_eq!(
        ours.hkdf_expand(sha, prk.as_slice(), b"info", 77).unwrap(),
        theirs.hkdf_expand(sha, prk.as_slice(), b"info", 77).unwrap()
    );
    let aead = CIPHERSUITE.aead_algorithm();
    let sealed = ours.aead_encrypt(aead, &[1; 32], b"data", &[2; 12], b"aad").unwrap();
    assert_eq!(
        sealed,
        theirs.aead_encrypt(aead, &[1; 32], b"data", &[2; 12], b"aad").unwrap()
    );
    assert_eq!(
        ours.aead_decrypt(aead, &[1; 32], &sealed, &[2; 12], b"aad").unwrap(),
        b"data"
    );
    assert_eq!(
        ours.aead_decrypt(aead, &[1; 32], &sealed, &[2; 12], b"other"),
        Err(CryptoError::AeadDecryptionError)
    );

    let (secret, public) = ours.signature_key_gen(SignatureScheme::ED25519).unwrap();
    let signed = ours.sign(SignatureScheme::ED25519, b"data", &secret).unwrap();
    assert_eq!(signed, theirs.sign(SignatureScheme::ED25519, b"data", &secret).unwrap());
    ours.verify_signature(SignatureScheme::ED25519, b"data", &public, &signed)
        .unwrap();
    assert!(
        ours.verify_signature(SignatureScheme::ED25519, b"other", &public, &signed)
            .is_err()
    );
}

#[test]
fn other_suites_are_refused() {
    let ours = ours();
    assert!(ours.hash(HashType::Sha2_512, b"").is_err());
    assert!(ours.signature_key_gen(SignatureScheme::ECDSA_SECP256R1_SHA256).is_err());
    assert_eq!(ours.supported_ciphersuites(), [CIPHERSUITE]);
}

#[test]
fn x_wing_opens_in_order_what_was_sealed_for_it_and_nothing_else() {
    let rng = seeded(3);
    let secret = XWingSecret::generate(&*rng);
    let (enc, mut sealing) = Sealing::begin(KemId::XWing, &secret.public(), b"info", &*rng).unwrap();
    assert_eq!((secret.public().len(), enc.len()), (1216, 1120));
    let (one, two) = (sealing.seal(b"", b"one").unwrap(), sealing.seal(b"", b"two").unwrap());

    let mut opening = Opening::begin(&secret, &enc, b"info").unwrap();
    // out of order
    assert_eq!(opening.open(b"", &two).err(), Some(HpkeError::Open));
    assert_eq!(opening.open(b"", &one).unwrap().as_slice(), b"one");
    assert_eq!(opening.open(b"", &two).unwrap().as_slice(), b"two");

    for place in [0, 1087, 1088, 1119] {
        let mut altered = enc.clone();
        altered[place] ^= 1;
        let mut opening = Opening::begin(&secret, &altered, b"info").unwrap();
        assert_eq!(opening.open(b"", &one).err(), Some(HpkeError::Open), "byte {place}");
    }
    assert_eq!(
        Opening::begin(&secret, &enc[1..], b"info").err(),
        Some(HpkeError::Encapsulated)
    );
    let foreign = XWingSecret::generate(&*rng);
    let mut opening = Opening::begin(&foreign, &enc, b"info").unwrap();
    assert_eq!(opening.open(b"", &one).err(), Some(HpkeError::Open));
}

#[test]
fn nothing_is_agreed_with_a_key_of_zeros() {
    let refused = Sealing::begin(KemId::X25519, &[0; 32], b"", &*seeded(4));
    assert_eq!(refused.err(), Some(HpkeError::PublicKey));
}
