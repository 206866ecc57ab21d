//! Rotation of an operational key: a statement by which the old key names the new one, and the new one agrees.
//!
//! Statements of one holder are a chain from its first key, so that a seal of any time is checked against the key of that time
//! (signet spec 8.2).

use chancery_base::{
    Category, ErrorCode, Millis,
    ed25519::{PublicKey, SecretKey, Signature},
    json,
};
use serde::{Deserialize, Serialize};

use crate::public;

/// What comes before the bytes that are signed.
const DOMAIN: &str = "CHANCERY-KEY-ROTATION-V1\n";

/// One rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotationStatement {
    /// Whose key it is: an operator, or `default`.
    pub holder: String,
    /// 1 for the holder's first rotation, then one more each time.
    pub sequence: u64,
    /// The key that was in use.
    #[serde(with = "public")]
    pub old_key: PublicKey,
    /// The key that is from now on.
    #[serde(with = "public")]
    pub new_key: PublicKey,
    /// When.
    pub rotated_at: Millis,
    /// By the old key.
    pub signature: Signature,
    /// By the new key: whoever wrote the statement had it.
    pub acceptance: Signature,
}

/// What is signed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Signed<'a> {
    holder: &'a str,
    sequence: u64,
    #[serde(with = "public")]
    old_key: PublicKey,
    #[serde(with = "public")]
    new_key: PublicKey,
    rotated_at: Millis,
}

/// Why a statement or a chain of them was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RotationError {
    /// One of the two signatures is wrong.
    #[error("rotation {0} is not signed by both keys")]
    Signature(u64),
    /// It does not follow the one before it: another holder, key or number, an earlier time, or the same key again.
    #[error("rotation {0} does not follow the one before it")]
    Chain(u64),
    /// It cannot be written.
    #[error("the rotation cannot be written")]
    Form,
}

impl ErrorCode for RotationError {
    fn code(&self) -> &'static str {
        match self {
            Self::Signature(_) => "KEYS_ROTATION_SIGNATURE",
            Self::Chain(_) => "KEYS_ROTATION_CHAIN",
            Self::Form => "KEYS_ROTATION_FORM",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Signature(_) | Self::Chain(_) => Category::Forbidden,
            Self::Form => Category::Internal,
        }
    }
}

impl RotationStatement {
    /// States that `holder` goes from `old` to `new` at `now`, for the `sequence`th time.
    ///
    /// # Errors
    /// [`RotationError::Form`], which does not happen below 2^53 rotations.
    pub fn sign(
        holder: &str,
        sequence: u64,
        old: &SecretKey,
        new: &SecretKey,
        now: Millis,
    ) -> Result<Self, RotationError> {
        let signed = Signed {
            holder,
            sequence,
            old_key: old.public(),
            new_key: new.public(),
            rotated_at: now,
        };
        let bytes = signed.bytes()?;
        Ok(Self {
            holder: holder.to_owned(),
            sequence,
            old_key: signed.old_key,
            new_key: signed.new_key,
            rotated_at: now,
            signature: old.sign(&bytes),
            acceptance: new.sign(&bytes),
        })
    }

    /// Checks both signatures.
    ///
    /// # Errors
    /// [`RotationError::Signature`].
    pub fn verify(&self) -> Result<(), RotationError> {
        let bytes = Signed {
            holder: &self.holder,
            sequence: self.sequence,
            old_key: self.old_key,
            new_key: self.new_key,
            rotated_at: self.rotated_at,
        }
        .bytes()?;
        let by_both = self
            .old_key
            .verify(&bytes, &self.signature)
            .and_then(|()| self.new_key.verify(&bytes, &self.acceptance));
        by_both.map_err(|_| RotationError::Signature(self.sequence))
    }
}

impl Signed<'_> {
    fn bytes(&self) -> Result<Vec<u8>, RotationError> {
        let text = json::canonical(self).map_err(|_| RotationError::Form)?;
        Ok([DOMAIN.as_bytes(), text.as_bytes()].concat())
    }
}

/// Checks that `statements` lead, one after the other, from the holder's `first` key, and returns the key they end at.
///
/// # Errors
/// [`RotationError`] of the first one that does not fit.
pub fn follow<'a>(
    holder: &str,
    first: PublicKey,
    statements: impl IntoIterator<Item = &'a RotationStatement>,
) -> Result<PublicKey, RotationError> {
    let mut key = first;
    let mut at = Millis(i64::MIN);
    for (sequence, statement) in (1..).zip(statements) {
        let follows = statement.holder == holder
            && statement.sequence == sequence
            && statement.old_key == key
            && statement.new_key != key
            && statement.rotated_at >= at;
        if !follows {
            return Err(RotationError::Chain(sequence));
        }
        statement.verify()?;
        key = statement.new_key;
        at = statement.rotated_at;
    }
    Ok(key)
}
