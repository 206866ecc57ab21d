//! Which message is of which chat, and what the network calls both (signet spec 1.2).

use chancery_base::Millis;
use chancery_signet_wire::{ConversationId, MessageId, ResourceKind};
use chancery_store::rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    network::{ConversationName, MessageName},
    records::messages::named,
    store::{Problem, Tx},
};

/// The id of a message of `chat`.
pub(crate) fn message(
    tx: &Tx<'_>,
    name: &MessageName,
    chat: ConversationId,
    sent_at: Millis,
) -> Result<MessageId, Problem> {
    let id = named(tx, name)?;
    // one that was named before it came by is not known to be of a chat yet
    tx.sql
        .prepare_cached("INSERT INTO messages (id, chat_id, sent_at) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING")?
        .execute(params![id.to_string(), chat.to_string(), sent_at.0])?;
    Ok(id)
}

/// What the network calls `chat`.
pub(crate) fn conversation(sql: &Connection, chat: ConversationId) -> Result<Option<ConversationName>, Problem> {
    Ok(network(sql, &chat.to_string())?.map(ConversationName))
}

/// What the network calls `message`, if it is one of `chat`. One of another chat is not told from none.
pub(crate) fn message_in(
    sql: &Connection,
    message: MessageId,
    chat: ConversationId,
) -> Result<Option<(MessageName, Millis)>, Problem> {
    let message = message.to_string();
    let sent_at = sql
        .prepare_cached("SELECT sent_at FROM messages WHERE id = ?1 AND chat_id = ?2")?
        .query_row([&message, &chat.to_string()], |row| row.get(0).map(Millis))
        .optional()?;
    let Some(sent_at) = sent_at else { return Ok(None) };
    Ok(network(sql, &message)?.map(|name| (MessageName(name), sent_at)))
}

/// The id of a message that came by already, of whatever chat.
fn known_message(sql: &Connection, name: &MessageName) -> Result<Option<MessageId>, Problem> {
    let kind = ResourceKind::Message.as_str();
    let found = sql
        .prepare_cached("SELECT local_id FROM id_mappings WHERE kind = ?1 AND network_id = ?2")?
        .query_row([kind, &name.0], |row| row.get::<_, String>(0))
        .optional()?;
    Ok(found.and_then(|id| id.parse().ok()))
}

fn network(sql: &Connection, local: &str) -> Result<Option<String>, Problem> {
    Ok(sql
        .prepare_cached("SELECT network_id FROM id_mappings WHERE local_id = ?1")?
        .query_row([local], |row| row.get(0))
        .optional()?)
}

/// The id of the message that `name` names, if it came by and is one of `chat`: nothing else is named to who is in it.
pub(crate) fn referred(
    sql: &Connection,
    name: Option<&MessageName>,
    chat: ConversationId,
) -> Result<Option<MessageId>, Problem> {
    let Some(name) = name else { return Ok(None) };
    let Some(id) = known_message(sql, name)? else {
        return Ok(None);
    };
    Ok(message_in(sql, id, chat)?.map(|_| id))
}
