//! HPKE (RFC 9180) in its base mode, with HKDF-SHA256 and ChaCha20-Poly1305.

use std::fmt;

use chacha20poly1305::{
    ChaCha20Poly1305, Key, KeyInit as _, Nonce,
    aead::{Aead as _, Payload},
};
use chancery_base::Rng;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::kem::{KemId, Recipient, SharedSecret, encapsulate_x25519, encapsulate_xwing};

const HKDF_SHA256: u16 = 1;
const CHACHA20_POLY1305: u16 = 3;

/// Why something cannot be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HpkeError {
    /// The recipient's public key is none, or one with which nothing can be agreed.
    #[error("not a public key that something can be sealed for")]
    PublicKey,
    /// What should lead to the shared secret has another length.
    #[error("the encapsulated key is malformed")]
    Encapsulated,
    /// It was sealed for another key, in another context, or was altered.
    #[error("it does not open")]
    Open,
    /// Longer than can be sealed or exported at once, or too often.
    #[error("too long, or too many, for one context")]
    Limit,
}

/// The context of RFC 9180 5.1, the same on both sides.
struct Context {
    cipher: ChaCha20Poly1305,
    nonce: [u8; 12],
    sequence: u64,
    exporter: Hkdf<Sha256>,
    suite: [u8; 10],
}

/// The side that seals. What it seals opens in the same order.
#[derive(Debug)]
pub(crate) struct Sealing(Context);

/// The side that opens.
#[derive(Debug)]
pub(crate) struct Opening(Context);

impl Sealing {
    /// Begins to seal for `public` under `info`; what the recipient needs to begin comes first.
    pub(crate) fn begin(kem: KemId, public: &[u8], info: &[u8], rng: &dyn Rng) -> Result<(Vec<u8>, Self), HpkeError> {
        let (enc, secret) = match kem {
            KemId::X25519 => encapsulate_x25519(public, rng)?,
            KemId::XWing => encapsulate_xwing(public, rng)?,
        };
        Ok((enc, Self(Context::new(kem, &secret, info)?)))
    }

    /// Seals `plaintext`.
    pub(crate) fn seal(&mut self, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, HpkeError> {
        let nonce = self.0.next_nonce()?;
        let payload = Payload { msg: plaintext, aad };
        self.0.cipher.encrypt(&nonce, payload).map_err(|_| HpkeError::Limit)
    }

    /// RFC 9180 5.3.
    pub(crate) fn export(&self, context: &[u8], out: &mut [u8]) -> Result<(), HpkeError> {
        self.0.export(context, out)
    }
}

impl Opening {
    /// Begins to open what was sealed for `recipient` under `info`.
    #[allow(
        private_bounds,
        reason = "both recipients are public; how they agree is nobody's business"
    )]
    pub(crate) fn begin<R: Recipient>(recipient: &R, enc: &[u8], info: &[u8]) -> Result<Self, HpkeError> {
        let secret = recipient.decapsulate(enc)?;
        Ok(Self(Context::new(R::KEM, &secret, info)?))
    }

    /// Opens what was sealed next. What does not open does not count.
    pub(crate) fn open(&mut self, aad: &[u8], ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, HpkeError> {
        let before = self.0.sequence;
        let nonce = self.0.next_nonce()?;
        let payload = Payload { msg: ciphertext, aad };
        let opened = self.0.cipher.decrypt(&nonce, payload).map_err(|_| HpkeError::Open);
        if opened.is_err() {
            self.0.sequence = before;
        }
        opened.map(Zeroizing::new)
    }

    /// RFC 9180 5.3.
    pub(crate) fn export(&self, context: &[u8], out: &mut [u8]) -> Result<(), HpkeError> {
        self.0.export(context, out)
    }
}

impl Context {
    /// RFC 9180 5.1, `KeySchedule` without a PSK.
    fn new(kem: KemId, secret: &SharedSecret, info: &[u8]) -> Result<Self, HpkeError> {
        let suite = suite(kem);
        let (psk_id, _) = labeled_extract(&suite, b"", b"psk_id_hash", b"");
        let (info, _) = labeled_extract(&suite, b"", b"info_hash", info);
        let context = [&[0][..], psk_id.as_slice(), info.as_slice()].concat();
        let (_, prk) = labeled_extract(&suite, secret.as_slice(), b"secret", b"");

        let mut key = Zeroizing::new([0; 32]);
        let mut nonce = [0; 12];
        let mut exporter = Zeroizing::new([0; 32]);
        labeled_expand(&suite, &prk, b"key", &context, key.as_mut_slice())?;
        labeled_expand(&suite, &prk, b"base_nonce", &context, &mut nonce)?;
        labeled_expand(&suite, &prk, b"exp", &context, exporter.as_mut_slice())?;
        Ok(Self {
            cipher: ChaCha20Poly1305::new(&Key::from(*key)),
            nonce,
            sequence: 0,
            exporter: Hkdf::from_prk(exporter.as_slice()).map_err(|_| HpkeError::Limit)?,
            suite,
        })
    }

    /// RFC 9180 5.2, `ComputeNonce` and `IncrementSeq`.
    fn next_nonce(&mut self) -> Result<Nonce, HpkeError> {
        let mut nonce = self.nonce;
        for (byte, sequence) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= sequence;
        }
        self.sequence = self.sequence.checked_add(1).ok_or(HpkeError::Limit)?;
        Ok(nonce.into())
    }

    fn export(&self, context: &[u8], out: &mut [u8]) -> Result<(), HpkeError> {
        labeled_expand(&self.suite, &self.exporter, b"sec", context, out)
    }
}

fn suite(kem: KemId) -> [u8; 10] {
    let mut suite = *b"HPKE\0\0\0\0\0\0";
    for (place, number) in suite[4..]
        .chunks_exact_mut(2)
        .zip([kem as u16, HKDF_SHA256, CHACHA20_POLY1305])
    {
        place.copy_from_slice(&number.to_be_bytes());
    }
    suite
}

/// RFC 9180 4, `LabeledExtract`: the secret, and the same as the start of an expansion.
pub(super) fn labeled_extract(
    suite: &[u8],
    salt: &[u8],
    label: &[u8],
    material: &[u8],
) -> (Zeroizing<[u8; 32]>, Hkdf<Sha256>) {
    let labeled = Zeroizing::new([b"HPKE-v1", suite, label, material].concat());
    let (prk, hkdf) = Hkdf::<Sha256>::extract(Some(salt), &labeled);
    (Zeroizing::new(prk.into()), hkdf)
}

/// RFC 9180 4, `LabeledExpand`.
pub(super) fn labeled_expand(
    suite: &[u8],
    prk: &Hkdf<Sha256>,
    label: &[u8],
    info: &[u8],
    out: &mut [u8],
) -> Result<(), HpkeError> {
    let length = u16::try_from(out.len()).map_err(|_| HpkeError::Limit)?;
    let length = length.to_be_bytes();
    prk.expand_multi_info(&[&length, b"HPKE-v1", suite, label, info], out)
        .map_err(|_| HpkeError::Limit)
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}
