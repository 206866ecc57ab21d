//! The variables of the process, read once, so that what runs in a test or inside another program sees its own.

use std::collections::BTreeMap;

/// Registry of the command; wins over the files.
pub const REGISTRY_URL: &str = "CLAWDENTITY_REGISTRY_URL";
/// The same under its older name.
pub const REGISTRY: &str = "CLAWDENTITY_REGISTRY";
/// Relay, wins over configuration and metadata.
pub const PROXY_URL: &str = "CLAWDENTITY_PROXY_URL";
/// Relay's WebSocket, for the connector.
pub const PROXY_WS_URL: &str = "CLAWDENTITY_PROXY_WS_URL";
/// API key, wins over the configuration.
pub const API_KEY: &str = "CLAWDENTITY_API_KEY";
/// Name of the person, wins over the configuration.
pub const HUMAN_NAME: &str = "CLAWDENTITY_HUMAN_NAME";
/// Where the connector listens.
pub const CONNECTOR_BASE_URL: &str = "CLAWDENTITY_CONNECTOR_BASE_URL";
/// Where OpenClaw listens.
pub const OPENCLAW_BASE_URL: &str = "OPENCLAW_BASE_URL";
/// Path of OpenClaw's hook.
pub const OPENCLAW_HOOK_PATH: &str = "OPENCLAW_HOOK_PATH";
/// Token of OpenClaw's hook.
pub const OPENCLAW_HOOK_TOKEN: &str = "OPENCLAW_HOOK_TOKEN";

/// The variables.
#[derive(Debug, Clone, Default)]
pub struct Env(BTreeMap<String, String>);

impl Env {
    /// Those of this process; what is not UTF-8 is left out.
    #[must_use]
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// The trimmed value of `name`; a blank one counts as unset.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// With `name` set to `value`.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }
}
