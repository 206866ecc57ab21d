//! Reading one JSON object whose kind is told by a member of it, with the place of what is wrong.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize,
    de::{self, DeserializeOwned, MapAccess, Visitor, value::MapDeserializer},
};
use serde_json::value::RawValue;

use crate::Failure;

/// Why a document was refused: where, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Refusal {
    /// The place, such as `changes.operatorDisclosures.hostingMode` or `chatIds[2]`; empty for the whole.
    pub field: String,
    /// What is wrong there.
    pub reason: String,
}

impl Refusal {
    pub(crate) fn new(field: &str, reason: impl fmt::Display) -> Self {
        Self {
            field: field.to_owned(),
            reason: reason.to_string(),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let field = if refusal.field.is_empty() {
            "input"
        } else {
            &refusal.field
        };
        Self::validation(field, &refusal.reason)
    }
}

/// The members of an object, still as text.
#[derive(Debug)]
pub(crate) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Takes `text` apart. `None` when it is not one JSON object, or names one member twice.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes a member out that is text; one that is none is out, too.
    pub(crate) fn take_text(&mut self, name: &str) -> Option<Cow<'a, str>> {
        let raw = self.take(name)?;
        serde_json::from_str::<Borrowed<'a>>(raw.get()).ok().map(|text| text.0)
    }

    /// Takes a member out.
    pub(crate) fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let at = self.0.iter().position(|(key, _)| key == name)?;
        Some(self.0.swap_remove(at).1)
    }

    /// Reads what is left as `T`.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let entries = || self.0.iter().map(|(key, raw)| (key.as_ref(), Raw(raw)));
        // the place costs time, and is only of use when something is wrong
        if let Ok(value) = T::deserialize(MapDeserializer::new(entries())) {
            return Ok(value);
        }
        located(MapDeserializer::new(entries()))
    }
}

/// Reads a `T` and names the place where that fails.
pub(crate) fn located<'de, T, D>(deserializer: D) -> Result<T, Refusal>
where
    T: Deserialize<'de>,
    D: de::Deserializer<'de, Error = serde_json::Error>,
{
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let path = error.path().to_string();
        Refusal {
            field: if path == "." { String::new() } else { path },
            reason: error.into_inner().to_string(),
        }
    })
}

/// Reads a `T` from `text` and names the place where that fails. Objects that name a member twice are the caller's to refuse.
pub(crate) fn located_text<T: DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = located(&mut reader)?;
    reader.end().map_err(|error| Refusal::new("", error))?;
    Ok(value)
}

/// A member's text as something to read from.
#[derive(Clone, Copy)]
struct Raw<'a>(&'a RawValue);

impl<'de> de::IntoDeserializer<'de, serde_json::Error> for Raw<'de> {
    type Deserializer = &'de RawValue;

    fn into_deserializer(self) -> Self::Deserializer {
        self.0.into_deserializer()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::new();
                while let Some(Borrowed(key)) = map.next_key()? {
                    // an object of ours has a dozen members: a set would cost more than looking
                    if members.len() >= MAX_MEMBERS || members.iter().any(|(other, _)| *other == key) {
                        return Err(de::Error::custom("a member comes twice, or there are too many"));
                    }
                    members.push((key, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(All)
    }
}

/// Most members of an object whose kind is told by one of them. The largest has eleven.
const MAX_MEMBERS: usize = 64;

/// Text without a copy, where it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);
