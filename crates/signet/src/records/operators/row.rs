//! Operators as they are stored.

use std::collections::{BTreeSet, HashMap};

use chancery_base::Millis;
use chancery_policy::messaging::{ContentTypeId, ScopeMode};
use chancery_signet_wire::{
    Author, InboxId, Label, OperatorId, Uuid,
    record::operator::{Disclosures, OperatorConfig, OperatorRecord, OperatorStatus, Provider, Role},
};
use chancery_store::rusqlite::{self, Connection, OptionalExtension as _, Row, params};

use crate::{
    records::stored,
    store::{
        Problem,
        column::{optional, optional_json, parsed, time},
    },
};

/// An operator.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Operator {
    pub(crate) id: OperatorId,
    pub(crate) label: Label,
    pub(crate) role: Role,
    pub(crate) scope_mode: ScopeMode,
    pub(crate) provider: Provider,
    pub(crate) wallet_id: Option<Uuid>,
    pub(crate) disclosures: Option<Disclosures>,
    pub(crate) content_types: Option<BTreeSet<ContentTypeId>>,
    pub(crate) status: OperatorStatus,
    pub(crate) created_by: Author,
    pub(crate) created_at: Millis,
}

const COLUMNS: &str = "id, label, role, scope_mode, provider, wallet_id, disclosures, content_types, status, created_by, \
                       created_at";

impl Operator {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: parsed(row, 0)?,
            label: parsed(row, 1)?,
            role: parsed(row, 2)?,
            scope_mode: parsed(row, 3)?,
            provider: parsed(row, 4)?,
            wallet_id: optional(row, 5)?,
            disclosures: optional_json(row, 6)?,
            content_types: optional_json(row, 7)?,
            status: parsed(row, 8)?,
            created_by: parsed(row, 9)?,
            created_at: time(row, 10)?,
        })
    }

    /// As it is shown.
    pub(crate) fn record(self, sql: &Connection) -> Result<OperatorRecord, Problem> {
        let inboxes = inboxes(sql, self.id)?;
        Ok(OperatorRecord {
            id: self.id,
            config: OperatorConfig {
                label: self.label,
                role: self.role,
                scope_mode: self.scope_mode,
                provider: self.provider,
                wallet_id: self.wallet_id,
                inbox_ids: (!inboxes.is_empty()).then_some(inboxes),
                operator_disclosures: self.disclosures,
            },
            created_at: self.created_at.into(),
            created_by: self.created_by,
            status: self.status,
        })
    }

    /// Writes it, new or changed.
    pub(crate) fn save(&self, sql: &Connection) -> Result<(), Problem> {
        let disclosures = self.disclosures.as_ref().map(stored).transpose()?;
        let types = self.content_types.as_ref().map(stored).transpose()?;
        sql.prepare_cached(
            "INSERT INTO operators (id, label, role, scope_mode, provider, wallet_id, disclosures, content_types, status,
                                    created_by, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (id) DO UPDATE SET label = excluded.label, role = excluded.role,
                scope_mode = excluded.scope_mode, provider = excluded.provider, wallet_id = excluded.wallet_id,
                disclosures = excluded.disclosures, content_types = excluded.content_types, status = excluded.status",
        )?
        .execute(params![
            self.id.to_string(),
            self.label.as_str(),
            self.role.as_str(),
            self.scope_mode.as_str(),
            self.provider.as_str(),
            self.wallet_id.map(|id| id.to_string()),
            disclosures,
            types,
            self.status.as_str(),
            self.created_by.to_string(),
            self.created_at.0,
        ])?;
        Ok(())
    }
}

/// The operator `id`, removed or not.
pub(crate) fn load(sql: &Connection, id: OperatorId) -> Result<Option<Operator>, Problem> {
    Ok(sql
        .prepare_cached(&format!("SELECT {COLUMNS} FROM operators WHERE id = ?1"))?
        .query_row([id.to_string()], Operator::read)
        .optional()?)
}

/// All operators, removed or not, in the order in which they were made.
pub(crate) fn all(sql: &Connection) -> Result<Vec<Operator>, Problem> {
    let found = sql
        .prepare_cached(&format!("SELECT {COLUMNS} FROM operators ORDER BY rowid"))?
        .query_map([], Operator::read)?
        .collect::<Result<_, _>>()?;
    Ok(found)
}

/// Who made each operator.
pub(crate) fn makers(sql: &Connection) -> Result<HashMap<OperatorId, Author>, Problem> {
    let found = sql
        .prepare_cached("SELECT id, created_by FROM operators")?
        .query_map([], |row| Ok((parsed(row, 0)?, parsed(row, 1)?)))?
        .collect::<Result<_, _>>()?;
    Ok(found)
}

/// The inboxes of an operator, in the order in which they were made.
fn inboxes(sql: &Connection, id: OperatorId) -> Result<Vec<InboxId>, Problem> {
    let found = sql
        .prepare_cached("SELECT id FROM inboxes WHERE operator_id = ?1 ORDER BY rowid")?
        .query_map([id.to_string()], |row| parsed(row, 0))?
        .collect::<Result<_, _>>()?;
    Ok(found)
}
