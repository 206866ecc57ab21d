//! Policies as they are stored.

use chancery_base::Millis;
use chancery_policy::messaging::{ScopeSet, Scopes};
use chancery_signet_wire::{
    Author, Label, PolicyId,
    record::policy::{PolicyConfig, PolicyRecord},
};
use chancery_store::rusqlite::{self, Connection, OptionalExtension as _, Row, params};

use crate::{
    records::stored,
    store::{
        Problem,
        column::{json, optional_time, parsed, time},
    },
};

/// A policy.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Policy {
    pub(crate) id: PolicyId,
    pub(crate) label: Label,
    pub(crate) scopes: ScopeSet,
    /// Scopes that need the owner's word each time.
    pub(crate) confirm: Scopes,
    /// One more with each change.
    pub(crate) version: u64,
    pub(crate) created_by: Author,
    pub(crate) created_at: Millis,
    pub(crate) updated_at: Millis,
    /// Credentials that were issued with it keep it.
    pub(crate) removed_at: Option<Millis>,
}

const COLUMNS: &str = "id, label, allow, deny, confirm, version, created_by, created_at, updated_at, removed_at";

impl Policy {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: parsed(row, 0)?,
            label: parsed(row, 1)?,
            scopes: ScopeSet {
                allow: json(row, 2)?,
                deny: json(row, 3)?,
            },
            confirm: json(row, 4)?,
            version: row.get(5)?,
            created_by: parsed(row, 6)?,
            created_at: time(row, 7)?,
            updated_at: time(row, 8)?,
            removed_at: optional_time(row, 9)?,
        })
    }

    /// As it is shown.
    pub(crate) fn record(self) -> PolicyRecord {
        PolicyRecord {
            id: self.id,
            config: PolicyConfig {
                label: self.label,
                allow: self.scopes.allow,
                deny: self.scopes.deny,
                confirm: (!self.confirm.is_empty()).then_some(self.confirm),
            },
            created_at: self.created_at.into(),
            updated_at: self.updated_at.into(),
        }
    }

    /// Writes it, new or changed.
    pub(crate) fn save(&self, sql: &Connection) -> Result<(), Problem> {
        sql.prepare_cached(
            "INSERT INTO policies (id, label, allow, deny, confirm, version, created_by, created_at, updated_at, removed_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (id) DO UPDATE SET label = excluded.label, allow = excluded.allow, deny = excluded.deny,
                confirm = excluded.confirm, version = excluded.version, updated_at = excluded.updated_at,
                removed_at = excluded.removed_at",
        )?
        .execute(params![
            self.id.to_string(),
            self.label.as_str(),
            stored(&self.scopes.allow)?,
            stored(&self.scopes.deny)?,
            stored(&self.confirm)?,
            self.version,
            self.created_by.to_string(),
            self.created_at.0,
            self.updated_at.0,
            self.removed_at.map(|at| at.0),
        ])?;
        Ok(())
    }
}

/// The policy `id`, removed or not.
pub(crate) fn load(sql: &Connection, id: PolicyId) -> Result<Option<Policy>, Problem> {
    Ok(sql
        .prepare_cached(&format!("SELECT {COLUMNS} FROM policies WHERE id = ?1"))?
        .query_row([id.to_string()], Policy::read)
        .optional()?)
}

/// The policies that are not removed, in the order in which they were made.
pub(crate) fn all(sql: &Connection) -> Result<Vec<Policy>, Problem> {
    let found = sql
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM policies WHERE removed_at IS NULL ORDER BY rowid"
        ))?
        .query_map([], Policy::read)?
        .collect::<Result<_, _>>()?;
    Ok(found)
}
