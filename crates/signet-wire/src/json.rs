//! JSON that is kept as it came.

use std::fmt;

use chancery_base::json::{JsonError, check_strict};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Value, value::RawValue};

/// One JSON value, kept as it was written: what was signed or projected is passed on byte for byte.
///
/// No object in it names a key twice, it nests less than 128 deep and its numbers fit a double, so that every reader
/// reads the same.
#[derive(Clone)]
pub struct Json(Box<RawValue>);

impl Json {
    /// The `null`.
    #[must_use]
    pub fn null() -> Self {
        Self(RawValue::NULL.to_owned())
    }

    /// Writes `value` down.
    ///
    /// # Errors
    /// When it has no form in JSON, such as a map with keys that are not strings.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(Self)
    }

    /// Takes `text`, which is one JSON value.
    ///
    /// # Errors
    /// [`JsonError`].
    pub fn parse(text: String) -> Result<Self, JsonError> {
        check_strict(text.as_bytes())?;
        Ok(Self(RawValue::from_string(text)?))
    }

    /// The text.
    #[must_use]
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.get() == "null"
    }

    /// Reads it as `T`.
    ///
    /// # Errors
    /// When it is of another shape.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.get())
    }
}

impl PartialEq for Json {
    /// The same value; white space and the order of members do not count.
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get() || matches!((self.read::<Value>(), other.read::<Value>()), (Ok(a), Ok(b)) if a == b)
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <Box<RawValue>>::deserialize(deserializer)?;
        check_strict(raw.get().as_bytes()).map_err(de::Error::custom)?;
        Ok(Self(raw))
    }
}
