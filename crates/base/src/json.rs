//! JSON that means one thing: duplicate keys are refused, and there is one canonical form.

use std::{collections::HashSet, fmt};

use serde::{
    Serialize,
    de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor},
};

/// Why a text was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// Not JSON, not of the expected shape, or an object names a key twice.
    #[error("{0}")]
    Invalid(#[from] serde_json::Error),
}

/// Parses `bytes` as `T` after refusing objects that name a key twice (RFC 8259 section 4 leaves their meaning open,
/// and two readers that differ make a signature worthless).
///
/// # Errors
/// [`JsonError::Invalid`] with the position.
pub fn from_slice_strict<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    check_strict(bytes)?;
    Ok(serde_json::from_slice(bytes)?)
}

/// As [`from_slice_strict`], for a `T` that is an object: serde would also read a struct from an array of its members.
///
/// # Errors
/// [`JsonError::Invalid`].
pub fn from_object_strict<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    if is_object(bytes) {
        from_slice_strict(bytes)
    } else {
        Err(invalid("not an object"))
    }
}

/// As [`from_slice_strict`], and `bytes` must hold nothing but what the value writes back: no array in the place of an
/// object, no `null` for a member that is left out, no second spelling of a value. Order and white space are free.
///
/// # Errors
/// [`JsonError::Invalid`].
pub fn from_slice_exact<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    let value: T = from_slice_strict(bytes)?;
    if serde_json::to_value(&value)? == serde_json::from_slice::<serde_json::Value>(bytes)? {
        Ok(value)
    } else {
        Err(invalid("a member is not written in its one form"))
    }
}

/// Refuses what [`from_slice_strict`] refuses of any type: what is not JSON, and objects that name a key twice.
///
/// # Errors
/// [`JsonError::Invalid`] with the position.
pub fn check_strict(bytes: &[u8]) -> Result<(), JsonError> {
    let mut de = serde_json::Deserializer::from_slice(bytes);
    Walk { unique_keys: true }.deserialize(&mut de)?;
    Ok(de.end()?)
}

/// Whether every reader takes `text`: JSON that nests less than 128 deep, with numbers that fit a double and strings
/// that are Unicode. Raw values are passed on without a look inside, so what they hold may stop a reader that has one.
#[must_use]
pub fn is_portable(text: &str) -> bool {
    let mut de = serde_json::Deserializer::from_str(text);
    Walk { unique_keys: false }.deserialize(&mut de).is_ok() && de.end().is_ok()
}

/// Whether JSON `bytes` are an object.
pub(crate) fn is_object(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"{")
}

fn invalid(why: &'static str) -> JsonError {
    JsonError::Invalid(serde::de::Error::custom(why))
}

/// The canonical form of `value` (RFC 8785, JCS).
///
/// # Errors
/// [`JsonError::Invalid`] when `value` cannot be written as JSON, such as a map with keys that are not strings.
pub fn canonical<T: Serialize>(value: &T) -> Result<String, JsonError> {
    Ok(serde_jcs::to_string(value)?)
}

/// Walks any JSON value; with `unique_keys` it fails at the second occurrence of a key in one object.
#[derive(Clone, Copy)]
struct Walk {
    unique_keys: bool,
}

impl<'de> DeserializeSeed<'de> for Walk {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if self.unique_keys && seen.contains(&key) {
                return Err(serde::de::Error::custom(format_args!(
                    "the key {key:?} occurs twice in one object"
                )));
            }
            if self.unique_keys {
                seen.insert(key);
            }
            map.next_value_seed(self)?;
        }
        Ok(())
    }
}
