//! What the published client 0.1.7 keeps in `clawdentity.sqlite3`, read once and never written.

use std::{collections::BTreeMap, path::Path};

use chancery_store::{
    connect,
    rusqlite::{OpenFlags, Row},
};

use super::peers::Peer;
use crate::{
    code::Code,
    error::{CliError, Result},
};

const FILE: &str = "clawdentity.sqlite3";

/// The peers of the published client; none when it has no database here. Rows that no longer make a peer are left out.
///
/// # Errors
/// [`Code::PairPeersConfigInvalid`] when the database cannot be read.
pub fn peers(dir: &Path) -> Result<BTreeMap<String, Peer>> {
    let path = dir.join(FILE);
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    let read = || {
        let db = connect(
            &path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        let mut statement = db.prepare("SELECT alias, did, proxy_url, agent_name, human_name FROM peers")?;
        let row = |row: &Row<'_>| {
            let (alias, did, proxy_url): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (agent, human): (Option<String>, Option<String>) = (row.get(3)?, row.get(4)?);
            let Ok(did) = did.parse() else { return Ok(None) };
            let name = |text: Option<String>| text.and_then(|text| text.parse().ok());
            let peer = Peer {
                did,
                proxy_url,
                agent_name: name(agent),
                human_name: name(human),
                other: serde_json::Map::new(),
            };
            Ok(Some((alias, peer)))
        };
        let rows = statement.query_map([], row)?.filter_map(Result::transpose);
        rows.collect::<Result<BTreeMap<String, Peer>, _>>()
    };
    let failed = |error: chancery_store::rusqlite::Error| {
        CliError::new(
            Code::PairPeersConfigInvalid,
            format!("cannot read the peers in {}: {error}", path.display()),
        )
    };
    read().map_err(failed)
}
