//! One setting, as the table has it.

use std::ops::RangeInclusive;

/// What kind of value a setting has. It decides how a variable's text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A word or a path.
    Text,
    /// A whole number.
    Integer,
    /// A number with decimals.
    Number,
    /// `true` or `1`, `false` or `0`.
    Flag,
    /// Words, in a variable with commas between them.
    List,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its place in the file, such as `ws.port`.
    pub key: &'static str,
    /// Its variable, such as `XMTP_SIGNET_WS_PORT`.
    pub variable: &'static str,
    /// What it is for, and why it has its default.
    pub about: String,
    /// What kind of value it has.
    pub kind: Kind,
    /// The least and the most of a whole number.
    pub range: Option<RangeInclusive<u64>>,
}

/// A value that a setting can have.
pub(crate) trait Value {
    const KIND: Kind;
}

impl<T: Value> Value for Option<T> {
    const KIND: Kind = T::KIND;
}

impl<T> Value for Vec<T> {
    const KIND: Kind = Kind::List;
}

macro_rules! kinds {
    ($($kind:ident: $($name:ty),+;)+) => {
        $($(
            impl $crate::setting::Value for $name {
                const KIND: $crate::Kind = $crate::Kind::$kind;
            }
        )+)+
    };
}

/// A section of the file: each setting with its type, its default, its key, its variable without `XMTP_SIGNET_`, and for
/// whole numbers its bounds. What the comment of a setting says is shown to people.
macro_rules! section {
    ($(#[$meta:meta])* $name:ident = $table:literal {
        $(
            $(#[doc = $doc:literal])+
            $field:ident: $kind:ty = $default:expr, $key:literal, $variable:literal $(, $range:expr)?;
        )+
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $(
                $(#[doc = $doc])+
                #[serde(rename = $key)]
                pub $field: $kind,
            )+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default),+ }
            }
        }

        impl $name {
            fn settings() -> Vec<$crate::Setting> {
                vec![$(
                    $crate::Setting {
                        key: concat!($table, ".", $key),
                        variable: concat!("XMTP_SIGNET_", $variable),
                        about: concat!($($doc),+).trim().to_owned(),
                        kind: <$kind as $crate::setting::Value>::KIND,
                        range: section!(@range $($range)?),
                    },
                )+]
            }
        }
    };
    (@range) => { None };
    (@range $range:expr) => { Some($range) };
}
