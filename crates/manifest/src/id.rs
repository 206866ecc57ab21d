//! Names that skills and their tools bear.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The text is not the id of a skill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id has 1 to 64 of a-z, 0-9, '.', '_' and '-', begins and ends with a letter or digit, and holds no '..'")]
pub struct SkillIdError;

/// Id of a skill (safeclaw spec 2.4). It is a safe name for a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SkillId(String);

impl SkillId {
    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SkillId {
    type Err = SkillIdError;

    fn from_str(text: &str) -> Result<Self, SkillIdError> {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|b| inner(b) || matches!(b, b'.' | b'_' | b'-'))
            && text.bytes().next().is_some_and(inner)
            && text.bytes().next_back().is_some_and(inner)
            && !text.contains("..");
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(SkillIdError)
        }
    }
}

impl fmt::Display for SkillId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for SkillId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SkillId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Whether `text` is what every language model takes as the name of a function: a letter, then up to 63 letters, digits,
/// `_` and `-` (safeclaw spec 3.2).
pub(crate) fn is_tool_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}
