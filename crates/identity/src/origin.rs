//! Origins (RFC 6454): scheme, host and port of a server, without a path.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use crate::did::Authority;

/// The text is not an http(s) origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an http or https URL without user, path, query and fragment")]
pub struct OriginError;

/// An `http` or `https` origin such as `https://relay.example:8443`, written without a trailing slash.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin(String);

impl Origin {
    /// The origin of any http(s) URL: what follows the port is cut off.
    ///
    /// # Errors
    /// [`OriginError`] when `text` is not an http(s) URL or names a user.
    pub fn of_url(text: &str) -> Result<Self, OriginError> {
        let url = Url::parse(text).map_err(|_| OriginError)?;
        let web = matches!(url.scheme(), "http" | "https") && url.host().is_some();
        if !web || !url.username().is_empty() || url.password().is_some() {
            return Err(OriginError);
        }
        Ok(Self(url.origin().ascii_serialization()))
    }

    /// The text, without a trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `host` or `host:port` as a `Host` header carries it.
    #[must_use]
    pub fn host_and_port(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, rest)| rest)
    }

    /// The host name as an authority of DIDs; `None` when it cannot be one (an IPv6 address, a single label).
    #[must_use]
    pub fn authority(&self) -> Option<Authority> {
        Url::parse(&self.0).ok()?.host_str()?.parse().ok()
    }

    /// Whether the scheme is `https`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// Whether the host is this machine: `localhost`, 127.0.0.0/8 or ::1.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        Url::parse(&self.0).is_ok_and(|url| match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        })
    }

    /// The URL of `path`, which starts with a slash.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    /// Reads an origin as people write it, with or without a trailing slash; a path, query or fragment is refused, and so
    /// is white space, which URL parsers drop.
    fn from_str(text: &str) -> Result<Self, OriginError> {
        if text.bytes().any(|b| b <= b' ') {
            return Err(OriginError);
        }
        let origin = Self::of_url(text)?;
        let bare = text.strip_suffix('/').unwrap_or(text);
        let url = Url::parse(text).map_err(|_| OriginError)?;
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() || bare.ends_with('/') {
            return Err(OriginError);
        }
        Ok(origin)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Origin {
    /// Reads an origin as machines write it: the text must be the origin itself, lower case, without a trailing slash or
    /// the scheme's own port, so that what is signed or compared has one spelling.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        match text.parse::<Self>() {
            Ok(origin) if origin.as_str() == text => Ok(origin),
            _ => Err(serde::de::Error::custom(OriginError)),
        }
    }
}
