//! How a new peer is named locally.

use crate::did::AgentDid;

/// `peer-` and the last 8 characters of the DID's ULID in lower case; when another DID has that alias, `-2`, `-3` and so
/// on. `taken` tells whether an alias belongs to another DID.
#[must_use]
pub fn derive(did: &AgentDid, taken: impl Fn(&str) -> bool) -> String {
    let ulid = did.ulid().to_string().to_ascii_lowercase();
    let tail: String = ulid.chars().skip(18).collect();
    let base = format!("peer-{tail}");
    if !taken(&base) {
        return base;
    }
    (2u64..)
        .map(|n| format!("{base}-{n}"))
        .find(|alias| !taken(alias))
        .unwrap_or(base)
}
