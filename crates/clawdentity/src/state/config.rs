//! `config.json`, and what the environment says instead of it.

use std::{fmt, path::Path};

use chancery_identity::Origin;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{read_json, write_json};
use crate::{
    code::Code,
    env::{self, Env},
    error::{CliError, Result},
};

/// The registry that is asked when nothing says another one.
pub const DEFAULT_REGISTRY: &str = "https://registry.clawdentity.com";
/// Name of the file.
pub const FILE: &str = "config.json";
/// What is shown in place of a secret.
pub const MASK: &str = "********";

/// The file. Members that we do not know stay as they are.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    /// The registry, as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_url: Option<String>,
    /// The relay, as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_url: Option<String>,
    /// API key of the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// Name that peers are shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub human_name: Option<String>,
    /// What later versions keep here.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

impl Config {
    /// The file in the directory `dir`; `None` when there is none.
    ///
    /// # Errors
    /// [`Code::ConfigInvalid`].
    pub fn load(dir: &Path) -> Result<Option<Self>> {
        read_json(&dir.join(FILE), Code::ConfigInvalid)
    }

    /// Writes the file in the directory `dir`.
    ///
    /// # Errors
    /// [`Code::StateFailed`].
    pub fn save(&self, dir: &Path) -> Result<()> {
        write_json(&dir.join(FILE), self)
    }

    /// What is in force: the environment's values before those of the file.
    #[must_use]
    pub fn effective(&self, env: &Env) -> Self {
        let or = |name: &str, own: &Option<String>| env.get(name).map(str::to_owned).or_else(|| own.clone());
        Self {
            registry_url: or(env::REGISTRY_URL, &None).or_else(|| or(env::REGISTRY, &self.registry_url)),
            proxy_url: or(env::PROXY_URL, &self.proxy_url),
            api_key: or(env::API_KEY, &self.api_key),
            human_name: or(env::HUMAN_NAME, &self.human_name),
            other: self.other.clone(),
        }
    }

    /// The same with the API key hidden, for showing.
    #[must_use]
    pub fn masked(&self) -> Self {
        Self {
            api_key: self.api_key.as_ref().map(|_| MASK.to_owned()),
            ..self.clone()
        }
    }

    /// The registry's origin, when there is one and it is well-formed.
    #[must_use]
    pub fn registry(&self) -> Option<Origin> {
        self.registry_url.as_deref().and_then(|text| text.trim().parse().ok())
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            registry_url,
            proxy_url,
            human_name,
            ..
        } = self;
        f.debug_struct("Config")
            .field("registry_url", registry_url)
            .field("proxy_url", proxy_url)
            .field("human_name", human_name)
            .finish_non_exhaustive()
    }
}

/// The URL of a server, as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    text: String,
    origin: Origin,
}

impl ServerUrl {
    /// Reads the URL of a server: an origin, with or without a slash at its end.
    ///
    /// # Errors
    /// `code`.
    pub fn parse(text: &str, code: Code) -> Result<Self> {
        let text = text.trim();
        match text.parse() {
            Ok(origin) => Ok(Self {
                text: text.to_owned(),
                origin,
            }),
            // what is before an @ may be a password
            Err(error) if text.contains('@') => Err(CliError::new(code, format!("invalid input: the URL is {error}"))),
            Err(error) => Err(CliError::new(code, format!("invalid input: {text:?} is {error}"))),
        }
    }

    /// As it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its origin.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The normalised URL (WHATWG), which a bare origin writes with a slash at its end.
    #[must_use]
    pub fn normalised(&self) -> String {
        normalised(&self.text)
    }
}

/// The normalised URL (WHATWG) of `text`, or `text` when it is no URL.
#[must_use]
pub fn normalised(text: &str) -> String {
    Url::parse(text).map_or_else(|_| text.to_owned(), Into::into)
}
