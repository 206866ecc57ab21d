//! What harnesses are told of their credentials (signet spec 2.4, 5.4).
//!
//! Whatever changes a credential leaves its id in `credential_news`, by the database's own triggers. The step here compares
//! what is with what the harness was told last, appends the events, and says which connections end.

use std::sync::Arc;

use chancery_policy::messaging::{Materiality, ScopeSet};
use chancery_signet_wire::{
    CredentialId, Json, Timestamp,
    frame::{
        AgentRevoked, CloseCode, CredentialExpired, CredentialIssued, Event, ReauthorizationRequired, ScopesUpdated,
    },
    record::credential::{AgentRevocationReason, CredentialStatus, RevocationReason},
};
use chancery_store::rusqlite::{OptionalExtension as _, params};
use serde_json::json;

use super::{
    ingest::{Decided, Delivery},
    log::{self, StreamId},
    standing::Standing,
};
use crate::store::{
    Problem, Step, Tx,
    column::{json as json_column, parsed},
};

/// Credentials that are looked at in one step.
const AT_ONCE: u32 = 256;

/// Tells what is new of credentials.
pub(crate) struct Tell {
    pub(crate) decided: Arc<Decided>,
}

/// How a credential stands after something changed.
pub(crate) struct Changed {
    pub(crate) stream: StreamId,
    /// The new standing; none when it has no bounds any more.
    pub(crate) standing: Option<Standing>,
    /// With what its connections end, if they do.
    pub(crate) close: Option<CloseCode>,
}

/// What was told last.
struct Told {
    status: CredentialStatus,
    effective: ScopeSet,
}

impl Step for Tell {
    type Done = (Vec<Changed>, Delivery);

    fn run(self, tx: &Tx<'_>) -> Result<Self::Done, Problem> {
        let ids = tx
            .sql
            .prepare_cached("SELECT credential_id FROM credential_news LIMIT ?1")?
            .query_map([AT_ONCE], |row| parsed::<CredentialId>(row, 0))?
            .collect::<Result<Vec<_>, _>>()?;
        let mut delivery = Vec::new();
        let mut changed = Vec::with_capacity(ids.len());
        for id in ids {
            changed.extend(tell(tx, id, &self.decided, &mut delivery)?);
            tx.sql
                .prepare_cached("DELETE FROM credential_news WHERE credential_id = ?1")?
                .execute([id.to_string()])?;
        }
        Ok((changed, delivery))
    }
}

fn tell(tx: &Tx<'_>, id: CredentialId, decided: &Decided, delivery: &mut Delivery) -> Result<Option<Changed>, Problem> {
    let Some(standing) = Standing::load(tx.sql, id, &decided.rules)? else {
        // nothing can be said of it, and nobody may use it
        let stream = log::stream_of(tx, id)?;
        return Ok(Some(Changed {
            stream,
            standing: None,
            close: Some(CloseCode::CredentialRevoked),
        }));
    };
    let told = told(tx, id)?;
    let stream = log::stream_of(tx, id)?;
    for event in events(tx, &standing, told.as_ref())? {
        let body = log::body(tx, &event)?;
        delivery.push((stream, log::append(tx, stream, &body, decided.keep)?));
    }
    let effective =
        serde_json::to_string(&standing.bounds.scopes).map_err(|_| Problem::Unwritable("scopes".to_owned()))?;
    tx.sql
        .prepare_cached(
            "INSERT INTO credential_told (credential_id, status, effective) VALUES (?1, ?2, ?3)
             ON CONFLICT (credential_id) DO UPDATE SET status = excluded.status, effective = excluded.effective",
        )?
        .execute(params![id.to_string(), standing.status.as_str(), effective])?;
    if !matches!(standing.status, CredentialStatus::Active | CredentialStatus::Pending) {
        tx.sql
            .prepare_cached("UPDATE reveals SET state = 'ended' WHERE credential_id = ?1 AND state <> 'ended'")?
            .execute([id.to_string()])?;
    }
    let close = standing.in_force(tx.now).err();
    Ok(Some(Changed {
        stream,
        standing: Some(standing),
        close,
    }))
}

fn told(tx: &Tx<'_>, id: CredentialId) -> Result<Option<Told>, Problem> {
    Ok(tx
        .sql
        .prepare_cached("SELECT status, effective FROM credential_told WHERE credential_id = ?1")?
        .query_row([id.to_string()], |row| {
            Ok(Told {
                status: parsed(row, 0)?,
                effective: json_column(row, 1)?,
            })
        })
        .optional()?)
}

/// What is to be told of a credential of which `told` was told.
fn events(tx: &Tx<'_>, standing: &Standing, told: Option<&Told>) -> Result<Vec<Event>, Problem> {
    let credential_id = standing.id;
    let mut events = Vec::new();
    if told.is_none() {
        events.push(Event::CredentialIssued(CredentialIssued {
            credential_id,
            operator_id: standing.operator,
        }));
    }
    let was_active = told.is_none_or(|told| told.status == CredentialStatus::Active);
    match standing.status {
        CredentialStatus::Expired if was_active => events.push(Event::CredentialExpired(CredentialExpired {
            credential_id,
            reason: "its time is over".to_owned(),
        })),
        CredentialStatus::Revoked if was_active => match standing.reason {
            Some(RevocationReason::ReauthorizationRequired) => {
                events.push(Event::ReauthorizationRequired(ReauthorizationRequired {
                    credential_id,
                    reason: reauthorization(tx, standing, told)?,
                }));
            }
            reason => events.extend(revocations(tx, standing, reason)),
        },
        CredentialStatus::Active => {
            let differs = |told: &&Told| Materiality::between(told.effective, standing.bounds.scopes).is_material();
            if told.filter(differs).is_some() {
                events.push(Event::ScopesUpdated(ScopesUpdated {
                    credential_id,
                    permissions: standing.bounds.scopes,
                }));
            }
        }
        _ => {}
    }
    Ok(events)
}

/// Why another token is needed: what the change would have been, as whoever asked for it left it.
fn reauthorization(tx: &Tx<'_>, standing: &Standing, told: Option<&Told>) -> Result<String, Problem> {
    let asked = tx
        .sql
        .prepare_cached("SELECT revocation_note FROM credentials WHERE id = ?1")?
        .query_row([standing.id.to_string()], |row| row.get::<_, Option<String>>(0))
        .optional()?
        .flatten();
    let before = told.map_or(standing.bounds.scopes, |told| told.effective);
    let differs = Materiality::between(before, standing.bounds.scopes).reason();
    Ok(asked
        .or(differs)
        .unwrap_or_else(|| "another token is needed".to_owned()))
}

/// One for each chat, in the shape of a revocation seal's payload (signet spec 7.6).
fn revocations(tx: &Tx<'_>, standing: &Standing, reason: Option<RevocationReason>) -> Vec<Event> {
    let reason = AgentRevocationReason::from(reason.unwrap_or(RevocationReason::OwnerInitiated));
    let revocation = |chat| {
        json!({
            "sealId": null,
            "previousSealId": null,
            "operatorId": standing.operator,
            "credentialId": standing.id,
            "chatId": chat,
            "reason": reason,
            "revokedAt": Timestamp(tx.now),
            "issuer": "signet",
        })
    };
    let chats = standing.bounds.chats.iter();
    chats
        .filter_map(|chat| Json::of(&revocation(chat)).ok())
        .map(|revocation| Event::AgentRevoked(AgentRevoked { revocation }))
        .collect()
}
