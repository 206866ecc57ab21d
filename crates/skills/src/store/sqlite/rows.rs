//! Reading rows.

use chancery_base::{Millis, Ulid, ed25519::Signature};
use chancery_store::rusqlite::{Connection, Row};
use serde::de::DeserializeOwned;

use super::Failure;
use crate::{
    owner::Signed,
    store::model::{GrantRow, State},
};

/// All tables.
pub(super) fn state(connection: &Connection) -> Result<State, Failure> {
    let mut state = State {
        revision: connection.query_row("SELECT value FROM revision", [], |row| row.get(0))?,
        ..State::default()
    };
    each(connection, "SELECT id, body, signature FROM skills", |row| {
        state.skills.insert(row.get(0)?, signed(row, "skills")?);
        Ok(())
    })?;
    each(connection, "SELECT skill_id, body, signature FROM pins", |row| {
        state.pins.insert(row.get(0)?, signed(row, "pins")?);
        Ok(())
    })?;
    each(connection, "SELECT keyid, body, signature FROM publishers", |row| {
        state.publishers.insert(row.get(0)?, signed(row, "publishers")?);
        Ok(())
    })?;
    each(connection, "SELECT skill_id, version, sha256 FROM versions", |row| {
        state.versions.insert((row.get(0)?, row.get(1)?), row.get(2)?);
        Ok(())
    })?;
    each(
        connection,
        "SELECT id, body, signature, used, revoked_at FROM grants",
        |row| {
            let signature: Option<[u8; 64]> = row.get(2)?;
            let grant = GrantRow {
                grant: body(row, "grants")?,
                body: row.get(1)?,
                signature: signature.map(Signature::from_bytes),
                used: row.get(3)?,
                revoked_at: row.get::<_, Option<i64>>(4)?.map(Millis),
            };
            state.grants.insert(id(row)?, grant);
            Ok(())
        },
    )?;
    each(connection, "SELECT id, body FROM revocations", |row| {
        state.revocations.insert(id(row)?, body(row, "revocations")?);
        Ok(())
    })?;
    each(connection, "SELECT issuer, body FROM lists", |row| {
        state.lists.insert(row.get(0)?, body(row, "lists")?);
        Ok(())
    })?;
    Ok(state)
}

fn each(connection: &Connection, sql: &str, mut f: impl FnMut(&Row<'_>) -> Result<(), Failure>) -> Result<(), Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        f(row)?;
    }
    Ok(())
}

fn id(row: &Row<'_>) -> Result<Ulid, Failure> {
    Ok(Ulid::from_bytes(row.get(0)?))
}

fn body<T: DeserializeOwned>(row: &Row<'_>, table: &'static str) -> Result<T, Failure> {
    let text: String = row.get(1)?;
    serde_json::from_str(&text).map_err(|_| Failure::Row(table))
}

fn signed<T: DeserializeOwned>(row: &Row<'_>, table: &'static str) -> Result<Signed<T>, Failure> {
    Signed::read(row.get(1)?, Signature::from_bytes(row.get(2)?)).map_err(|_| Failure::Row(table))
}
