//! Inboxes: managed identities (signet spec 1.9).

pub(crate) mod remove;
pub(crate) mod row;

use chancery_signet_wire::{
    Author, ConversationId, Failure, InboxId, Label, OperatorId, Reference,
    action::input::{ByInbox, InboxLink, Nothing},
    record::inbox::InboxSummary,
    select_identity,
};
use chancery_store::rusqlite::Connection;
use serde_json::json;

use crate::{
    authorize::Right,
    network::InboxName,
    records::{
        Case, Look, Rule,
        operators::{self, row::Operator},
    },
    settings::MAX_INBOXES,
    store::{Problem, Step, Tx, column::parsed},
};
use row::Inbox;

/// The inboxes that the caller may know of, in the order in which they were made.
pub(crate) fn known(case: &Case<'_>) -> Result<Vec<Inbox>, Problem> {
    let mut known = row::all(case.sql)?;
    known.retain(|inbox| match case.caller.credential() {
        Some(credential) => credential.chats.values().any(|used| *used == inbox.id),
        None => case.caller.sees(inbox.whose()),
    });
    Ok(known)
}

/// The inbox that `reference` stands for, of those that the caller may know of: by label, id or network id.
pub(crate) fn find(case: &Case<'_>, reference: &Reference) -> Result<Inbox, Problem> {
    let known = known(case)?;
    pick(known, Some(reference)).map_err(|failure| renamed(failure, reference).into())
}

/// The one of `inboxes` that acts: the wanted one, or the first.
pub(crate) fn pick(mut inboxes: Vec<Inbox>, wanted: Option<&Reference>) -> Result<Inbox, Failure> {
    let identities: Vec<_> = inboxes.iter().map(Inbox::identity).collect();
    let id = select_identity(wanted, &identities)?;
    let at = inboxes.iter().position(|inbox| inbox.id == id);
    at.map(|at| inboxes.swap_remove(at))
        .ok_or_else(|| Failure::not_found("identity", &id.to_string()))
}

/// An inbox that is looked for by name is called one.
fn renamed(failure: Failure, reference: &Reference) -> Failure {
    match failure.class {
        chancery_signet_wire::Class::NotFound => Failure::not_found("inbox", reference.as_str()),
        _ => failure,
    }
}

fn administered(case: &Case<'_>, reference: &Reference) -> Result<Inbox, Problem> {
    let inbox = find(case, reference)?;
    if case.caller.administers_work_of(inbox.whose()) {
        Ok(inbox)
    } else {
        Err(case.caller.refused().into())
    }
}

/// Gives the inbox that `reference` stands for to `operator`.
pub(crate) fn link(case: &Case<'_>, reference: &Reference, operator: &Operator) -> Result<Inbox, Problem> {
    let mut inbox = administered(case, reference)?;
    match inbox.operator_id {
        Some(id) if id == operator.id => return Ok(inbox),
        Some(first) => {
            let failure = Failure::validation("inboxId", "the inbox belongs to another operator");
            return Err(failure.with("operatorId", first.to_string()).into());
        }
        None => {}
    }
    if used_by_others(case, inbox.id, operator.id)? {
        let reason = "credentials of another operator speak through it: revoke them first";
        return Err(Failure::validation("inboxId", reason).into());
    }
    inbox.operator_id = Some(operator.id);
    inbox.save(case.sql)?;
    Ok(inbox)
}

/// Gives `operator` these inboxes, and no others.
pub(crate) fn relink(case: &Case<'_>, references: &[Reference], operator: &Operator) -> Result<(), Problem> {
    let mut kept = Vec::with_capacity(references.len());
    for reference in references {
        kept.push(link(case, reference, operator)?.id);
    }
    for mut inbox in row::all(case.sql)? {
        if inbox.operator_id == Some(operator.id) && !kept.contains(&inbox.id) {
            release(case, &mut inbox)?;
        }
    }
    Ok(())
}

/// Takes an inbox from its operator, which must not speak through it any more.
fn release(case: &Case<'_>, inbox: &mut Inbox) -> Result<(), Problem> {
    if speaks(case, inbox.id)? {
        let reason = "credentials in force speak through it: revoke them first";
        return Err(Failure::validation("inboxId", reason)
            .with("inboxId", inbox.id.to_string())
            .into());
    }
    inbox.operator_id = None;
    inbox.save(case.sql)
}

/// Whether a credential in force speaks through the inbox.
fn speaks(case: &Case<'_>, inbox: InboxId) -> Result<bool, Problem> {
    Ok(!remove::credentials_through(case, inbox)?.is_empty())
}

fn used_by_others(case: &Case<'_>, inbox: InboxId, operator: OperatorId) -> Result<bool, Problem> {
    let through = remove::credentials_through(case, inbox)?;
    Ok(through.iter().any(|credential| credential.operator_id != operator))
}

impl Rule for InboxLink {
    type Done = InboxSummary;
    const RIGHT: Right = Right::Administer;

    fn run(self, tx: &Tx<'_>, case: &Case<'_>) -> Result<InboxSummary, Problem> {
        let operator = operators::administered(case, &self.operator_id)?;
        let inbox = link(case, &self.inbox_id, &operator)?;
        case.record(tx, "inbox.link", inbox.id, json!({"operator": operator.id}))?;
        Ok(inbox.summary())
    }
}

/// Takes an inbox from its operator. One that is nobody's stays so.
pub(crate) struct Unlink(pub(crate) ByInbox);

impl Rule for Unlink {
    type Done = InboxSummary;
    const RIGHT: Right = Right::Administer;

    fn run(self, tx: &Tx<'_>, case: &Case<'_>) -> Result<InboxSummary, Problem> {
        let mut inbox = administered(case, &self.0.inbox_id)?;
        if let Some(operator) = inbox.operator_id {
            release(case, &mut inbox)?;
            case.record(tx, "inbox.unlink", inbox.id, json!({"operator": operator}))?;
        }
        Ok(inbox.summary())
    }
}

impl Look for ByInbox {
    type Found = InboxSummary;
    const RIGHT: Right = Right::See;

    fn look(self, case: &Case<'_>) -> Result<InboxSummary, Problem> {
        find(case, &self.inbox_id).map(Inbox::summary)
    }
}

/// The inboxes.
pub(crate) struct All(pub(crate) Nothing);

impl Look for All {
    type Found = Vec<InboxSummary>;
    const RIGHT: Right = Right::See;

    fn look(self, case: &Case<'_>) -> Result<Vec<InboxSummary>, Problem> {
        let Nothing {} = self.0;
        Ok(known(case)?.into_iter().map(Inbox::summary).collect())
    }
}

/// Makes the row of an inbox; what comes next is to register it.
pub(crate) struct Begin {
    pub(crate) label: Option<Label>,
    pub(crate) operator: Option<Reference>,
}

impl Rule for Begin {
    type Done = Inbox;
    const RIGHT: Right = Right::Administer;

    fn run(self, tx: &Tx<'_>, case: &Case<'_>) -> Result<Inbox, Problem> {
        let operator = match &self.operator {
            Some(reference) => Some(operators::administered(case, reference)?),
            None => None,
        };
        one_more(case.sql, self.label.as_ref())?;
        let inbox = Inbox {
            id: InboxId::generate(&tx.rng()),
            network_id: None,
            label: self.label,
            chat: None,
            operator_id: operator.map(|operator| operator.id),
            created_by: case.author()?,
            created_at: tx.now,
        };
        inbox.save(tx.sql)?;
        let detail = json!({"label": inbox.label.as_ref().map(Label::as_str), "operator": inbox.operator_id});
        case.record(tx, "inbox.create", inbox.id, detail)?;
        Ok(inbox)
    }
}

/// That there is room for one more inbox, and that nobody has its label.
fn one_more(sql: &Connection, label: Option<&Label>) -> Result<(), Problem> {
    let others = row::all(sql)?;
    if others.len() >= MAX_INBOXES {
        return Err(Failure::validation("label", "there are as many inboxes as there may be").into());
    }
    if label.is_some() && others.iter().any(|other| other.label.as_ref() == label) {
        return Err(Failure::validation("label", "another inbox has this label").into());
    }
    Ok(())
}

/// Makes the row of an inbox for a chat, as a caller was found to be allowed to.
pub(crate) struct Fresh {
    /// Whose it is, if it is an operator's.
    pub(crate) operator: Option<OperatorId>,
    pub(crate) author: Author,
    pub(crate) label: Option<Label>,
    /// Whether it is to join a chat: until it has, nothing is left of it after a crash.
    pub(crate) joins: bool,
    pub(crate) actor: String,
}

impl Step for Fresh {
    type Done = Inbox;

    fn run(self, tx: &Tx<'_>) -> Result<Inbox, Problem> {
        one_more(tx.sql, self.label.as_ref())?;
        let inbox = Inbox {
            id: InboxId::generate(&tx.rng()),
            network_id: None,
            label: self.label,
            chat: None,
            operator_id: self.operator,
            created_by: self.author,
            created_at: tx.now,
        };
        inbox.save(tx.sql)?;
        if self.joins {
            tx.sql
                .prepare_cached("INSERT INTO joining (inbox_id) VALUES (?1)")?
                .execute([inbox.id.to_string()])?;
        }
        tx.record(
            "inbox.create",
            &self.actor,
            &inbox.id.to_string(),
            json!({"label": inbox.label.as_ref().map(Label::as_str), "operator": self.operator}),
        )?;
        Ok(inbox)
    }
}

/// Notes what the network calls an inbox.
pub(crate) struct Registered {
    pub(crate) inbox: InboxId,
    pub(crate) name: InboxName,
}

impl Step for Registered {
    type Done = Inbox;

    fn run(self, tx: &Tx<'_>) -> Result<Inbox, Problem> {
        let mut inbox =
            row::load(tx.sql, self.inbox)?.ok_or_else(|| Failure::not_found("inbox", &self.inbox.to_string()))?;
        if inbox.network_id.as_ref() == Some(&self.name.0) {
            return Ok(inbox);
        }
        if inbox.network_id.is_some() {
            // other keys: its messages and the chats it is in are another's
            return Err(Problem::Corrupt("an inbox that the network calls by another name"));
        }
        inbox.network_id = Some(self.name.0.clone());
        inbox.save(tx.sql)?;
        tx.sql
            .prepare_cached(
                "INSERT INTO id_mappings (kind, network_id, local_id, created_at) VALUES ('inbox', ?1, ?2, ?3)",
            )?
            .execute((&self.name.0, inbox.id.to_string(), tx.now.0))?;
        tx.record(
            "inbox.register",
            "system",
            &inbox.id.to_string(),
            json!({"networkId": self.name.0}),
        )?;
        Ok(inbox)
    }
}

/// The inboxes that were to join a chat and did not when the signet ended.
pub(crate) fn joining(sql: &Connection) -> Result<Vec<InboxId>, Problem> {
    Ok(sql
        .prepare_cached("SELECT inbox_id FROM joining")?
        .query_map([], |row| parsed(row, 0))?
        .collect::<Result<_, _>>()?)
}

/// Notes that an inbox has joined.
pub(crate) fn has_joined(tx: &Tx<'_>, inbox: InboxId) -> Result<(), Problem> {
    tx.sql
        .prepare_cached("DELETE FROM joining WHERE inbox_id = ?1")?
        .execute([inbox.to_string()])?;
    Ok(())
}

/// Notes for which chat an inbox was made.
pub(crate) fn made_for(tx: &Tx<'_>, inbox: InboxId, chat: ConversationId) -> Result<(), Problem> {
    tx.sql
        .prepare_cached("UPDATE inboxes SET chat_id = ?2 WHERE id = ?1")?
        .execute((inbox.to_string(), chat.to_string()))?;
    Ok(())
}

/// Whose an operator's inboxes are.
pub(crate) fn of(case: &Case<'_>, operator: OperatorId) -> Result<Vec<Inbox>, Problem> {
    let mut inboxes = row::all(case.sql)?;
    inboxes.retain(|inbox| inbox.whose() == Author::Operator(operator) && inbox.operator_id.is_some());
    Ok(inboxes)
}

/// The inboxes, for what needs more of them than is shown.
pub(crate) struct Known;

impl Look for Known {
    type Found = Vec<Inbox>;
    const RIGHT: Right = Right::See;

    fn look(self, case: &Case<'_>) -> Result<Vec<Inbox>, Problem> {
        known(case)
    }
}

/// The inbox that a caller consents with: the named one, or the first of those that it administers.
pub(crate) struct Consenting(pub(crate) Option<Reference>);

impl Look for Consenting {
    type Found = Inbox;
    const RIGHT: Right = Right::Administer;

    fn look(self, case: &Case<'_>) -> Result<Inbox, Problem> {
        let mut mine = known(case)?;
        mine.retain(|inbox| case.caller.administers_work_of(inbox.whose()));
        Ok(pick(mine, self.0.as_ref())?)
    }
}
