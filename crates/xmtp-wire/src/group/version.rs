//! The version of the reference that a group demands of its members.

use std::{fmt, str::FromStr};

use chancery_base::{Category, ErrorCode};

/// A version of the reference, such as `1.10.0` or `1.11.0-dev`.
///
/// Ordered as the reference orders them (libxmtp, `groups/validated_commit.rs`): a version with a suffix is above the one
/// without, other than in Semantic Versioning.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProtocolVersion {
    major: u32,
    minor: u32,
    patch: u32,
    suffix: Option<String>,
}

/// Why a text is no version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a version of three numbers")]
pub struct VersionError;

impl ErrorCode for VersionError {
    fn code(&self) -> &'static str {
        match self {
            Self => "XMTP_GROUP_VERSION",
        }
    }

    fn category(&self) -> Category {
        Category::Input
    }
}

impl ProtocolVersion {
    /// A version without a suffix.
    #[must_use]
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            major,
            minor,
            patch,
            suffix: None,
        }
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        self.suffix.as_ref().map_or(Ok(()), |suffix| write!(f, "-{suffix}"))
    }
}

impl FromStr for ProtocolVersion {
    type Err = VersionError;

    /// Reads three numbers with dots between; of what follows a dash, the part up to the next one.
    fn from_str(text: &str) -> Result<Self, VersionError> {
        let parts: Vec<_> = text.split('.').collect();
        let [major, minor, rest] = parts[..] else {
            return Err(VersionError);
        };
        let mut rest = rest.split('-');
        let number = |text: &str| text.parse().map_err(|_| VersionError);
        Ok(Self {
            major: number(major)?,
            minor: number(minor)?,
            patch: number(rest.next().unwrap_or_default())?,
            suffix: rest.next().map(str::to_owned),
        })
    }
}
