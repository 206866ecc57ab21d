//! What a node can see of a welcome: nothing is readable, but nothing may be missing (xmtp spec 2.3.9, 2.3.11).

use chancery_base::{Category, ErrorCode};

use crate::proto::mls::{
    api::v1::{WelcomeMessageInput, welcome_message_input::Version},
    message_contents::WelcomeWrapperAlgorithm,
};

/// The length in bytes of what a welcome is addressed to: an installation key, or the random destination of a pointer.
pub const DESTINATION: usize = 32;

/// Why a welcome is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WelcomeError {
    /// Neither a welcome nor a pointer to one.
    #[error("neither a welcome nor a pointer to one")]
    Empty,
    /// Not addressed to 32 bytes.
    #[error("the installation key is not 32 bytes")]
    InstallationKey,
    /// The sealed welcome, or the sealed pointer, is empty.
    #[error("the welcome has no data")]
    NoData,
    /// The key for which it was sealed is missing. Only a welcome that is sealed with a symmetric key has none.
    #[error("the HPKE public key is missing")]
    NoHpkeKey,
}

impl ErrorCode for WelcomeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Empty => "XMTP_WELCOME_EMPTY",
            Self::InstallationKey => "XMTP_WELCOME_INSTALLATION_KEY",
            Self::NoData => "XMTP_WELCOME_NO_DATA",
            Self::NoHpkeKey => "XMTP_WELCOME_NO_HPKE_KEY",
        }
    }

    fn category(&self) -> Category {
        Category::Input
    }
}

/// Holds a welcome that was handed in to the rules above, and yields to whom it goes.
///
/// # Errors
/// The first rule that it breaks.
pub fn check(welcome: &WelcomeMessageInput) -> Result<[u8; DESTINATION], WelcomeError> {
    let (destination, data, hpke_key, symmetric) = match welcome.version.as_ref().ok_or(WelcomeError::Empty)? {
        Version::V1(v1) => {
            let symmetric = v1.wrapper_algorithm == WelcomeWrapperAlgorithm::SymmetricKey as i32;
            (&v1.installation_key, &v1.data, &v1.hpke_public_key, symmetric)
        }
        Version::WelcomePointer(pointer) => (
            &pointer.installation_key,
            &pointer.welcome_pointer,
            &pointer.hpke_public_key,
            false,
        ),
    };
    let destination = destination
        .as_ref()
        .try_into()
        .map_err(|_| WelcomeError::InstallationKey)?;
    if data.is_empty() {
        return Err(WelcomeError::NoData);
    }
    if hpke_key.is_empty() && !symmetric {
        return Err(WelcomeError::NoHpkeKey);
    }
    Ok(destination)
}
