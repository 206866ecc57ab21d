//! Names that people and agents bear, each with its rule.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The text breaks the rule of the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NameError(pub &'static str);

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $rule:literal, $check:expr) => {
        name!($(#[$doc])* $name, $rule, $check, |text| text);
    };
    ($(#[$doc:meta])* $name:ident, $rule:literal, $check:expr, $clean:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> bool = $check;
                let clean: fn(&str) -> &str = $clean;
                let text = clean(text);
                if check(text) { Ok(Self(text.to_owned())) } else { Err(NameError($rule)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

fn printable(text: &str, max: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= max && !text.chars().any(char::is_control)
}

name!(
    /// Name of an agent: 1 to 64 of `A-Z a-z 0-9 . _ -` and space.
    AgentName,
    "an agent name has 1 to 64 characters out of letters, digits, '.', '_', '-' and space",
    |text| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b' '))
    }
);

name!(
    /// Agent name that is also a directory name: an [`AgentName`] without spaces that is neither `.` nor `..`.
    AgentDirName,
    "an agent name has 1 to 64 characters out of letters, digits, '.', '_' and '-', and is not '.' or '..'",
    |text| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
            && text != "."
            && text != ".."
    }
);

name!(
    /// The framework an agent runs in: 1 to 32 characters, not blank, no control characters.
    Framework,
    "a framework has 1 to 32 characters, not only blanks, and no control characters",
    |text| printable(text, 32)
);

name!(
    /// Name of a person, an API key, or an agent as shown to a peer: 1 to 64 characters without control characters, once
    /// the blanks at both ends are taken away.
    DisplayName,
    "a name has 1 to 64 characters, not only blanks, and no control characters",
    |text| printable(text, 64),
    str::trim
);

name!(
    /// Local name of a peer: 1 to 128 of `A-Z a-z 0-9 . _ -`.
    PeerAlias,
    "an alias has 1 to 128 characters out of letters, digits, '.', '_' and '-'",
    |text| {
        (1..=128).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    }
);

impl From<&AgentDirName> for AgentName {
    fn from(name: &AgentDirName) -> Self {
        Self(name.0.clone())
    }
}
