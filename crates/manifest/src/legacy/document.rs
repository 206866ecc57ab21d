//! The original's loader (safeclaw spec 2.3).

use crate::json::{Value, read_as_the_original};

/// What the original took for a manifest: three strings, and anything else.
#[derive(Debug, Clone, PartialEq)]
pub struct Document(Value);

/// Why the original refused a document, in its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The original gives the text of its engine, which differs between engines.
    #[error("Manifest is not JSON")]
    Json,
    /// `null`, a string, a number or a boolean.
    #[error("Manifest must be a JSON object")]
    NotObject,
    /// Absent, of another type, or empty.
    #[error("Missing required field: {0}")]
    Missing(&'static str),
}

impl Document {
    /// Reads what the original reads: bytes that are not UTF-8 become U+FFFD, the last of two members wins, surrogates need
    /// no partner; `id`, `version` and `name` must be strings that are not empty. Nests at most 128 deep, which the
    /// original did not limit.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        let value = read_as_the_original(&String::from_utf8_lossy(bytes)).ok_or(LoadError::Json)?;
        let object = match &value {
            Value::Object(object) => Some(object),
            // an array has members in the original's language, but none of these
            Value::Array(_) => None,
            _ => return Err(LoadError::NotObject),
        };
        for name in ["id", "version", "name"] {
            let there = match object.and_then(|object| object.get(name)) {
                Some(Value::String(text)) => text.units().next().is_some(),
                _ => false,
            };
            if !there {
                return Err(LoadError::Missing(name));
            }
        }
        Ok(Self(value))
    }

    /// The document.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.0
    }
}
