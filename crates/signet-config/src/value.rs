//! Values of settings.

use std::{
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize, de};

/// Milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

/// Seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub u64);

/// Hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hours(pub u64);

impl From<Millis> for Duration {
    fn from(time: Millis) -> Self {
        Self::from_millis(time.0)
    }
}

impl From<Seconds> for Duration {
    fn from(time: Seconds) -> Self {
        Self::from_secs(time.0)
    }
}

impl From<Hours> for Duration {
    fn from(time: Hours) -> Self {
        Self::from_secs(time.0.saturating_mul(3600))
    }
}

macro_rules! words {
    ($($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ })+) => {
        $(
            $(#[$meta])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
            pub enum $name { $($(#[$doc])* #[serde(rename = $word)] $variant,)+ }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(match self { $(Self::$variant => $word),+ })
                }
            }
        )+
    };
}

words! {
    /// How people and agents find each other.
    Scheme {
        /// By links and profiles as the app Convos has them.
        Convos = "convos",
    }

    /// What lets a program administer the signet.
    AuthMode {
        /// A token that the admin key signed.
        AdminKey = "admin-key",
    }

    /// What is logged.
    LogLevel {
        /// Everything.
        Debug = "debug",
        /// What happens.
        Info = "info",
        /// What is odd.
        Warn = "warn",
        /// What failed.
        Error = "error",
    }

    /// What becomes of messages that a credential may stream and not read.
    Hidden {
        /// They are left out.
        Drop = "drop",
        /// They come without content.
        Redact = "redact",
    }

    /// Who asks the owner.
    ApproverChoice {
        /// The external signer where one is named, else the terminal.
        Auto = "auto",
        /// The terminal, by the owner's passphrase.
        Terminal = "terminal",
        /// The external signer.
        Signer = "signer",
    }
}

/// Where a server listens: an address, or the name `localhost`. Any other name could come to mean another machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Host(String);

/// The text is no address of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an IP address, or localhost")]
pub struct WrongHost;

impl Host {
    /// This machine alone.
    #[must_use]
    pub fn loopback() -> Self {
        Self("127.0.0.1".to_owned())
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether only this machine reaches it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.0.parse::<IpAddr>().map_or(true, |address| address.is_loopback())
    }
}

impl FromStr for Host {
    type Err = WrongHost;

    fn from_str(text: &str) -> Result<Self, WrongHost> {
        if text == "localhost" || text.parse::<IpAddr>().is_ok() {
            Ok(Self(text.to_owned()))
        } else {
            Err(WrongHost)
        }
    }
}

impl<'de> Deserialize<'de> for Host {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A path as people write it: absolute, or below `~/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct UserPath(String);

/// The text is no path of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an absolute path, or one that begins with ~/")]
pub struct WrongPath;

impl UserPath {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path, for whoever lives in `home`.
    #[must_use]
    pub fn expand(&self, home: &Path) -> PathBuf {
        match self.0.strip_prefix("~/") {
            Some(rest) => home.join(rest),
            None => PathBuf::from(&self.0),
        }
    }
}

impl FromStr for UserPath {
    type Err = WrongPath;

    fn from_str(text: &str) -> Result<Self, WrongPath> {
        let inside = text.strip_prefix("~/").map(Path::new);
        let fits = match inside {
            Some(inside) => inside.is_relative(),
            None => Path::new(text).is_absolute(),
        };
        if fits && !text.contains(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(WrongPath)
        }
    }
}

impl<'de> Deserialize<'de> for UserPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

kinds! {
    Text: Scheme, AuthMode, LogLevel, Hidden, ApproverChoice, Host, UserPath, String,
        chancery_signet_wire::record::status::XmtpEnv, chancery_signet_wire::record::status::IdentityMode,
        chancery_signet_wire::Label, chancery_keys::KeyPolicy;
    Integer: u16, u32, u64, Millis, Seconds, Hours;
    Number: f64;
    Flag: bool;
    List: chancery_policy::messaging::Scopes;
}
