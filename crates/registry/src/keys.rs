//! The keys that the registry signs with: one signs, some verify only, some not even that.

use chancery_base::{
    b64, digest,
    ed25519::{PublicKey, SecretKey},
};
use chancery_identity::{
    Ait,
    ait::{self, AitError},
    crl::{self, CrlError},
    key_set::{KeySet, KeyStatus, RegistryKey},
    revocation::{self, EntryError},
};

/// The published keys and the secret of the one that signs.
#[derive(Debug, Clone)]
pub struct SigningKeys {
    set: KeySet,
    kid: String,
    secret: SecretKey,
}

/// Why a set of keys cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// Two entries bear one name.
    #[error("two keys are named {0:?}")]
    DuplicateName(String),
    /// Two entries hold one key.
    #[error("the keys {0:?} and {1:?} are the same key")]
    DuplicateKey(String, String),
    /// An entry is for another algorithm, or has no name.
    #[error("the key {0:?} is not an EdDSA key on Ed25519 with a name")]
    Unusable(String),
    /// The secret belongs to no entry that may sign.
    #[error("the signing key belongs to no entry with status active")]
    NoActiveEntry,
}

impl SigningKeys {
    /// The keys of `set`; `secret` must belong to one that is active, and signs.
    ///
    /// # Errors
    /// The first rule that `set` or `secret` breaks.
    pub fn new(set: KeySet, secret: SecretKey) -> Result<Self, KeysError> {
        for (at, key) in set.keys.iter().enumerate() {
            if key.kid.is_empty() || key.alg != "EdDSA" || key.crv != "Ed25519" {
                return Err(KeysError::Unusable(key.kid.clone()));
            }
            for other in set.keys.iter().skip(at + 1) {
                if other.kid == key.kid {
                    return Err(KeysError::DuplicateName(key.kid.clone()));
                }
                if other.x == key.x {
                    return Err(KeysError::DuplicateKey(key.kid.clone(), other.kid.clone()));
                }
            }
        }
        let public = secret.public();
        let signs = |key: &&RegistryKey| key.x == public && key.status == KeyStatus::Active;
        let kid = set.keys.iter().find(signs).ok_or(KeysError::NoActiveEntry)?.kid.clone();
        Ok(Self { set, kid, secret })
    }

    /// One key that signs and verifies, named after its public half.
    #[must_use]
    pub fn single(secret: SecretKey) -> Self {
        let kid = name_of(&secret.public());
        let set = KeySet {
            keys: vec![RegistryKey::new(&kid, secret.public(), KeyStatus::Active)],
        };
        Self { set, kid, secret }
    }

    /// All keys, as they are published.
    #[must_use]
    pub fn set(&self) -> &KeySet {
        &self.set
    }

    /// Name of the key that signs.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    pub(crate) fn sign_ait(&self, claims: &ait::Claims) -> Result<String, AitError> {
        Ait::sign(claims, &self.kid, &self.secret)
    }

    pub(crate) fn sign_crl(&self, claims: &crl::Claims) -> Result<String, CrlError> {
        crl::sign(claims, &self.kid, &self.secret)
    }

    pub(crate) fn sign_revocation(&self, entry: &revocation::Entry) -> Result<String, EntryError> {
        revocation::sign(entry, &self.kid, &self.secret)
    }
}

fn name_of(key: &PublicKey) -> String {
    let hash = b64::encode(digest::sha256(key.to_bytes()));
    format!("reg-{}", hash.chars().take(12).collect::<String>())
}
