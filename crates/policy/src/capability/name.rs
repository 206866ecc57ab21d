//! Names of environment variables and of secrets: exact, without patterns inside.

use std::{fmt, str::FromStr};

use super::ValueError;

/// The longest name.
const MAX_NAME: usize = 255;

/// Names under which the vault keeps the keys that sign skills: who reads one is the publisher, and who writes one decides
/// who that is.
const SIGNING_KEY: &str = "signing_private_key";
const SIGNING_KEYS: &str = "signing_key/";

/// A granted name. It stands for exactly itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamePattern(String);

/// A name that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceName(String);

impl NamePattern {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the vault keeps a key that signs under this name. As the name of a secret it stands for nothing.
    #[must_use]
    pub fn is_signing_key(&self) -> bool {
        is_signing_key(&self.0)
    }

    /// Whether `name` is this one.
    #[must_use]
    pub fn covers(&self, name: &ResourceName) -> bool {
        self.0 == name.0
    }

    /// Whether `other` is the same.
    #[must_use]
    pub fn within(&self, other: &Self) -> bool {
        self == other
    }
}

impl FromStr for NamePattern {
    type Err = ValueError;

    /// 1 to 255 bytes without control characters, white space, `=`, `*` and `?`: whoever writes `*` means something that a
    /// name cannot say.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        check(text)?;
        if text.contains(['*', '?']) {
            return Err(ValueError("a name with a wildcard"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ResourceName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ResourceName {
    pub(super) fn is_signing_key(&self) -> bool {
        is_signing_key(&self.0)
    }
}

fn is_signing_key(name: &str) -> bool {
    name == SIGNING_KEY || name.starts_with(SIGNING_KEYS)
}

impl FromStr for ResourceName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        check(text)?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check(text: &str) -> Result<(), ValueError> {
    if text.is_empty() {
        Err(ValueError("an empty name"))
    } else if text.len() > MAX_NAME {
        Err(ValueError("a name of more than 255 bytes"))
    } else if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '=') {
        Err(ValueError("a name with white space, a control character or '='"))
    } else {
        Ok(())
    }
}
