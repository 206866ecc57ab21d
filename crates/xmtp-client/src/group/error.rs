//! Why a group's context cannot be read or written.

use chancery_base::{Category, ErrorCode};
use chancery_xmtp_wire::group::GroupError as PartError;
use openmls::extensions::errors::InvalidExtensionError;

/// What is wrong with a group's context.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// It lacks one of the four extensions of XMTP.
    #[error("the group has no {0}")]
    Missing(&'static str),
    /// One of them is not what belongs there.
    #[error(transparent)]
    Part(#[from] PartError),
    /// openmls does not let it into a group context.
    #[error("an extension of the group is not allowed")]
    Extension(#[from] InvalidExtensionError),
}

impl ErrorCode for GroupError {
    fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "XMTP_CLIENT_GROUP_EXTENSION_MISSING",
            Self::Part(error) => error.code(),
            Self::Extension(_) => "XMTP_CLIENT_GROUP_EXTENSION",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Missing(_) => Category::Input,
            Self::Part(error) => error.category(),
            Self::Extension(_) => Category::Internal,
        }
    }
}
