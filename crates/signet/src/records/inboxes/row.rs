//! Inboxes as they are stored.

use chancery_base::Millis;
use chancery_signet_wire::{Author, ConversationId, Identity, InboxId, Label, OperatorId, record::inbox::InboxSummary};
use chancery_store::rusqlite::{self, Connection, OptionalExtension as _, Row, params};

use crate::store::{
    Problem,
    column::{optional, parsed, time},
};

/// A managed identity.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Inbox {
    pub(crate) id: InboxId,
    /// What the network calls it; none until it is registered there.
    pub(crate) network_id: Option<String>,
    pub(crate) label: Option<Label>,
    /// The chat that it was made for.
    pub(crate) chat: Option<ConversationId>,
    /// Whose it is, if anybody's.
    pub(crate) operator_id: Option<OperatorId>,
    pub(crate) created_by: Author,
    pub(crate) created_at: Millis,
}

const COLUMNS: &str = "id, network_id, label, chat_id, operator_id, created_by, created_at";

impl Inbox {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: parsed(row, 0)?,
            network_id: row.get(1)?,
            label: optional(row, 2)?,
            chat: optional(row, 3)?,
            operator_id: optional(row, 4)?,
            created_by: parsed(row, 5)?,
            created_at: time(row, 6)?,
        })
    }

    /// Whose it is: its operator's, else whoever's made it.
    pub(crate) fn whose(&self) -> Author {
        self.operator_id.map_or(self.created_by, Author::Operator)
    }

    /// As one that may act.
    pub(crate) fn identity(&self) -> Identity<'_> {
        Identity {
            id: self.id,
            label: self.label.as_ref().map(Label::as_str),
            network_id: self.network_id.as_deref(),
        }
    }

    /// As it is shown.
    pub(crate) fn summary(self) -> InboxSummary {
        InboxSummary {
            id: self.id,
            network_inbox_id: self.network_id,
            label: self.label,
            group_id: self.chat.map(|chat| chat.to_string()),
            created_at: self.created_at.into(),
            operator_id: self.operator_id,
        }
    }

    /// Writes it, new or changed.
    pub(crate) fn save(&self, sql: &Connection) -> Result<(), Problem> {
        sql.prepare_cached(
            "INSERT INTO inboxes (id, network_id, label, chat_id, operator_id, created_by, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (id) DO UPDATE SET network_id = excluded.network_id, label = excluded.label,
                chat_id = excluded.chat_id, operator_id = excluded.operator_id",
        )?
        .execute(params![
            self.id.to_string(),
            self.network_id,
            self.label.as_ref().map(Label::as_str),
            self.chat.map(|chat| chat.to_string()),
            self.operator_id.map(|id| id.to_string()),
            self.created_by.to_string(),
            self.created_at.0,
        ])?;
        Ok(())
    }
}

/// The inbox `id`.
pub(crate) fn load(sql: &Connection, id: InboxId) -> Result<Option<Inbox>, Problem> {
    Ok(sql
        .prepare_cached(&format!("SELECT {COLUMNS} FROM inboxes WHERE id = ?1"))?
        .query_row([id.to_string()], Inbox::read)
        .optional()?)
}

/// All inboxes, in the order in which they were made.
pub(crate) fn all(sql: &Connection) -> Result<Vec<Inbox>, Problem> {
    let found = sql
        .prepare_cached(&format!("SELECT {COLUMNS} FROM inboxes ORDER BY rowid"))?
        .query_map([], Inbox::read)?
        .collect::<Result<_, _>>()?;
    Ok(found)
}

/// The inboxes that are in `chat`, in the order in which they were made.
pub(crate) fn in_chat(sql: &Connection, chat: ConversationId) -> Result<Vec<Inbox>, Problem> {
    let found = sql
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM inboxes WHERE id IN (SELECT inbox_id FROM chat_inboxes WHERE chat_id = ?1)
             ORDER BY rowid"
        ))?
        .query_map([chat.to_string()], Inbox::read)?
        .collect::<Result<_, _>>()?;
    Ok(found)
}

/// Removes the inbox `id`, and where it was.
pub(crate) fn remove(sql: &Connection, id: InboxId) -> Result<(), Problem> {
    let id = id.to_string();
    sql.prepare_cached("DELETE FROM chat_inboxes WHERE inbox_id = ?1")?
        .execute([&id])?;
    sql.prepare_cached("DELETE FROM id_mappings WHERE local_id = ?1")?
        .execute([&id])?;
    sql.prepare_cached("DELETE FROM inboxes WHERE id = ?1")?
        .execute([&id])?;
    Ok(())
}
