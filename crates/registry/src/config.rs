//! Settings of the registry.

mod env;

use std::{collections::BTreeMap, fmt, str::FromStr};

use chancery_base::{Category, ErrorCode, Rng};
use chancery_identity::{
    Authority, Origin,
    token::{ServiceSecret, Token},
};
use zeroize::Zeroizing;

use crate::{keys::SigningKeys, limits::Limits};

/// Names of the variables.
pub mod variable {
    /// `local`, `development` or `production`.
    pub const ENVIRONMENT: &str = "ENVIRONMENT";
    /// Version that is reported.
    pub const APP_VERSION: &str = "APP_VERSION";
    /// Origin of the relay.
    pub const PROXY_URL: &str = "PROXY_URL";
    /// Origin of the registry: issuer of DIDs and tokens.
    pub const REGISTRY_ISSUER_URL: &str = "REGISTRY_ISSUER_URL";
    /// Further authorities that signatures may name, separated by commas.
    pub const REGISTRY_AUTHORITIES: &str = "REGISTRY_AUTHORITIES";
    /// `memory`.
    pub const EVENT_BUS_BACKEND: &str = "EVENT_BUS_BACKEND";
    /// Secret of the first administrator.
    pub const BOOTSTRAP_SECRET: &str = "BOOTSTRAP_SECRET";
    /// Id of the service that the relay calls as.
    pub const BOOTSTRAP_INTERNAL_SERVICE_ID: &str = "BOOTSTRAP_INTERNAL_SERVICE_ID";
    /// Its secret.
    pub const BOOTSTRAP_INTERNAL_SERVICE_SECRET: &str = "BOOTSTRAP_INTERNAL_SERVICE_SECRET";
    /// Seed of the key that signs, base64url.
    pub const REGISTRY_SIGNING_KEY: &str = "REGISTRY_SIGNING_KEY";
    /// Published keys, a JSON array.
    pub const REGISTRY_SIGNING_KEYS: &str = "REGISTRY_SIGNING_KEYS";
}

/// Longest id of a service, bytes.
pub(crate) const MAX_SERVICE_ID_BYTES: usize = 128;

/// Settings.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// What kind of place this is; `production` says less about invalid requests.
    pub environment: Environment,
    /// Version that health and metadata show.
    pub version: String,
    /// The registry's origin, never taken from a request.
    pub issuer: Origin,
    /// Further authorities (`host:port`) that request signatures may name, beside the issuer's.
    pub extra_authorities: Vec<String>,
    /// The relay's origin.
    pub proxy_url: Origin,
    /// Secret of the first administrator; without one there is no bootstrap.
    pub bootstrap_secret: Option<Secret>,
    /// The service that the relay calls as.
    pub bootstrap_service: Option<BootstrapService>,
    /// Keys.
    pub signing_keys: SigningKeys,
    /// Limits.
    pub limits: Limits,
}

/// What kind of place the registry runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// One machine; what is missing is generated.
    Local,
    /// For trying things out.
    Development,
    /// For real.
    Production,
}

impl Environment {
    /// Its name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Development => "development",
            Self::Production => "production",
        }
    }
}

impl FromStr for Environment {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "local" => Ok(Self::Local),
            "development" => Ok(Self::Development),
            "production" => Ok(Self::Production),
            _ => Err(()),
        }
    }
}

/// A text that no log shows. Wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Fixed credentials of the service that the relay calls as.
#[derive(Debug, Clone)]
pub struct BootstrapService {
    /// Id: any text of 1 to 128 visible ASCII characters.
    pub id: String,
    /// Secret, `clw_srv_…`.
    pub secret: Token<ServiceSecret>,
}

/// Something that was missing in the `local` environment and is new. The caller keeps it, in a private file, and hands it
/// in as this variable from then on.
#[derive(Debug, Clone)]
pub struct Generated {
    /// The variable.
    pub variable: &'static str,
    /// Its value.
    pub value: Secret,
}

/// Settings that cannot be used: every variable that is wrong, with what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the registry's configuration is not valid: {}", describe(problems))]
pub struct ConfigError {
    /// What is wrong, by variable.
    pub problems: BTreeMap<&'static str, String>,
}

fn describe(problems: &BTreeMap<&'static str, String>) -> String {
    problems
        .iter()
        .map(|(name, what)| format!("{name} {what}"))
        .collect::<Vec<_>>()
        .join("; ")
}

impl ErrorCode for ConfigError {
    fn code(&self) -> &'static str {
        "CONFIG_VALIDATION_FAILED"
    }

    fn category(&self) -> Category {
        Category::Input
    }

    fn hint(&self) -> Option<&'static str> {
        Some("set the variables that the message names")
    }
}

impl Config {
    /// The settings for `issuer` in the `local` environment, without bootstrap.
    #[must_use]
    pub fn new(issuer: Origin, proxy_url: Origin, signing_keys: SigningKeys) -> Self {
        Self {
            environment: Environment::Local,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            issuer,
            extra_authorities: Vec::new(),
            proxy_url,
            bootstrap_secret: None,
            bootstrap_service: None,
            signing_keys,
            limits: Limits::default(),
        }
    }

    /// Reads the settings from the variables that `get` knows. An empty value counts as none.
    ///
    /// Outside the `local` environment all are required. In it, origins have defaults, and a signing key and service
    /// credentials that are missing are made with `rng` and returned for the caller to keep.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong.
    pub fn from_env(
        get: impl Fn(&str) -> Option<String>,
        rng: &dyn Rng,
    ) -> Result<(Self, Vec<Generated>), ConfigError> {
        env::Reader::new(&get).read(rng)
    }

    /// All authorities that a request signature may name.
    #[must_use]
    pub fn authorities(&self) -> Vec<String> {
        let mut all = vec![self.issuer.host_and_port().to_owned()];
        all.extend(self.extra_authorities.iter().cloned());
        all
    }

    /// The authority of the DIDs that this registry issues; `None` when the issuer's host cannot be one.
    #[must_use]
    pub fn authority(&self) -> Option<Authority> {
        self.issuer.authority()
    }
}

/// Whether `id` can be the id of a service: it travels in a header and in a path.
pub(crate) fn is_service_id(id: &str) -> bool {
    (1..=MAX_SERVICE_ID_BYTES).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())
}
