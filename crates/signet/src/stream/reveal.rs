//! Reveals: asked for by a harness, granted by the owner or an admin, and followed by what they reveal (signet spec 4.1).

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use chancery_base::Millis;
use chancery_policy::messaging::{
    ChatAction, MAX_REVEALS, Occasion, Reveal, RevealAccess, RevealRequest, RevealTarget, Visibility,
};
use chancery_signet_wire::{
    Class, ConversationId, CredentialId, Failure, Uuid,
    record::held::{PendingReveal, Reveals},
};
use chancery_store::rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::json;

use super::{
    ids,
    ingest::{Decided, Delivery},
    log,
    project::{Local, reference},
    standing::Standing,
};
use crate::{
    network,
    outbound::ask::not_in_force,
    records::chats,
    store::{
        Problem, Step, Tx,
        column::{json as json_column, optional_json, parsed},
    },
};

/// Reveals of one credential that may wait for the owner at a time: more than an owner will look through.
const MAX_PENDING: u32 = 100;

/// Asks for a reveal, or grants one at once.
pub(crate) struct Request {
    pub(crate) credential: CredentialId,
    /// What is asked for. Its id and who asks are given here, whatever it says.
    pub(crate) request: RevealRequest,
    /// Who asks: the principal that was authenticated.
    pub(crate) by: String,
    /// Whether that is somebody who may grant it: the owner or an admin.
    pub(crate) grant: bool,
    pub(crate) decided: Arc<Decided>,
}

/// A reveal as it is kept.
pub(crate) struct Kept {
    pub(crate) credential: CredentialId,
    pub(crate) request: RevealRequest,
    pub(crate) reveal: Option<Reveal>,
    state: String,
    created_at: Millis,
}

macro_rules! allowed {
    ($step:expr) => {
        match $step {
            Ok(value) => value,
            Err(failure) => return Ok((Err(failure), Vec::new())),
        }
    };
}

/// The credential, if it is in force and covers the chat.
fn concerned(
    tx: &Tx<'_>,
    credential: CredentialId,
    chat: &str,
    decided: &Decided,
) -> Result<Result<Standing, Failure>, Problem> {
    let Some(standing) = Standing::load(tx.sql, credential, &decided.rules)? else {
        return Ok(Err(Failure::not_found("credential", &credential.to_string())));
    };
    if let Err(code) = standing.in_force(tx.now) {
        return Ok(Err(not_in_force(code)));
    }
    Ok(match standing.bounds.may_in(chat, ChatAction::RequestReveal) {
        Ok(()) => Ok(standing),
        Err(refusal) => Err(refusal.into()),
    })
}

impl Step for Request {
    type Done = (Result<(Uuid, Option<RevealAccess>), Failure>, Delivery);

    fn run(self, tx: &Tx<'_>) -> Result<Self::Done, Problem> {
        let standing = allowed!(concerned(tx, self.credential, &self.request.chat, &self.decided)?);
        let credential = self.credential.to_string();
        let waiting: u32 = tx
            .sql
            .prepare_cached("SELECT count(*) FROM reveals WHERE credential_id = ?1 AND state = 'pending'")?
            .query_row([&credential], |row| row.get(0))?;
        if !self.grant && waiting >= MAX_PENDING {
            return Ok((Err(full(MAX_PENDING as usize)), Vec::new()));
        }
        let id = Uuid::generate(&tx.rng());
        let request = RevealRequest {
            id: id.to_string(),
            requested_by: self.by.clone(),
            ..self.request
        };
        let text = serde_json::to_string(&request).map_err(|_| Problem::Unwritable("a reveal".to_owned()))?;
        tx.sql
            .prepare_cached(
                "INSERT INTO reveals (id, credential_id, request, state, released, created_at)
                 VALUES (?1, ?2, ?3, 'pending', 0, ?4)",
            )?
            .execute(params![id.to_string(), credential, text, tx.now.0])?;
        tx.record(
            "reveal.request",
            &self.by,
            &id.to_string(),
            json!({"credentialId": credential}),
        )?;
        if !self.grant {
            return Ok((Ok((id, None)), Vec::new()));
        }
        let access = grant(tx, &standing, (id, request, None), &self.by)?;
        Ok((access.map(|access| (id, Some(access))), Vec::new()))
    }
}

/// Grants what waits, or refuses it.
pub(crate) struct Decide {
    pub(crate) id: Uuid,
    /// The owner or an admin.
    pub(crate) by: String,
    pub(crate) grant: bool,
    /// Until when, if that is sooner than what was asked for.
    pub(crate) until: Option<Millis>,
    pub(crate) decided: Arc<Decided>,
}

impl Step for Decide {
    type Done = (Result<Option<RevealAccess>, Failure>, Delivery);

    fn run(self, tx: &Tx<'_>) -> Result<Self::Done, Problem> {
        let unknown = || Failure::not_found("reveal", &self.id.to_string());
        let kept = allowed!(
            find(tx.sql, self.id)?
                .filter(|kept| kept.state == "pending")
                .ok_or_else(unknown)
        );
        if !self.grant {
            set_state(tx, self.id, "denied")?;
            tx.record(
                "reveal.deny",
                &self.by,
                &self.id.to_string(),
                json!({"credentialId": kept.credential}),
            )?;
            return Ok((Ok(None), Vec::new()));
        }
        let standing = allowed!(concerned(tx, kept.credential, &kept.request.chat, &self.decided)?);
        let access = grant(tx, &standing, (self.id, kept.request, self.until), &self.by)?;
        Ok((access.map(Some), Vec::new()))
    }
}

fn grant(
    tx: &Tx<'_>,
    standing: &Standing,
    (id, request, until): (Uuid, RevealRequest, Option<Millis>),
    by: &str,
) -> Result<Result<RevealAccess, Failure>, Problem> {
    if standing.reveals.active(Millis(i64::MIN)).count() >= MAX_REVEALS {
        return Ok(Err(full(MAX_REVEALS)));
    }
    let asked = request.expires_at;
    let sooner = until.into_iter().chain(asked).min();
    let reveal = Reveal::grant(request, by, tx.now).until(sooner);
    let text = serde_json::to_string(&reveal).map_err(|_| Problem::Unwritable("a reveal".to_owned()))?;
    tx.sql
        .prepare_cached("UPDATE reveals SET reveal = ?2, state = 'granted' WHERE id = ?1 AND state = 'pending'")?
        .execute([id.to_string(), text])?;
    tx.record(
        "reveal.grant",
        by,
        &id.to_string(),
        json!({"credentialId": standing.id}),
    )?;
    Ok(Ok(reveal.access().clone()))
}

fn set_state(tx: &Tx<'_>, id: Uuid, state: &str) -> Result<(), Problem> {
    tx.sql
        .prepare_cached("UPDATE reveals SET state = ?2 WHERE id = ?1")?
        .execute([id.to_string().as_str(), state])?;
    Ok(())
}

fn full(most: usize) -> Failure {
    Failure::new(Class::Permission, format!("a credential has at most {most} reveals")).with("limit", "reveals")
}

/// Puts what a reveal brings to light into the stream of its credential, and notes that it did: all of it at once.
pub(crate) struct Release {
    pub(crate) id: Uuid,
    /// Messages of its chat, the oldest first.
    pub(crate) messages: Vec<network::Message>,
    pub(crate) decided: Arc<Decided>,
}

impl Step for Release {
    type Done = (usize, Delivery);

    fn run(self, tx: &Tx<'_>) -> Result<Self::Done, Problem> {
        tx.sql
            .prepare_cached("UPDATE reveals SET released = 1 WHERE id = ?1")?
            .execute([self.id.to_string()])?;
        let Some((kept, reveal)) = find(tx.sql, self.id)?.and_then(|mut kept| {
            let reveal = kept.reveal.take().filter(|_| kept.state == "granted")?;
            Some((kept, reveal))
        }) else {
            return Ok((0, Vec::new()));
        };
        let Some(standing) = Standing::load(tx.sql, kept.credential, &self.decided.rules)? else {
            return Ok((0, Vec::new()));
        };
        if standing.in_force(tx.now).is_err() {
            return Ok((0, Vec::new()));
        }
        let stream = log::stream_of(tx, standing.id)?;
        let told: HashSet<String> = log::messages_in(tx.sql, stream)?.into_iter().collect();
        let mut delivery = Vec::new();
        for message in self.messages {
            let Some(local) = local(tx, message)? else { continue };
            let seen = standing
                .bounds
                .project(&local.as_message(), Occasion::Reveal, &standing.reveals, tx.now);
            let Ok(seen) = seen else { continue };
            let new = seen.visibility() == Visibility::Revealed
                && reveal.matches(&local.as_message(), tx.now)
                && !told.contains(&local.id.to_string());
            let event = local.revealed(&seen, reveal.id()).filter(|_| new);
            if let (Some(event), Some(inbox)) = (event, standing.inbox_in(local.chat)) {
                let form = format!("reveal:{}", reveal.id());
                let body = log::message_body(tx, (inbox, local.id, &form), &event)?;
                delivery.push((stream, log::append(tx, stream, &body, self.decided.keep)?));
            }
        }
        Ok((delivery.len(), delivery))
    }
}

/// A message of the network's under local ids.
pub(crate) fn local(tx: &Tx<'_>, message: network::Message) -> Result<Option<Local>, Problem> {
    let chat = chats::minted(tx, &message.conversation)?;
    let id = ids::message(tx, &message.name, chat, message.sent_at)?;
    let thread = ids::referred(tx.sql, message.reply_to.as_ref(), chat)?;
    let referred = ids::referred(tx.sql, reference(&message).as_ref(), chat)?;
    Ok(Local::new(message, (id, chat), thread, referred))
}

const COLUMNS: &str = "credential_id, request, reveal, state, created_at";

/// The reveal `id`.
pub(crate) fn find(sql: &Connection, id: Uuid) -> Result<Option<Kept>, Problem> {
    Ok(sql
        .prepare_cached(&format!("SELECT {COLUMNS} FROM reveals WHERE id = ?1"))?
        .query_row([id.to_string()], read)
        .optional()?)
}

/// Granted reveals of which nothing was told yet.
pub(crate) fn unreleased(sql: &Connection) -> Result<Vec<Uuid>, Problem> {
    Ok(sql
        .prepare_cached("SELECT id FROM reveals WHERE state = 'granted' AND released = 0")?
        .query_map([], |row| parsed(row, 0))?
        .collect::<Result<_, _>>()?)
}

/// Reveals of some credentials, or of all: those in force, and those that wait.
pub(crate) fn list(sql: &Connection, only: Option<&BTreeSet<CredentialId>>, now: Millis) -> Result<Reveals, Problem> {
    let all = sql
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM reveals WHERE state IN ('pending', 'granted') ORDER BY created_at, id"
        ))?
        .query_map([], read)?
        .collect::<Result<Vec<_>, _>>()?;
    let mut found = Reveals {
        active_reveals: Vec::new(),
        pending_reveals: None,
    };
    let mut waiting = Vec::new();
    let shown = |kept: &Kept| only.is_none_or(|only| only.contains(&kept.credential));
    for kept in all.into_iter().filter(shown) {
        match kept.reveal {
            Some(reveal) if !reveal.is_expired(now) => found.active_reveals.push(reveal),
            Some(_) => {}
            None => waiting.push(PendingReveal {
                credential_id: kept.credential,
                request: kept.request,
                created_at: kept.created_at.into(),
            }),
        }
    }
    found.pending_reveals = (!waiting.is_empty()).then_some(waiting);
    Ok(found)
}

fn read(row: &Row<'_>) -> chancery_store::rusqlite::Result<Kept> {
    Ok(Kept {
        credential: parsed(row, 0)?,
        request: json_column(row, 1)?,
        reveal: optional_json(row, 2)?,
        state: row.get(3)?,
        created_at: Millis(row.get(4)?),
    })
}

/// Where messages that a reveal may bring to light are looked for.
pub(crate) struct Where {
    pub(crate) chat: ConversationId,
    /// Only one message, by our id.
    pub(crate) message: Option<chancery_signet_wire::MessageId>,
    pub(crate) before: Option<Millis>,
    pub(crate) after: Option<Millis>,
}

impl Where {
    /// Where what `reveal` stands for is.
    pub(crate) fn of(reveal: &Reveal) -> Option<Self> {
        let chat = reveal.request().chat.parse().ok()?;
        let everywhere = Self {
            chat,
            message: None,
            before: None,
            after: None,
        };
        Some(match &reveal.request().target {
            RevealTarget::Message(id) => Self {
                message: Some(id.as_str().parse().ok()?),
                ..everywhere
            },
            RevealTarget::TimeWindow(window) => Self {
                before: Some(window.end().plus(1)),
                after: Some(window.start().plus(-1)),
                ..everywhere
            },
            RevealTarget::Thread(_) | RevealTarget::ContentType(_) | RevealTarget::Sender(_) => everywhere,
        })
    }
}
