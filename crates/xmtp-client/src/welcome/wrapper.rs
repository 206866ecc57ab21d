//! Sealing for one recipient.

use std::fmt;

use bytes::Bytes;
use chancery_base::Rng;
use chancery_xmtp_wire::{
    mls::{
        key_package::WelcomeKey,
        tls::{Reader, write_vector},
    },
    proto::mls::api::v1::WelcomeMetadata,
};
use prost::Message as _;
use zeroize::Zeroizing;

use super::WelcomeError;
use crate::crypto::{KemId, Opening, Sealing, X25519Secret, XWingSecret};

/// The label of MLS' `EncryptContext` (RFC 9420 5.1.3); its context is empty.
const LABEL: &[u8] = b"MLS 1.0 MLS_WELCOME";

/// The private half of the key for which welcomes are wrapped.
#[derive(Debug, Clone)]
pub enum WelcomeSecret {
    /// X25519: the init key of a key package.
    Curve25519(X25519Secret),
    /// X-Wing: the key of extension ff03.
    XWing(XWingSecret),
}

/// Two things that were sealed one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// The welcome, or the pointer.
    pub data: Bytes,
    /// A `WelcomeMetadata`; empty from clients that send none.
    pub metadata: Bytes,
}

/// A welcome that was opened.
#[derive(Clone, PartialEq, Eq)]
pub struct Unwrapped {
    /// An `MLSMessage` with a `Welcome`, they say.
    pub welcome: Zeroizing<Vec<u8>>,
    /// Messages of the group up to this id were before our time; `None` if the sender does not say.
    pub message_cursor: Option<u64>,
}

/// Seals a welcome, and that the recipient's time begins after `message_cursor`, for `key`.
///
/// # Errors
/// [`WelcomeError::Hpke`] when `key` is none that can be sealed for.
pub fn seal(key: &WelcomeKey, welcome: &[u8], message_cursor: u64, rng: &dyn Rng) -> Result<Wrapped, WelcomeError> {
    let kem = match key {
        WelcomeKey::Curve25519(_) => KemId::X25519,
        WelcomeKey::XWing(_) => KemId::XWing,
    };
    let (enc, mut sealing) = Sealing::begin(kem, key.as_bytes(), &info()?, rng)?;
    let ciphertext = sealing.seal(b"", welcome)?;
    let metadata = sealing.seal(b"", &metadata(message_cursor))?;
    let mut data = Vec::with_capacity(enc.len() + ciphertext.len() + 8);
    for part in [&enc, &ciphertext] {
        write_vector(part, &mut data).map_err(|_| WelcomeError::Malformed)?;
    }
    Ok(Wrapped {
        data: data.into(),
        metadata: metadata.into(),
    })
}

/// Opens what was sealed for `secret`.
///
/// # Errors
/// Any [`WelcomeError`] but those of pointers.
pub fn open(secret: &WelcomeSecret, wrapped: &Wrapped) -> Result<Unwrapped, WelcomeError> {
    let (enc, ciphertext) = parts(&wrapped.data).ok_or(WelcomeError::Malformed)?;
    let info = info()?;
    let mut opening = match secret {
        WelcomeSecret::Curve25519(secret) => Opening::begin(secret, enc, &info)?,
        WelcomeSecret::XWing(secret) => Opening::begin(secret, enc, &info)?,
    };
    let welcome = opening.open(b"", ciphertext)?;
    let message_cursor = match wrapped.metadata.as_ref() {
        [] => None,
        sealed => Some(read_metadata(&opening.open(b"", sealed)?)?),
    };
    Ok(Unwrapped {
        welcome,
        message_cursor,
    })
}

pub(super) fn metadata(message_cursor: u64) -> Vec<u8> {
    WelcomeMetadata { message_cursor }.encode_to_vec()
}

pub(super) fn read_metadata(bytes: &[u8]) -> Result<u64, WelcomeError> {
    let WelcomeMetadata { message_cursor } = WelcomeMetadata::decode(bytes).map_err(|_| WelcomeError::Metadata)?;
    // whoever welcomes us may say anything. Ids are kept with a sign, by the reference too, which follows no such welcome
    if message_cursor > i64::MAX.cast_unsigned() {
        return Err(WelcomeError::Metadata);
    }
    Ok(message_cursor)
}

/// `HPKECiphertext` (RFC 9420 7.6), to its last byte.
fn parts(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = Reader::new(data);
    let parts = (reader.vector().ok()?, reader.vector().ok()?);
    reader.rest().is_empty().then_some(parts)
}

fn info() -> Result<Vec<u8>, WelcomeError> {
    let mut info = Vec::with_capacity(LABEL.len() + 2);
    for part in [LABEL, b""] {
        write_vector(part, &mut info).map_err(|_| WelcomeError::Malformed)?;
    }
    Ok(info)
}

impl fmt::Debug for Unwrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unwrapped")
            .field("message_cursor", &self.message_cursor)
            .finish_non_exhaustive()
    }
}
