//! The step that takes a stretch of an inbox's log: its place, the ids it made known, and the frames of every credential
//! concerned commit together.

use std::{collections::HashMap, sync::Arc};

use chancery_policy::messaging::Visibility;
use chancery_signet_wire::{InboxId, frame::Event};
use chancery_store::rusqlite::{OptionalExtension as _, params};

use super::{
    audience::Audiences,
    frame::Frame,
    ids,
    log::{self, Body, StreamId},
    project::{FRESH_MS, Local, form, occasion, reference},
    standing::Rules,
};
use crate::{
    invites::requests,
    network::{self, Cursor, InboxName},
    records::chats,
    store::{Problem, Step, Tx},
};

/// What was decided for everything that a stream does.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) rules: Rules,
    /// Events that a stream keeps at least.
    pub(crate) keep: u64,
    pub(crate) audiences: Audiences,
}

/// Frames that were committed, in the order in which they are to be delivered.
pub(crate) type Delivery = Vec<(StreamId, Frame)>;

/// Takes `events` of the log of an inbox.
pub(crate) struct Ingest {
    pub(crate) inbox: InboxId,
    pub(crate) name: InboxName,
    pub(crate) events: Vec<(Cursor, network::Event)>,
    /// The end of the log when it was opened: what lies before it came while nobody read.
    pub(crate) opened_at: Cursor,
    pub(crate) decided: Arc<Decided>,
}

impl Step for Ingest {
    /// Whether somebody asks to be let in.
    type Done = (bool, Delivery);

    fn run(self, tx: &Tx<'_>) -> Result<Self::Done, Problem> {
        let inbox = self.inbox.to_string();
        let mut cursor = cursor(tx.sql, self.inbox)?;
        let mut delivery = Vec::new();
        let mut asked = false;
        for (at, event) in self.events {
            // what was taken before is not taken again, whoever hands it in
            if at <= cursor {
                continue;
            }
            cursor = at;
            match event {
                network::Event::Joined(conversation) => {
                    chats::joined(tx, self.inbox, &conversation)?;
                }
                network::Event::Said(message) => {
                    let own = message.sender == self.name;
                    asked |= !own && requests::take(tx, self.inbox, &message)?;
                    let late = at <= self.opened_at && tx.now.since(message.sent_at) > FRESH_MS;
                    tell(tx, (self.inbox, own, late), message, &self.decided, &mut delivery)?;
                }
            }
        }
        tx.sql
            .prepare_cached(
                "INSERT INTO feeds (inbox_id, cursor) VALUES (?1, ?2)
                 ON CONFLICT (inbox_id) DO UPDATE SET cursor = excluded.cursor",
            )?
            .execute(params![inbox, cursor.0])?;
        Ok((asked, delivery))
    }
}

/// How far the log of `inbox` was read.
pub(crate) fn cursor(sql: &chancery_store::rusqlite::Connection, inbox: InboxId) -> Result<Cursor, Problem> {
    let found = sql
        .prepare_cached("SELECT cursor FROM feeds WHERE inbox_id = ?1")?
        .query_row([inbox.to_string()], |row| row.get(0))
        .optional()?;
    Ok(Cursor(found.unwrap_or(0)))
}

/// Puts `message` into the streams of all that may see it. A form in which several see it is written once.
fn tell(
    tx: &Tx<'_>,
    (inbox, own, late): (InboxId, bool, bool),
    message: network::Message,
    decided: &Decided,
    delivery: &mut Delivery,
) -> Result<(), Problem> {
    let chat = chats::minted(tx, &message.conversation)?;
    let id = ids::message(tx, &message.name, chat, message.sent_at)?;
    let audience = decided.audiences.of(tx, (inbox, chat), &decided.rules)?;
    if audience.is_empty() {
        return Ok(());
    }
    let thread = ids::referred(tx.sql, message.reply_to.as_ref(), chat)?;
    let referred = ids::referred(tx.sql, reference(&message).as_ref(), chat)?;
    let Some(local) = Local::new(message, (id, chat), thread, referred) else {
        return Ok(());
    };
    let mut forms: HashMap<Visibility, Body> = HashMap::new();
    delivery.reserve(audience.len());
    for recipient in audience.iter() {
        let standing = &recipient.standing;
        if standing.in_force(tx.now).is_err() {
            continue;
        }
        let occasion = occasion(own, late);
        let Ok(seen) = standing
            .bounds
            .project(&local.as_message(), occasion, &standing.reveals, tx.now)
        else {
            continue;
        };
        let body = match forms.entry(seen.visibility()) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let event = Event::MessageVisible(local.visible(&seen));
                entry.insert(log::message_body(tx, (inbox, id, form(seen.visibility())), &event)?)
            }
        };
        let frame = log::append(tx, recipient.stream, body, decided.keep)?;
        delivery.push((recipient.stream, frame));
    }
    Ok(())
}
