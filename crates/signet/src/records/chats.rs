//! Chats: our ids for what the network calls conversations, and which of our inboxes are in which (signet spec 1.2).

use std::collections::{BTreeMap, BTreeSet};

use chancery_policy::messaging::{Action, Refusal, Scope, ScopeMode, Scopes};
use chancery_signet_wire::{Class, ConversationId, Failure, InboxId, OperatorId, Reference, ResourceKind, resolve};
use chancery_store::rusqlite::{Connection, OptionalExtension as _};
use serde_json::json;

use crate::{
    authorize::Right,
    network::{Conversation, ConversationName},
    records::{
        Case, Look, Rule, credentials, inboxes,
        inboxes::row::Inbox,
        operators::{self, row::Operator},
    },
    store::{Problem, Step, Tx, column::parsed},
};

/// A chat that we know of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chat {
    pub(crate) id: ConversationId,
    pub(crate) name: ConversationName,
    /// As one of our inboxes heard it last.
    pub(crate) title: String,
}

/// All chats, in the order in which they were seen first.
fn all(sql: &Connection) -> Result<Vec<Chat>, Problem> {
    let found = sql
        .prepare_cached(
            "SELECT m.local_id, m.network_id, coalesce((SELECT max(title) FROM chat_inboxes WHERE chat_id = m.local_id), '')
             FROM id_mappings m WHERE m.kind = ?1 ORDER BY m.created_at, m.local_id",
        )?
        .query_map([ResourceKind::Conversation.as_str()], |row| {
            Ok(Chat {
                id: parsed(row, 0)?,
                name: ConversationName(row.get(1)?),
                title: row.get(2)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(found)
}

/// The chats that the caller may know of: all, those of its operators' and its own inboxes and credentials, or those that
/// it covers.
pub(crate) fn known(case: &Case<'_>) -> Result<Vec<Chat>, Problem> {
    let mut chats = all(case.sql)?;
    if case.caller.is_root() {
        return Ok(chats);
    }
    let mut seen: BTreeSet<ConversationId> = BTreeSet::new();
    for credential in credentials::known(case)? {
        seen.extend(credential.chats.keys());
    }
    if case.caller.credential().is_none() {
        for inbox in inboxes::known(case)? {
            seen.extend(of_inbox(case.sql, inbox.id)?);
        }
    }
    chats.retain(|chat| seen.contains(&chat.id));
    Ok(chats)
}

/// The chat that `reference` stands for, of those that the caller may know of: by id, or by the network's name.
pub(crate) fn find(case: &Case<'_>, reference: &Reference) -> Result<Chat, Problem> {
    let mut known = known(case)?;
    let candidates = known.iter().map(|chat| (chat.id, Some(chat.name.0.as_str())));
    let id: ConversationId = resolve(reference, candidates)?;
    let at = known.iter().position(|chat| chat.id == id);
    at.map(|at| known.swap_remove(at))
        .ok_or_else(|| Failure::not_found("conversation", reference.as_str()).into())
}

/// The chats that an inbox is in.
fn of_inbox(sql: &Connection, inbox: InboxId) -> Result<Vec<ConversationId>, Problem> {
    let found = sql
        .prepare_cached("SELECT chat_id FROM chat_inboxes WHERE inbox_id = ?1")?
        .query_map([inbox.to_string()], |row| parsed(row, 0))?
        .collect::<Result<_, _>>()?;
    Ok(found)
}

/// Our id for a conversation, given when it is seen first.
pub(crate) fn minted(tx: &Tx<'_>, name: &ConversationName) -> Result<ConversationId, Problem> {
    let kind = ResourceKind::Conversation.as_str();
    let found = tx
        .sql
        .prepare_cached("SELECT local_id FROM id_mappings WHERE kind = ?1 AND network_id = ?2")?
        .query_row([kind, &name.0], |row| parsed(row, 0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    let id = ConversationId::generate(&tx.rng());
    tx.sql
        .prepare_cached("INSERT INTO id_mappings (kind, network_id, local_id, created_at) VALUES (?1, ?2, ?3, ?4)")?
        .execute((kind, &name.0, id.to_string(), tx.now.0))?;
    Ok(id)
}

/// Notes that `inbox` is in a conversation, and what that is called.
pub(crate) fn joined(tx: &Tx<'_>, inbox: InboxId, conversation: &Conversation) -> Result<ConversationId, Problem> {
    let id = minted(tx, &conversation.name)?;
    tx.sql
        .prepare_cached(
            "INSERT INTO chat_inboxes (chat_id, inbox_id, title, joined_at, peer) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (chat_id, inbox_id) DO UPDATE SET title = excluded.title, peer = excluded.peer",
        )?
        .execute((
            id.to_string(),
            inbox.to_string(),
            &conversation.details.title,
            conversation.created_at.0,
            conversation.peer.as_ref().map(|peer| &peer.0),
        ))?;
    Ok(id)
}

/// Conversations that an inbox was found in.
pub(crate) struct Seen {
    pub(crate) inbox: InboxId,
    pub(crate) conversations: Vec<Conversation>,
}

impl Step for Seen {
    type Done = BTreeMap<ConversationName, ConversationId>;

    fn run(self, tx: &Tx<'_>) -> Result<Self::Done, Problem> {
        let mut ids = BTreeMap::new();
        for conversation in &self.conversations {
            ids.insert(conversation.name.clone(), joined(tx, self.inbox, conversation)?);
        }
        Ok(ids)
    }
}

/// A group that was made.
pub(crate) struct Made {
    pub(crate) inbox: InboxId,
    pub(crate) conversation: Conversation,
    /// Whether the inbox was made for it.
    pub(crate) fresh: bool,
}

impl Rule for Made {
    type Done = ConversationId;
    const RIGHT: Right = Right::Act;

    fn run(self, tx: &Tx<'_>, case: &Case<'_>) -> Result<ConversationId, Problem> {
        let id = joined(tx, self.inbox, &self.conversation)?;
        if self.fresh {
            inboxes::made_for(tx, self.inbox, id)?;
        }
        case.record(tx, "chat.create", id, json!({"inbox": self.inbox}))?;
        Ok(id)
    }
}

/// A group that an inbox was let into.
pub(crate) struct Entered {
    pub(crate) inbox: InboxId,
    pub(crate) conversation: Conversation,
    /// Whether the inbox was made for it.
    pub(crate) fresh: bool,
}

impl Step for Entered {
    type Done = ConversationId;

    fn run(self, tx: &Tx<'_>) -> Result<ConversationId, Problem> {
        let id = joined(tx, self.inbox, &self.conversation)?;
        if self.fresh {
            inboxes::made_for(tx, self.inbox, id)?;
            inboxes::has_joined(tx, self.inbox)?;
        }
        Ok(id)
    }
}

/// What a caller does in a chat, and through which inbox.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) chat: Chat,
    pub(crate) inbox: Inbox,
}

/// Asks whether the caller may do `action` in a chat, and through which inbox.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) chat: Reference,
    pub(crate) identity: Option<Reference>,
    /// What a credential needs for it.
    pub(crate) scopes: Scopes,
    /// Whether it changes anything: then who may only look may not.
    pub(crate) changes: bool,
}

impl Look for Entry {
    type Found = Place;
    const RIGHT: Right = Right::See;

    fn look(self, case: &Case<'_>) -> Result<Place, Problem> {
        self.of(case, None)
    }
}

impl Entry {
    /// The same through an inbox of `operator`, when one is named and no inbox is.
    pub(crate) fn of(self, case: &Case<'_>, operator: Option<OperatorId>) -> Result<Place, Problem> {
        if self.changes {
            case.caller.has(Right::Act)?;
        }
        let chat = find(case, &self.chat)?;
        let members = inboxes::row::in_chat(case.sql, chat.id)?;
        if let Some(credential) = case.caller.credential() {
            allowed(credential, self.scopes)?;
            let used = credential.chats.get(&chat.id);
            let inbox = members.into_iter().find(|inbox| Some(&inbox.id) == used);
            // a credential acts through its own inbox, whatever it names
            return match (inbox, self.identity) {
                (Some(inbox), None) => Ok(Place { chat, inbox }),
                _ => Err(case.caller.refused().into()),
            };
        }
        let mut mine: Vec<Inbox> = members
            .into_iter()
            .filter(|inbox| match self.changes {
                true => case.caller.administers_work_of(inbox.whose()),
                false => case.caller.sees(inbox.whose()),
            })
            .collect();
        if mine.is_empty() {
            let nobody = Failure::not_found("identity", &format!("in {}", chat.id));
            return Err(if self.changes { case.caller.refused() } else { nobody }.into());
        }
        // what is an operator's acts when it is meant, or nothing else can
        mine.sort_by_key(|inbox| (inbox.operator_id != operator, inbox.operator_id.is_some()));
        let inbox = inboxes::pick(mine, self.identity.as_ref())?;
        Ok(Place { chat, inbox })
    }
}

/// That a credential allows all of `scopes`, at once: only what is said can wait for the owner's word.
///
/// # Errors
/// `permission`, naming the first that it does not.
pub(crate) fn allowed(credential: &credentials::row::Credential, scopes: Scopes) -> Result<(), Failure> {
    match (scopes - credential.effective.effective()).first() {
        Some(missing) => Err(Refusal::Scope(missing).into()),
        None => match (scopes & credential.confirm).first() {
            Some(scope) => {
                let reason = format!("'{scope}' takes the owner's word each time: have the owner do it");
                Err(Failure::new(Class::Permission, reason).with("confirm", scope.as_str()))
            }
            None => Ok(()),
        },
    }
}

/// Asks through which inbox the caller makes or joins a chat, or looks at its chats.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    pub(crate) identity: Option<Reference>,
    pub(crate) operator: Option<Reference>,
    /// What a credential needs the scope for.
    pub(crate) action: Action,
}

/// Through which inbox somebody makes or joins a chat.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Through {
    /// One that is there.
    Inbox(Box<Inbox>),
    /// A new one of this operator: it keeps its chats apart, or has none yet.
    New(OperatorId),
}

impl Look for Actor {
    type Found = Through;
    const RIGHT: Right = Right::Act;

    fn look(self, case: &Case<'_>) -> Result<Through, Problem> {
        let operator = match (case.caller.credential(), &self.operator) {
            (Some(credential), None) => {
                allowed(credential, self.action.scope().into())?;
                operators::row::load(case.sql, credential.operator_id)?
            }
            (Some(_), Some(_)) => return Err(case.caller.refused().into()),
            (None, Some(reference)) => Some(operators::administered(case, reference)?),
            (None, None) => None,
        };
        if let Some(operator) = operator {
            if self.identity.is_some() {
                let reason = "either the operator or the identity";
                return Err(Failure::validation("operatorId", reason).into());
            }
            return of_operator(case, &operator);
        }
        let mut mine = inboxes::row::all(case.sql)?;
        mine.retain(|inbox| case.caller.administers_work_of(inbox.whose()));
        if self.identity.is_none() {
            // what is an operator's is named
            mine.retain(|inbox| inbox.operator_id.is_none());
        }
        let inbox = inboxes::pick(mine, self.identity.as_ref())?;
        Ok(Through::Inbox(Box::new(inbox)))
    }
}

fn of_operator(case: &Case<'_>, operator: &Operator) -> Result<Through, Problem> {
    if operator.scope_mode == ScopeMode::PerChat {
        return Ok(Through::New(operator.id));
    }
    let first = inboxes::of(case, operator.id)?.into_iter().next();
    Ok(first.map_or(Through::New(operator.id), |inbox| Through::Inbox(Box::new(inbox))))
}

/// The inboxes whose chats a caller looks at.
pub(crate) struct Whose {
    pub(crate) identity: Option<Reference>,
    pub(crate) operator: Option<Reference>,
}

impl Look for Whose {
    type Found = (Vec<Inbox>, BTreeSet<ConversationId>);
    const RIGHT: Right = Right::See;

    /// The inboxes, and the chats that the caller may know of.
    fn look(self, case: &Case<'_>) -> Result<Self::Found, Problem> {
        if let Some(credential) = case.caller.credential() {
            allowed(credential, Action::ListConversations.scope().into())?;
        }
        let mut inboxes = inboxes::known(case)?;
        if let Some(reference) = &self.operator {
            let operator = operators::find(case, reference, false)?;
            inboxes.retain(|inbox| inbox.operator_id == Some(operator.id));
        }
        if self.identity.is_some() {
            inboxes = vec![inboxes::pick(inboxes, self.identity.as_ref())?];
        }
        let chats = known(case)?.into_iter().map(|chat| chat.id).collect();
        Ok((inboxes, chats))
    }
}

/// Whether the caller is told who is in its chats.
pub(crate) struct SeesMembers;

impl Look for SeesMembers {
    type Found = bool;
    const RIGHT: Right = Right::See;

    fn look(self, case: &Case<'_>) -> Result<bool, Problem> {
        let credential = case.caller.credential();
        Ok(credential.is_none_or(|credential| credential.effective.may(Scope::ListMembers)))
    }
}

/// The chat of a name.
pub(crate) struct Find(pub(crate) Reference);

impl Look for Find {
    type Found = Chat;
    const RIGHT: Right = Right::See;

    fn look(self, case: &Case<'_>) -> Result<Chat, Problem> {
        find(case, &self.0)
    }
}
