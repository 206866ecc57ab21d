//! Why a welcome stays closed.

use chancery_base::{Category, ErrorCode};

use crate::crypto::HpkeError;

/// Why something was not wrapped or unwrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WelcomeError {
    /// It is not made of an encapsulated key and a ciphertext.
    #[error("the wrapped welcome is malformed")]
    Malformed,
    /// HPKE failed: made for another key, or altered.
    #[error(transparent)]
    Hpke(#[from] HpkeError),
    /// It does not open under the pointer's key: it is not what the pointer points to, or was altered.
    #[error("it does not open under the pointer's key")]
    Shared,
    /// What was sealed beside the welcome says nothing of a cursor, or one that is no id.
    #[error("the metadata of the welcome is malformed")]
    Metadata,
    /// What was sealed is no pointer, or one to something sealed in another way.
    #[error("not a pointer to a welcome")]
    Pointer,
}

impl ErrorCode for WelcomeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "XMTP_CLIENT_WELCOME_MALFORMED",
            Self::Hpke(_) => "XMTP_CLIENT_WELCOME_HPKE",
            Self::Shared => "XMTP_CLIENT_WELCOME_SHARED",
            Self::Metadata => "XMTP_CLIENT_WELCOME_METADATA",
            Self::Pointer => "XMTP_CLIENT_WELCOME_POINTER",
        }
    }

    fn category(&self) -> Category {
        Category::Input
    }
}
