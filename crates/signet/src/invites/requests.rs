//! Those who ask to be let in, as they are kept.

use chancery_base::Millis;
use chancery_policy::messaging::{ContentTypeId, WellKnown};
use chancery_signet_wire::{ConversationId, InboxId, ResourceKind};
use chancery_store::rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::{Value, json};

use super::rows::{self, Invite, Void};
use crate::{
    network::{Content, ConversationName, InboxName, Message, MessageName, Returned},
    settings::CredentialSettings,
    store::{Problem, Step, Tx},
    stream::ingest::Delivery,
};

/// Shortest text that is looked at for being a link (signet spec 10.5).
const MIN_CHARS: usize = 50;
/// Longest link that is kept, bytes. With title and description a link has a few hundred.
const MAX_SLUG_BYTES: usize = 16 * 1024;
/// How soon the same request from the same sender is the same one, milliseconds: it is sent twice, once for hosts that read
/// only texts.
const SAME_MS: i64 = 5_000;
/// Requests of one inbox that wait at a time. Whoever comes when there are so many asks again.
const MAX_WAITING: u32 = 256;

/// Somebody who asks.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    id: i64,
    pub(crate) message: MessageName,
    pub(crate) conversation: ConversationName,
    pub(crate) sender: InboxName,
    pub(crate) slug: String,
    /// Whether it is a text, which may be none.
    pub(crate) plain: bool,
    pub(crate) sent_at: Millis,
    /// Whether it was decided to let them in.
    pub(crate) admitted: bool,
}

/// What a message asks to be let in by, if it may be such a request.
fn slug(content: &Content) -> Option<(&str, bool)> {
    let known = content.content_type.parse::<ContentTypeId>().ok()?.known()?;
    let (slug, plain) = match known {
        WellKnown::JoinRequest => (content.body.get("inviteSlug")?.as_str()?, false),
        WellKnown::Text => (content.body.get("text")?.as_str()?, true),
        _ => return None,
    };
    let slug = slug.trim();
    let fits = slug.len() <= MAX_SLUG_BYTES && !slug.is_empty() && !slug.contains(char::is_whitespace);
    let long = !plain || slug.chars().count() >= MIN_CHARS;
    (fits && long).then_some((slug, plain))
}

/// Takes `message`, which `inbox` heard, for a request if it may be one; whether it is one more that waits.
pub(crate) fn take(tx: &Tx<'_>, inbox: InboxId, message: &Message) -> Result<bool, Problem> {
    let Some((slug, plain)) = slug(&message.content) else {
        return Ok(false);
    };
    let inbox = inbox.to_string();
    if !is_between_two(tx.sql, &inbox, message)? {
        return Ok(false);
    }
    let twice = tx
        .sql
        .prepare_cached(
            "SELECT 1 FROM join_requests
             WHERE inbox_id = ?1 AND sender = ?2 AND slug = ?3 AND abs(sent_at - ?4) <= ?5 LIMIT 1",
        )?
        .exists(params![inbox, message.sender.0, slug, message.sent_at.0, SAME_MS])?;
    let waiting: u32 = tx
        .sql
        .prepare_cached("SELECT count(*) FROM join_requests WHERE inbox_id = ?1 AND state <> 'done'")?
        .query_row([&inbox], |row| row.get(0))?;
    if twice || waiting >= MAX_WAITING {
        return Ok(false);
    }
    let new = tx
        .sql
        .prepare_cached(
            "INSERT INTO join_requests (inbox_id, message, conversation, sender, slug, plain, sent_at, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'open') ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            inbox,
            message.name.0,
            message.conversation.0,
            message.sender.0,
            slug,
            plain,
            message.sent_at.0
        ])?;
    Ok(new > 0)
}

/// Whether the message was said where there are only its sender and the inbox: in a group a link is shown to people.
fn is_between_two(sql: &Connection, inbox: &str, message: &Message) -> Result<bool, Problem> {
    let peer: Option<Option<String>> = sql
        .prepare_cached(
            "SELECT c.peer FROM chat_inboxes c JOIN id_mappings m ON m.local_id = c.chat_id
             WHERE c.inbox_id = ?1 AND m.kind = ?2 AND m.network_id = ?3",
        )?
        .query_row(
            params![inbox, ResourceKind::Conversation.as_str(), message.conversation.0],
            |row| row.get(0),
        )
        .optional()?;
    Ok(peer.flatten().is_some_and(|peer| peer == message.sender.0))
}

/// The first request to `inbox` that waits.
pub(crate) fn next(sql: &Connection, inbox: InboxId) -> Result<Option<Request>, Problem> {
    Ok(sql
        .prepare_cached(
            "SELECT id, message, conversation, sender, slug, plain, sent_at, state FROM join_requests
             WHERE inbox_id = ?1 AND state <> 'done' ORDER BY id LIMIT 1",
        )?
        .query_row([inbox.to_string()], |row| {
            Ok(Request {
                id: row.get(0)?,
                message: MessageName(row.get(1)?),
                conversation: ConversationName(row.get(2)?),
                sender: InboxName(row.get(3)?),
                slug: row.get(4)?,
                plain: row.get(5)?,
                sent_at: Millis(row.get(6)?),
                admitted: row.get::<_, String>(7)? == "admitted",
            })
        })
        .optional()?)
}

/// Decides whether somebody is let in. One who is counts at once, so that a link for one lets in one, whatever dies.
pub(crate) struct Admit {
    pub(crate) inbox: InboxId,
    pub(crate) request: Request,
    pub(crate) returned: Returned,
    pub(crate) settings: CredentialSettings,
}

impl Step for Admit {
    type Done = (Result<(), Void>, Delivery);

    fn run(self, tx: &Tx<'_>) -> Result<Self::Done, Problem> {
        Ok((self.decide(tx)?, Vec::new()))
    }
}

impl Admit {
    fn decide(&self, tx: &Tx<'_>) -> Result<Result<(), Void>, Problem> {
        let Some(invite) = rows::find(tx.sql, &self.returned.tag)? else {
            return Ok(Err(Void::Unknown));
        };
        if let Err(void) = invite.counts(tx, (self.inbox, &self.returned), &self.settings)? {
            return Ok(Err(void));
        }
        if self.request.admitted {
            return Ok(Ok(()));
        }
        if invite.is_used() {
            return Ok(Err(Void::Used));
        }
        invite.count_use(tx, 1)?;
        tx.sql
            .prepare_cached("UPDATE join_requests SET state = 'admitted' WHERE id = ?1")?
            .execute([self.request.id])?;
        Ok(Ok(()))
    }
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// They are in.
    Accepted(Returned),
    /// They are not let in.
    Refused(Void, Option<Returned>),
    /// The link is not one of the inbox's.
    Foreign,
    /// It was no request, or came from who is in already.
    Nothing,
}

/// Ends a request, and records what became of it.
pub(crate) struct Settle {
    pub(crate) inbox: InboxId,
    pub(crate) request: Request,
    pub(crate) end: End,
}

impl Step for Settle {
    type Done = ((), Delivery);

    fn run(self, tx: &Tx<'_>) -> Result<Self::Done, Problem> {
        tx.sql
            .prepare_cached("UPDATE join_requests SET state = 'done', settled_at = ?2 WHERE id = ?1")?
            .execute(params![self.request.id, tx.now.0])?;
        if let End::Refused(_, Some(returned)) = &self.end
            && self.request.admitted
            && let Some(invite) = rows::find(tx.sql, &returned.tag)?
        {
            // nobody came in by it after all
            invite.count_use(tx, -1)?;
        }
        self.record(tx)?;
        Ok(((), Vec::new()))
    }
}

impl Settle {
    fn record(&self, tx: &Tx<'_>) -> Result<(), Problem> {
        let (kind, returned, reason) = match &self.end {
            End::Nothing => return Ok(()),
            End::Accepted(returned) => ("convos.join-request.accepted", Some(returned), Value::Null),
            End::Refused(Void::Failed, returned) => ("convos.join-request.failed", returned.as_ref(), Value::Null),
            End::Refused(void, returned) => ("convos.join-request.rejected", returned.as_ref(), json!(void.as_str())),
            End::Foreign => ("convos.join-request.rejected", None, json!("foreign")),
        };
        let tag = returned.map(|returned| returned.tag.as_str());
        let invite: Option<Invite> = match tag {
            Some(tag) => rows::find(tx.sql, tag)?,
            None => None,
        };
        let chat: Option<ConversationId> = invite.map(|invite| invite.chat);
        let detail = json!({"sender": self.request.sender.0, "inboxId": self.inbox, "tag": tag, "reason": reason});
        let subject = chat.map_or_else(|| self.inbox.to_string(), |chat| chat.to_string());
        tx.record(kind, "system", &subject, detail)
    }
}

/// Forgets requests that were settled before `before`.
pub(crate) fn sweep(tx: &Tx<'_>, before: Millis) -> Result<(), Problem> {
    tx.sql
        .prepare_cached("DELETE FROM join_requests WHERE settled_at < ?1")?
        .execute([before.0])?;
    Ok(())
}
