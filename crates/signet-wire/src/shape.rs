//! How the crate writes down what crosses the wire: words of fixed lists, and objects in the notation of the specification.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// An enum whose variants are words on the wire.
///
/// A refusal names the words that would do and never repeats what came, which may be long or secret.
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// All, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::shape::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::shape::UnknownWord(&[$($word),+])),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::shape::parsed(deserializer)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "enum": [$($word),+]})
            }
        }
    };
}

/// An object, in the notation of the specification: `name: T` must be there, `name?: T` may be absent but is never `null`,
/// `name|null: T` must be there and may be `null` (in inputs: `name: OrNull<T>`).
///
/// `frame` and `input` are what a caller sends: unknown members are refused, and an input has a JSON Schema. `record` is what
/// the signet sends: a reader passes over what a newer signet adds. None is read from an array, and no member may come twice.
macro_rules! shape {
    ($(#[$meta:meta])* input $name:ident { $($members:tt)* }) => {
        shape!(@members [
            $(#[$meta])*
            #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
            #[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
            pub struct $name
        ] {} $($members)*);
        shape!(@serde $name);
    };
    ($(#[$meta:meta])* record $name:ident { $($members:tt)* }) => {
        shape!(@members [
            $(#[$meta])*
            #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
            #[serde(rename_all = "camelCase", remote = "Self")]
            pub struct $name
        ] {} $($members)*);
        shape!(@serde $name);
    };
    ($(#[$meta:meta])* frame $name:ident { $($members:tt)* }) => {
        shape!(@members [
            $(#[$meta])*
            #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
            #[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
            pub struct $name
        ] {} $($members)*);
        shape!(@serde $name);
    };
    (@serde $name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::deserialize($crate::shape::ObjectOnly(deserializer))
            }
        }
    };
    (@members [$($head:tt)*] { $($done:tt)* }) => { $($head)* { $($done)* } };
    (@members $head:tt { $($done:tt)* } $(#[$meta:meta])* $member:ident ?: $kind:ty, $($rest:tt)*) => {
        shape!(@members $head {
            $($done)*
            $(#[$meta])*
            #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::shape::given")]
            pub $member: Option<$kind>,
        } $($rest)*);
    };
    (@members $head:tt { $($done:tt)* } $(#[$meta:meta])* $member:ident | null: $kind:ty, $($rest:tt)*) => {
        shape!(@members $head {
            $($done)*
            $(#[$meta])*
            #[serde(deserialize_with = "crate::shape::nullable")]
            pub $member: Option<$kind>,
        } $($rest)*);
    };
    (@members $head:tt { $($done:tt)* } $(#[$meta:meta])* $member:ident : $kind:ty, $($rest:tt)*) => {
        shape!(@members $head {
            $($done)*
            $(#[$meta])*
            pub $member: $kind,
        } $($rest)*);
    };
}

/// The text is not one of the words of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownWord(pub &'static [&'static str]);

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected one of {}", self.0.join(", "))
    }
}

impl std::error::Error for UnknownWord {}

/// Reads a value from its text.
pub(crate) fn parsed<'de, D: Deserializer<'de>, T>(deserializer: D) -> Result<T, D::Error>
where
    T: std::str::FromStr<Err: fmt::Display>,
{
    <std::borrow::Cow<'de, str>>::deserialize(deserializer)?
        .parse()
        .map_err(de::Error::custom)
}

/// Reads a member that may be absent and is never `null`.
pub(crate) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Reads a member that must be there, and may be `null`: without a function of its own, serde takes absence for `null`.
pub(crate) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// Asks for a map where a struct is asked for: formats read a struct from an array too.
pub(crate) struct ObjectOnly<D>(pub(crate) D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for ObjectOnly<D> {
    type Error = D::Error;

    fn deserialize_any<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(visitor)
    }

    fn deserialize_struct<V: de::Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
