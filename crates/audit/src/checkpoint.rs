//! Signed heads.

use chancery_base::{
    Millis, Ulid,
    ed25519::{PublicKey, SecretKey, Signature},
    json,
};
use serde::{Deserialize, Serialize};

use crate::entry::Hash;
use crate::error::AuditError;
use crate::limits::MAX_OTHERS;

/// Kind of the records that are checkpoints.
pub const KIND: &str = "audit.checkpoint";
/// Before the canonical JSON of a statement in what is signed.
const DOMAIN: &[u8] = b"CHANCERY-AUDIT-CHECKPOINT-V1\n";

/// The newest record of a chain. Kept elsewhere it shows what was cut off or written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Id of the chain.
    pub chain: Ulid,
    /// Place of the record; 0 while there is none.
    pub seq: u64,
    /// Its hash; [`Hash::genesis`] while there is none.
    pub hash: Hash,
}

/// Whoever signs checkpoints: a port, because the key lives in a vault.
pub trait Notary: Send + Sync {
    /// The key that [`sign`](Self::sign) signs with.
    fn key(&self) -> PublicKey;

    /// Signs `message`.
    fn sign(&self, message: &[u8]) -> Signature;

    /// Heads of other chains, to be named in the next checkpoint; those past
    /// [`MAX_OTHERS`] are left out. It runs inside the writer's transaction, so it must not
    /// wait for anybody.
    fn others(&self) -> Vec<Head> {
        Vec::new()
    }
}

impl Notary for SecretKey {
    fn key(&self) -> PublicKey {
        self.public()
    }

    fn sign(&self, message: &[u8]) -> Signature {
        Self::sign(self, message)
    }
}

/// What a notary says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// When.
    pub at: Millis,
    /// The newest record of the chain.
    pub head: Head,
    /// Heads of other chains at that time.
    pub others: Vec<Head>,
}

impl Statement {
    /// The bytes that are signed.
    fn message(&self) -> Result<Vec<u8>, json::JsonError> {
        Ok([DOMAIN, json::canonical(self)?.as_bytes()].concat())
    }
}

/// A statement with the notary's signature. Stands for itself: whoever keeps a copy can hold the chain to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// What was signed.
    pub statement: Statement,
    /// The key.
    pub key: PublicKey,
    /// Ed25519 over a domain tag and the canonical JSON of the statement.
    pub signature: Signature,
}

/// Why a checkpoint is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// It is not of the shape of a checkpoint.
    #[error("not a checkpoint")]
    Shape,
    /// Its key is none of those that may sign.
    #[error("the checkpoint is signed by a key that may not")]
    Key,
    /// Its signature does not verify.
    #[error("the signature of the checkpoint does not verify")]
    Signature,
    /// It names another head than the record before it.
    #[error("the checkpoint is of another head")]
    Head,
}

impl Checkpoint {
    /// What `notary` says about `head` at `at`.
    pub(crate) fn sign(notary: &dyn Notary, head: Head, at: Millis) -> Result<Self, AuditError> {
        let mut others = notary.others();
        others.truncate(MAX_OTHERS);
        let statement = Statement { at, head, others };
        let message = statement.message().map_err(|_| AuditError::Detail)?;
        Ok(Self {
            key: notary.key(),
            signature: notary.sign(&message),
            statement,
        })
    }

    /// Checks the signature, and that the key is one of `keys`; `None` takes any key.
    ///
    /// # Errors
    /// [`CheckpointError::Key`], [`CheckpointError::Signature`].
    pub fn verify(&self, keys: Option<&[PublicKey]>) -> Result<(), CheckpointError> {
        if keys.is_some_and(|keys| !keys.contains(&self.key)) {
            return Err(CheckpointError::Key);
        }
        let message = self.statement.message().map_err(|_| CheckpointError::Shape)?;
        self.key
            .verify(&message, &self.signature)
            .map_err(|_| CheckpointError::Signature)
    }
}
