//! Names that are no resource ids: who did something, connections, elevations, and ids that are UUIDs.

use std::{fmt, str::FromStr};

use chancery_base::{Millis, Rng, hex};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{OperatorId, shape::parsed};

/// The text is not a name of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct NameError(&'static str);

/// Who made something: the owner, or an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Author {
    /// The person who owns the signet; `owner` on the wire.
    Owner,
    /// An operator.
    Operator(OperatorId),
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner => f.write_str("owner"),
            Self::Operator(id) => id.fmt(f),
        }
    }
}

impl FromStr for Author {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text {
            "owner" => Ok(Self::Owner),
            _ => text
                .parse()
                .map(Self::Operator)
                .map_err(|_| NameError("owner, or an operator ID")),
        }
    }
}

/// A WebSocket connection: `conn_<unix ms>_<counter of the process>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId {
    /// When it was opened.
    pub opened: Millis,
    /// Which one of the process it is.
    pub counter: u64,
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "conn_{}_{}", self.opened.0, self.counter)
    }
}

impl FromStr for ConnectionId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let parsed = || {
            let (opened, counter) = text.strip_prefix("conn_")?.split_once('_')?;
            let id = Self {
                opened: Millis(opened.parse().ok()?),
                counter: counter.parse().ok()?,
            };
            // one spelling: no signs, no zeros in front
            (id.opened.0 >= 0 && id.to_string() == text).then_some(id)
        };
        parsed().ok_or(NameError("conn_<unix ms>_<counter>"))
    }
}

/// A read elevation: `approval_` and 32 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApprovalId([u8; 16]);

impl ApprovalId {
    /// A new id from 16 random bytes.
    #[must_use]
    pub fn generate(rng: &impl Rng) -> Self {
        Self(rng.bytes::<16>())
    }
}

impl fmt::Display for ApprovalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "approval_{}", hex::encode(self.0))
    }
}

impl FromStr for ApprovalId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        text.strip_prefix("approval_")
            .and_then(|digits| hex::decode_array(digits).ok())
            .map(Self)
            .ok_or(NameError("approval_ and 32 lower-case hex digits"))
    }
}

/// A UUID (RFC 9562) in lower case with hyphens: of wallets, pending actions, reveals, statements and requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(uuid::Uuid);

impl Uuid {
    /// A new one of version 4, from 16 random bytes of which 122 bits are used.
    #[must_use]
    pub fn generate(rng: &impl Rng) -> Self {
        Self(uuid::Builder::from_random_bytes(rng.bytes::<16>()).into_uuid())
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl FromStr for Uuid {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        // the library reads four spellings; one id has one here
        text.parse()
            .ok()
            .map(Self)
            .filter(|id| id.to_string() == text)
            .ok_or(NameError("a UUID in lower case with hyphens"))
    }
}

macro_rules! as_text {
    ($($name:ident: $schema:tt;)+) => {
        $(
            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(self)
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    parsed(deserializer)
                }
            }

            impl JsonSchema for $name {
                fn inline_schema() -> bool {
                    true
                }

                fn schema_name() -> std::borrow::Cow<'static, str> {
                    stringify!($name).into()
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!($schema)
                }
            }
        )+
    };
}

as_text! {
    Author: {"type": "string", "pattern": "^(owner|op_[0-9a-f]{16})$"};
    ConnectionId: {"type": "string", "pattern": "^conn_(0|[1-9][0-9]*)_(0|[1-9][0-9]*)$"};
    ApprovalId: {"type": "string", "pattern": "^approval_[0-9a-f]{32}$"};
    Uuid: {"type": "string", "format": "uuid", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"};
    Timestamp: {"type": "string", "format": "date-time", "pattern": "Z$"};
}

/// A time on the wire: written with milliseconds and `Z`, read in UTC with any number of decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub Millis);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Timestamp {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        // the original reads no offsets, and no lower case
        Some(text)
            .filter(|text| text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T'))
            .and_then(Millis::parse_rfc3339)
            .map(Self)
            .ok_or(NameError("an RFC 3339 time in UTC, such as 2026-01-01T00:00:00.000Z"))
    }
}

impl From<Millis> for Timestamp {
    fn from(time: Millis) -> Self {
        Self(time)
    }
}
