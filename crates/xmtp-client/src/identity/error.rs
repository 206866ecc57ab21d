//! What can go wrong with our own keys.

use chancery_base::{Category, ErrorCode};
use openmls::{extensions::errors::InvalidExtensionError, key_packages::errors::KeyPackageNewError};

use crate::storage::StorageError;

/// Why a key package was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The inbox's file.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// openmls did not make it.
    #[error("no key package could be made")]
    KeyPackage(#[from] KeyPackageNewError),
    /// openmls did not take an extension.
    #[error("an extension of the key package is not allowed")]
    Extension(#[from] InvalidExtensionError),
    /// It could not be put into bytes, or hashed.
    #[error("the key package could not be encoded")]
    Encode,
}

impl ErrorCode for IdentityError {
    fn code(&self) -> &'static str {
        match self {
            Self::Storage(error) => error.code(),
            Self::KeyPackage(_) => "XMTP_CLIENT_KEY_PACKAGE",
            Self::Extension(_) => "XMTP_CLIENT_KEY_PACKAGE_EXTENSION",
            Self::Encode => "XMTP_CLIENT_KEY_PACKAGE_ENCODE",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Storage(error) => error.category(),
            _ => Category::Internal,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Storage(error) => error.hint(),
            _ => None,
        }
    }
}
