//! Forgetting what is here of a chat (signet spec 11.4).

use chancery_signet_wire::{ConversationId, Reference, record::credential::RevocationReason};
use serde_json::json;

use crate::{
    authorize::Right,
    invites,
    records::{
        Case, Look, Rule, chats,
        chats::Chat,
        credentials::{self, row::Credential},
        inboxes::{self, row::Inbox},
    },
    store::{Problem, Tx},
};

/// What would be done to forget a chat; doing it as a rule.
#[derive(Debug, Clone)]
pub(crate) struct Forget {
    pub(crate) chat: Reference,
    /// Why: the chat was left, or is forgotten.
    pub(crate) kind: &'static str,
}

/// What is there of a chat.
pub(crate) struct There {
    pub(crate) chat: Chat,
    pub(crate) actions: Vec<String>,
    /// Inboxes that were made for the chat, which nothing else needs.
    pub(crate) inboxes: Vec<Inbox>,
    credentials: Vec<Credential>,
}

fn there(case: &Case<'_>, reference: &Reference) -> Result<There, Problem> {
    let chat = chats::find(case, reference)?;
    let members = inboxes::row::in_chat(case.sql, chat.id)?;
    let foreign = |inbox: &Inbox| !case.caller.administers_work_of(inbox.whose());
    // what others need of the chat is not one's own to take away
    if case.caller.credential().is_some() || members.iter().any(foreign) {
        return Err(case.caller.refused().into());
    }
    let mut covering = credentials::row::all(case.sql)?;
    covering.retain(|credential| credential.in_force(case.now) && credential.chats.contains_key(&chat.id));
    let made_for: Vec<Inbox> = members
        .into_iter()
        .filter(|inbox| inbox.chat == Some(chat.id))
        .collect();
    let mut actions: Vec<_> = covering
        .iter()
        .map(|credential| format!("revoke credential {}", credential.id))
        .collect();
    actions.push(format!("remove mapping {} <-> {}", chat.id, chat.name));
    for inbox in &made_for {
        actions.push(format!("remove identity {}", inbox.id));
        actions.push(format!("delete db {}", inbox.id));
    }
    Ok(There {
        chat,
        actions,
        inboxes: made_for,
        credentials: covering,
    })
}

impl Look for Forget {
    type Found = There;
    const RIGHT: Right = Right::Administer;

    fn look(self, case: &Case<'_>) -> Result<There, Problem> {
        there(case, &self.chat)
    }
}

/// Ends what covers the chat and takes its records away. The inboxes that were made for it are to follow.
impl Rule for Forget {
    type Done = There;
    const RIGHT: Right = Right::Administer;

    fn run(self, tx: &Tx<'_>, case: &Case<'_>) -> Result<There, Problem> {
        let there = there(case, &self.chat)?;
        for credential in &there.credentials {
            let note = Some("a chat that it covered is gone");
            credentials::end::revoke(tx, case, credential, RevocationReason::OwnerInitiated, note)?;
        }
        for inbox in &there.inboxes {
            inboxes::row::remove(tx.sql, inbox.id)?;
            inboxes::remove::leave_behind(tx, inbox.id)?;
        }
        gone(tx, there.chat.id)?;
        case.record(tx, self.kind, there.chat.id, json!({"actions": there.actions}))?;
        Ok(there)
    }
}

fn gone(tx: &Tx<'_>, chat: ConversationId) -> Result<(), Problem> {
    invites::rows::forget(tx, chat)?;
    let chat = chat.to_string();
    tx.sql
        .prepare_cached("DELETE FROM chat_inboxes WHERE chat_id = ?1")?
        .execute([&chat])?;
    tx.sql
        .prepare_cached("DELETE FROM id_mappings WHERE local_id = ?1")?
        .execute([&chat])?;
    Ok(())
}
