//! One installation of an inbox.

use chancery_base::ed25519::SecretKey;
use chancery_xmtp_wire::{
    identity::{InboxId, InstallationKey},
    proto::identity::MlsCredential,
};
use openmls::{
    credentials::{BasicCredential, CredentialWithKey},
    prelude::SignatureScheme,
};
use openmls_traits::signatures::{Signer, SignerError};
use prost::Message as _;

/// An installation: its key, and the inbox for which it speaks. It signs for openmls.
#[derive(Debug, Clone)]
pub struct Installation {
    key: SecretKey,
    inbox: InboxId,
}

impl Installation {
    /// The installation with this key. Whether the inbox knows it is for the inbox's log to say.
    #[must_use]
    pub fn new(key: SecretKey, inbox: InboxId) -> Self {
        Self { key, inbox }
    }

    /// The inbox.
    #[must_use]
    pub fn inbox(&self) -> InboxId {
        self.inbox
    }

    /// The public key, by which the network knows the installation.
    #[must_use]
    pub fn public(&self) -> InstallationKey {
        InstallationKey::from_bytes(self.key.public().to_bytes())
    }

    /// The secret key.
    #[must_use]
    pub fn key(&self) -> &SecretKey {
        &self.key
    }

    /// The credential that stands in the installation's leaves (xmtp spec 3.3).
    #[must_use]
    pub fn credential(&self) -> CredentialWithKey {
        let identity = MlsCredential {
            inbox_id: self.inbox.to_string(),
        };
        CredentialWithKey {
            credential: BasicCredential::new(identity.encode_to_vec()).into(),
            signature_key: self.public().as_bytes().as_slice().into(),
        }
    }
}

impl Signer for Installation {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.key.sign(payload).to_bytes().to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}
