//! `POST /hooks/agent`: a message over HTTP.

use std::time::Duration;

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
};
use chancery_base::Ulid;
use chancery_identity::{AgentDid, Origin};
use chancery_relay_wire::{
    header, limits, media,
    relay::{DeliveryState, HookResponse},
};
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use super::{Answer, Ctx, authenticated};
use crate::{auth::Needs, error::RelayError, hub::Arrival, store::NewMessage};

/// How long the answer waits for the recipient, so that it can say `delivered`.
const WAIT_FOR_DELIVERY: Duration = Duration::from_secs(15);

pub(super) async fn send(State(shared): Ctx, request: Request) -> Answer<(StatusCode, Json<HookResponse>)> {
    let needs = Needs {
        known: false,
        access: true,
        ..Needs::default()
    };
    let (caller, headers, body) = authenticated(&shared, request, needs).await?;
    let message_headers = MessageHeaders::read(&headers)?;
    if serde_json::from_slice::<&RawValue>(&body).is_err() {
        return Err(RelayError::HookInvalidJson.into());
    }
    let recipient = message_headers.recipient.clone();
    let message = NewMessage {
        sender: caller.agent().clone(),
        recipient: recipient.clone(),
        message_id: message_headers
            .message_id
            .unwrap_or_else(|| Ulid::generate(shared.clock.now(), &shared.rng).to_string()),
        conversation: message_headers.conversation,
        content_type: None,
        reply_to: message_headers.reply_to,
        sent_at: None,
        sig: None,
        payload: body,
        sender_ait: std::sync::Arc::clone(&caller.token),
    };
    let (delivered_tx, delivered) = oneshot::channel();
    let (tx, accepted) = oneshot::channel();
    let arrival = Arrival {
        message,
        nonce: Some(caller.nonce()),
        waiter: Some(delivered_tx),
        tag: tx,
    };
    shared.hub.accept(vec![arrival], |outcomes| {
        for (tx, outcome) in outcomes {
            // a caller that went away does not want to know
            let _ = tx.send(outcome);
        }
    });
    let accepted = accepted
        .await
        .map_err(|_| RelayError::RelayUnavailable(chancery_store::StoreError::Closed))??;
    let mut state = accepted.state;
    if accepted.claimed && matches!(tokio::time::timeout(WAIT_FOR_DELIVERY, delivered).await, Ok(Ok(()))) {
        state = DeliveryState::Delivered;
    }
    let body = HookResponse {
        accepted: true,
        delivery_id: accepted.delivery_id,
        state,
        delivered: state == DeliveryState::Delivered,
        queued: state == DeliveryState::Queued,
        queue_depth: accepted.depth,
        connected_sockets: u32::from(shared.hub.session(&recipient).is_some()),
    };
    Ok((StatusCode::ACCEPTED, Json(body)))
}

struct MessageHeaders {
    recipient: AgentDid,
    conversation: Option<String>,
    reply_to: Option<String>,
    message_id: Option<String>,
}

impl MessageHeaders {
    fn read(headers: &HeaderMap) -> Result<Self, RelayError> {
        let text = |name: &'static str| match headers.get(name) {
            None => Ok(None),
            Some(value) => value
                .to_str()
                .map(Some)
                .map_err(|_| RelayError::HookInvalidHeader(name)),
        };
        let content_type = text("content-type")?.unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if media::is_reserved(essence) {
            return Err(RelayError::ReservedMediaType(essence.to_owned()));
        }
        if !essence.eq_ignore_ascii_case(media::JSON) {
            return Err(RelayError::UnsupportedMediaType);
        }
        let recipient = text(header::RECIPIENT)?.filter(|text| !text.trim().is_empty());
        let recipient = recipient.ok_or(RelayError::RecipientRequired)?.trim();
        let recipient = recipient.parse().map_err(|_| RelayError::RecipientInvalid)?;
        let bounded = |name: &'static str, max: usize| match text(name)? {
            Some(value) if value.len() > max || value.chars().any(char::is_control) => {
                Err(RelayError::HookInvalidHeader(name))
            }
            Some(value) => Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty())),
            None => Ok(None),
        };
        let reply_to = bounded(header::RECEIPT_URL, limits::MAX_URL_BYTES)?;
        if reply_to.as_deref().is_some_and(|url| Origin::of_url(url).is_err()) {
            return Err(RelayError::InvalidReplyTo);
        }
        Ok(Self {
            recipient,
            conversation: bounded(header::CONVERSATION, limits::MAX_CONVERSATION_BYTES)?,
            reply_to,
            message_id: bounded(header::IDEMPOTENCY_KEY, limits::MAX_MESSAGE_ID_BYTES)?,
        })
    }
}
