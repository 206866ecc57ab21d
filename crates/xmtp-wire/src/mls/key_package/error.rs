//! Why a key package is refused.

use chancery_base::{Category, ErrorCode};
use openmls::key_packages::errors::KeyPackageVerifyError;

/// The rule that a key package breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyPackageError {
    /// More than [`MAX_SIZE`](super::MAX_SIZE) bytes.
    #[error("larger than {} bytes", super::MAX_SIZE)]
    TooLarge,
    /// The bytes are no `KeyPackage`.
    #[error("not a key package")]
    Malformed,
    /// Bytes are left after the key package.
    #[error("bytes are left after the key package")]
    Trailing,
    /// The protocol version is not 1 (MLS 1.0).
    #[error("MLS version {0} is not 1")]
    Version(u16),
    /// Not ciphersuite 0x0003.
    #[error("ciphersuite {0:#06x} is not 0x0003")]
    Ciphersuite(u16),
    /// The leaf was not made for a key package (RFC 9420 7.2).
    #[error("the leaf was not made for a key package")]
    LeafSource,
    /// The signature of the leaf does not verify, or its key is a weak one.
    #[error("the signature of the leaf does not verify")]
    LeafSignature,
    /// The signature of the key package does not verify.
    #[error("the signature of the key package does not verify")]
    Signature,
    /// Init key and encryption key are the same (RFC 9420 10.1).
    #[error("init key and encryption key are the same")]
    SameKeys,
    /// The init key is not 32 bytes.
    #[error("the init key is not 32 bytes")]
    InitKey,
    /// The signature key of the leaf is not 32 bytes.
    #[error("the installation key is not 32 bytes")]
    InstallationKey,
    /// The credential is not a Basic one.
    #[error("the credential is not a basic one")]
    CredentialType,
    /// The credential is no `MlsCredential`.
    #[error("the credential names no inbox")]
    Credential,
    /// The credential names an inbox that cannot be.
    #[error("the inbox id in the credential is not 64 lowercase hex digits")]
    InboxId,
    /// The leaf uses what its capabilities do not list.
    #[error("the capabilities do not list {0}")]
    Capability(&'static str),
    /// The key package uses an extension that its leaf does not list, or one that has no place in a key package.
    #[error("an extension of the key package is not allowed")]
    Extension,
    /// Its time is over.
    #[error("its lifetime is over")]
    Expired,
    /// Its time has not come.
    #[error("its lifetime has not begun")]
    NotYetValid,
    /// Extension ff03 does not hold a key of a known algorithm.
    #[error("the key for wrapping welcomes (ff03) is malformed")]
    WrapperEncryption,
    /// Extension ff04 does not hold a list of ciphers.
    #[error("the ciphers for welcome pointers (ff04) are malformed")]
    WelcomePointers,
}

impl From<KeyPackageVerifyError> for KeyPackageError {
    fn from(error: KeyPackageVerifyError) -> Self {
        match error {
            KeyPackageVerifyError::InvalidLeafNodeSourceType | KeyPackageVerifyError::MissingLifetime => {
                Self::LeafSource
            }
            KeyPackageVerifyError::InvalidLeafNodeSignature => Self::LeafSignature,
            KeyPackageVerifyError::InvalidSignature => Self::Signature,
            KeyPackageVerifyError::InitKeyEqualsEncryptionKey => Self::SameKeys,
            KeyPackageVerifyError::UnsupportedExtension
            | KeyPackageVerifyError::ExtensionTypeNotValidInKeyPackage(_) => Self::Extension,
            KeyPackageVerifyError::LifetimeError(_) => Self::Expired,
            // the version is checked before
            KeyPackageVerifyError::InvalidProtocolVersion | KeyPackageVerifyError::LibraryError(_) => Self::Malformed,
        }
    }
}

impl ErrorCode for KeyPackageError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "XMTP_KEY_PACKAGE_TOO_LARGE",
            Self::Malformed => "XMTP_KEY_PACKAGE_MALFORMED",
            Self::Trailing => "XMTP_KEY_PACKAGE_TRAILING_BYTES",
            Self::Version(_) => "XMTP_KEY_PACKAGE_VERSION",
            Self::Ciphersuite(_) => "XMTP_KEY_PACKAGE_CIPHERSUITE",
            Self::LeafSource => "XMTP_KEY_PACKAGE_LEAF_SOURCE",
            Self::LeafSignature => "XMTP_KEY_PACKAGE_LEAF_SIGNATURE",
            Self::Signature => "XMTP_KEY_PACKAGE_SIGNATURE",
            Self::SameKeys => "XMTP_KEY_PACKAGE_SAME_KEYS",
            Self::InitKey => "XMTP_KEY_PACKAGE_INIT_KEY",
            Self::InstallationKey => "XMTP_KEY_PACKAGE_INSTALLATION_KEY",
            Self::CredentialType => "XMTP_KEY_PACKAGE_CREDENTIAL_TYPE",
            Self::Credential => "XMTP_KEY_PACKAGE_CREDENTIAL",
            Self::InboxId => "XMTP_KEY_PACKAGE_INBOX_ID",
            Self::Capability(_) => "XMTP_KEY_PACKAGE_CAPABILITY",
            Self::Extension => "XMTP_KEY_PACKAGE_EXTENSION",
            Self::Expired => "XMTP_KEY_PACKAGE_EXPIRED",
            Self::NotYetValid => "XMTP_KEY_PACKAGE_NOT_YET_VALID",
            Self::WrapperEncryption => "XMTP_KEY_PACKAGE_WRAPPER_ENCRYPTION",
            Self::WelcomePointers => "XMTP_KEY_PACKAGE_WELCOME_POINTERS",
        }
    }

    fn category(&self) -> Category {
        Category::Input
    }
}
