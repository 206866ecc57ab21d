//! What can go wrong with keys.

use chancery_base::{Category, ErrorCode};

/// A key could not be derived at this index: with a chance below 1 in 2^127 the standards leave one out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no key at this index")]
pub struct DerivationError;

impl ErrorCode for DerivationError {
    fn code(&self) -> &'static str {
        "KEYS_DERIVATION_FAILED"
    }

    fn category(&self) -> Category {
        Category::Internal
    }
}

/// Why a root key or its signature was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RootKeyError {
    /// Not the lower-case hex of an uncompressed point of P-256.
    #[error("not an uncompressed P-256 key in hex")]
    Key,
    /// Not a DER signature, or by another key or over something else.
    #[error("the signature is not by the root key")]
    Signature,
}

impl ErrorCode for RootKeyError {
    fn code(&self) -> &'static str {
        match self {
            Self::Key => "KEYS_ROOT_KEY_INVALID",
            Self::Signature => "KEYS_ROOT_SIGNATURE_INVALID",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Key => Category::Input,
            Self::Signature => Category::Forbidden,
        }
    }
}
