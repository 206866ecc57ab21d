//! How two agents come to trust one another: a ticket, its confirmation, and two signed statements.

use chancery_base::{Millis, Ulid};
use chancery_identity::{
    AgentDid,
    pair::{PairDocument, SignedStatement},
    ticket::{DEFAULT_TTL_SECS, MAX_TTL_SECS, Ticket, TicketError},
};
use chancery_relay_wire::{
    registry::Status,
    relay::{
        PairAssertion, PairConfirmRequest, PairConfirmResponse, PairEntry, PairListResponse, PairStartRequest,
        PairStartResponse, PairStatementRequest, PairStatementResponse, PairStatus, PairStatusResponse,
    },
};

use crate::{
    auth::Caller,
    error::RelayError,
    ports::OwnershipError,
    relay::Shared,
    store::{AddStatement, ConfirmTicket, CreateTicket, FindTicket, ListPairs, Refusal, TicketRow, UseNonce},
};

/// Issues a ticket to the caller.
///
/// # Errors
/// Invalid request, ownership that cannot be shown, or the store's failure.
pub async fn start(
    shared: &Shared,
    caller: &Caller,
    request: PairStartRequest,
) -> Result<PairStartResponse, RelayError> {
    let ttl = request.ttl_seconds.unwrap_or(DEFAULT_TTL_SECS);
    if !(1..=MAX_TTL_SECS).contains(&ttl) {
        return Err(RelayError::PairInvalidBody(format!(
            "ttlSeconds must be 1 to {MAX_TTL_SECS}"
        )));
    }
    if request.allow_responder_agent_did.as_ref() == Some(caller.agent()) {
        return Err(RelayError::SelfPairing);
    }
    check_ownership(shared, caller).await?;
    let now = shared.clock.now();
    let exp = now.plus(i64::from(ttl) * 1000).secs();
    let expires_at = Millis::from_secs(exp);
    let (ticket, key) = Ticket::mint(&shared.config.public_origin, exp, now, &shared.rng);
    let text = ticket.encode();
    let step = CreateTicket {
        kid: ticket.kid,
        text: text.clone(),
        key,
        initiator: caller.agent().clone(),
        profile: request.initiator_profile.clone(),
        only_responder: request.allow_responder_agent_did,
        expires_at,
        nonce: caller.nonce(),
    };
    shared.store.run(step).await.map_err(store_error)?;
    Ok(PairStartResponse {
        initiator_agent_did: caller.agent().clone(),
        initiator_profile: request.initiator_profile,
        ticket: text,
        expires_at: expires_at.to_rfc3339(),
    })
}

async fn check_ownership(shared: &Shared, caller: &Caller) -> Result<(), RelayError> {
    let owned = shared
        .directory
        .ownership(caller.ait.owner(), caller.agent())
        .await
        .map_err(|error| match error {
            OwnershipError::Unauthorized => RelayError::InternalAuthUnauthorized,
            OwnershipError::Unavailable(error) => RelayError::OwnershipUnavailable(error.0),
        })?;
    if owned.owns_agent && owned.agent_status == Some(Status::Active) {
        Ok(())
    } else {
        Err(RelayError::OwnershipForbidden)
    }
}

fn store_error(refusal: Refusal) -> RelayError {
    match refusal {
        Refusal::Store(error) => RelayError::PairStateUnavailable(error),
        other => other.into(),
    }
}

fn parse_ticket(text: &str) -> Result<(Ticket, String), RelayError> {
    let ticket = Ticket::parse(text).map_err(|error| match error {
        TicketError::Version => RelayError::TicketUnsupportedVersion,
        TicketError::Issuer => RelayError::TicketInvalidIssuer,
        _ => RelayError::TicketInvalidFormat,
    })?;
    Ok((ticket, Ticket::normalise(text)))
}

async fn find(shared: &Shared, kid: Ulid) -> Result<TicketRow, RelayError> {
    let found = shared.store.read(FindTicket { kid }).await.map_err(store_error)?;
    found.ok_or(RelayError::TicketNotFound)
}

/// Pairs the caller with whoever was issued the ticket.
///
/// # Errors
/// Each rule of section 5.3 with its own code; the checks are in its order.
pub async fn confirm(
    shared: &Shared,
    caller: &Caller,
    request: PairConfirmRequest,
) -> Result<PairConfirmResponse, RelayError> {
    let (ticket, text) = parse_ticket(&request.ticket)?;
    let row = find(shared, ticket.kid).await?;
    if row.confirmed.is_some() && row.text == text {
        return Err(RelayError::TicketAlreadyConfirmed);
    }
    ticket
        .verify(&row.key)
        .map_err(|_| RelayError::TicketInvalidSignature)?;
    if shared.clock.now() >= row.expires_at {
        return Err(RelayError::TicketExpired);
    }
    if ticket.iss != shared.config.public_origin {
        return Err(RelayError::TicketInvalidIssuer);
    }
    let step = ConfirmTicket {
        kid: ticket.kid,
        text,
        responder: caller.agent().clone(),
        profile: request.responder_profile.clone(),
        nonce: caller.nonce(),
        now: shared.clock.now(),
    };
    let row = shared.store.run(step).await.map_err(store_error)?;
    Ok(PairConfirmResponse {
        paired: true,
        initiator_agent_did: row.initiator,
        initiator_profile: row.initiator_profile,
        responder_agent_did: caller.agent().clone(),
        responder_profile: request.responder_profile,
    })
}

/// State of a pairing, for its two agents.
///
/// # Errors
/// Each rule of section 5.3 with its own code.
pub async fn status(shared: &Shared, caller: &Caller, ticket: &str) -> Result<PairStatusResponse, RelayError> {
    let (ticket, text) = parse_ticket(ticket)?;
    shared.store.run(UseNonce(caller.nonce())).await.map_err(store_error)?;
    let row = find(shared, ticket.kid).await?;
    if row.text != text {
        return Err(RelayError::TicketInvalidSignature);
    }
    let responder = row.confirmed.as_ref().map(|(responder, _, _)| responder);
    if row.initiator != *caller.agent() && responder != Some(caller.agent()) {
        return Err(RelayError::StatusForbidden);
    }
    if row.confirmed.is_none() && shared.clock.now() >= row.expires_at {
        return Err(RelayError::TicketExpired);
    }
    let document = document(&row);
    let (responder_agent_did, responder_profile, confirmed_at) = row.confirmed.map_or((None, None, None), |c| {
        let at = Millis::from_secs(c.2.secs()).to_rfc3339();
        (Some(c.0), Some(c.1), Some(at))
    });
    Ok(PairStatusResponse {
        status: if confirmed_at.is_some() {
            PairStatus::Confirmed
        } else {
            PairStatus::Pending
        },
        initiator_agent_did: row.initiator,
        initiator_profile: row.initiator_profile,
        responder_agent_did,
        responder_profile,
        expires_at: row.expires_at.to_rfc3339(),
        confirmed_at,
        document,
    })
}

/// Stores the caller's half of the pair document, after checking it with the key of its identity token.
///
/// # Errors
/// [`RelayError::StatementInvalid`] when it is not what it must be; the rules on tickets.
pub async fn statement(
    shared: &Shared,
    caller: &Caller,
    request: PairStatementRequest,
) -> Result<PairStatementResponse, RelayError> {
    let (ticket, text) = parse_ticket(&request.ticket)?;
    let row = find(shared, ticket.kid).await?;
    if row.text != text {
        return Err(RelayError::TicketInvalidSignature);
    }
    let invalid = |reason: &str| RelayError::StatementInvalid(reason.to_owned());
    let Some((responder, _, _)) = &row.confirmed else {
        return Err(invalid("the pairing is not confirmed yet"));
    };
    let peer = match caller.agent() {
        agent if *agent == row.initiator => responder,
        agent if agent == responder => &row.initiator,
        _ => return Err(RelayError::StatusForbidden),
    };
    let SignedStatement { statement, .. } = &request.statement;
    if statement.peer_did != *peer || statement.pairing != ticket.kid {
        return Err(invalid("it names another peer or another pairing"));
    }
    request
        .statement
        .verify(caller.agent(), caller.ait.key())
        .map_err(|error| invalid(&error.to_string()))?;
    let json = serde_json::to_string(&request.statement).map_err(|_| invalid("it cannot be written"))?;
    let step = AddStatement {
        kid: ticket.kid,
        agent: caller.agent().clone(),
        statement: json,
        nonce: caller.nonce(),
    };
    let row = shared.store.run(step).await.map_err(store_error)?;
    let document = document(&row);
    Ok(PairStatementResponse {
        asserted_by: assertion(document.as_ref()),
        document,
    })
}

/// The caller's pairs.
///
/// # Errors
/// The store's failure.
pub async fn list(shared: &Shared, agent: &AgentDid) -> Result<PairListResponse, RelayError> {
    let rows = shared
        .store
        .read(ListPairs { agent: agent.clone() })
        .await
        .map_err(store_error)?;
    let entry = |row: crate::store::PairRow| {
        let document = row
            .document
            .and_then(|(initiator, responder)| parse_document(&initiator, &responder));
        PairEntry {
            agent_did: row.peer,
            asserted_by: assertion(document.as_ref()),
            since: row.since.to_rfc3339(),
            document,
        }
    };
    Ok(PairListResponse {
        pairs: rows.into_iter().map(entry).collect(),
    })
}

fn document(row: &TicketRow) -> Option<PairDocument> {
    parse_document(row.initiator_statement.as_deref()?, row.responder_statement.as_deref()?)
}

fn parse_document(initiator: &str, responder: &str) -> Option<PairDocument> {
    let parse = |text| serde_json::from_str::<SignedStatement>(text).ok();
    Some(PairDocument {
        initiator: parse(initiator)?,
        responder: parse(responder)?,
    })
}

fn assertion(document: Option<&PairDocument>) -> PairAssertion {
    if document.is_some() {
        PairAssertion::Agents
    } else {
        PairAssertion::Relay
    }
}
