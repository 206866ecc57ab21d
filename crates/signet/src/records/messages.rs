//! Our ids for messages (signet spec 1.2).

use chancery_signet_wire::{MessageId, ResourceKind};
use chancery_store::rusqlite::{Connection, OptionalExtension as _};

use crate::{
    network::MessageName,
    store::{Problem, Step, Tx, column::parsed},
};

/// A message that was seen.
pub(crate) struct Named {
    pub(crate) name: MessageName,
}

impl Step for Named {
    type Done = MessageId;

    fn run(self, tx: &Tx<'_>) -> Result<MessageId, Problem> {
        named(tx, &self.name)
    }
}

/// Our id for a message, given when it is seen first.
pub(crate) fn named(tx: &Tx<'_>, name: &MessageName) -> Result<MessageId, Problem> {
    let kind = ResourceKind::Message.as_str();
    let found = tx
        .sql
        .prepare_cached("SELECT local_id FROM id_mappings WHERE kind = ?1 AND network_id = ?2")?
        .query_row([kind, &name.0], |row| parsed(row, 0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    let id = MessageId::generate(&tx.rng());
    tx.sql
        .prepare_cached("INSERT INTO id_mappings (kind, network_id, local_id, created_at) VALUES (?1, ?2, ?3, ?4)")?
        .execute((kind, &name.0, id.to_string(), tx.now.0))?;
    Ok(id)
}

/// A message's id, or the beginning of it.
pub(crate) struct Name(pub(crate) String);

impl Name {
    /// What the network calls it; none when it stands for none, or for more than one.
    pub(crate) fn of(&self, sql: &Connection) -> Result<Option<MessageName>, Problem> {
        let found: Vec<String> = sql
            .prepare_cached(
                "SELECT network_id FROM id_mappings
                 WHERE kind = ?1 AND local_id >= ?2 AND local_id < ?2 || 'g' LIMIT 2",
            )?
            .query_map([ResourceKind::Message.as_str(), &self.0], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        Ok(match <[String; 1]>::try_from(found) {
            Ok([name]) => Some(MessageName(name)),
            Err(_) => None,
        })
    }
}
