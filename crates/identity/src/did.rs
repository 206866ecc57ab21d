//! Decentralised identifiers of people and agents: `did:cdi:<authority>:<human|agent>:<ULID>`.

use std::{fmt, net::Ipv4Addr, str::FromStr, sync::Arc};

use chancery_base::Ulid;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The text is not a DID of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DidError {
    /// Not five parts that begin with `did:cdi:`.
    #[error("not of the form did:cdi:<authority>:<entity>:<ULID>")]
    Format,
    /// The authority is not a lower-case host name.
    #[error("the authority is not a lower-case host name")]
    Authority,
    /// An agent where a human was expected, or the other way round.
    #[error("a DID of another kind")]
    Entity,
    /// The last part is not a canonical ULID.
    #[error("the last part is not a canonical ULID")]
    Ulid,
}

/// The issuer's host name: `localhost`, a dotted IPv4 address, or a DNS name of two labels or more, in lower case,
/// 253 bytes at most, each label 1 to 63 bytes without a hyphen at its ends. No port.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Authority(Arc<str>);

impl Authority {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Authority {
    type Err = DidError;

    fn from_str(text: &str) -> Result<Self, DidError> {
        if is_authority(text) {
            Ok(Self(text.into()))
        } else {
            Err(DidError::Authority)
        }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn is_authority(text: &str) -> bool {
    let label = |label: &str| {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        (1..=63).contains(&label.len()) && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    if text == "localhost" {
        return true;
    }
    if text.is_empty() || text.len() > 253 || !text.split('.').all(label) || !text.contains('.') {
        return false;
    }
    // a name whose last label is numeric is read as an IPv4 address by every resolver (WHATWG URL 3.5), so it must be one
    let number = |last: &str| match last.strip_prefix("0x") {
        Some(hex) => hex.bytes().all(|b| b.is_ascii_hexdigit()),
        None => last.bytes().all(|b| b.is_ascii_digit()),
    };
    let numeric = text.rsplit('.').next().is_some_and(number);
    !numeric || text.parse::<Ipv4Addr>().is_ok()
}

fn parse(text: &str, expected: &str) -> Result<(Authority, Ulid), DidError> {
    let rest = text.strip_prefix("did:cdi:").ok_or(DidError::Format)?;
    let mut parts = rest.split(':');
    let (Some(authority), Some(entity), Some(ulid), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(DidError::Format);
    };
    let authority = authority.parse()?;
    if entity != expected {
        return Err(if matches!(entity, "human" | "agent") {
            DidError::Entity
        } else {
            DidError::Format
        });
    }
    Ok((authority, ulid.parse().map_err(|_| DidError::Ulid)?))
}

macro_rules! did {
    ($(#[$doc:meta])* $name:ident, $entity:literal) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name {
            text: Arc<str>,
            authority: Authority,
            ulid: Ulid,
        }

        impl $name {
            /// The DID of `ulid` at `authority`.
            #[must_use]
            pub fn new(authority: &Authority, ulid: Ulid) -> Self {
                let text = format!(concat!("did:cdi:{}:", $entity, ":{}"), authority, ulid).into();
                Self { text, authority: authority.clone(), ulid }
            }

            /// The whole DID.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.text
            }

            /// The whole DID, shared.
            #[must_use]
            pub fn shared(&self) -> Arc<str> {
                Arc::clone(&self.text)
            }

            /// Host name of the registry that issued it.
            #[must_use]
            pub fn authority(&self) -> &Authority {
                &self.authority
            }

            /// The id within the registry.
            #[must_use]
            pub fn ulid(&self) -> Ulid {
                self.ulid
            }
        }

        impl FromStr for $name {
            type Err = DidError;

            fn from_str(text: &str) -> Result<Self, DidError> {
                let (authority, ulid) = parse(text, $entity)?;
                Ok(Self { text: text.into(), authority, ulid })
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.text == other.text
            }
        }

        impl Eq for $name {}

        impl std::hash::Hash for $name {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.text.hash(state);
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.text.cmp(&other.text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.text)
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

did!(
    /// The DID of an agent. Its ULID is the agent's id at its registry.
    AgentDid,
    "agent"
);
did!(
    /// The DID of a person who owns agents.
    HumanDid,
    "human"
);
