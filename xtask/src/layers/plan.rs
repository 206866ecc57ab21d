//! What `layers.toml` says.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The floors from the ground up, and the imports allowed inside a floor.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// Folders outside `crates/` whose packages may import anything, and that no crate may import.
    #[serde(default)]
    pub(crate) beside: Vec<String>,
    /// Lowest first.
    pub(crate) floor: Vec<Floor>,
    #[serde(default)]
    pub(crate) arrow: Vec<Arrow>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Floor {
    pub(crate) name: String,
    /// Folder names under `crates/`.
    pub(crate) crates: Vec<String>,
    /// Whether arrows may be drawn between crates of this floor.
    #[serde(default = "yes")]
    pub(crate) arrows: bool,
    /// Packages from outside that no crate of this floor may name, each with the reason.
    #[serde(default)]
    pub(crate) deny: BTreeMap<String, String>,
}

/// An import from one crate to another of the same floor.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arrow {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) reason: String,
}

fn yes() -> bool {
    true
}
