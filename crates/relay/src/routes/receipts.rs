//! Receipts over HTTP, for connectors that know no receipt frames.

use std::borrow::Cow;

use axum::{
    Json,
    extract::{Query, Request, State},
    http::StatusCode,
};
use chancery_identity::AgentDid;
use chancery_relay_wire::{
    frame::tidy_reason,
    limits,
    relay::{ReceiptRequest, ReceiptResponse, ReceiptView},
};
use serde::Deserialize;
use serde_json::json;

use super::{Answer, Ctx, authenticated};
use crate::{
    auth::Needs,
    error::RelayError,
    store::{FindReceipt, IsTrusted, MessageRef, RecordReceipt, Refusal, UseNonce},
};

const NEEDS: Needs = Needs {
    known: true,
    access: true,
    counted: true,
    judge_nonce_later: false,
};

pub(super) async fn record(State(shared): Ctx, request: Request) -> Answer<(StatusCode, Json<serde_json::Value>)> {
    let (caller, _, body) = authenticated(&shared, request, NEEDS).await?;
    let invalid = |reason: &str| RelayError::ReceiptInvalidInput(reason.to_owned());
    let receipt: ReceiptRequest = chancery_base::json::from_slice_strict(&body)
        .map_err(|error| RelayError::ReceiptInvalidInput(error.to_string()))?;
    if receipt.request_id.is_empty() || receipt.request_id.len() > limits::MAX_MESSAGE_ID_BYTES {
        return Err(invalid("requestId is empty or too long").into());
    }
    if receipt
        .reason
        .as_ref()
        .is_some_and(|reason| reason.len() > limits::MAX_REASON_BYTES)
    {
        return Err(invalid("reason is too long").into());
    }
    if receipt.recipient_agent_did != *caller.agent() {
        return Err(RelayError::ReceiptForbidden.into());
    }
    let pair = IsTrusted {
        a: receipt.sender_agent_did.clone(),
        b: receipt.recipient_agent_did.clone(),
    };
    if !shared.store.read(pair).await.map_err(RelayError::from)? {
        return Err(RelayError::Forbidden.into());
    }
    let now = shared.clock.now();
    let step = RecordReceipt {
        recipient: receipt.recipient_agent_did,
        sender: receipt.sender_agent_did,
        message: MessageRef::Either(receipt.request_id),
        status: receipt.status,
        // it goes into a frame, where it may hold no control characters
        reason: receipt
            .reason
            .and_then(|reason| tidy_reason(&reason).map(Cow::into_owned)),
        at: now.to_rfc3339(),
        sig: None,
        nonce: Some(caller.nonce()),
        now,
    };
    let row = shared.store.run(step).await.map_err(|refusal| match refusal {
        Refusal::Store(error) => RelayError::ReceiptWriteFailed(error),
        other => other.into(),
    })?;
    if let Some(row) = row {
        shared.hub.tell_sender(row);
    }
    Ok((StatusCode::ACCEPTED, Json(json!({ "accepted": true }))))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Search {
    request_id: Option<String>,
    recipient_agent_did: Option<String>,
}

pub(super) async fn find(State(shared): Ctx, request: Request) -> Answer<(StatusCode, Json<ReceiptResponse>)> {
    let query = Query::<Search>::try_from_uri(request.uri());
    let (caller, _, _) = authenticated(&shared, request, NEEDS).await?;
    let invalid = |reason: &str| RelayError::ReceiptInvalidQuery(reason.to_owned());
    let Query(search) = query.map_err(|error| RelayError::ReceiptInvalidQuery(error.body_text()))?;
    let id = search
        .request_id
        .filter(|id| !id.is_empty())
        .ok_or_else(|| invalid("requestId is missing"))?;
    let recipient = search
        .recipient_agent_did
        .ok_or_else(|| invalid("recipientAgentDid is missing"))?;
    let recipient: AgentDid = recipient
        .parse()
        .map_err(|_| invalid("recipientAgentDid is not an agent DID"))?;
    shared
        .store
        .run(UseNonce(caller.nonce()))
        .await
        .map_err(RelayError::from)?;
    let step = FindReceipt {
        sender: caller.agent().clone(),
        recipient,
        id,
    };
    let found = shared.store.read(step).await.map_err(|refusal| match refusal {
        Refusal::Store(error) => RelayError::ReceiptReadFailed(error),
        other => other.into(),
    })?;
    let ttl = shared.config.mailbox.ttl_ms;
    let receipt = found.map(|row| ReceiptView {
        request_id: row.message_id,
        delivery_id: row.delivery_id,
        state: row.state,
        sender_agent_did: row.sender,
        recipient_agent_did: row.recipient,
        expires_at_ms: row.updated_at.plus(ttl).0,
        status_updated_at: row.updated_at.to_rfc3339(),
        reason: row.reason,
    });
    let status = if receipt.is_some() {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    };
    Ok((
        status,
        Json(ReceiptResponse {
            found: receipt.is_some(),
            receipt,
        }),
    ))
}
