//! Removing an inbox: first what would be done, then doing it (signet spec 1.9).

use chancery_signet_wire::{
    InboxId,
    action::input::InboxRemove,
    record::{credential::RevocationReason, inbox::CleanupPlan},
};
use chancery_store::rusqlite::Connection;
use serde_json::json;

use super::{
    administered,
    row::{self, Inbox},
};
use crate::{
    authorize::Right,
    records::{
        Case, Look, Rule,
        credentials::{self, row::Credential},
    },
    store::{Problem, Step, Tx, column::parsed},
};

/// The credentials in force that speak through an inbox.
pub(crate) fn credentials_through(case: &Case<'_>, inbox: InboxId) -> Result<Vec<Credential>, Problem> {
    let mut through = credentials::row::all(case.sql)?;
    through.retain(|credential| credential.in_force(case.now) && credential.chats.values().any(|used| *used == inbox));
    Ok(through)
}

/// What is done to remove `inbox`, each step for people.
fn plan(case: &Case<'_>, inbox: &Inbox) -> Result<Vec<String>, Problem> {
    let through = credentials_through(case, inbox.id)?;
    let mut actions: Vec<_> = through
        .iter()
        .map(|credential| format!("revoke credential {}", credential.id))
        .collect();
    actions.extend(inbox.operator_id.map(|operator| format!("unlink operator {operator}")));
    actions.push(format!("remove inbox {}", inbox.id));
    if inbox.network_id.is_some() {
        actions.push("remove id mapping".to_owned());
        actions.push("stop client".to_owned());
    }
    actions.push("delete db".to_owned());
    Ok(actions)
}

impl Look for InboxRemove {
    type Found = CleanupPlan;
    const RIGHT: Right = Right::Administer;

    fn look(self, case: &Case<'_>) -> Result<CleanupPlan, Problem> {
        let inbox = administered(case, &self.inbox_id)?;
        Ok(CleanupPlan {
            executed: false,
            actions: plan(case, &inbox)?,
        })
    }
}

/// Removes the record of an inbox, after which nothing speaks through it. Its file and keys are to follow.
impl Rule for InboxRemove {
    type Done = (InboxId, CleanupPlan);
    const RIGHT: Right = Right::Administer;

    fn run(self, tx: &Tx<'_>, case: &Case<'_>) -> Result<Self::Done, Problem> {
        let inbox = administered(case, &self.inbox_id)?;
        let actions = plan(case, &inbox)?;
        for credential in credentials_through(case, inbox.id)? {
            let note = Some("its inbox was removed");
            credentials::end::revoke(tx, case, &credential, RevocationReason::OwnerInitiated, note)?;
        }
        row::remove(tx.sql, inbox.id)?;
        leave_behind(tx, inbox.id)?;
        case.record(tx, "inbox.rm", inbox.id, json!({"actions": actions}))?;
        Ok((
            inbox.id,
            CleanupPlan {
                executed: true,
                actions,
            },
        ))
    }
}

/// Notes that file and keys of an inbox are still there: the next start takes them away, should this process not get to it.
pub(crate) fn leave_behind(tx: &Tx<'_>, inbox: InboxId) -> Result<(), Problem> {
    tx.sql
        .prepare_cached("INSERT OR IGNORE INTO leftovers (inbox_id) VALUES (?1)")?
        .execute([inbox.to_string()])?;
    Ok(())
}

/// Removes what was written of an inbox that was never registered.
pub(crate) struct Abandon(pub(crate) InboxId);

impl Step for Abandon {
    type Done = ();

    fn run(self, tx: &Tx<'_>) -> Result<(), Problem> {
        row::remove(tx.sql, self.0)?;
        leave_behind(tx, self.0)?;
        tx.record("inbox.abandon", "system", &self.0.to_string(), json!({}))
    }
}

/// Notes that file and keys of an inbox are gone.
pub(crate) struct Swept(pub(crate) InboxId);

impl Step for Swept {
    type Done = ();

    fn run(self, tx: &Tx<'_>) -> Result<(), Problem> {
        tx.sql
            .prepare_cached("DELETE FROM leftovers WHERE inbox_id = ?1")?
            .execute([self.0.to_string()])?;
        Ok(())
    }
}

/// The inboxes whose file and keys are still there.
pub(crate) fn leftovers(sql: &Connection) -> Result<Vec<InboxId>, Problem> {
    let found = sql
        .prepare_cached("SELECT inbox_id FROM leftovers")?
        .query_map([], |row| parsed(row, 0))?
        .collect::<Result<_, _>>()?;
    Ok(found)
}
