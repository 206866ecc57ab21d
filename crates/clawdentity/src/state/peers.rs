//! `peers.json`: the agents that were paired with, by the names that messages use for them.

use std::{collections::BTreeMap, path::Path};

use chancery_identity::{
    AgentDid, Origin, alias,
    name::{DisplayName, PeerAlias},
};
use chancery_relay_wire::route;
use serde::{Deserialize, Serialize};

use super::{legacy, lock, read_json, write_json};
use crate::{
    code::Code,
    error::{CliError, Result},
};

/// Name of the file.
pub const FILE: &str = "peers.json";
const LOCK: &str = "peers.lock";

/// One peer. Members that we do not know stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Peer {
    /// The agent.
    pub did: AgentDid,
    /// Where its messages go: its relay's `/hooks/agent`.
    pub proxy_url: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_name: Option<DisplayName>,
    /// Its owner's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub human_name: Option<DisplayName>,
    /// What later versions keep here.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

impl Peer {
    /// A peer whose relay is at `relay`.
    #[must_use]
    pub fn new(did: AgentDid, relay: &Origin, agent_name: DisplayName, human_name: DisplayName) -> Self {
        Self {
            did,
            proxy_url: relay.join(route::HOOKS_AGENT),
            agent_name: Some(agent_name),
            human_name: Some(human_name),
            other: serde_json::Map::new(),
        }
    }
}

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peers {
    /// By alias.
    pub peers: BTreeMap<String, Peer>,
    /// What later versions keep here.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

impl Peers {
    /// The peers of the state in `dir`; what the published client kept in its database, when there is no file yet.
    ///
    /// # Errors
    /// [`Code::PairPeersConfigInvalid`] or [`Code::PairPeerAliasInvalid`].
    pub fn load(dir: &Path) -> Result<Self> {
        let peers: Self = match read_json(&dir.join(FILE), Code::PairPeersConfigInvalid)? {
            Some(peers) => peers,
            None => Self {
                peers: legacy::peers(dir)?,
                ..Self::default()
            },
        };
        for (alias, peer) in &peers.peers {
            check_alias(alias)?;
            if Origin::of_url(&peer.proxy_url).is_err() {
                let reason = format!("the proxyUrl of {alias} is not an http or https URL");
                return Err(CliError::new(Code::PairPeersConfigInvalid, reason));
            }
        }
        Ok(peers)
    }

    /// Adds `peer` to the peers of the state in `dir`, or renews it. Returns its alias: the one it has, else a new one.
    ///
    /// # Errors
    /// As [`Peers::load`], and [`Code::StateFailed`].
    pub fn remember(dir: &Path, peer: Peer) -> Result<String> {
        let _lock = lock(&dir.join(LOCK))?;
        let mut peers = Self::load(dir)?;
        let known = peers.alias_of(&peer.did).map(str::to_owned);
        let alias = known.unwrap_or_else(|| alias::derive(&peer.did, |alias| peers.peers.contains_key(alias)));
        check_alias(&alias)?;
        let other = peers.peers.remove(&alias).map(|old| old.other).unwrap_or_default();
        peers.peers.insert(alias.clone(), Peer { other, ..peer });
        write_json(&dir.join(FILE), &peers)?;
        Ok(alias)
    }

    /// Forgets `did`. Returns the alias that it had.
    ///
    /// # Errors
    /// As [`Peers::load`], and [`Code::StateFailed`].
    pub fn forget(dir: &Path, did: &AgentDid) -> Result<Option<String>> {
        let _lock = lock(&dir.join(LOCK))?;
        let mut peers = Self::load(dir)?;
        let Some(alias) = peers.alias_of(did).map(str::to_owned) else {
            return Ok(None);
        };
        peers.peers.remove(&alias);
        write_json(&dir.join(FILE), &peers)?;
        Ok(Some(alias))
    }

    /// The alias of `did`.
    #[must_use]
    pub fn alias_of(&self, did: &AgentDid) -> Option<&str> {
        self.peers
            .iter()
            .find(|(_, peer)| peer.did == *did)
            .map(|(alias, _)| alias.as_str())
    }

    /// The agent behind an alias, or behind its own DID.
    #[must_use]
    pub fn resolve(&self, text: &str) -> Option<AgentDid> {
        self.peers
            .get(text)
            .map(|peer| peer.did.clone())
            .or_else(|| text.parse().ok())
    }
}

fn check_alias(alias: &str) -> Result<()> {
    match alias.parse::<PeerAlias>() {
        Ok(_) => Ok(()),
        Err(error) => Err(CliError::new(
            Code::PairPeerAliasInvalid,
            format!("{alias:?} in {FILE}: {error}"),
        )),
    }
}
