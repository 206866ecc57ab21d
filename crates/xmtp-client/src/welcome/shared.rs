//! Sealing once for many, and pointing to it.

use std::fmt;

use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit as _, Nonce, aead::Aead as _};
use chancery_base::Rng;
use chancery_xmtp_wire::proto::mls::message_contents::{
    WelcomePointeeEncryptionAeadType, WelcomePointer,
    welcome_pointer::{Version, WelcomeV1Pointer},
};
use prost::Message as _;
use zeroize::Zeroizing;

use super::{
    Unwrapped, WelcomeError, Wrapped,
    wrapper::{metadata, read_metadata},
};

/// A key under which one welcome is sealed for many. It is used once: its nonces are for the two parts of that welcome.
#[derive(Clone)]
pub struct SharedKey {
    key: Zeroizing<[u8; 32]>,
    data_nonce: [u8; 12],
    metadata_nonce: [u8; 12],
}

/// Where a shared welcome is, and the key to it.
#[derive(Debug, Clone)]
pub struct Pointer {
    /// Stands where a welcome names the installation.
    pub destination: [u8; 32],
    /// What it was sealed under.
    pub key: SharedKey,
}

impl Pointer {
    /// A fresh key and a destination that nobody else has.
    #[must_use]
    pub fn generate(rng: &dyn Rng) -> Self {
        Self {
            destination: Rng::bytes(&rng),
            key: SharedKey {
                key: Zeroizing::new(Rng::bytes(&rng)),
                data_nonce: Rng::bytes(&rng),
                metadata_nonce: Rng::bytes(&rng),
            },
        }
    }

    /// Seals the welcome to which this points. By value: a second welcome under the same key would betray both.
    ///
    /// # Errors
    /// [`WelcomeError::Shared`] when it is longer than can be sealed at once.
    pub fn seal_welcome(self, welcome: &[u8], message_cursor: u64) -> Result<(Wrapped, PointerBytes), WelcomeError> {
        let wrapped = Wrapped {
            data: self.key.seal(self.key.data_nonce, welcome)?.into(),
            metadata: self
                .key
                .seal(self.key.metadata_nonce, &metadata(message_cursor))?
                .into(),
        };
        Ok((wrapped, self.encode()))
    }

    /// Reads a pointer that was unwrapped.
    ///
    /// # Errors
    /// [`WelcomeError::Pointer`].
    pub fn parse(bytes: &[u8]) -> Result<Self, WelcomeError> {
        let malformed = WelcomeError::Pointer;
        let pointer = WelcomePointer::decode(bytes).map_err(|_| malformed)?;
        let Version::WelcomeV1Pointer(v1) = pointer.version.ok_or(malformed)?;
        if v1.aead_type() != WelcomePointeeEncryptionAeadType::Chacha20Poly1305 {
            return Err(malformed);
        }
        let nonce = |bytes: &[u8]| bytes.try_into().map_err(|_| malformed);
        let (data_nonce, metadata_nonce) = (nonce(&v1.data_nonce)?, nonce(&v1.welcome_metadata_nonce)?);
        if data_nonce == metadata_nonce {
            // one key stream for two texts
            return Err(malformed);
        }
        Ok(Self {
            destination: v1.destination.as_ref().try_into().map_err(|_| malformed)?,
            key: SharedKey {
                key: Zeroizing::new(v1.encryption_key.as_ref().try_into().map_err(|_| malformed)?),
                data_nonce,
                metadata_nonce,
            },
        })
    }

    /// Opens the welcome to which this points.
    ///
    /// # Errors
    /// [`WelcomeError::Shared`] or [`WelcomeError::Metadata`].
    pub fn open_welcome(&self, wrapped: &Wrapped) -> Result<Unwrapped, WelcomeError> {
        let welcome = self.key.open(self.key.data_nonce, &wrapped.data)?;
        let message_cursor = match wrapped.metadata.as_ref() {
            [] => None,
            sealed => Some(read_metadata(&self.key.open(self.key.metadata_nonce, sealed)?)?),
        };
        Ok(Unwrapped {
            welcome,
            message_cursor,
        })
    }

    fn encode(&self) -> PointerBytes {
        let v1 = WelcomeV1Pointer {
            destination: self.destination.to_vec().into(),
            aead_type: WelcomePointeeEncryptionAeadType::Chacha20Poly1305.into(),
            encryption_key: self.key.key.to_vec().into(),
            data_nonce: self.key.data_nonce.to_vec().into(),
            welcome_metadata_nonce: self.key.metadata_nonce.to_vec().into(),
        };
        let pointer = WelcomePointer {
            version: Some(Version::WelcomeV1Pointer(v1)),
        };
        Zeroizing::new(pointer.encode_to_vec())
    }
}

/// A pointer as it is wrapped for each of those who join.
pub type PointerBytes = Zeroizing<Vec<u8>>;

impl SharedKey {
    fn seal(&self, nonce: [u8; 12], plaintext: &[u8]) -> Result<Vec<u8>, WelcomeError> {
        let sealed = self.cipher().encrypt(&Nonce::from(nonce), plaintext);
        sealed.map_err(|_| WelcomeError::Shared)
    }

    fn open(&self, nonce: [u8; 12], ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, WelcomeError> {
        let opened = self.cipher().decrypt(&Nonce::from(nonce), ciphertext);
        opened.map(Zeroizing::new).map_err(|_| WelcomeError::Shared)
    }

    fn cipher(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(&Key::from(*self.key))
    }
}

impl fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedKey(..)")
    }
}
