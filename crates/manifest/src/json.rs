//! JSON as manifests need it: every problem with its place, nothing read that two readers could understand differently.
//!
//! Not `serde_json`, which stops at the first problem, knows no places, lets the last of two members win and cannot hold an
//! unpaired surrogate, which the original's signatures may cover.

mod pointer;
mod read;

use serde::ser::{Error as _, Serialize, SerializeMap as _, SerializeSeq as _, Serializer};

pub(crate) use pointer::At;
pub(crate) use read::read_as_the_original;
pub use read::{Limits, read};

/// A JSON value. Numbers are IEEE doubles, as in ECMAScript.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number. Infinite only where the original's rules were asked for: it reads `1e999` so.
    Number(f64),
    /// A string.
    String(Text),
    /// An array.
    Array(Vec<Value>),
    /// An object.
    Object(Object),
}

/// A string of UTF-16 units. With the strict rules it is always Unicode.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Text {
    utf8: String,
    /// Unpaired surrogates, each with the byte of `utf8` that it stands in front of.
    unpaired: Vec<(usize, u16)>,
}

/// The members of an object in the order of the text, no name twice.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object(Vec<(Text, Value)>);

impl Text {
    /// The string; `None` when it is not Unicode.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        self.unpaired.is_empty().then_some(self.utf8.as_str())
    }

    /// The UTF-16 units.
    pub(crate) fn units(&self) -> impl Iterator<Item = u16> {
        let mut unpaired = self.unpaired.iter().peekable();
        let mut chars = self.utf8.char_indices().peekable();
        let mut low = None;
        std::iter::from_fn(move || {
            if let Some(unit) = low.take() {
                return Some(unit);
            }
            let at = chars.peek().map_or(usize::MAX, |(at, _)| *at);
            if let Some((_, unit)) = unpaired.next_if(|(before, _)| *before <= at) {
                return Some(*unit);
            }
            let (_, c) = chars.next()?;
            let mut units = [0; 2];
            match c.encode_utf16(&mut units) {
                [one] => Some(*one),
                [high, second] => {
                    low = Some(*second);
                    Some(*high)
                }
                _ => None,
            }
        })
    }

    fn push(&mut self, c: char) {
        self.utf8.push(c);
    }

    fn push_str(&mut self, text: &str) {
        self.utf8.push_str(text);
    }

    fn push_unpaired(&mut self, unit: u16) {
        self.unpaired.push((self.utf8.len(), unit));
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self {
            utf8: text.to_owned(),
            unpaired: Vec::new(),
        }
    }
}

impl Object {
    /// The value of a member.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.iter()
            .find(|(text, _)| text.as_str() == Some(name))
            .map(|(_, value)| value)
    }

    /// The members, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, &Value)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// The members without those of these names.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        let keep = |name: &Text| name.as_str().is_none_or(|name| !names.contains(&name));
        Self(self.0.iter().filter(|(name, _)| keep(name)).cloned().collect())
    }

    /// Sets a member, in its place where it exists, else behind the others.
    pub fn set(&mut self, name: &str, value: Value) {
        match self.0.iter_mut().find(|(text, _)| text.as_str() == Some(name)) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.into(), value)),
        }
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Value {
    /// The string, where it is one that is Unicode.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => text.as_str(),
            _ => None,
        }
    }

    /// The object, where it is one.
    #[must_use]
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The items, where it is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The number as a whole one from 0 to 2^53 - 1, where it is such.
    #[must_use]
    pub fn as_u53(&self) -> Option<u64> {
        const LIMIT: f64 = 9_007_199_254_740_992.0;
        match self {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked to be whole and within range"
            )]
            Self::Number(n) if n.fract() == 0.0 && (0.0..LIMIT).contains(n) => Some(*n as u64),
            _ => None,
        }
    }

    /// The same value for libraries that speak `serde_json`: whole numbers as integers. `None` when a string is not
    /// Unicode or a number not finite.
    #[must_use]
    pub fn to_serde(&self) -> Option<serde_json::Value> {
        Some(match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(b) => (*b).into(),
            Self::Number(n) => match (self.as_u53(), Self::Number(-n).as_u53()) {
                (Some(whole), _) => whole.into(),
                (_, Some(whole)) => (-i64::try_from(whole).ok()?).into(),
                _ => serde_json::Value::Number(serde_json::Number::from_f64(*n)?),
            },
            Self::String(text) => text.as_str()?.into(),
            Self::Array(items) => items.iter().map(Self::to_serde).collect::<Option<Vec<_>>>()?.into(),
            Self::Object(object) => {
                let member = |(name, value): (&Text, &Self)| Some((name.as_str()?.to_owned(), value.to_serde()?));
                object
                    .iter()
                    .map(member)
                    .collect::<Option<serde_json::Map<_, _>>>()?
                    .into()
            }
        })
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(b) => serializer.serialize_bool(*b),
            Self::Number(n) => serializer.serialize_f64(*n),
            Self::String(text) => text.serialize(serializer),
            Self::Array(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| seq.serialize_element(item))?;
                seq.end()
            }
            Self::Object(object) => {
                let mut map = serializer.serialize_map(Some(object.len()))?;
                object
                    .iter()
                    .try_for_each(|(name, value)| map.serialize_entry(name, value))?;
                map.end()
            }
        }
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.as_str().ok_or_else(|| S::Error::custom("an unpaired surrogate"))?;
        serializer.serialize_str(text)
    }
}

/// The JCS form (RFC 8785) of `value`; `None` when a string is not Unicode or a number not finite, for which there is none.
#[must_use]
pub fn jcs(value: &Value) -> Option<String> {
    chancery_base::json::canonical(value).ok()
}
