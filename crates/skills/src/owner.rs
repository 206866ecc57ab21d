//! What the owner decided, signed with the owner's key.
//!
//! Trust, installs and grants are rows that carry an Ed25519 signature. Whoever can write the database but cannot unlock
//! the owner's key can make no row that is believed: it is refused as unverified, at every load. Taking away needs no
//! key; a grant that is revoked loses its signature, so that setting its mark back does not bring it back.
//!
//! What this does not stop: who can write the database can delete rows (a revocation, too), turn the count of a counted
//! grant back, and put back what it held before, a whole older copy of the file or rows of one, with the skills and grants
//! that the owner had signed then. And the public key must come from a place that such a process cannot write, or be
//! checked against the vault when that is unlocked.

use chancery_base::{
    digest,
    ed25519::{PublicKey, SecretKey, Signature},
    json,
};
use serde::{Serialize, de::DeserializeOwned};

/// First line of what the owner signs, so that such a signature means nothing elsewhere.
const DOMAIN: &str = "CHANCERY-SKILLS-OWNER-V1";

/// The owner's key, wherever it is kept.
pub trait Owner: Send + Sync {
    /// The public half.
    fn public_key(&self) -> PublicKey;

    /// Signs `statement`.
    ///
    /// # Errors
    /// When the key is locked away, or the owner says no.
    fn sign(&self, statement: &[u8]) -> Result<Signature, OwnerError>;
}

/// The owner's key did not sign.
#[derive(Debug, thiserror::Error)]
#[error("the owner's key did not sign: {0}")]
pub struct OwnerError(pub String);

impl Owner for SecretKey {
    fn public_key(&self) -> PublicKey {
        self.public()
    }

    fn sign(&self, statement: &[u8]) -> Result<Signature, OwnerError> {
        Ok(Self::sign(self, statement))
    }
}

/// A kind of row that the owner signs.
pub(crate) trait Statement: Serialize {
    /// Its name in the signed bytes: a row of one kind cannot pass for one of another.
    const KIND: &'static str;
}

/// A row and the owner's signature over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed<T> {
    pub(crate) value: T,
    /// The canonical JSON of the value: what was signed, and what is kept.
    pub(crate) body: String,
    pub(crate) signature: Signature,
}

impl<T: Statement> Signed<T> {
    /// `value`, signed by `owner`.
    pub(crate) fn new(value: T, owner: &dyn Owner) -> Result<Self, OwnerError> {
        let body = json::canonical(&value).map_err(|error| OwnerError(error.to_string()))?;
        let signature = owner.sign(&statement::<T>(&body))?;
        Ok(Self { value, body, signature })
    }

    /// Whether `owner` signed this.
    pub(crate) fn verify(&self, owner: &PublicKey) -> bool {
        owner.verify(&statement::<T>(&self.body), &self.signature).is_ok()
    }

    /// Names row and signature together: what was verified once under one key need not be verified again.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let mut bytes = statement::<T>(&self.body);
        bytes.extend_from_slice(&self.signature.to_bytes());
        digest::sha256(bytes)
    }
}

impl<T: DeserializeOwned> Signed<T> {
    /// The row that was kept as `body` and `signature`; whether they belong together is not looked at.
    pub(crate) fn read(body: String, signature: Signature) -> Result<Self, serde_json::Error> {
        let value = serde_json::from_str(&body)?;
        Ok(Self { value, body, signature })
    }
}

fn statement<T: Statement>(body: &str) -> Vec<u8> {
    format!("{DOMAIN}\n{}\n{body}", T::KIND).into_bytes()
}
