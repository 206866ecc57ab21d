//! `openclaw-connectors.json`: which agent's connector listens where.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};
use url::Url;

use super::{lock, read_json, write_json};
use crate::{
    code::Code,
    error::{CliError, Result},
};

/// Name of the file.
pub const FILE: &str = "openclaw-connectors.json";
/// Port of the first connector; further ones follow.
pub const FIRST_PORT: u16 = 19400;
/// How many ports are looked at for a free one: more connectors than this on one machine are an error somewhere.
pub const PORTS: u16 = 200;
const LOCK: &str = "openclaw-connectors.lock";

/// One agent's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assignment {
    /// Such as `http://127.0.0.1:19400`.
    pub connector_base_url: String,
    /// RFC 3339.
    pub updated_at: String,
    /// What later versions keep here.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignments {
    /// By agent name.
    #[serde(default)]
    pub agents: BTreeMap<String, Assignment>,
    /// What later versions keep here.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

impl Assignments {
    /// The assignments of the state in `dir`.
    ///
    /// # Errors
    /// [`Code::ConnectorInvalidAssignments`].
    pub fn load(dir: &Path) -> Result<Self> {
        Ok(read_json(&dir.join(FILE), Code::ConnectorInvalidAssignments)?.unwrap_or_default())
    }

    /// Records that the connector of `agent` is at `base_url`.
    ///
    /// # Errors
    /// As [`Assignments::load`], and [`Code::StateFailed`].
    pub fn assign(dir: &Path, agent: &str, base_url: &str, now: &str) -> Result<()> {
        let _lock = lock(&dir.join(LOCK))?;
        let mut all = Self::load(dir)?;
        let other = all.agents.remove(agent).map(|old| old.other).unwrap_or_default();
        let next = Assignment {
            connector_base_url: base_url.to_owned(),
            updated_at: now.to_owned(),
            other,
        };
        all.agents.insert(agent.to_owned(), next);
        write_json(&dir.join(FILE), &all)
    }

    /// Ports of all agents but `agent`.
    pub fn ports_of_others<'a>(&'a self, agent: &'a str) -> impl Iterator<Item = u16> + 'a {
        self.agents
            .iter()
            .filter(move |(name, _)| *name != agent)
            .filter_map(|(_, place)| host_and_port(&place.connector_base_url).ok().map(|(_, port)| port))
    }
}

/// Host and port of a base URL.
///
/// # Errors
/// [`Code::ConnectorInvalidBaseUrl`].
pub fn host_and_port(base_url: &str) -> Result<(String, u16)> {
    let wrong = || {
        CliError::new(
            Code::ConnectorInvalidBaseUrl,
            format!("{base_url:?} is not an http URL of a connector"),
        )
    };
    let url = Url::parse(base_url.trim()).map_err(|_| wrong())?;
    let host = match url.host() {
        Some(url::Host::Domain(name)) => name.to_owned(),
        Some(url::Host::Ipv4(ip)) => ip.to_string(),
        Some(url::Host::Ipv6(ip)) => ip.to_string(),
        None => return Err(wrong()),
    };
    let port = url
        .port_or_known_default()
        .filter(|_| url.scheme() == "http")
        .ok_or_else(wrong)?;
    Ok((host, port))
}
