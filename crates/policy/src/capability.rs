//! The eight capabilities of a skill, what limits them, and what they are asked for.

mod address;
mod denial;
mod executable;
mod host;
pub mod legacy;
mod name;
mod path;
mod permission;
mod request;
mod set;
mod wire;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use address::{AddressClass, address_class};
pub use denial::{Denial, DenialReason};
pub use executable::{Executable, ExecutablePattern};
pub use host::{Endpoint, HostPattern, Scheme};
pub use name::{NamePattern, ResourceName};
pub use path::{GrantPath, ResourcePath};
pub use permission::{Constraints, Mismatch, Permission};
pub use request::{Context, Request, Resource};
pub use set::{ExecutableSet, HostSet, NameSet, PathSet, Pattern, Set};
pub use wire::{ConstraintProblem, ProblemKind};

/// What a skill may ask for (safeclaw spec 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// `fs:read`: reading files.
    FsRead,
    /// `fs:write`: writing files.
    FsWrite,
    /// `net:http`: requests in the clear.
    NetHttp,
    /// `net:https`: requests over TLS.
    NetHttps,
    /// `process:spawn`: starting programs.
    ProcessSpawn,
    /// `env:read`: variables of the environment.
    EnvRead,
    /// `secret:read`: reading secrets from the vault.
    SecretRead,
    /// `secret:write`: writing secrets to the vault.
    SecretWrite,
}

/// Along what a capability is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// Files and directories: the member `paths`.
    Path,
    /// Hosts: the member `hosts`.
    Host,
    /// Programs: the member `executables`.
    Executable,
    /// Variables and secrets: the member `names`.
    Name,
}

/// The value breaks the rule of its type. The text says which rule; it never repeats the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(pub &'static str);

impl Capability {
    /// All eight, in the order of the seed.
    pub const ALL: [Self; 8] = [
        Self::FsRead,
        Self::FsWrite,
        Self::NetHttp,
        Self::NetHttps,
        Self::ProcessSpawn,
        Self::EnvRead,
        Self::SecretRead,
        Self::SecretWrite,
    ];

    /// The name, such as `fs:read`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FsRead => "fs:read",
            Self::FsWrite => "fs:write",
            Self::NetHttp => "net:http",
            Self::NetHttps => "net:https",
            Self::ProcessSpawn => "process:spawn",
            Self::EnvRead => "env:read",
            Self::SecretRead => "secret:read",
            Self::SecretWrite => "secret:write",
        }
    }

    /// Along what it is limited.
    #[must_use]
    pub const fn dimension(self) -> Dimension {
        match self {
            Self::FsRead | Self::FsWrite => Dimension::Path,
            Self::NetHttp | Self::NetHttps => Dimension::Host,
            Self::ProcessSpawn => Dimension::Executable,
            Self::EnvRead | Self::SecretRead | Self::SecretWrite => Dimension::Name,
        }
    }

    /// The scheme of the requests that it allows; `None` for what is no network capability.
    #[must_use]
    pub const fn scheme(self) -> Option<Scheme> {
        match self {
            Self::NetHttp => Some(Scheme::Http),
            Self::NetHttps => Some(Scheme::Https),
            _ => None,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Capability {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::ALL
            .into_iter()
            .find(|capability| capability.as_str() == text)
            .ok_or(ValueError("not one of the eight capabilities"))
    }
}

impl Serialize for Capability {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Capability {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Dimension {
    /// The member of `constraints` that limits along it.
    #[must_use]
    pub const fn member(self) -> &'static str {
        match self {
            Self::Path => "paths",
            Self::Host => "hosts",
            Self::Executable => "executables",
            Self::Name => "names",
        }
    }

    /// What a request names along it, as the seed's context calls it.
    #[must_use]
    pub const fn singular(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Host => "host",
            Self::Executable => "executable",
            Self::Name => "name",
        }
    }
}
