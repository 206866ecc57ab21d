//! What was sealed opens for whom it was sealed, and for nobody else.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use std::sync::Mutex;

use bytes::Bytes;
use chancery_base::Rng;
use chancery_xmtp_wire::mls::{CIPHERSUITE, key_package::WelcomeKey, tls::Reader};
use openmls::prelude::{HpkeCiphertext, OpenMlsCrypto as _};
use openmls_rust_crypto::RustCrypto;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::{Pointer, WelcomeError, WelcomeSecret, Wrapped, open, seal};
use crate::crypto::{HpkeError, X25519Secret, XWingSecret};

struct Seeded(Mutex<ChaCha20Rng>);

impl Rng for Seeded {
    fn fill(&self, out: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(out);
    }
}

fn rng() -> Seeded {
    Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(7)))
}

/// One pair of each kind.
fn pairs(rng: &Seeded) -> [(WelcomeKey, WelcomeSecret); 2] {
    let classic = X25519Secret::from_bytes(rng.bytes());
    let xwing = XWingSecret::generate(rng);
    let public: [u8; 1216] = xwing.public().try_into().unwrap();
    [
        (
            WelcomeKey::Curve25519(classic.public()),
            WelcomeSecret::Curve25519(classic),
        ),
        (WelcomeKey::XWing(Box::new(public)), WelcomeSecret::XWing(xwing)),
    ]
}

#[test]
fn a_welcome_and_its_cursor_open_for_the_recipient_and_nobody_else() {
    let rng = rng();
    let strangers = pairs(&rng);
    for ((key, secret), (_, stranger)) in pairs(&rng).iter().zip(&strangers) {
        let wrapped = seal(key, b"a welcome", 42, &rng).unwrap();
        let opened = open(secret, &wrapped).unwrap();
        assert_eq!(
            (opened.welcome.as_slice(), opened.message_cursor),
            (&b"a welcome"[..], Some(42))
        );
        assert_eq!(open(stranger, &wrapped), Err(WelcomeError::Hpke(HpkeError::Open)));

        let silent = Wrapped {
            metadata: Bytes::new(),
            ..wrapped
        };
        assert_eq!(open(secret, &silent).unwrap().message_cursor, None);
    }
}

#[test]
fn no_byte_of_a_wrapped_welcome_can_be_altered() {
    let rng = rng();
    for (key, secret) in pairs(&rng) {
        let wrapped = seal(&key, b"a welcome", 42, &rng).unwrap();
        // every byte of the short one; of X-Wing's 1,120 some in each part
        let stride = if wrapped.data.len() > 1000 { 37 } else { 1 };
        for place in (0..wrapped.data.len()).step_by(stride) {
            let mut data = wrapped.data.to_vec();
            data[place] ^= 1;
            let altered = Wrapped {
                data: data.into(),
                ..wrapped.clone()
            };
            // X25519 reads the last bit of a key as nothing; it takes part in the key schedule all the same
            assert!(open(&secret, &altered).is_err(), "byte {place}");
        }
        for place in 0..wrapped.metadata.len() {
            let mut metadata = wrapped.metadata.to_vec();
            metadata[place] ^= 1;
            let altered = Wrapped {
                metadata: metadata.into(),
                ..wrapped.clone()
            };
            assert!(open(&secret, &altered).is_err(), "byte {place} of the metadata");
        }
        for data in [&[][..], &wrapped.data[1..], &[wrapped.data.as_ref(), &[0]].concat()] {
            let cut = Wrapped {
                data: Bytes::copy_from_slice(data),
                ..wrapped.clone()
            };
            assert!(open(&secret, &cut).is_err());
        }
    }
}

#[test]
fn the_classic_wrapper_is_hpke_as_openmls_does_it() {
    let (rng, theirs) = (rng(), RustCrypto::default());
    // RFC 9420 5.1.3: label and context, each behind its length
    let info = [&[19][..], b"MLS 1.0 MLS_WELCOME", &[0]].concat();
    let pair = theirs.derive_hpke_keypair(CIPHERSUITE.hpke_config(), &[9; 32]).unwrap();
    let key = WelcomeKey::Curve25519(pair.public.as_slice().try_into().unwrap());
    let wrapped = seal(&key, b"a welcome", 42, &rng).unwrap();
    let mut reader = Reader::new(&wrapped.data);
    let sealed = HpkeCiphertext {
        kem_output: reader.vector().unwrap().to_vec().into(),
        ciphertext: reader.vector().unwrap().to_vec().into(),
    };
    let opened = theirs.hpke_open(CIPHERSUITE.hpke_config(), &sealed, &pair.private, &info, b"");
    assert_eq!(opened.unwrap(), b"a welcome");
}

#[test]
fn a_pointer_leads_to_a_welcome_that_was_sealed_once() {
    let rng = rng();
    let [_, (key, secret)] = pairs(&rng);
    let (shared, bytes) = Pointer::generate(&rng).seal_welcome(b"a welcome", 42).unwrap();
    let wrapped = seal(&key, &bytes, 0, &rng).unwrap();

    let pointer = Pointer::parse(&open(&secret, &wrapped).unwrap().welcome).unwrap();
    let opened = pointer.open_welcome(&shared).unwrap();
    assert_eq!(
        (opened.welcome.as_slice(), opened.message_cursor),
        (&b"a welcome"[..], Some(42))
    );

    let swapped = Wrapped {
        data: shared.metadata.clone(),
        metadata: shared.data.clone(),
    };
    assert_eq!(pointer.open_welcome(&swapped), Err(WelcomeError::Shared));
    let foreign = Pointer::generate(&rng);
    assert_eq!(foreign.open_welcome(&shared), Err(WelcomeError::Shared));
}

#[test]
fn a_pointer_of_other_lengths_is_none() {
    let (_, bytes) = Pointer::generate(&rng()).seal_welcome(b"", 0).unwrap();
    assert!(Pointer::parse(&bytes).is_ok());
    for cut in 0..bytes.len() {
        assert_eq!(
            Pointer::parse(&bytes[..cut]).err(),
            Some(WelcomeError::Pointer),
            "{cut}"
        );
    }
}
