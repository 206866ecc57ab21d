//! Names that come from elsewhere and become names of entries and files.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::error::CustodyError;

/// Most bytes of a name: ids of operators and inboxes have 22.
const MAX_BYTES: usize = 64;

/// Whose operational key it is: an operator (`op_…`), or `default`. 1 to 64 letters, digits, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct KeyHolder(String);

/// Which inbox (`inbox_…`). 1 to 64 letters, digits, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct InboxName(String);

impl KeyHolder {
    /// The key that `init` makes, before there is an operator.
    #[must_use]
    pub fn default_key() -> Self {
        Self("default".to_owned())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl InboxName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn checked(text: &str) -> Result<String, CustodyError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if text.is_empty() || text.len() > MAX_BYTES || !text.bytes().all(plain) {
        return Err(CustodyError::Name);
    }
    Ok(text.to_owned())
}

impl FromStr for KeyHolder {
    type Err = CustodyError;

    fn from_str(text: &str) -> Result<Self, CustodyError> {
        checked(text).map(Self)
    }
}

impl FromStr for InboxName {
    type Err = CustodyError;

    fn from_str(text: &str) -> Result<Self, CustodyError> {
        checked(text).map(Self)
    }
}

impl fmt::Display for KeyHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for InboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
