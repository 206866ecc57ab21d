//! The two KEMs in which welcomes are wrapped (xmtp spec 3.4), the first of which MLS uses too.

use std::fmt;

use chancery_base::Rng;
use hkdf::Hkdf;
use sha2::Sha256;
use x_wing::{Decapsulate as _, Encapsulate as _, KeyExport as _};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::{hpke::HpkeError, random::Drawn};

/// What a KEM agrees on, 32 bytes for both.
pub(super) type SharedSecret = Zeroizing<[u8; 32]>;

/// A KEM by its number in HPKE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum KemId {
    /// DHKEM(X25519, HKDF-SHA256), RFC 9180 7.1.
    X25519 = 0x0020,
    /// X-Wing, draft-connolly-cfrg-xwing-kem-06, under the number that XMTP calls it by. It is not the one that IANA gave
    /// X-Wing since (0x647a), and takes part in every key: libxmtp plans to change it (its issue 3661).
    XWing = 0x004d,
}

/// A private key of X25519: 32 bytes, wiped when dropped.
#[derive(Clone)]
pub struct X25519Secret(StaticSecret);

/// A private key of X-Wing: the seed of 32 bytes from which both halves come.
#[derive(Clone)]
pub struct XWingSecret(Zeroizing<[u8; 32]>);

/// Who can open what was sealed for their public key.
pub(super) trait Recipient {
    /// The KEM.
    const KEM: KemId;

    /// What `enc` agreed on.
    fn decapsulate(&self, enc: &[u8]) -> Result<SharedSecret, HpkeError>;
}

impl X25519Secret {
    /// The key with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(StaticSecret::from(bytes))
    }

    /// A new key.
    pub(crate) fn generate(rng: &dyn Rng) -> Self {
        let bytes = Zeroizing::new(Rng::bytes::<32>(&rng));
        Self::from_bytes(*bytes)
    }

    /// The key that `material` leads to (RFC 9180 7.1.3), with its public half.
    pub(super) fn derive(material: &[u8]) -> Result<(Zeroizing<[u8; 32]>, [u8; 32]), HpkeError> {
        let prk = labeled_extract(&suite(), b"dkp_prk", material);
        let mut secret = Zeroizing::new([0; 32]);
        labeled_expand(&suite(), &prk, b"sk", b"", secret.as_mut_slice())?;
        let public = Self::from_bytes(*secret).public();
        Ok((secret, public))
    }

    /// The public half: 32 bytes.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        PublicKey::from(&self.0).to_bytes()
    }

    /// RFC 9180 7.1.4: an agreement to which one side contributed nothing is none.
    fn agree(&self, other: [u8; 32]) -> Result<Zeroizing<[u8; 32]>, HpkeError> {
        let agreed = self.0.diffie_hellman(&PublicKey::from(other));
        if agreed.was_contributory() {
            Ok(Zeroizing::new(agreed.to_bytes()))
        } else {
            Err(HpkeError::PublicKey)
        }
    }
}

impl Recipient for X25519Secret {
    const KEM: KemId = KemId::X25519;

    fn decapsulate(&self, enc: &[u8]) -> Result<SharedSecret, HpkeError> {
        let enc = enc.try_into().map_err(|_| HpkeError::Encapsulated)?;
        dhkem_secret(&*self.agree(enc)?, &enc, &self.public())
    }
}

impl XWingSecret {
    /// The key with this seed.
    #[must_use]
    pub fn from_bytes(seed: [u8; 32]) -> Self {
        Self(Zeroizing::new(seed))
    }

    /// A new key.
    #[must_use]
    pub fn generate(rng: &dyn Rng) -> Self {
        Self(Zeroizing::new(Rng::bytes(&rng)))
    }

    /// The seed.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.clone()
    }

    /// The public half: 1,216 bytes.
    #[must_use]
    pub fn public(&self) -> Vec<u8> {
        use x_wing::Decapsulator as _;
        self.expand().encapsulation_key().to_bytes().to_vec()
    }

    fn expand(&self) -> x_wing::DecapsulationKey {
        x_wing::DecapsulationKey::from(*self.0)
    }
}

impl Recipient for XWingSecret {
    const KEM: KemId = KemId::XWing;

    fn decapsulate(&self, enc: &[u8]) -> Result<SharedSecret, HpkeError> {
        let enc = enc.try_into().map_err(|_| HpkeError::Encapsulated)?;
        Ok(Zeroizing::new(self.expand().decapsulate(enc).into()))
    }
}

/// Agrees with the holder of an X25519 key on a secret; what to send them for it comes first.
pub(super) fn encapsulate_x25519(public: &[u8], rng: &dyn Rng) -> Result<(Vec<u8>, SharedSecret), HpkeError> {
    let public = public.try_into().map_err(|_| HpkeError::PublicKey)?;
    let ephemeral = X25519Secret::generate(rng);
    let enc = ephemeral.public();
    let secret = dhkem_secret(&*ephemeral.agree(public)?, &enc, &public)?;
    Ok((enc.to_vec(), secret))
}

/// Agrees with the holder of an X-Wing key on a secret; what to send them for it comes first.
pub(super) fn encapsulate_xwing(public: &[u8], rng: &dyn Rng) -> Result<(Vec<u8>, SharedSecret), HpkeError> {
    let public = x_wing::EncapsulationKey::try_from(public).map_err(|_| HpkeError::PublicKey)?;
    let (enc, secret) = public.encapsulate_with_rng(&mut Drawn(rng));
    Ok((enc.to_vec(), Zeroizing::new(secret.into())))
}

/// RFC 9180 4.1, `ExtractAndExpand`.
fn dhkem_secret(agreed: &[u8; 32], enc: &[u8; 32], recipient: &[u8; 32]) -> Result<SharedSecret, HpkeError> {
    let prk = labeled_extract(&suite(), b"eae_prk", agreed);
    let mut secret = Zeroizing::new([0; 32]);
    let context = [enc.as_slice(), recipient].concat();
    labeled_expand(&suite(), &prk, b"shared_secret", &context, secret.as_mut_slice())?;
    Ok(secret)
}

/// RFC 9180 4.1: the KEM's own suite.
fn suite() -> [u8; 5] {
    let [high, low] = (KemId::X25519 as u16).to_be_bytes();
    [b'K', b'E', b'M', high, low]
}

fn labeled_extract(suite: &[u8], label: &[u8], material: &[u8]) -> Hkdf<Sha256> {
    super::hpke::labeled_extract(suite, b"", label, material).1
}

fn labeled_expand(
    suite: &[u8],
    prk: &Hkdf<Sha256>,
    label: &[u8],
    info: &[u8],
    out: &mut [u8],
) -> Result<(), HpkeError> {
    super::hpke::labeled_expand(suite, prk, label, info, out)
}

impl fmt::Debug for X25519Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("X25519Secret(..)")
    }
}

impl fmt::Debug for XWingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("XWingSecret(..)")
    }
}
