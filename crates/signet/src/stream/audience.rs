//! Who is told of a chat.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use chancery_signet_wire::{ConversationId, CredentialId, InboxId};
use chancery_store::rusqlite::Connection;

use super::{
    log::{self, StreamId},
    standing::{Rules, Standing},
};
use crate::store::{Problem, Tx, column::parsed};

/// A credential that covers a chat, and its stream.
#[derive(Debug)]
pub(crate) struct Recipient {
    pub(crate) standing: Standing,
    pub(crate) stream: StreamId,
}

/// Chats whose recipients are remembered: what a busy signet follows.
const MAX_REMEMBERED: usize = 4096;

/// Remembers who is told of each chat for as long as nothing changes that decides it. Only steps look into it, and steps
/// come one after the other, so that what it says is what the database says.
#[derive(Debug, Default)]
pub(crate) struct Audiences(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    generation: Option<i64>,
    chats: HashMap<(InboxId, ConversationId), Arc<Vec<Recipient>>>,
}

impl Audiences {
    /// Those that `chat` is followed for through `inbox`.
    pub(crate) fn of(
        &self,
        tx: &Tx<'_>,
        (inbox, chat): (InboxId, ConversationId),
        rules: &Rules,
    ) -> Result<Arc<Vec<Recipient>>, Problem> {
        let generation = generation(tx.sql)?;
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.generation != Some(generation) || remembered.chats.len() >= MAX_REMEMBERED {
            remembered.chats.clear();
            remembered.generation = Some(generation);
        }
        if let Some(audience) = remembered.chats.get(&(inbox, chat)) {
            return Ok(Arc::clone(audience));
        }
        let audience = Arc::new(load(tx, (inbox, chat), rules)?);
        remembered.chats.insert((inbox, chat), Arc::clone(&audience));
        Ok(audience)
    }
}

/// Which state of what projection looks at the database is in. A number is not given twice, not even after a rollback.
fn generation(sql: &Connection) -> Result<i64, Problem> {
    Ok(sql
        .prepare_cached("SELECT generation FROM projection")?
        .query_row([], |row| row.get(0))?)
}

fn load(tx: &Tx<'_>, (inbox, chat): (InboxId, ConversationId), rules: &Rules) -> Result<Vec<Recipient>, Problem> {
    let ids = tx
        .sql
        .prepare_cached(
            "SELECT c.id FROM credential_chats k JOIN credentials c ON c.id = k.credential_id
             WHERE k.chat_id = ?1 AND k.inbox_id = ?2 AND c.status = 'active' ORDER BY c.id",
        )?
        .query_map([chat.to_string(), inbox.to_string()], |row| parsed(row, 0))?
        .collect::<Result<Vec<CredentialId>, _>>()?;
    let mut audience = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(standing) = Standing::load(tx.sql, id, rules)? {
            let stream = log::stream_of(tx, id)?;
            audience.push(Recipient { standing, stream });
        }
    }
    Ok(audience)
}
